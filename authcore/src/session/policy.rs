//! How long sessions live and how many one subject may have.

use std::time::Duration;

use super::record::RecordParts;
use crate::{ConfigError, Rejection, SessionRecord, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long sessions live, and how many one subject may have.
///
/// The defaults: 7 days without use, 30 days in any case (the longest that NIST SP 800-63B allows at its first
/// assurance level), 100 sessions a subject.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionPolicy {
    idle_timeout: Duration,
    absolute_timeout: Duration,
    slide_share: f64,
    max_sessions: Option<usize>,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self { idle_timeout: 7 * DAY, absolute_timeout: 30 * DAY, slide_share: 0.25, max_sessions: Some(100) }
    }
}

impl SessionPolicy {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long a session lives without use: at least a second, at most the absolute timeout (rule A4).
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How long a session lives in any case: at most 400 days (rule A4).
    #[must_use]
    pub const fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.absolute_timeout = timeout;
        self
    }

    /// Which share of the idle timeout must have passed before a use is written down: above 0, at most 0.5,
    /// default 0.25. A session is written at most once in that time, however many requests it has, and may end
    /// that much earlier than its idle timeout says (rules A4, A5).
    #[must_use]
    pub const fn slide_share(mut self, share: f64) -> Self {
        self.slide_share = share;
        self
    }

    /// How many sessions a subject may have; a login beyond that ends the oldest (rule A7). Default 100.
    #[must_use]
    pub const fn max_sessions_per_subject(mut self, max: usize) -> Self {
        self.max_sessions = Some(max);
        self
    }

    /// Lets a subject have any number of sessions.
    ///
    /// # Security
    ///
    /// Whoever knows one password can then fill the store.
    #[must_use]
    pub const fn unlimited_sessions_per_subject(mut self) -> Self {
        self.max_sessions = None;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.idle_timeout > self.absolute_timeout {
            return Err(ConfigError::new("the idle timeout is above the absolute timeout"));
        }
        if self.idle_timeout < Duration::from_secs(1) {
            return Err(ConfigError::new("the idle timeout is under a second"));
        }
        if self.absolute_timeout > 400 * DAY {
            return Err(ConfigError::new("the absolute timeout is above 400 days"));
        }
        if !(self.slide_share > 0.0 && self.slide_share <= 0.5) {
            return Err(ConfigError::new("the slide share is not above 0 and at most 0.5"));
        }
        if self.max_sessions == Some(0) {
            return Err(ConfigError::new("the limit of sessions a subject is 0"));
        }
        Ok(())
    }

    /// The idle timeout that was set.
    pub(crate) const fn idle(&self) -> Duration {
        self.idle_timeout
    }

    pub(crate) const fn limit(&self) -> Option<usize> {
        self.max_sessions
    }

    pub(crate) const fn absolute_end(&self, now: Timestamp) -> Timestamp {
        now.plus(self.absolute_timeout)
    }

    /// Refuses a session whose time is over, by the core's clock (rules A4, S6).
    pub(crate) fn check_live(record: &SessionRecord, now: Timestamp) -> Result<(), Rejection> {
        if now >= record.ends_at() { Err(Rejection::Expired) } else { Ok(()) }
    }

    /// How long after its last write a use of a session is worth another (rule A5).
    pub(crate) fn slide_after(&self) -> Duration {
        self.idle_timeout.mul_f64(self.slide_share)
    }

    /// Writes down a use at `now`: the idle expiry moves, never past the absolute one and never back.
    pub(crate) fn slide(&self, parts: &mut RecordParts, now: Timestamp) {
        let now = now.max(parts.last_seen_at);
        parts.last_seen_at = now;
        parts.idle_expires_at = now.plus(self.idle_timeout).min(parts.expires_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_policies_are_refused() {
        let policy = SessionPolicy::new;
        assert!(policy().check().is_ok());
        for bad in [
            policy().idle_timeout(31 * DAY),
            policy().idle_timeout(Duration::ZERO),
            policy().absolute_timeout(401 * DAY),
            policy().absolute_timeout(Duration::from_secs(3600)),
            policy().slide_share(0.0),
            policy().slide_share(0.6),
            policy().slide_share(f64::NAN),
            policy().max_sessions_per_subject(0),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
