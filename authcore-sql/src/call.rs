//! One call: a connection, an end in time, and another attempt where that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::driver::Driver;
use crate::error::{Fault, REFUSED_AS_TAKEN, Words};
use crate::relay::Relay;
use authcore::store::{StoreError, StoreErrorKind};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sqlx::Connection as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How often a call is tried, the first time included.
const ATTEMPTS: u32 = 8;

/// What is done over one connection.
pub(crate) trait Operation<D: Driver>: Sync {
    type Output: Send;

    /// Whether it may leave the connection in another state when it fails: a transaction, or settings of the
    /// next one.
    fn leaves_traces(&self) -> bool {
        false
    }

    /// Whether it begins and ends a transaction itself.
    fn is_transaction(&self) -> bool {
        false
    }

    fn run(
        &self,
        connection: &mut D::Connection,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// Whether a call whose outcome is not known may be done again (rule S16).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// A call that failed.
pub(crate) enum Failure {
    /// The id is taken.
    Taken,
    Store(StoreError),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Taken => StoreError::new(StoreErrorKind::Misconfigured, REFUSED_AS_TAKEN),
            Failure::Store(error) => error,
        }
    }
}

/// What is between the store and its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Nothing that tells one connection from another: a connection is the same session for all of its calls.
    Session,
    /// A pooler that gives each transaction another session.
    TransactionPooler,
}

/// Connections, and how long a call over them may take.
pub(crate) struct Connections<D: Driver> {
    pub(crate) pool: sqlx::Pool<D>,
    pub(crate) route: Route,
    pub(crate) timeout: Duration,
    pub(crate) relay: Arc<Relay<D>>,
    pub(crate) doubt: Arc<Doubt>,
    pub(crate) words: Words,
    /// The turn of the writer, where there can be only one.
    pub(crate) writers: Arc<Semaphore>,
}

impl<D: Driver> Connections<D> {
    /// The end of a call that begins now, however many operations it has.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    pub(crate) async fn call<O: Operation<D>>(
        &self,
        deadline: Instant,
        effect: Effect,
        operation: &O,
    ) -> Result<O::Output, Failure> {
        let calling = self.attempts(effect, operation);
        // Dropped in time, whatever it waits for (rule S13).
        match tokio::time::timeout_at(deadline, calling).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.doubt.raise();
                Err(Failure::Store(StoreError::unavailable("the database did not answer in time")))
            }
        }
    }

    async fn attempts<O: Operation<D>>(&self, effect: Effect, operation: &O) -> Result<O::Output, Failure> {
        let _turn = match effect {
            Effect::Writes if D::ONE_WRITER => self.writers.acquire().await.ok(),
            _ => None,
        };
        let mut attempt = 1;
        loop {
            let (fault, error) = match self.attempt(operation).await {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            };
            let again = match fault {
                Fault::Taken => return Err(Failure::Taken),
                Fault::NotDone(_) | Fault::NotHere(_) => true,
                Fault::Lost(_) => effect == Effect::Reads,
                Fault::Refused(..) => false,
            };
            if fault.breaks_connection() {
                self.doubt.raise();
            }
            if !again || attempt == ATTEMPTS {
                return Err(Failure::Store(fault.into_error(error, self.words)));
            }
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt<O: Operation<D>>(&self, operation: &O) -> Result<O::Output, (Fault, sqlx::Error)> {
        let taken = self.relay.take(&self.pool, self.timeout).await;
        let mut lease = taken.map_err(|error| {
            // Nothing was sent yet.
            let fault = match Fault::of(&error, D::judge) {
                Fault::Lost(context) => Fault::NotHere(context),
                fault => fault,
            };
            (fault, error)
        })?;
        let outcome = match self.route {
            Route::TransactionPooler if !operation.is_transaction() => {
                in_transaction(&mut *lease.connection, operation).await
            }
            _ => operation.run(&mut lease.connection).await,
        };
        let outcome = outcome.map_err(|error| (Fault::of(&error, D::judge), error));
        lease.finished = match &outcome {
            Ok(_) => true,
            Err((fault, _)) => !fault.breaks_connection() && !operation.leaves_traces(),
        };
        self.relay.pass_on(lease);
        outcome
    }
}

/// Runs an operation in a transaction of its own, so that a pooler sends all of it to one session: the driver
/// prepares a statement and executes it in two messages, and between them another client's statement would
/// take its place.
async fn in_transaction<D: Driver, O: Operation<D>>(
    connection: &mut D::Connection,
    operation: &O,
) -> Result<O::Output, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    match operation.run(&mut transaction).await {
        Ok(output) => {
            transaction.commit().await?;
            Ok(output)
        }
        Err(error) => {
            if !Fault::of(&error, D::judge).breaks_connection() {
                // At once, as the pooler keeps the session for this transaction until it ends.
                transaction.rollback().await?;
            }
            Err(error)
        }
    }
}

/// Longer each time, and not the same for those who got into each other's way.
fn pause(attempt: u32) -> Duration {
    part_of(Duration::from_millis(1 << attempt.min(6)))
}

/// Some time up to this one.
pub(crate) fn part_of(time: Duration) -> Duration {
    // Without random bytes all of it.
    let share = SysRng.try_next_u32().unwrap_or(u32::MAX);
    time.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// Since when connections that have been idle are to be asked whether they still work, because one did not.
///
/// Asking every time would double the round trips of a call.
#[derive(Debug)]
pub(crate) struct Doubt {
    began: Instant,
    /// Milliseconds after `began`.
    since: AtomicU64,
}

impl Doubt {
    /// A connection that was idle for so long is asked in any case: firewalls forget such.
    const LONG_IDLE: Duration = Duration::from_secs(60);

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), since: AtomicU64::new(0) })
    }

    fn raise(&self) {
        self.since.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Whether a connection that was last used so long ago is to be asked.
    pub(crate) fn covers(&self, idle_for: Duration) -> bool {
        let used_at = self.began.elapsed().saturating_sub(idle_for);
        idle_for > Self::LONG_IDLE || used_at.as_millis() as u64 <= self.since.load(Ordering::Relaxed)
    }
}
