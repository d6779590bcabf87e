//! Clocks: where [`Auth`](crate::Auth) takes the time from.
//!
//! For tests, which set the time with a [`ManualClock`]; applications keep the default, [`SystemClock`].

pub(crate) mod timestamp;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
#[cfg(any(test, not(target_os = "linux")))]
use std::time::SystemTime;

use self::timestamp::{Timestamp, since_epoch};

/// Tells the time.
///
/// [`Auth`](crate::Auth) asks its clock once for each call, before anything else (rule R9), and everything that
/// the call decides is decided at that moment. A revocation asks it once more when it is done, to say when it takes
/// effect.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The current moment.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The operating system's clock, as of its last tick: on Linux some milliseconds behind at most, and read in a quarter
/// of the time.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add to it")]
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

/// A clock that stands still until it is told otherwise, for tests.
///
/// Clones share one time.
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
    /// A clock that shows `now`.
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
