//! Moments.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, in whole milliseconds since the Unix epoch (UTC, without leap seconds).
///
/// Arithmetic saturates, so no clock and no configured duration can make it wrap. The largest value fits a
/// signed 64-bit column of a database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The first of January 1970.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The last moment that can be told.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// A moment from milliseconds since the Unix epoch; larger values count as [`Timestamp::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::MAX.0 { Self::MAX } else { Self(millis) }
    }

    /// A moment from seconds since the Unix epoch, as in a JWT's NumericDate (RFC 7519, section 2).
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// This moment and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(duration)))
    }

    /// This moment less `duration`, at least the Unix epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

const fn millis(duration: Duration) -> u64 {
    let millis = duration.as_millis();
    if millis > u64::MAX as u128 { u64::MAX } else { millis as u64 }
}

impl From<SystemTime> for Timestamp {
    /// Moments before the Unix epoch count as the epoch.
    fn from(time: SystemTime) -> Self {
        since_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

pub(super) fn since_epoch(since: Duration) -> Timestamp {
    // Not by `as_millis`, whose 128 bits every verification would pay for.
    Timestamp::from_millis(since.as_secs().saturating_mul(1000).saturating_add(since.subsec_millis() as u64))
}

impl From<Timestamp> for SystemTime {
    /// A moment that the platform's `SystemTime` cannot hold becomes the Unix epoch: long past, so that whatever
    /// was to end then has ended.
    fn from(timestamp: Timestamp) -> Self {
        UNIX_EPOCH.checked_add(Duration::from_millis(timestamp.0)).unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1000, self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_secs(1).minus(Duration::MAX), Timestamp::UNIX_EPOCH);
        assert_eq!(Timestamp::from_secs(1).since(Timestamp::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn system_time_converts_both_ways() {
        let moment = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(Timestamp::from(SystemTime::from(moment)), moment);
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(5)), Timestamp::UNIX_EPOCH);
    }
}
