//! The options of a store, and how they become one. What differs between the databases is a
//! [`PlanConnections`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use authcore::store::{StoreError, StoreErrorKind};
use sqlx::pool::PoolOptions;
use sqlx::{Connection as _, Pool};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::connection_handoff::ConnectionHandoff;
use crate::connections::{Connections, LastConnectionFailure};
use crate::driver::Driver;
use crate::error::{Access, ErrorDetail, Fault, PoolOwner, Reporting};
use crate::jitter;
use crate::names::{DEFAULT_TABLE, Names};
use crate::sql::PoolMode;
use crate::store::Store;
use crate::url::UrlError;

/// The longest timeout. A longer one is a mistake, and could overflow the time that it is added to.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the connections come from.
pub(crate) enum Source<D: Driver> {
    Url(String),
    Pool(Pool<D>),
}

/// The options of a store.
pub(crate) struct Settings<D: Driver> {
    pub(crate) source: Source<D>,
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) timeout: Duration,
    pub(crate) max_connections: Option<u32>,
    pub(crate) pool_mode: PoolMode,
}

/// Whether the tables must exist, and be those of this release, when a store is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    Required,
    Optional,
}

/// How connections are opened.
pub(crate) struct ConnectionPlan<D: Driver> {
    /// The options of the first connection, which may create a file.
    pub(crate) first: <D::Connection as sqlx::Connection>::Options,
    pub(crate) options: <D::Connection as sqlx::Connection>::Options,
    /// The size of the pool if the host sets none.
    pub(crate) max_connections: u32,
    /// Whether the data lives in the memory of this process, and ends with the last connection.
    pub(crate) in_memory: bool,
}

/// Checks a URL and returns how to open its connections.
pub(crate) type PlanConnections<D> = fn(&str, &Settings<D>, Tables) -> Result<ConnectionPlan<D>, UrlError>;

impl<D: Driver> Settings<D> {
    pub(crate) fn new(source: Source<D>) -> Self {
        Self {
            source,
            schema: None,
            table: DEFAULT_TABLE.to_owned(),
            timeout: Duration::from_secs(5),
            max_connections: None,
            pool_mode: PoolMode::Session,
        }
    }

    pub(crate) async fn connect(
        self,
        tables: Tables,
        plan: PlanConnections<D>,
    ) -> Result<Store<D>, StoreError> {
        let names = Names::new(self.schema.as_deref(), &self.table)?;
        self.check_numbers()?;
        let pool_owner = match self.source {
            Source::Url(_) => PoolOwner::Store,
            Source::Pool(_) => PoolOwner::Host,
        };
        let reporting = Reporting {
            detail: ErrorDetail::Withheld,
            access: Access { pool_mode: self.pool_mode, pool_owner },
        };
        let (last_failure, deadline) = (LastConnectionFailure::new(), Instant::now() + self.timeout);
        let (pool, keeps_memory) = match &self.source {
            Source::Pool(pool) => (pool.clone(), None),
            Source::Url(url) => {
                let plan = plan(url, &self, tables)?;
                let opening = self.open(plan, Arc::clone(&last_failure));
                match tokio::time::timeout_at(deadline, opening).await {
                    Ok(opened) => opened.map_err(|error| connection_error::<D>(error, reporting))?,
                    Err(_) => {
                        return Err(StoreError::unavailable("the database could not be reached in time"));
                    }
                }
            }
        };
        let connections = Connections {
            pool,
            timeout: self.timeout,
            handoff: ConnectionHandoff::new(),
            last_failure,
            reporting,
            writer: Arc::new(Semaphore::new(1)),
        };
        let store = Store::new(connections, names, keeps_memory);
        store.check(tables == Tables::Optional, deadline).await?;
        Ok(store)
    }

    fn check_numbers(&self) -> Result<(), StoreError> {
        let context = if self.timeout.is_zero() || self.timeout > MAX_TIMEOUT {
            format!("the timeout must be more than zero and at most a day, but is {:?}", self.timeout)
        } else if self.max_connections == Some(0) {
            "the pool must have at least one connection: `max_connections` is 0".to_owned()
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::Misconfigured, "an option is out of range").with_context(context))
    }

    /// Opens the first connection, and creates the pool for the others.
    async fn open(
        &self,
        plan: ConnectionPlan<D>,
        last_failure: Arc<LastConnectionFailure>,
    ) -> Result<(Pool<D>, Option<D::Connection>), sqlx::Error> {
        // Without the pool, which would repeat the attempt until its timeout and then not say what failed.
        let first = loop {
            match D::Connection::connect_with(&plan.first).await {
                // Another process is creating the same SQLite file. SQLite does not wait for one that turns
                // on the write-ahead log.
                Err(error) if matches!(D::classify(&error), Fault::NotDone(_)) => {
                    tokio::time::sleep(jitter::up_to(Duration::from_millis(20))).await;
                }
                connected => break connected?,
            }
        };
        // Short, so that a call has time to try several connections that the network has forgotten.
        let ping_timeout = (self.timeout / 5).min(Duration::from_secs(1));
        let pool = PoolOptions::<D>::new()
            .max_connections(self.max_connections.unwrap_or(plan.max_connections))
            .acquire_timeout(self.timeout)
            // A test before each call would double its round trips.
            .test_before_acquire(false)
            .before_acquire(move |connection, usage| {
                let requires_ping = last_failure.requires_ping(usage.idle_for);
                Box::pin(async move {
                    if requires_ping {
                        let answered = tokio::time::timeout(ping_timeout, connection.ping()).await;
                        answered.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
                    }
                    Ok(true)
                })
            });
        let pool =
            if plan.in_memory { pool.max_connections(1).idle_timeout(None).max_lifetime(None) } else { pool };
        let pool = pool.connect_lazy_with(plan.options);
        if plan.in_memory {
            return Ok((pool, Some(first)));
        }
        let _ = first.close().await;
        Ok((pool, None))
    }
}

/// Returns the error of the first connection, which says what is wrong with the configuration.
fn connection_error<D: Driver>(error: sqlx::Error, reporting: Reporting) -> StoreError {
    let reporting = Reporting { detail: ErrorDetail::Quoted, ..reporting };
    match D::classify(&error) {
        Fault::Lost(_) if is_other_protocol(&error) => StoreError::new(
            StoreErrorKind::Misconfigured,
            "the server does not speak the protocol of this database, or its certificate is not trusted",
        ),
        Fault::Lost(_) => Fault::Lost("the database could not be reached").into_error(error, reporting),
        fault => fault.into_error(error, reporting),
    }
}

fn is_other_protocol(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Protocol(_) => true,
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

impl<D: Driver> fmt::Debug for Settings<D> {
    /// Omits the URL, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("schema", &self.schema)
            .field("table", &self.table)
            .field("timeout", &self.timeout)
            .field("max_connections", &self.max_connections)
            .field("pool_mode", &self.pool_mode)
            .finish_non_exhaustive()
    }
}
