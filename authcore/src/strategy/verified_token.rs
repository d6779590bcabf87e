//! The contents of a token that a strategy has verified.

use std::fmt;
use std::sync::Arc;

use super::token_strategy::SessionClaims;
use crate::{SessionKind, Subject, Timestamp};

/// The contents of a token that a [`TokenStrategy`](crate::strategy::TokenStrategy) has verified.
///
/// For authors of a token strategy, who turn it into a principal with
/// [`Principal::from_token`](crate::Principal::from_token).
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "token strategies build it")]
pub struct VerifiedToken {
    /// `sub`, within the realm that the token is for.
    pub subject: Subject,
    /// `sid` and `epoch`, if the token belongs to a session of this application.
    pub session: Option<SessionClaims>,
    /// The kind of that session.
    pub kind: SessionKind,
    /// Whether the token represents a login.
    pub is_login: bool,
    /// `iss`, if it is another issuer: subjects of different issuers are different users.
    pub foreign_issuer: Option<Arc<str>>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `auth_time`, or `iat` if there is none.
    pub authenticated_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// The application's claims: the text of one JSON object, without the registered claims.
    pub claims: String,
    /// The id of the key that verified the token. If it is empty,
    /// [`Principal::token`](crate::Principal::token) is `None`.
    pub key_id: String,
    /// All members of the token, for [`Principal::token`](crate::Principal::token): the text of one JSON
    /// object.
    pub contents: String,
}

impl VerifiedToken {
    /// Creates a token of this application with these times and claims, of the default kind, and without
    /// other members.
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
