//! The store on PostgreSQL.

use std::str::FromStr as _;

use crate::builder::{ConnectionPlan, Settings, Tables};
use crate::dialect::postgres::{STATEMENT_CACHE, URL};
use crate::sql::PoolMode;
use crate::url::{self, UrlError};

session_store!(
    /// Sessions in PostgreSQL 13 or later.
    ///
    /// Clones share one connection pool. A store must be used on a tokio runtime with time and I/O enabled.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Auth, ServerSessions};
    /// use authcore_sql::PostgresStore;
    ///
    /// let store = PostgresStore::connect_and_migrate("postgres://app:secret@localhost/app").await?;
    /// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
    /// # Ok(())
    /// # }
    /// ```
    PostgresStore,
    /// Returns a builder for the database at a URL: `postgres://user:password@host[:port]/database`.
    ///
    /// With `?sslmode=verify-full`, the connection uses TLS and the server must prove its identity.
    builder: PostgresStoreBuilder,
    database: sqlx::Postgres,
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore_sql::PostgresStore;
    /// use authcore_sql::sqlx::PgPool;
    ///
    /// let pool = PgPool::connect("postgres://app:secret@localhost/app").await?;
    /// let store = PostgresStore::with_pool(pool.clone()).connect_and_migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pool: sqlx::PgPool,
    plan: plan_connections
);

impl PostgresStoreBuilder {
    /// Sets the schema of the table: 1 to 40 characters of `a-z`, `0-9` and underscores that do not begin
    /// with a digit (rule S12). The default is the connection's schema. `migrate` creates a schema that
    /// does not exist.
    pub fn schema(mut self, name: &str) -> Self {
        self.0.schema = Some(name.to_owned());
        self
    }

    /// Makes the store work through a connection pooler in transaction mode, such as PgBouncer with
    /// `pool_mode = transaction`, which gives each transaction another session of the server.
    ///
    /// Each call is then one transaction, and its statements have no names. It takes four round trips
    /// instead of one, so do not set this for a direct connection or a pooler in session mode. The store
    /// omits the startup parameter `extra_float_digits`, which PgBouncer refuses. An existing pool must be
    /// created with `PgConnectOptions::extra_float_digits(None)`.
    pub fn transaction_pooler(mut self) -> Self {
        self.0.pool_mode = PoolMode::Transaction;
        self
    }
}

fn plan_connections(
    url: &str,
    settings: &Settings<sqlx::Postgres>,
    _: Tables,
) -> Result<ConnectionPlan<sqlx::Postgres>, UrlError> {
    let parameters = url::check_server(url, &URL)?;
    let mut options = sqlx::postgres::PgConnectOptions::from_str(url).map_err(|_| UrlError::REFUSED)?;
    if settings.pool_mode == PoolMode::Transaction {
        if parameters.iter().any(|(name, _)| name == STATEMENT_CACHE) {
            let problem =
                format!("`{STATEMENT_CACHE}` has no effect with `transaction_pooler()`: leave it out");
            return Err(UrlError::from(problem));
        }
        options = options.extra_float_digits(None);
    }
    Ok(ConnectionPlan { first: options.clone(), options, max_connections: 10, in_memory: false })
}
