//! The result of a logout or a revocation.

use crate::{SessionId, Timestamp};

/// When a revocation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third case")]
pub enum RevocationEffect {
    /// It has taken effect when the call returns.
    Now,
    /// It takes effect at this moment at the latest, leeway included. Until then, an access token that was
    /// issued before may still verify.
    At(Timestamp),
}

/// The result of a logout or a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// The sessions that this call ended. Empty if they had already ended, or if the strategy keeps none.
    pub sessions: Vec<SessionId>,
    /// When the revoked credentials are refused.
    pub effect: RevocationEffect,
}
