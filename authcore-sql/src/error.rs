//! What a failure of the database, or of the way to it, means for a store.

use std::fmt;

use authcore::store::{StoreError, StoreErrorKind};
use sqlx::error::DatabaseError;

/// What is known of a call that failed (rules S10, S16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The id is taken, or something else that must be unique.
    Taken,
    /// Nothing was done, and doing it again may help.
    NotDone(&'static str),
    /// Nothing was done, and by this connection nothing will be.
    NotHere(&'static str),
    /// Whether it was done is not known, and the connection is of no more use.
    Lost(&'static str),
    /// Nothing was done, and doing it again does not help.
    Refused(StoreErrorKind, &'static str),
}

pub(crate) const RUN_MIGRATE: &str =
    "the table of sessions is missing: run `migrate` of a store that was built by `connect_unmigrated`";

pub(crate) const REFUSED_AS_TAKEN: &str = "an index that `migrate` did not make refused a session";

const LOCKED: Fault = Fault::NotDone("the database was busy with others that want the same rows");
const READ_ONLY: Fault = Fault::NotHere("the database has become read-only");
const SHUT_DOWN: Fault = Fault::Lost("the database is shutting down, or ended the connection");
const FULL: Fault = Fault::Refused(StoreErrorKind::Unavailable, "the database's disk is full");
const NO_MEMORY: Fault = Fault::Refused(StoreErrorKind::Unavailable, "the database is out of memory");
const BUSY: Fault = Fault::Refused(StoreErrorKind::Unavailable, "the database takes no more connections");
const NO_TABLE: Fault = Fault::Refused(StoreErrorKind::Misconfigured, RUN_MIGRATE);
pub(crate) const OTHER_TABLE: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "the table of sessions is not as `migrate` makes it");
const DENIED: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "the database does not let this user do that");
const NOT_LET_IN: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "the database refused user or password");
const NO_DATABASE: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "there is no database or schema of that name");
pub(crate) const POOLED: Fault = Fault::Refused(
    StoreErrorKind::Misconfigured,
    "a connection pooler in transaction mode loses prepared statements, or runs those of others: build the store \
     with `transaction_pooler()`",
);

impl Fault {
    pub(crate) fn of(error: &sqlx::Error, judge: fn(&dyn DatabaseError) -> Self) -> Self {
        use StoreErrorKind::{Corrupt, Misconfigured, Unavailable};

        match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => Self::Taken,
            sqlx::Error::Database(error) => judge(&**error),
            sqlx::Error::Configuration(_) | sqlx::Error::InvalidArgument(_) => {
                Self::Refused(Misconfigured, "the options of the connection cannot be used")
            }
            sqlx::Error::Tls(error) if error.to_string().contains("without TLS") => Self::Refused(
                Misconfigured,
                "the connection has to use TLS, and this build has none: turn on the feature `tls`",
            ),
            sqlx::Error::Tls(_) => {
                Self::Refused(Misconfigured, "no TLS could be agreed on with the database")
            }
            sqlx::Error::PoolTimedOut => Self::Refused(
                Unavailable,
                "no connection to the database was free, or could be made, in time",
            ),
            sqlx::Error::PoolClosed => Self::Refused(Unavailable, "the pool of connections is closed"),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Refused(Corrupt, "a column of a session holds something else")
            }
            sqlx::Error::ColumnIndexOutOfBounds { .. } | sqlx::Error::RowNotFound => {
                Self::Refused(Misconfigured, "the database gave an answer of another shape than expected")
            }
            _ => Self::Lost("the connection to the database was lost"),
        }
    }

    /// Whether the connection must not be used again.
    pub(crate) const fn breaks_connection(self) -> bool {
        matches!(self, Self::Lost(_) | Self::NotHere(_))
    }

    /// What the caller is told.
    pub(crate) fn into_error(self, cause: sqlx::Error, words: Words) -> StoreError {
        let (kind, context) = match self {
            Self::Taken => (StoreErrorKind::Misconfigured, REFUSED_AS_TAKEN),
            Self::NotDone(context) | Self::NotHere(context) | Self::Lost(context) => {
                (StoreErrorKind::Unavailable, context)
            }
            Self::Refused(kind, context) => (kind, context),
        };
        let error = StoreError::new(kind, context);
        match cause {
            sqlx::Error::Database(cause) => error.with_source(Cause::of(&*cause, words)),
            // In the driver's words these quote the URL, or a value.
            sqlx::Error::Configuration(_)
            | sqlx::Error::InvalidArgument(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::Protocol(_) => error,
            cause => error.with_source(cause),
        }
    }
}

/// Whether an error may be told in the database's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    /// There is no session in what was asked: the first connection, a migration.
    Quoted,
    /// Those words may have a row in them, with its digests and claims: those of constraints have, and
    /// triggers may say what they like under any code (rule S10). The code alone says enough.
    Withheld,
}

/// What the database said.
struct Cause {
    code: String,
    message: Option<String>,
}

impl Cause {
    fn of(error: &dyn DatabaseError, words: Words) -> Self {
        let message = (words == Words::Quoted).then(|| error.message().to_owned());
        Self { code: error.code().unwrap_or_default().into_owned(), message }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} (code {})", self.code),
            None => write!(f, "code {} of the database", self.code),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({self})")
    }
}

impl std::error::Error for Cause {}

/// By SQLSTATE (PostgreSQL's documentation, appendix A).
#[cfg(feature = "postgres")]
pub(crate) fn judge_postgres(error: &dyn DatabaseError) -> Fault {
    let code = error.code().unwrap_or_default();
    match &*code {
        "40001" | "40P01" | "55P03" => LOCKED,
        "25006" => READ_ONLY,
        // Ended because it was idle: so it did nothing.
        "57P05" => Fault::NotHere("the database ended a connection that was idle"),
        // A plan from before a migration.
        "0A000" => Fault::NotHere("the table of sessions was changed meanwhile"),
        "42P01" => NO_TABLE,
        "42703" | "42804" | "42883" | "42P10" | "42809" => OTHER_TABLE,
        "42P07" | "42710" => Fault::Refused(
            StoreErrorKind::Misconfigured,
            "something else has a name that `migrate` wants to use",
        ),
        "42501" => DENIED,
        "28P01" | "28000" => NOT_LET_IN,
        "3D000" | "3F000" => NO_DATABASE,
        "26000" | "42P05" => POOLED,
        "08P01" => judge_protocol_violation(error.message()),
        "53100" => FULL,
        "53200" => NO_MEMORY,
        "53300" => BUSY,
        "57014" => Fault::Refused(StoreErrorKind::Unavailable, "the database cancelled the statement"),
        code if code.starts_with("08") || code.starts_with("57") => SHUT_DOWN,
        code if code.starts_with("22") || code.starts_with("23") => Fault::Refused(
            StoreErrorKind::Misconfigured,
            "a rule that `migrate` did not make refused a session",
        ),
        code if code.starts_with("42") => {
            Fault::Refused(StoreErrorKind::Misconfigured, "the database does not understand a statement")
        }
        _ => Fault::Lost("the database failed"),
    }
}

/// By the words: PgBouncer says all that it says under this code, and the server that a statement is not the
/// one it was.
#[cfg(feature = "postgres")]
fn judge_protocol_violation(message: &str) -> Fault {
    let says = |words: &str| message.contains(words);
    if says("unsupported startup parameter") {
        Fault::Refused(
            StoreErrorKind::Misconfigured,
            "the connection pooler refuses a startup parameter: build the store with `transaction_pooler()`, \
             which leaves out `extra_float_digits`, and take any other out of the URL",
        )
    } else if says("statement pooling mode") {
        Fault::Refused(
            StoreErrorKind::Misconfigured,
            "the connection pooler is in statement mode, which forbids transactions: set its `pool_mode` to \
             `transaction`",
        )
    } else if says("bind message") || says("prepared statement") {
        POOLED
    } else if says("no such database") {
        NO_DATABASE
    } else if says("no such user") || says("auth failed") || says("authentication failed") {
        NOT_LET_IN
    } else if says("no more connections") {
        BUSY
    } else {
        SHUT_DOWN
    }
}

/// By number (MySQL's and MariaDB's error references).
#[cfg(feature = "mysql")]
pub(crate) fn judge_mysql(error: &dyn DatabaseError) -> Fault {
    let number =
        error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map_or(0, |error| error.number());
    match number {
        // Deadlock, and a change that a cluster's other nodes refused; lock wait timeout.
        1205 | 1213 | 3572 => LOCKED,
        1290 | 1792 | 1836 => READ_ONLY,
        1615 => Fault::NotHere("the table of sessions was changed meanwhile"),
        1146 => NO_TABLE,
        1054 | 1136 | 1347 => OTHER_TABLE,
        1044 | 1142 | 1143 | 1227 | 1370 => DENIED,
        1045 | 1251 | 1698 | 2049 => NOT_LET_IN,
        1049 | 1046 => NO_DATABASE,
        1021 | 1114 => FULL,
        1037 | 1038 | 1041 => NO_MEMORY,
        1665 => Fault::Refused(
            StoreErrorKind::Misconfigured,
            "the database writes its binary log by statements: set `binlog_format` to ROW or MIXED",
        ),
        1040 | 1203 | 1226 => BUSY,
        1317 | 1969 | 3024 => {
            Fault::Refused(StoreErrorKind::Unavailable, "the database cancelled the statement")
        }
        1048 | 1264 | 1265 | 1366 | 1406 | 1644 | 3819 | 4025 => Fault::Refused(
            StoreErrorKind::Misconfigured,
            "a rule that `migrate` did not make refused a session",
        ),
        1064 | 1235 => {
            Fault::Refused(StoreErrorKind::Misconfigured, "the database does not understand a statement")
        }
        1053 | 1077 | 1079 | 1080 | 1927 => SHUT_DOWN,
        _ => Fault::Lost("the database failed"),
    }
}

/// By primary result code (SQLite's 'Result and Error Codes').
#[cfg(feature = "sqlite")]
pub(crate) fn judge_sqlite(error: &dyn DatabaseError) -> Fault {
    let code: u32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let misconfigured = |context| Fault::Refused(StoreErrorKind::Misconfigured, context);
    match code & 0xff {
        // Also those of a statement that another connection's migration overtook.
        5 | 6 | 17 => LOCKED,
        8 => misconfigured("the SQLite database cannot be written to"),
        13 => FULL,
        14 => misconfigured("the SQLite database cannot be opened: is its folder there, and `migrate` run?"),
        23 => DENIED,
        26 => misconfigured("that file is no SQLite database"),
        11 => Fault::Refused(StoreErrorKind::Corrupt, "the SQLite database is damaged"),
        1 if error.message().contains("no such table") => NO_TABLE,
        1 if error.message().contains("column") => OTHER_TABLE,
        1 if error.message().contains("already exists") => {
            misconfigured("something else has a name that `migrate` wants to use")
        }
        1 => misconfigured("SQLite does not understand a statement"),
        19 => misconfigured("a rule that `migrate` did not make refused a session"),
        _ => Fault::Refused(StoreErrorKind::Unavailable, "SQLite failed"),
    }
}
