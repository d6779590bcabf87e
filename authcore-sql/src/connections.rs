//! Calls over connections: each with a deadline, and repeated if that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use authcore::store::{StoreError, StoreErrorKind};
use sqlx::Connection as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::connection_handoff::ConnectionHandoff;
use crate::driver::Driver;
use crate::error::{ErrorDetail, FOREIGN_INDEX, Fault, Reporting};
use crate::jitter;
use crate::sql::PoolMode;

/// The maximum number of attempts of a call, the first one included.
const MAX_ATTEMPTS: u32 = 8;

/// What a call does over one connection.
pub(crate) trait Operation<D: Driver>: Sync {
    type Output: Send;

    /// Whether a failure may leave the connection in another state, such as inside a transaction or with
    /// settings for the next one.
    fn leaves_traces(&self) -> bool {
        false
    }

    /// Whether the operation begins and ends a transaction itself.
    fn is_transaction(&self) -> bool {
        false
    }

    fn run(
        &self,
        connection: &mut D::Connection,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// Whether a call may be repeated if its outcome is unknown (rule S16): one that only reads may.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// Why a call failed.
pub(crate) enum Failure {
    /// The id is taken.
    Taken,
    Store(StoreError),
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Taken => StoreError::new(StoreErrorKind::Misconfigured, FOREIGN_INDEX),
            Failure::Store(error) => error,
        }
    }
}

/// The connections of a store, and how long a call over them may take.
pub(crate) struct Connections<D: Driver> {
    pub(crate) pool: sqlx::Pool<D>,
    pub(crate) timeout: Duration,
    pub(crate) handoff: Arc<ConnectionHandoff<D>>,
    pub(crate) last_failure: Arc<LastConnectionFailure>,
    pub(crate) reporting: Reporting,
    /// Held by the call that writes, if only one can.
    pub(crate) writer: Arc<Semaphore>,
}

impl<D: Driver> Connections<D> {
    /// Returns the same connections, with a timeout of at least `timeout` and errors that quote the
    /// database. For operations on no session (rule S10).
    pub(crate) fn with_detailed_errors(&self, timeout: Duration) -> Self {
        let Self { pool, handoff, last_failure, reporting, writer, .. } = self;
        Self {
            pool: pool.clone(),
            timeout: timeout.max(self.timeout),
            handoff: Arc::clone(handoff),
            last_failure: Arc::clone(last_failure),
            reporting: Reporting { detail: ErrorDetail::Quoted, ..*reporting },
            writer: Arc::clone(writer),
        }
    }

    /// Returns the time at which a call that begins now must end, however many operations it has.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    pub(crate) async fn call<O: Operation<D>>(
        &self,
        deadline: Instant,
        effect: Effect,
        operation: &O,
    ) -> Result<O::Output, Failure> {
        // Dropped at its deadline, whatever it waits for (rule S13).
        match tokio::time::timeout_at(deadline, self.call_without_deadline(effect, operation)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.last_failure.record();
                Err(Failure::Store(StoreError::unavailable("the database did not answer in time")))
            }
        }
    }

    async fn call_without_deadline<O: Operation<D>>(
        &self,
        effect: Effect,
        operation: &O,
    ) -> Result<O::Output, Failure> {
        let _writer = match effect {
            Effect::Writes if D::ONE_WRITER => self.writer.acquire().await.ok(),
            _ => None,
        };
        let mut attempt = 1;
        loop {
            let (fault, error) = match self.attempt(operation).await {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            };
            let may_repeat = match fault {
                Fault::Taken => return Err(Failure::Taken),
                Fault::NotDone(_) | Fault::NotHere(_) => true,
                Fault::Lost(_) => effect == Effect::Reads,
                Fault::Refused(..) | Fault::Pooler(_) => false,
            };
            if fault.breaks_connection() {
                self.last_failure.record();
            }
            if !may_repeat || attempt == MAX_ATTEMPTS {
                return Err(Failure::Store(fault.into_error(error, self.reporting)));
            }
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt<O: Operation<D>>(&self, operation: &O) -> Result<O::Output, (Fault, sqlx::Error)> {
        let taken = self.handoff.take(&self.pool, self.timeout).await;
        let mut lease = taken.map_err(|error| {
            let fault = match D::classify(&error) {
                // No statement was sent yet.
                Fault::Lost(context) => Fault::NotHere(context),
                fault => fault,
            };
            (fault, error)
        })?;
        let needs_transaction =
            self.reporting.access.pool_mode == PoolMode::Transaction && !operation.is_transaction();
        let outcome = if needs_transaction {
            in_transaction::<D, O>(&mut lease.connection, operation).await
        } else {
            let outcome = operation.run(&mut lease.connection).await;
            outcome.map_err(|error| OperationError { error, in_transaction: false })
        };
        let (outcome, is_reusable) = match outcome {
            Ok(output) => (Ok(output), true),
            Err(OperationError { error, in_transaction }) => {
                let fault = D::classify(&error);
                let leaves_traces = in_transaction || operation.leaves_traces();
                (Err((fault, error)), !fault.breaks_connection() && !leaves_traces)
            }
        };
        lease.is_reusable = is_reusable;
        self.handoff.hand_over(lease);
        outcome
    }
}

/// The error of an operation, and whether its connection is still in a transaction.
struct OperationError {
    error: sqlx::Error,
    in_transaction: bool,
}

/// Runs an operation in a transaction of its own, so that a pooler sends all of it to one session.
///
/// The driver prepares a statement and executes it in two messages. Between them, the pooler could give the
/// connection another session, in which another client has prepared another statement.
async fn in_transaction<D: Driver, O: Operation<D>>(
    connection: &mut D::Connection,
    operation: &O,
) -> Result<O::Output, OperationError> {
    let outside = |error| OperationError { error, in_transaction: false };
    let mut transaction = connection.begin().await.map_err(outside)?;
    match operation.run(&mut transaction).await {
        Ok(output) => {
            transaction.commit().await.map_err(outside)?;
            Ok(output)
        }
        // If the connection is broken, the session ends and its transaction with it.
        Err(error) if D::classify(&error).breaks_connection() => Err(outside(error)),
        Err(error) => {
            // At once, as the pooler reserves the session until the transaction ends. If that fails, the
            // first error is still the cause.
            let in_transaction = transaction.rollback().await.is_err();
            Err(OperationError { error, in_transaction })
        }
    }
}

/// Returns how long to wait after an attempt: longer each time, and random, so that calls which collided do
/// not collide again.
fn pause(attempt: u32) -> Duration {
    jitter::up_to(Duration::from_millis(1 << attempt.min(6)))
}

/// Time of the last connection failure. Connections that have been idle since then are pinged before use.
///
/// A ping before every call would double its round trips.
#[derive(Debug)]
pub(crate) struct LastConnectionFailure {
    created: Instant,
    /// Milliseconds after `created`; zero if there was no failure.
    millis: AtomicU64,
}

impl LastConnectionFailure {
    /// Connections that were idle for longer are pinged in any case, as firewalls forget them.
    const LONG_IDLE: Duration = Duration::from_secs(60);

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { created: Instant::now(), millis: AtomicU64::new(0) })
    }

    fn record(&self) {
        self.millis.store(self.created.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Returns whether a connection that was idle for this long must be pinged before use.
    pub(crate) fn requires_ping(&self, idle_for: Duration) -> bool {
        let used_at = self.created.elapsed().saturating_sub(idle_for);
        idle_for > Self::LONG_IDLE || used_at.as_millis() as u64 <= self.millis.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    /// Ends the transaction around it and then fails, so that the rollback fails too.
    struct FailsWithoutTransaction;

    impl Operation<sqlx::Sqlite> for FailsWithoutTransaction {
        type Output = ();

        async fn run(&self, connection: &mut sqlx::SqliteConnection) -> Result<(), sqlx::Error> {
            sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
            Err(sqlx::Error::RowNotFound)
        }
    }

    /// The error of the rollback would hide the cause, and its kind would be wrong.
    #[tokio::test]
    async fn s10_the_first_error_is_kept_if_the_rollback_fails() {
        let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let failed = in_transaction::<sqlx::Sqlite, _>(&mut connection, &FailsWithoutTransaction).await;
        let OperationError { error, in_transaction } = failed.unwrap_err();
        assert!(matches!(error, sqlx::Error::RowNotFound), "{error:?}");
        assert!(in_transaction, "the connection is used again, though its transaction may be open");
    }
}
