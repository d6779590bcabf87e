//! What a verification reads into its caller's buffer.

use std::borrow::Cow;
use std::fmt;

use super::codec::MAX_PAYLOAD_LEN;
use super::contents::TokenContents;
use crate::{SessionId, Timestamp};

/// Room for one decoded payload, to be used again and again: see [`Jwt::verify_claims`].
#[derive(Clone)]
pub struct TokenBuffer(pub(super) [u8; MAX_PAYLOAD_LEN]);

impl TokenBuffer {
    /// An empty buffer of about six kilobytes, enough for every token that is accepted.
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

/// What [`Jwt::verify_claims`] read from a good token.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifiedClaims<'b, T> {
    /// `sub`.
    pub subject: Cow<'b, str>,
    /// The issuer that vouches for the subject, if it is not the application itself.
    ///
    /// # Security
    ///
    /// Subjects are unique within one issuer only: `user-42` of another issuer is somebody else.
    pub foreign_issuer: Option<&'b str>,
    /// `sid`, if the token belongs to a session of ours.
    pub session_id: Option<SessionId>,
    /// All that the token says (rule T16).
    pub token: TokenContents<'b>,
    /// `auth_time`, or `iat` if there is none; at most `iat`.
    pub authenticated_at: Timestamp,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
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
