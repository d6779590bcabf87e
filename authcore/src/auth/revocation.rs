//! What a logout or a revocation did.

use crate::{SessionId, Timestamp};

/// When a revocation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum RevocationEffect {
    /// With the call's return.
    Now,
    /// At this moment at the latest, leeway included: until then, an access token that was issued before may
    /// still verify.
    At(Timestamp),
}

/// What a logout or a revocation did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revocation {
    /// The sessions that this call ended; none if they had ended before, or if the strategy keeps none.
    pub sessions: Vec<SessionId>,
    /// When what was revoked is refused.
    pub effect: RevocationEffect,
}
