//! Clocks that tell [`Auth`](crate::Auth) the time.
//!
//! Applications use the default, [`SystemClock`]. Tests set the time with a [`ManualClock`]. Direct calls of
//! a login throttle take the time from a [`Clock`].

pub(crate) mod timestamp;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
#[cfg(any(test, not(target_os = "linux")))]
use std::time::SystemTime;

use self::timestamp::{Timestamp, since_epoch};

/// A source of the current time.
///
/// [`Auth`](crate::Auth) reads its clock once per call, before anything else (rule R9), and makes all
/// decisions of the call at that time. A revocation reads it again when it is done, to report when it takes
/// effect.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The operating system's clock.
///
/// On Linux it is read as of its last tick: at most some milliseconds behind, at a quarter of the cost.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no state")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    fn now(&self) -> Timestamp {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let since = |secs| Duration::new(secs, now.tv_nsec as u32);
        since_epoch(u64::try_from(now.tv_sec).map(since).unwrap_or_default())
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

/// A clock that only moves when it is told to, for tests.
///
/// Clones share the same time.
///
/// ```
/// use authcore::clock::{Clock, ManualClock};
/// use authcore::Timestamp;
/// use std::time::Duration;
///
/// let clock = ManualClock::new(Timestamp::from_secs(1_000_000_000));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), Timestamp::from_secs(1_000_000_060));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_millis())))
    }

    /// Sets the time, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_a_tick_behind_at_most() {
        for _ in 0..100 {
            let (before, now, after) =
                (Timestamp::from(SystemTime::now()), SystemClock.now(), SystemTime::now());
            assert!(now.plus(Duration::from_millis(20)) >= before, "{now:?} long before {before:?}");
            assert!(now <= after.into(), "{now:?} after {after:?}");
        }
    }
}
