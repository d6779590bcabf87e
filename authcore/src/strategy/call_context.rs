//! The circumstances of a call.

use crate::{Realm, Timestamp};

/// The circumstances of a call: its realm, its time, and whether it counts as a use of the session.
///
/// For authors of a session strategy, who receive it from [`Auth`](crate::Auth).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallContext<'c> {
    /// The realm of the call. Credentials and principals of any other realm are refused (rule A12).
    pub realm: &'c Realm,
    /// The time of the call, at which all of its decisions are made (rule R9).
    pub now: Timestamp,
    /// Whether the call counts as a use of the session (rule A14).
    pub usage: Usage,
}

/// Whether a verification counts as a use of the session, which moves its idle expiry and its time of last
/// use (rule A14).
///
/// For authors of a session strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "strategies handle both")]
pub enum Usage {
    /// A user made the request.
    Counts,
    /// A page sent the request by itself, such as a poll.
    DoesNotCount,
}

impl<'c> CallContext<'c> {
    /// Creates the context of a call for `realm` at `now` that counts as a use.
    pub fn new(realm: &'c Realm, now: Timestamp) -> Self {
        Self { realm, now, usage: Usage::Counts }
    }

    /// Sets whether the call counts as a use.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }
}
