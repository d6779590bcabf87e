//! What a store is built from, but for what is different with each database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::call::{Connections, Doubt, Route, part_of};
use crate::driver::Driver;
use crate::error::{Fault, Words};
use crate::names::{DEFAULT_TABLE, Names};
use crate::relay::Relay;
use crate::store::Store;
use crate::url::UrlError;
use authcore::store::{StoreError, StoreErrorKind};
use sqlx::pool::PoolOptions;
use sqlx::{Connection as _, Pool};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Longer ones are mistakes, and overflow what they are added to.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Where connections come from.
pub(crate) enum Source<D: Driver> {
    Url(String),
    Pool(Pool<D>),
}

/// The options that all databases share.
pub(crate) struct Settings<D: Driver> {
    pub(crate) source: Source<D>,
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) timeout: Duration,
    pub(crate) max_connections: Option<u32>,
    pub(crate) route: Route,
}

/// Whether tables must be there when a store is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    MustBeThere,
    MayBeMissing,
}

/// How connections are made from a URL.
pub(crate) struct Plan<D: Driver> {
    /// Those of the first connection, which may make a file.
    pub(crate) first: <D::Connection as sqlx::Connection>::Options,
    pub(crate) options: <D::Connection as sqlx::Connection>::Options,
    pub(crate) max_connections: u32,
    /// Whether the data lives in the memory of this process, and ends with the last connection.
    pub(crate) in_memory: bool,
}

/// Reads a URL with these settings, for tables that are there or not.
pub(crate) type PlanOf<D> = fn(&str, &Settings<D>, Tables) -> Result<Plan<D>, UrlError>;

impl<D: Driver> Settings<D> {
    pub(crate) fn new(source: Source<D>) -> Self {
        Self {
            source,
            schema: None,
            table: DEFAULT_TABLE.to_owned(),
            timeout: Duration::from_secs(5),
            max_connections: None,
            route: Route::Session,
        }
    }

    pub(crate) async fn connect(self, tables: Tables, plan: PlanOf<D>) -> Result<Store<D>, StoreError> {
        let names = Names::new(self.schema.as_deref(), &self.table)?.reached_by(self.route);
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT || self.max_connections == Some(0) {
            let context = "a timeout of zero or above a day, or a pool without connections";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        let (doubt, deadline) = (Doubt::new(), Instant::now() + self.timeout);
        let (pool, keeps_memory) = match &self.source {
            Source::Pool(pool) => (pool.clone(), None),
            Source::Url(url) => {
                let plan = plan(url, &self, tables)?;
                let opening = self.open(plan, doubt.clone());
                match tokio::time::timeout_at(deadline, opening).await {
                    Ok(opened) => opened.map_err(of_connecting::<D>)?,
                    Err(_) => {
                        return Err(StoreError::unavailable("the database could not be reached in time"));
                    }
                }
            }
        };
        let connections = Connections {
            pool,
            route: self.route,
            timeout: self.timeout,
            relay: Relay::new(),
            doubt,
            words: Words::Withheld,
            writers: Arc::new(Semaphore::new(1)),
        };
        let store = Store::new(connections, names, keeps_memory);
        store.check(tables == Tables::MayBeMissing, deadline).await?;
        Ok(store)
    }

    async fn open(
        &self,
        plan: Plan<D>,
        doubt: Arc<Doubt>,
    ) -> Result<(Pool<D>, Option<D::Connection>), sqlx::Error> {
        // By itself first: the pool would try again until its time is over, and then not say why.
        let first = loop {
            match D::Connection::connect_with(&plan.first).await {
                // Others open a new file of SQLite too, and it cannot be waited for their turning on its log.
                Err(error) if matches!(Fault::of(&error, D::judge), Fault::NotDone(_)) => {
                    tokio::time::sleep(part_of(Duration::from_millis(20))).await;
                }
                connected => break connected?,
            }
        };
        // Short, so that a call finds one that works among several that the network has forgotten.
        let patience = (self.timeout / 5).min(Duration::from_secs(1));
        let pool = PoolOptions::<D>::new()
            .max_connections(self.max_connections.unwrap_or(plan.max_connections))
            .acquire_timeout(self.timeout)
            // Without a round trip before each call.
            .test_before_acquire(false)
            .before_acquire(move |connection, usage| {
                let ask = doubt.covers(usage.idle_for);
                Box::pin(async move {
                    if ask {
                        let asked = tokio::time::timeout(patience, connection.ping()).await;
                        asked.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
                    }
                    Ok(true)
                })
            });
        let pool = if plan.in_memory {
            pool.max_connections(1).idle_timeout(None).max_lifetime(None)
        } else {
            pool
        };
        let pool = pool.connect_lazy_with(plan.options);
        if plan.in_memory {
            return Ok((pool, Some(first)));
        }
        let _ = first.close().await;
        Ok((pool, None))
    }
}

/// The failure of the first connection: says what is wrong with what was configured.
fn of_connecting<D: Driver>(error: sqlx::Error) -> StoreError {
    match Fault::of(&error, D::judge) {
        Fault::Lost(_) if is_gibberish(&error) => StoreError::new(
            StoreErrorKind::Misconfigured,
            "what answered does not speak the protocol of this database, or shows a certificate that is not trusted",
        ),
        Fault::Lost(_) => Fault::Lost("the database could not be reached").into_error(error, Words::Quoted),
        fault => fault.into_error(error, Words::Quoted),
    }
}

fn is_gibberish(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Protocol(_) => true,
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

impl<D: Driver> fmt::Debug for Settings<D> {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("schema", &self.schema)
            .field("table", &self.table)
            .field("timeout", &self.timeout)
            .field("max_connections", &self.max_connections)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}
