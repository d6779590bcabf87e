//! What a principal keeps of a token.

use std::borrow::Cow;
use std::sync::Arc;

use super::contents::TokenContents;
use crate::Timestamp;
use crate::token::SessionClaims;

/// What a principal keeps of a token; small, since it is moved as often as it is asked for.
#[derive(Clone)]
pub(crate) struct TokenFacts {
    /// One block of memory: claims, subject, realm, kind, key id, known members and payload.
    texts: String,
    /// Where each of them but the last ends.
    ends: [u32; 6],
    pub(super) authenticated_at: Timestamp,
    pub(super) is_login: bool,
    origin: Option<Box<Origin>>,
}

/// Where a token comes from, unless it is our own and without a session.
#[derive(Clone)]
struct Origin {
    session: Option<SessionClaims>,
    foreign_issuer: Option<Arc<str>>,
}

/// The texts of a token, in the order in which they are kept.
pub(crate) struct TokenTexts<'t> {
    /// The application's claims: one JSON object. The others are written behind it, so it should have room.
    pub(crate) claims: String,
    pub(crate) subject: &'t str,
    pub(crate) realm: &'t str,
    pub(crate) kind: &'t str,
    pub(crate) key_id: &'t str,
    /// Members of the payload that were recognised as bytes: one JSON object, or nothing.
    pub(crate) known: &'t str,
    /// The other members of the payload: one JSON object.
    pub(crate) payload: &'t str,
}

impl TokenFacts {
    pub(crate) fn new(
        texts: TokenTexts<'_>,
        authenticated_at: Timestamp,
        is_login: bool,
        session: Option<SessionClaims>,
        foreign_issuer: Option<Arc<str>>,
    ) -> Self {
        let TokenTexts { claims, subject, realm, kind, key_id, known, payload } = texts;
        let mut text = claims;
        let mut ends = [text.len() as u32; 6];
        for (end, part) in ends[1..].iter_mut().zip([subject, realm, kind, key_id, known]) {
            text.push_str(part);
            *end = text.len() as u32;
        }
        text.push_str(payload);
        let origin = (session.is_some() || foreign_issuer.is_some())
            .then(|| Box::new(Origin { session, foreign_issuer }));
        Self { texts: text, ends, authenticated_at, is_login, origin }
    }

    /// The part behind the end of this number, and before the next.
    fn part(&self, before: usize) -> &str {
        let start = self.ends.get(before).map_or(0, |end| *end as usize);
        let end = self.ends.get(before + 1).map_or(self.texts.len(), |end| *end as usize);
        self.texts.get(start..end).unwrap_or_default()
    }

    pub(super) fn claims(&self) -> &str {
        self.texts.get(..self.ends[0] as usize).unwrap_or_default()
    }

    pub(super) fn subject(&self) -> &str {
        self.part(0)
    }

    pub(super) fn realm_name(&self) -> &str {
        self.part(1)
    }

    pub(super) fn kind(&self) -> &str {
        self.part(2)
    }

    pub(super) fn contents(&self) -> TokenContents<'_> {
        TokenContents::new(self.part(3), self.part(4), self.part(5))
    }

    pub(super) fn foreign_issuer(&self) -> Option<&str> {
        self.origin.as_ref()?.foreign_issuer.as_deref()
    }

    /// Another issuer's tokens never reach our sessions, whatever a token strategy says.
    pub(super) fn session(&self) -> Option<SessionClaims> {
        self.origin.as_ref().filter(|origin| origin.foreign_issuer.is_none())?.session
    }
}

/// The kind of session that a token states: a name, or an object if it does not represent a login.
pub(crate) struct StatedKind<'t> {
    pub(crate) name: Cow<'t, str>,
    pub(crate) is_login: bool,
}

impl StatedKind<'_> {
    pub(crate) fn is_valid(&self) -> bool {
        crate::SessionKind::is_name(&self.name)
    }
}
