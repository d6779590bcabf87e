//! A task that removes expired sessions for as long as the process runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use authcore::clock::{Clock, SystemClock};
use authcore::store::{SessionStore, StoreError, StoreErrorKind};

use crate::jitter;

/// Removes expired sessions from a store at intervals (rule S11).
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
/// Every node of an application may run one, as purgers do not wait for each other. A failure is logged as a
/// `tracing` warning and does not end the task.
#[derive(Debug)]
#[must_use = "it does nothing unless `run` is called"]
pub struct Purger {
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    batch: usize,
}

impl Purger {
    /// Returns a builder for a purger of this store, which need not be one of this crate.
    pub fn builder(store: impl SessionStore) -> PurgerBuilder {
        PurgerBuilder(Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            interval: Duration::from_secs(300),
            batch: 5000,
        })
    }

    /// Purges until it is dropped. It must be spawned on a tokio runtime with time enabled.
    pub async fn run(self) {
        // Random, so that nodes that start together do not purge together.
        tokio::time::sleep(jitter::up_to(self.interval)).await;
        loop {
            self.purge_all().await;
            // Between 75 % and 125 % of the interval.
            tokio::time::sleep(self.interval.mul_f64(0.75) + jitter::up_to(self.interval / 2)).await;
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
                        tracing::debug!(removed, "purged expired sessions");
                        return;
                    }
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        removed,
                        "could not purge expired sessions; the next run tries again"
                    );
                    return;
                }
            }
            // Leaves others a third of the time, even if the database has only one processor.
            tokio::time::sleep(start.elapsed() / 2).await;
        }
    }
}

/// Builds a [`Purger`].
#[derive(Debug)]
#[must_use]
pub struct PurgerBuilder(Purger);

impl PurgerBuilder {
    /// Sets the time between two runs, from a millisecond to a year. The default is 5 minutes. Each pause
    /// is up to a quarter shorter or longer, so that nodes do not all purge at once.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.0.interval = interval;
        self
    }

    /// Sets the maximum number of sessions that one statement removes. The default is 5,000. A run removes
    /// all expired sessions, with a pause after each batch.
    pub fn batch(mut self, batch: usize) -> Self {
        self.0.batch = batch;
        self
    }

    /// Sets the clock. It must be the one of the strategies; the default is the system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// Builds the purger.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Misconfigured`] if the interval is shorter than a millisecond or longer than a
    /// year, or if the batch is zero.
    pub fn build(self) -> Result<Purger, StoreError> {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        let context = if self.0.interval < Duration::from_millis(1) || self.0.interval > YEAR {
            format!("the interval must be from a millisecond to a year, but is {:?}", self.0.interval)
        } else if self.0.batch == 0 {
            "the batch must be at least 1, but is 0".to_owned()
        } else {
            return Ok(self.0);
        };
        Err(StoreError::new(StoreErrorKind::Misconfigured, "an option is out of range").with_context(context))
    }
}
