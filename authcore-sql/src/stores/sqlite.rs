//! The store on SQLite.

use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::builder::{ConnectionPlan, Settings, Tables};
use crate::dialect::sqlite::PARAMETERS;
use crate::url::{self, UrlError};

session_store!(
    /// Sessions in a SQLite file. They survive a restart, and the processes of one machine can share them.
    ///
    /// The file has a write-ahead log, and each write is on the disk before it is acknowledged. Clones
    /// share one connection pool, and each connection has a thread. A store must be used on a tokio runtime
    /// with time enabled.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Auth, Login, ServerSessions};
    /// use authcore_sql::SqliteStore;
    ///
    /// let store = SqliteStore::connect_and_migrate("sqlite::memory:").await?;
    /// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
    /// let issued = auth.login(Login::new("user-42")?).await?;
    /// assert_eq!(auth.authenticate(issued.credential().expose()).await?.subject(), "user-42");
    /// # Ok(())
    /// # }
    /// ```
    SqliteStore,
    /// Returns a builder for the database at a URL: `sqlite:path/of/file.db`, or `sqlite::memory:` for a
    /// database that ends with the store.
    ///
    /// `connect_and_migrate` and `connect_unmigrated` create a file that does not exist; `connect` does not.
    builder: SqliteStoreBuilder,
    database: sqlx::Sqlite,
    /// A pool for a database in memory must have one connection, without an idle timeout or a maximum
    /// lifetime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore_sql::SqliteStore;
    /// use authcore_sql::sqlx::sqlite::SqlitePoolOptions;
    ///
    /// let pool = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    /// let pool = pool.connect("sqlite::memory:").await?;
    /// let store = SqliteStore::with_pool(pool.clone()).connect_and_migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pool: sqlx::SqlitePool,
    plan: plan_connections
);

fn plan_connections(
    url: &str,
    settings: &Settings<sqlx::Sqlite>,
    tables: Tables,
) -> Result<ConnectionPlan<sqlx::Sqlite>, UrlError> {
    let parameters = url::check_file(url, "sqlite", PARAMETERS)?;
    let has_mode = |mode: &str| parameters.iter().any(|(name, value)| name == "mode" && value == mode);
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    let in_memory = path.ends_with(":memory:") || has_mode("memory");
    let options = SqliteConnectOptions::from_str(url).map_err(|_| UrlError::REFUSED)?;
    let mut options = options.busy_timeout(settings.timeout).synchronous(SqliteSynchronous::Full);
    // Opening a read-only file succeeds; a later check refuses it with a better error.
    let is_read_only = has_mode("ro");
    if !in_memory && !is_read_only {
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    // Only the first connection creates the file: a file that was removed must not be replaced by an empty
    // one.
    let creates_file = !in_memory && !is_read_only && tables == Tables::Optional;
    let first = options.clone();
    let first = if creates_file { first.create_if_missing(true) } else { first };
    Ok(ConnectionPlan { first, options, max_connections: 4, in_memory })
}
