//! The session store. A real application would change this module and [`strategies`](crate::strategies).

use std::error::Error;
use std::sync::Arc;

use authcore::MemoryStore;
use authcore::clock::Clock;
use authcore::store::SessionStore;
use authcore_redis::RedisStore;
use authcore_sql::{MySqlStore, PostgresStore, Purger, SqliteStore};

type Failure = Box<dyn Error + Send + Sync>;

/// The possible values of `--store`, for the help texts.
pub const STORES: &str = "memory, sqlite:PATH, postgres://user@host/database, \
    mysql://user@host/database, or redis://host[:port] (several, separated by commas, for a cluster)";

/// The store chosen on a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreChoice {
    /// The memory of this process.
    #[default]
    Memory,
    /// Redis or Valkey: the URL of a server, or those of several nodes of a cluster.
    Redis(String),
    /// SQLite: the path of a file, which is created if missing, or `:memory:`.
    Sqlite(String),
    /// PostgreSQL: the URL of a database.
    Postgres(String),
    /// MySQL or MariaDB: the URL of a database.
    MySql(String),
}

/// Creates or migrates the tables of a store and returns the store.
///
/// A real application can do so at deployment instead, as a database user with permission to create tables.
macro_rules! migrated {
    ($builder:expr) => {
        $builder.connect_and_migrate().await.map_err(|error| with_causes(&error))?
    };
}

impl StoreChoice {
    /// Parses the value of `--store`.
    ///
    /// # Errors
    ///
    /// Fails if the value is none of the [`STORES`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        let is_url = rest.starts_with("//");
        match scheme {
            "memory" if text == "memory" => Ok(Self::Memory),
            "redis" | "rediss" | "valkey" | "valkeys" if is_url => Ok(Self::Redis(text.to_owned())),
            "postgres" | "postgresql" if is_url => Ok(Self::Postgres(text.to_owned())),
            "mysql" | "mariadb" if is_url => Ok(Self::MySql(text.to_owned())),
            "sqlite" => Self::sqlite(rest.strip_prefix("//").unwrap_or(rest)),
            _ => Err(format!("--store must be {STORES}")),
        }
    }

    /// Parses a path. It is not a URL, so it needs no escaping and takes no options.
    fn sqlite(path: &str) -> Result<Self, String> {
        if path.is_empty() || path.contains('?') {
            return Err("--store sqlite: must be followed by a path without options".to_owned());
        }
        Ok(Self::Sqlite(path.to_owned()))
    }

    /// Opens the store and creates its tables if missing.
    ///
    /// `namespace` isolates the applications on one server or file and names the table: 1 to 40 characters of
    /// `a-z`, `0-9` and single underscores, without a leading digit. `clock` decides expiry in stores without
    /// their own expiry.
    ///
    /// # Errors
    ///
    /// Fails if the server or the file cannot be reached or used.
    pub async fn open(&self, namespace: &str, clock: impl Clock) -> Result<Arc<dyn SessionStore>, Failure> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::with_clock(clock)),
            Self::Redis(url) => {
                let store = RedisStore::builder(url).prefix(&format!("{namespace}:"));
                Arc::new(store.connect().await.map_err(|error| with_causes(&error))?)
            }
            Self::Sqlite(path) => {
                let url = format!("sqlite:{}", path.replace('%', "%25"));
                purged(migrated!(SqliteStore::builder(&url).table(namespace)), clock)?
            }
            Self::Postgres(url) => purged(migrated!(PostgresStore::builder(url).table(namespace)), clock)?,
            Self::MySql(url) => purged(migrated!(MySqlStore::builder(url).table(namespace)), clock)?,
        })
    }
}

/// Returns the store and starts a task that purges expired sessions, which SQL databases do not do by
/// themselves.
fn purged(store: impl SessionStore, clock: impl Clock) -> Result<Arc<dyn SessionStore>, Failure> {
    let store: Arc<dyn SessionStore> = Arc::new(store);
    tokio::spawn(Purger::builder(Arc::clone(&store)).clock(clock).build()?.run());
    Ok(store)
}

/// Returns the error and its causes in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Some errors repeat their cause in their own text.
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_chosen_by_their_scheme() {
        assert_eq!(StoreChoice::parse("memory"), Ok(StoreChoice::Memory));
        for url in ["redis://localhost", "rediss://h:1", "redis://a:1,redis://b:2", "valkey://h"] {
            assert_eq!(StoreChoice::parse(url), Ok(StoreChoice::Redis(url.to_owned())));
        }
        for url in ["postgres://localhost/app", "postgresql://u:p@h:1/app?sslmode=require"] {
            assert_eq!(StoreChoice::parse(url), Ok(StoreChoice::Postgres(url.to_owned())));
        }
        for url in ["mysql://localhost/app", "mariadb://u:p@h:1/app"] {
            assert_eq!(StoreChoice::parse(url), Ok(StoreChoice::MySql(url.to_owned())));
        }
        for bad in [
            "",
            "memory:",
            "memory://",
            "http://x",
            "localhost:6379",
            "redi",
            "redis:x",
            "postgres:x",
            "mysql:x",
        ] {
            assert!(StoreChoice::parse(bad).unwrap_err().contains("redis://"), "{bad}");
        }
    }

    #[test]
    fn behind_sqlite_stands_a_path() {
        for (text, path) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite:/tmp/a.db", "/tmp/a.db"),
            ("sqlite:///tmp/a.db", "/tmp/a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite::memory:", ":memory:"),
        ] {
            assert_eq!(StoreChoice::parse(text), Ok(StoreChoice::Sqlite(path.to_owned())), "{text}");
        }
        for bad in ["sqlite", "sqlite:", "sqlite://", "sqlite:a.db?mode=ro"] {
            assert!(StoreChoice::parse(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn the_path_is_taken_as_it_is_typed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("100%41 of it#1.db");
        let choice = StoreChoice::parse(&format!("sqlite:{}", path.display())).unwrap();
        choice.open("authcore_example_test", authcore::clock::SystemClock).await.unwrap();
        assert!(path.is_file(), "{:?}", std::fs::read_dir(folder.path()).unwrap().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_failure_says_why() {
        for (text, expected) in [
            ("sqlite:/no/such/folder/a.db", "cannot be opened"),
            ("postgres://127.0.0.1:1/a", "could not be reached"),
            ("mysql://127.0.0.1:1/a", "could not be reached"),
        ] {
            let choice = StoreChoice::parse(text).unwrap();
            let error =
                choice.open("authcore_example_test", authcore::clock::SystemClock).await.err().unwrap();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }
}
