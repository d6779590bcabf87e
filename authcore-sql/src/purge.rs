//! A task that removes what has expired, for as long as the process runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::part_of;
use authcore::clock::{Clock, SystemClock};
use authcore::store::{SessionStore, StoreError, StoreErrorKind};

/// Removes expired sessions from a store again and again (rule S11).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = authcore::MemoryStore::new();
/// use std::time::Duration;
///
/// use authcore_sql::Purger;
///
/// let purger = Purger::builder(store.clone()).interval(Duration::from_secs(300)).build()?;
/// let task = tokio::spawn(purger.run());
/// // When the application ends:
/// task.abort();
/// # Ok(())
/// # }
/// ```
///
/// Every node of an application may run one: they do not wait for each other. Failures are logged by `tracing` as
/// warnings, and end nothing.
#[derive(Debug)]
pub struct Purger {
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    batch: usize,
}

impl Purger {
    /// Starts with the store: one of this crate's, or any other.
    pub fn builder(store: impl SessionStore) -> PurgerBuilder {
        PurgerBuilder(Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            interval: Duration::from_secs(300),
            batch: 5000,
        })
    }

    /// Runs until it is dropped. To be spawned on a tokio runtime with its timer.
    pub async fn run(self) {
        // Nodes that start together do not purge together.
        tokio::time::sleep(part_of(self.interval)).await;
        loop {
            self.purge_all().await;
            // Between three quarters of the interval and five.
            tokio::time::sleep(self.interval.mul_f64(0.75) + part_of(self.interval / 2)).await;
        }
    }

    async fn purge_all(&self) {
        let mut removed = 0;
        loop {
            let start = Instant::now();
            match self.store.purge_expired(self.clock.now(), self.batch).await {
                Ok(purged) => {
                    removed += purged.removed;
                    if !purged.more {
                        tracing::debug!(removed, "expired sessions purged");
                        return;
                    }
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, removed, "expired sessions could not be purged; tried again later");
                    return;
                }
            }
            // So that a third of the time is for others, also where the database has one processor.
            tokio::time::sleep(start.elapsed() / 2).await;
        }
    }
}

/// Builds a [`Purger`].
#[derive(Debug)]
#[must_use]
pub struct PurgerBuilder(Purger);

impl PurgerBuilder {
    /// Sets how long it rests between two runs: the default is 5 minutes, the shortest a millisecond. Each time it is up to
    /// a quarter more or less, so that nodes do not all purge at once.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.0.interval = interval;
        self
    }

    /// Sets how many sessions are removed by one statement: the default is 5,000. All that have expired are removed in
    /// a run, with rests between the batches.
    pub const fn batch(mut self, batch: usize) -> Self {
        self.0.batch = batch;
        self
    }

    /// Sets the clock: that of the strategies, if it is not the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// The task, to be run.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Misconfigured`] if the interval is shorter than a millisecond or longer than a year, or if the
    /// batch is empty.
    pub fn build(self) -> Result<Purger, StoreError> {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        if self.0.interval < Duration::from_millis(1) || self.0.interval > YEAR || self.0.batch == 0 {
            let context = "an interval of less than a millisecond or more than a year, or an empty batch";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        Ok(self.0)
    }
}
