//! The circumstances of a call.

use crate::{Realm, Timestamp};

/// The circumstances of a call: for which realm, when, and whether it counts as a use of the session.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallContext<'c> {
    /// The realm that the call is for. Credentials and principals of any other are refused (rule A12).
    pub realm: &'c Realm,
    /// The moment at which everything that the call decides is decided (rule R9).
    pub now: Timestamp,
    /// Whether the call counts as a use of the session (rule A14).
    pub usage: Usage,
}

/// Whether a verification counts as a use of the session: moves its idle expiry and its time of last use
/// (rule A14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "strategies handle both")]
pub enum Usage {
    /// Somebody uses the application.
    Counts,
    /// The application asks by itself, as a page does that polls.
    DoesNotCount,
}

impl<'c> CallContext<'c> {
    /// A call for `realm` at `now` that counts as a use.
    pub fn new(realm: &'c Realm, now: Timestamp) -> Self {
        Self { realm, now, usage: Usage::Counts }
    }

    /// The same call, if it counts as `usage`.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }
}
