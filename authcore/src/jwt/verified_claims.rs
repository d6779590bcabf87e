//! The result of a verification that reads into the caller's buffer.

use std::borrow::Cow;
use std::fmt;

use super::codec::MAX_PAYLOAD_LEN;
use super::contents::TokenContents;
use crate::{SessionId, Timestamp};

/// A reusable buffer for the decoded payload of one token at a time; see
/// [`Jwt::verify_claims`](super::Jwt::verify_claims).
#[derive(Clone)]
pub struct TokenBuffer(pub(super) [u8; MAX_PAYLOAD_LEN]);

impl TokenBuffer {
    /// Creates a buffer of about 6 KiB, enough for every token that is accepted.
    pub fn new() -> Self {
        Self([0; MAX_PAYLOAD_LEN])
    }
}

impl Default for TokenBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenBuffer")
    }
}

/// The claims of a token that [`Jwt::verify_claims`](super::Jwt::verify_claims) has verified.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifiedClaims<'b, T> {
    /// `sub`: the subject.
    pub subject: Cow<'b, str>,
    /// The issuer of the subject, if it is not the application itself.
    ///
    /// # Security
    ///
    /// A subject is unique only within its issuer: `user-42` of another issuer is another user.
    pub foreign_issuer: Option<&'b str>,
    /// `sid`: the session, if the token belongs to one of our own.
    pub session_id: Option<SessionId>,
    /// The contents of the token (rule T16).
    pub token: TokenContents<'b>,
    /// `auth_time`: when the subject last authenticated; `iat` if absent, and never later than `iat`.
    pub authenticated_at: Timestamp,
    /// `iat`: when the token was issued.
    pub issued_at: Timestamp,
    /// `exp`: when the token expires.
    pub expires_at: Timestamp,
    /// The application's claims.
    pub claims: T,
}

impl<T> fmt::Debug for VerifiedClaims<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims")
            .field("subject", &self.subject)
            .field("foreign_issuer", &self.foreign_issuer)
            .field("session_id", &self.session_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
