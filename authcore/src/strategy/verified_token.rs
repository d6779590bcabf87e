//! What a token strategy read from a good token.

use std::fmt;
use std::sync::Arc;

use super::token_strategy::SessionClaims;
use crate::{SessionKind, Subject, Timestamp};

/// What a [`TokenStrategy`](crate::strategy::TokenStrategy) read from a good token.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "token strategies build it")]
pub struct VerifiedToken {
    /// `sub`, within the realm that the token is for.
    pub subject: Subject,
    /// `sid` and `epoch`, if the token belongs to a session of ours.
    pub session: Option<SessionClaims>,
    /// The kind of that session.
    pub kind: SessionKind,
    /// Whether the token represents a login.
    pub is_login: bool,
    /// `iss`, if it is not our own: subjects of different issuers are different people.
    pub foreign_issuer: Option<Arc<str>>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `auth_time`, or `iat` if there is none.
    pub authenticated_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// The application's claims: the text of one JSON object, without the registered ones.
    pub claims: String,
    /// The id of the key that verified the token; empty if it was not verified, so that [`Principal::token`]
    /// is `None`.
    pub key_id: String,
    /// All that the token says, for [`Principal::token`]: the text of one JSON object.
    pub contents: String,
}

impl VerifiedToken {
    /// A token of our own with these times and claims, the default kind, and nothing else that it says.
    pub fn new(subject: Subject, issued_at: Timestamp, expires_at: Timestamp, claims: String) -> Self {
        Self {
            subject,
            session: None,
            kind: SessionKind::DEFAULT,
            is_login: true,
            foreign_issuer: None,
            issued_at,
            authenticated_at: issued_at,
            expires_at,
            claims,
            key_id: String::new(),
            contents: String::new(),
        }
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("subject", &self.subject)
            .field("session", &self.session)
            .field("kind", &self.kind)
            .field("foreign_issuer", &self.foreign_issuer)
            .field("issued_at", &self.issued_at)
            .field("authenticated_at", &self.authenticated_at)
            .field("expires_at", &self.expires_at)
            .field("key_id", &self.key_id)
            .field("claims", &format_args!("[{} bytes]", self.claims.len()))
            .finish_non_exhaustive()
    }
}
