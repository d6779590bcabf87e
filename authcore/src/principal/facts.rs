//! The part of a token that a principal keeps.

use std::sync::Arc;

use crate::Timestamp;
use crate::jwt::TokenContents;
use crate::strategy::SessionClaims;

/// The part of a token that a principal keeps. It is small, because principals are moved often.
#[derive(Clone)]
pub(crate) struct TokenFacts {
    /// Claims, subject, payload and source, in one block of memory.
    texts: String,
    claims_end: u32,
    subject_end: u32,
    payload_end: u32,
    members_end: u32,
    pub(super) authenticated_at: Timestamp,
    origin: Option<Box<Origin>>,
}

/// Where a token comes from and what it is for.
///
/// Absent for a token of our own that has no session, is in the unnamed realm, and represents a login.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) session: Option<SessionClaims>,
    pub(crate) foreign_issuer: Option<Arc<str>>,
    /// The name of the realm; empty for the unnamed realm.
    pub(crate) realm: Box<str>,
    /// The name of the kind; empty for the default.
    pub(crate) kind: Box<str>,
    pub(crate) is_login: bool,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            session: None,
            foreign_issuer: None,
            realm: Box::default(),
            kind: Box::default(),
            is_login: true,
        }
    }
}

impl Origin {
    /// Copies the realm and the kind that the token states.
    #[cold]
    pub(crate) fn state(&mut self, contents: &TokenContents<'_>) {
        self.realm = contents.realm().map(Into::into).unwrap_or_default();
        if let Some(kind) = contents.stated_kind() {
            self.kind =
                if kind.name == crate::SessionKind::DEFAULT.as_str() { "" } else { &*kind.name }.into();
            self.is_login = kind.is_login;
        }
    }
}

/// How a token was verified.
///
/// `text` contains members of the payload that were recognised by their bytes (one JSON object, or nothing),
/// followed by the id of the key.
#[derive(Clone, Copy)]
pub(crate) struct Source<'s> {
    pub(crate) text: &'s str,
    pub(crate) members_len: usize,
}

impl<'s> Source<'s> {
    pub(crate) fn contents(self, payload: &'s str) -> TokenContents<'s> {
        let (members, key_id) = self.text.split_at_checked(self.members_len).unwrap_or(("", self.text));
        TokenContents::new(key_id, members, payload)
    }
}

impl TokenFacts {
    /// Creates the facts of a token.
    ///
    /// `claims` contains the application's claims, one JSON object. The other texts are appended to it, so it
    /// should have spare capacity. `payload` contains the other members of the token, one JSON object.
    pub(crate) fn new(
        claims: String,
        subject: &str,
        payload: &str,
        source: Source<'_>,
        authenticated_at: Timestamp,
        origin: Option<Box<Origin>>,
    ) -> Self {
        let mut texts = claims;
        let claims_end = texts.len() as u32;
        texts.push_str(subject);
        let subject_end = texts.len() as u32;
        texts.push_str(payload);
        let payload_end = texts.len() as u32;
        texts.push_str(source.text);
        let members_end = payload_end + source.members_len as u32;
        Self { texts, claims_end, subject_end, payload_end, members_end, authenticated_at, origin }
    }

    fn text(&self, start: u32, end: u32) -> &str {
        self.texts.get(start as usize..end as usize).unwrap_or_default()
    }

    pub(super) fn claims(&self) -> &str {
        self.text(0, self.claims_end)
    }

    pub(super) fn subject(&self) -> &str {
        self.text(self.claims_end, self.subject_end)
    }

    pub(super) fn contents(&self) -> TokenContents<'_> {
        TokenContents::new(
            self.text(self.members_end, self.texts.len() as u32),
            self.text(self.payload_end, self.members_end),
            self.text(self.subject_end, self.payload_end),
        )
    }

    /// Returns whether the token is of the unnamed realm and the default kind, and represents a login.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.origin
            .as_ref()
            .is_none_or(|origin| origin.is_login && origin.realm.is_empty() && origin.kind.is_empty())
    }

    pub(super) fn realm_name(&self) -> &str {
        self.origin.as_ref().map_or("", |origin| &origin.realm)
    }

    pub(super) fn kind(&self) -> &str {
        self.origin.as_ref().map_or("", |origin| &origin.kind)
    }

    pub(super) fn is_login(&self) -> bool {
        self.origin.as_ref().is_none_or(|origin| origin.is_login)
    }

    pub(super) fn foreign_issuer(&self) -> Option<&str> {
        self.origin.as_ref()?.foreign_issuer.as_deref()
    }

    /// Returns the session that the token belongs to.
    ///
    /// Another issuer's token never refers to a session of ours, whatever the token strategy says.
    pub(super) fn session(&self) -> Option<SessionClaims> {
        self.origin.as_ref().filter(|origin| origin.foreign_issuer.is_none())?.session
    }
}
