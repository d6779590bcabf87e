//! Points in time.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, in whole milliseconds since the Unix epoch (UTC, without leap seconds).
///
/// Arithmetic saturates, so no clock and no configured duration can make it wrap. The largest value fits a
/// signed 64-bit database column.
///
/// To format it, convert it to a [`SystemTime`] or to a type of the application's date library.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// 1 January 1970, 00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The latest time that can be represented.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Creates a time from milliseconds since the Unix epoch. Larger values become [`Timestamp::MAX`].
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::MAX.0 { Self::MAX } else { Self(millis) }
    }

    /// Creates a time from seconds since the Unix epoch, as in a JWT's NumericDate (RFC 7519, section 2).
    pub const fn from_secs(secs: u64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the whole seconds since the Unix epoch, rounded down.
    pub fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// Returns the time `duration` later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(millis(duration)))
    }

    /// Returns the time `duration` earlier, but not before the Unix epoch.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// Returns the time elapsed since `earlier`; zero if `earlier` is later than this.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

const fn millis(duration: Duration) -> u64 {
    let millis = duration.as_millis();
    if millis > u64::MAX as u128 { u64::MAX } else { millis as u64 }
}

impl From<SystemTime> for Timestamp {
    /// Converts a time. Times before the Unix epoch become the epoch.
    fn from(time: SystemTime) -> Self {
        since_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

pub(super) fn since_epoch(since: Duration) -> Timestamp {
    // Avoids the 128-bit arithmetic of `as_millis`, because every verification runs this.
    Timestamp::from_millis(since.as_secs().saturating_mul(1000).saturating_add(since.subsec_millis() as u64))
}

impl From<Timestamp> for SystemTime {
    /// Converts a time. One that the platform's `SystemTime` cannot hold becomes the Unix epoch, so that
    /// an expiry at that time counts as past.
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
