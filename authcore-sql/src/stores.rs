//! The three stores: what hosts see of the one that is written once.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use crate::builder::{Plan, Settings, Source, Tables};
use crate::call::Route;
use crate::store::Store;
use crate::url::{self, UrlError};
use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};

macro_rules! store {
    (
        $(#[$store_docs:meta])*
        $store:ident,
        $(#[$url_docs:meta])*
        $builder:ident,
        $database:ty,
        $pool:ty,
        $plan:path
    ) => {
        $(#[$store_docs])*
        #[derive(Clone)]
        pub struct $store(Store<$database>);

        impl $store {
            /// Connects with the default options to a database in which `migrate` was run; see the builder.
            ///
            /// # Errors
            ///
            /// As those of the builder's `connect`.
            pub async fn connect(url: &str) -> Result<Self, StoreError> {
                Self::builder(url).connect().await
            }

            $(#[$url_docs])*
            pub fn builder(url: &str) -> $builder {
                $builder(Settings::new(Source::Url(url.to_owned())))
            }

            /// Makes the tables, or brings them from an older release to this one. What was done already is
            /// not done again, and of many processes that migrate at once, one does it and the others wait.
            /// What was run is written down in a table of its own, beside the sessions and away from the
            /// host's own migrations.
            ///
            /// # Errors
            ///
            /// `Misconfigured` if the tables are those of a newer release or not ours, or if the user may not
            /// make tables. `Unavailable` if the database cannot be asked, or if another process has not
            /// ended its migration within two minutes. As far as the database can, a migration that failed
            /// has changed nothing.
            pub async fn migrate(&self) -> Result<(), StoreError> {
                self.0.migrate().await
            }
        }

        #[async_trait]
        impl SessionStore for $store {
            async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
                self.0.insert(record).await
            }

            async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
                self.0.load(id).await
            }

            async fn replace(&self, record: &SessionRecord, expected: RecordVersion) -> Result<ReplaceOutcome, StoreError> {
                self.0.replace(record, expected).await
            }

            async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
                self.0.remove(id).await
            }

            async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
                self.0.list(subject).await
            }

            async fn remove_all(
                &self,
                subject: &Subject,
                keep: Option<SessionId>,
            ) -> Result<Vec<SessionId>, StoreError> {
                self.0.remove_all(subject, keep).await
            }

            /// Removes at most 10,000 in one call, whatever the limit.
            async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
                self.0.purge_expired(now, limit).await
            }
        }

        impl fmt::Debug for $store {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($store))
                    .field("names", &self.0.inner().names)
                    .field("timeout", &self.0.inner().connections.timeout)
                    .finish_non_exhaustive()
            }
        }

        #[doc = concat!("Builds a [`", stringify!($store), "`].")]
        #[derive(Debug)]
        #[must_use]
        pub struct $builder(Settings<$database>);

        impl $builder {
            /// Sets the table's name: 1 to 40 of `a-z`, `0-9` and single underscores, and no digit first
            /// (rule S12). The default is `authcore_sessions`. Applications that share a database take one
            /// each.
            pub fn table(mut self, name: &str) -> Self {
                name.clone_into(&mut self.0.table);
                self
            }

            /// Sets how long a call may take, with the waiting for a connection and all attempts (rule S13):
            /// the default is 5 seconds, the longest a day.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.0.timeout = timeout;
                self
            }

            /// Sets how many connections the store may open. A pool of the host's keeps its own limit.
            pub fn max_connections(mut self, count: u32) -> Self {
                self.0.max_connections = Some(count);
                self
            }

            /// Connects to a database in which `migrate` was run.
            ///
            /// # Errors
            ///
            /// `Misconfigured` if the URL, a name or a number cannot be used, if the database refuses the
            /// user or can only be read, and if the tables are missing, are those of another release or not
            /// ours: it says which. `Unavailable` if the database cannot be reached.
            pub async fn connect(self) -> Result<$store, StoreError> {
                self.0.connect(Tables::MustBeThere, $plan).await.map($store)
            }

            /// As `connect`, but the tables may be missing or those of an older release: for
            #[doc = concat!("[`", stringify!($store), "::migrate`]. Calls fail until that was run.")]
            ///
            /// # Errors
            ///
            /// As those of `connect`, but for missing tables and those of an older release.
            pub async fn connect_unmigrated(self) -> Result<$store, StoreError> {
                self.0.connect(Tables::MayBeMissing, $plan).await.map($store)
            }
        }

        /// Takes a pool of the host's, whose own options hold. A call may take as long as the builder says
        /// all the same.
        impl From<$pool> for $builder {
            fn from(pool: $pool) -> Self {
                Self(Settings::new(Source::Pool(pool)))
            }
        }
    };
}

#[cfg(feature = "postgres")]
store!(
    /// Sessions in PostgreSQL 13 or later.
    ///
    /// Clones share one pool of connections. To be used on a tokio runtime with its timer and its I/O.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Auth, ServerSessions};
    /// use authcore_sql::PostgresStore;
    ///
    /// let store = PostgresStore::builder("postgres://app:secret@localhost/app").connect_unmigrated().await?;
    /// store.migrate().await?;
    /// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
    /// # Ok(())
    /// # }
    /// ```
    PostgresStore,
    /// Starts with the server's URL: `postgres://user:password@host[:port]/database`. With
    /// `?sslmode=verify-full` the server must prove who it is.
    PostgresStoreBuilder,
    sqlx::Postgres,
    sqlx::PgPool,
    postgres_plan
);

#[cfg(feature = "postgres")]
impl PostgresStoreBuilder {
    /// Sets the schema of the table: 1 to 40 of `a-z`, `0-9` and underscores, and no digit first (rule S12).
    /// The default is the connection's. `migrate` makes it if it is not there.
    pub fn schema(mut self, name: &str) -> Self {
        self.0.schema = Some(name.to_owned());
        self
    }

    /// Works through a connection pooler in transaction mode, such as PgBouncer with `pool_mode =
    /// transaction`, which gives each transaction another session of the server.
    ///
    /// Each call is then a transaction of its own, with statements that have no name. It takes four round
    /// trips instead of one, so leave this out for a direct connection and for a pooler in session mode. The
    /// startup parameter `extra_float_digits`, which PgBouncer refuses, is not sent; a pool of the host's
    /// sets that in its own options.
    pub fn transaction_pooler(mut self) -> Self {
        self.0.route = Route::TransactionPooler;
        self
    }
}

#[cfg(feature = "postgres")]
fn postgres_plan(
    url: &str,
    settings: &Settings<sqlx::Postgres>,
    _: Tables,
) -> Result<Plan<sqlx::Postgres>, UrlError> {
    use crate::dialect::postgres::{STATEMENT_CACHE, URL};

    let parameters = url::check_server(url, &URL)?;
    let mut options = sqlx::postgres::PgConnectOptions::from_str(url).map_err(|_| UrlError::REFUSED)?;
    if settings.route == Route::TransactionPooler {
        if parameters.iter().any(|(name, _)| name == STATEMENT_CACHE) {
            let detail = format!("`{STATEMENT_CACHE}` has no effect with `transaction_pooler()`");
            return Err(UrlError::of(detail));
        }
        options = options.extra_float_digits(None);
    }
    Ok(Plan { first: options.clone(), options, max_connections: 10, in_memory: false })
}

#[cfg(feature = "mysql")]
store!(
    /// Sessions in MySQL 8.0 or MariaDB 10.6, or later ones.
    ///
    /// Clones share one pool of connections. To be used on a tokio runtime with its timer and its I/O.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Auth, ServerSessions};
    /// use authcore_sql::MySqlStore;
    ///
    /// let store = MySqlStore::builder("mysql://app:secret@localhost/app").connect_unmigrated().await?;
    /// store.migrate().await?;
    /// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
    /// # Ok(())
    /// # }
    /// ```
    MySqlStore,
    /// Starts with the server's URL: `mysql://user:password@host[:port]/database`. With
    /// `?ssl-mode=VERIFY_IDENTITY` the server must prove who it is.
    MySqlStoreBuilder,
    sqlx::MySql,
    sqlx::MySqlPool,
    mysql_plan
);

#[cfg(feature = "mysql")]
impl MySqlStoreBuilder {
    /// Sets the database of the table, which MySQL calls a schema too: 1 to 40 of `a-z`, `0-9` and
    /// underscores, and no digit first (rule S12). The default is the connection's. `migrate` makes it if it
    /// is not there.
    pub fn schema(mut self, name: &str) -> Self {
        self.0.schema = Some(name.to_owned());
        self
    }
}

#[cfg(feature = "mysql")]
fn mysql_plan(url: &str, _: &Settings<sqlx::MySql>, _: Tables) -> Result<Plan<sqlx::MySql>, UrlError> {
    url::check_server(url, &crate::dialect::mysql::URL)?;
    let options = sqlx::mysql::MySqlConnectOptions::from_str(url).map_err(|_| UrlError::REFUSED)?;
    Ok(Plan { first: options.clone(), options, max_connections: 10, in_memory: false })
}

#[cfg(feature = "sqlite")]
store!(
    /// Sessions in a file of SQLite, for one machine: they survive a restart, and processes can share them.
    ///
    /// The file is kept with a write-ahead log, and every write is on the disk when it is acknowledged.
    /// Clones share one pool of connections, each of which has a thread. To be used on a tokio runtime with
    /// its timer.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Auth, Login, ServerSessions};
    /// use authcore_sql::SqliteStore;
    ///
    /// let store = SqliteStore::builder("sqlite::memory:").connect_unmigrated().await?;
    /// store.migrate().await?;
    /// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
    /// let issued = auth.login(Login::new("user-42")?).await?;
    /// assert_eq!(auth.authenticate(issued.credential().expose()).await?.subject(), "user-42");
    /// # Ok(())
    /// # }
    /// ```
    SqliteStore,
    /// Starts with the database's URL: `sqlite:path/of/file.db`, or `sqlite::memory:` for one that ends with
    /// the store. `connect_unmigrated` makes the file if it is not there.
    SqliteStoreBuilder,
    sqlx::Sqlite,
    sqlx::SqlitePool,
    sqlite_plan
);

#[cfg(feature = "sqlite")]
fn sqlite_plan(
    url: &str,
    settings: &Settings<sqlx::Sqlite>,
    tables: Tables,
) -> Result<Plan<sqlx::Sqlite>, UrlError> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

    url::check_file(url, "sqlite", crate::dialect::sqlite::PARAMETERS)?;
    let (path, parameters) = url.split_once('?').unwrap_or((url, ""));
    let in_memory = path.ends_with(":memory:") || parameters.contains("mode=memory");
    let options = SqliteConnectOptions::from_str(url).map_err(|_| UrlError::REFUSED)?;
    let mut options = options.busy_timeout(settings.timeout).synchronous(SqliteSynchronous::Full);
    // Of one that may only be read it is said later that it cannot be used.
    if !in_memory && !parameters.contains("mode=ro") {
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    // Not by later connections: a file that was taken away is not to be replaced by an empty one.
    let makes_file = !in_memory && tables == Tables::MayBeMissing && !parameters.contains("mode=ro");
    let first = options.clone();
    let first = if makes_file { first.create_if_missing(true) } else { first };
    Ok(Plan { first, options, max_connections: 4, in_memory })
}
