//! The store on MySQL and MariaDB.

use std::str::FromStr as _;

use crate::builder::{ConnectionPlan, Settings, Tables};
use crate::dialect::mysql::URL;
use crate::url::{self, UrlError};

session_store!(
    /// Sessions in MySQL 8.0 or MariaDB 10.6, or later releases.
    ///
    /// Clones share one connection pool. A store must be used on a tokio runtime with time and I/O enabled.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Auth, ServerSessions};
    /// use authcore_sql::MySqlStore;
    ///
    /// let store = MySqlStore::connect_and_migrate("mysql://app:secret@localhost/app").await?;
    /// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
    /// # Ok(())
    /// # }
    /// ```
    MySqlStore,
    /// Returns a builder for the database at a URL: `mysql://user:password@host[:port]/database`.
    ///
    /// With `?ssl-mode=VERIFY_IDENTITY`, the connection uses TLS and the server must prove its identity. With
    /// `?socket=/path`, the host must be `localhost` and have no port.
    builder: MySqlStoreBuilder,
    database: sqlx::MySql,
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore_sql::MySqlStore;
    /// use authcore_sql::sqlx::MySqlPool;
    ///
    /// let pool = MySqlPool::connect("mysql://app:secret@localhost/app").await?;
    /// let store = MySqlStore::with_pool(pool.clone()).connect_and_migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pool: sqlx::MySqlPool,
    plan: plan_connections
);

impl MySqlStoreBuilder {
    /// Sets the database of the table, which MySQL also calls a schema: 1 to 40 characters of `a-z`, `0-9`
    /// and underscores that do not begin with a digit (rule S12). The default is the connection's database.
    /// `migrate` creates a database that does not exist.
    pub fn schema(mut self, name: &str) -> Self {
        self.0.schema = Some(name.to_owned());
        self
    }
}

fn plan_connections(
    url: &str,
    _: &Settings<sqlx::MySql>,
    _: Tables,
) -> Result<ConnectionPlan<sqlx::MySql>, UrlError> {
    url::check_server(url, &URL)?;
    let options = sqlx::mysql::MySqlConnectOptions::from_str(url).map_err(|_| UrlError::REFUSED)?;
    Ok(ConnectionPlan { first: options.clone(), options, max_connections: 10, in_memory: false })
}
