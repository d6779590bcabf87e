//! A clock that can be advanced, so that the tour need not sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use authcore::Timestamp;
use authcore::clock::{Clock, SystemClock};

/// The system clock plus an offset. Clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct ShiftedClock {
    offset_ms: Arc<AtomicU64>,
}

impl ShiftedClock {
    /// Advances the clock by `by`.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.offset_ms.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_millis(self.offset_ms.load(Ordering::SeqCst)))
    }
}
