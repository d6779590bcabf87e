//! What a failure of the database, or of the connection to it, means for a store.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::fmt;

use authcore::store::{StoreError, StoreErrorKind};
use sqlx::error::DatabaseError;

use crate::sql::PoolMode;

/// What is known about a call that failed (rules S10, S16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The id is taken, or another value that must be unique.
    Taken,
    /// The call did not take effect, and another attempt may succeed.
    NotDone(&'static str),
    /// The call did not take effect, and no call over this connection will.
    NotHere(&'static str),
    /// The call may have taken effect. The connection is of no more use.
    Lost(&'static str),
    /// The call did not take effect, and another attempt will fail too.
    Refused(StoreErrorKind, &'static str),
    /// A connection pooler prevented the call, and will do so again.
    Pooler(PoolerFault),
}

/// What a connection pooler refused or broke (rule S18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolerFault {
    /// It does not know a parameter that the connection sent at its start.
    StartupParameter,
    /// It gave the connection a session that does not know a prepared statement, or knows another one.
    PreparedStatement,
    /// It forbids transactions.
    StatementMode,
}

pub(crate) const RUN_MIGRATE: &str =
    "the sessions table does not exist: run `migrate`, or build the store with `connect_and_migrate`";

pub(crate) const FOREIGN_INDEX: &str =
    "a unique index or constraint that is not part of the migrations refused a session";

const LOCKED: Fault = Fault::NotDone("other transactions kept locking the same rows");
/// The database gave up waiting for a lock.
pub(crate) const LOCK_TIMEOUT: Fault = Fault::NotDone("another transaction held a lock for too long");
const READ_ONLY: Fault = Fault::NotHere("the database has become read-only");
const SHUT_DOWN: Fault = Fault::Lost("the database is shutting down or has closed the connection");
const FAILED: Fault = Fault::Lost("the database reported an unknown failure");
const FULL: Fault = Fault::Refused(StoreErrorKind::Unavailable, "the database's disk is full");
const NO_MEMORY: Fault = Fault::Refused(StoreErrorKind::Unavailable, "the database is out of memory");
const NO_MORE_CONNECTIONS: Fault =
    Fault::Refused(StoreErrorKind::Unavailable, "the database accepts no more connections");
const CANCELLED: Fault = Fault::Refused(StoreErrorKind::Unavailable, "the database cancelled the statement");
const NO_TABLE: Fault = Fault::Refused(StoreErrorKind::Misconfigured, RUN_MIGRATE);
pub(crate) const OTHER_TABLE: Fault = Fault::Refused(
    StoreErrorKind::Misconfigured,
    "the columns of the sessions table are not those that `migrate` creates",
);
const NAME_TAKEN: Fault = Fault::Refused(
    StoreErrorKind::Misconfigured,
    "the database already has something with a name that `migrate` needs: choose another table name",
);
const TABLE_CHANGED: Fault = Fault::NotHere("the sessions table was altered during the call");
const DENIED: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "the database user lacks a privilege that the store needs");
const LOGIN_REFUSED: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "the database refused the user or password");
const NO_DATABASE: Fault =
    Fault::Refused(StoreErrorKind::Misconfigured, "no database or schema with that name exists");
const FOREIGN_RULE: Fault = Fault::Refused(
    StoreErrorKind::Misconfigured,
    "a constraint or trigger that is not part of the migrations refused a session",
);
const BAD_STATEMENT: Fault = Fault::Refused(
    StoreErrorKind::Misconfigured,
    "the database does not understand a statement of the store",
);

impl Fault {
    /// Classifies a failure. `database` classifies the errors that the database itself reported.
    pub(crate) fn classify(error: &sqlx::Error, database: fn(&dyn DatabaseError) -> Self) -> Self {
        use StoreErrorKind::{Corrupt, Misconfigured, Unavailable};

        match error {
            sqlx::Error::Database(error) if error.is_unique_violation() => Self::Taken,
            sqlx::Error::Database(error) => database(&**error),
            sqlx::Error::Configuration(_) | sqlx::Error::InvalidArgument(_) => {
                Self::Refused(Misconfigured, "the driver refused the connection's options")
            }
            sqlx::Error::Tls(error) if error.to_string().contains("without TLS") => Self::Refused(
                Misconfigured,
                "the connection requires TLS, which this build does not include: enable the feature `tls`",
            ),
            sqlx::Error::Tls(_) => {
                Self::Refused(Misconfigured, "a TLS connection to the database could not be established")
            }
            sqlx::Error::PoolTimedOut => {
                Self::Refused(Unavailable, "no connection was free, or could be opened, in time")
            }
            sqlx::Error::PoolClosed => Self::Refused(Unavailable, "the connection pool is closed"),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Refused(Corrupt, "a column of a session has a value of the wrong type")
            }
            sqlx::Error::ColumnIndexOutOfBounds { .. } | sqlx::Error::RowNotFound => {
                Self::Refused(Misconfigured, "the database returned fewer rows or columns than expected")
            }
            _ => Self::Lost("the connection to the database was lost"),
        }
    }

    /// Returns whether the connection must not be used again.
    pub(crate) const fn breaks_connection(self) -> bool {
        matches!(self, Self::Lost(_) | Self::NotHere(_))
    }

    /// Returns the error for the caller.
    pub(crate) fn into_error(self, cause: sqlx::Error, reporting: Reporting) -> StoreError {
        let (kind, context) = match self {
            Self::Taken => (StoreErrorKind::Misconfigured, FOREIGN_INDEX),
            Self::NotDone(context) | Self::NotHere(context) | Self::Lost(context) => {
                (StoreErrorKind::Unavailable, context)
            }
            Self::Refused(kind, context) => (kind, context),
            Self::Pooler(fault) => (StoreErrorKind::Misconfigured, fault.advice(reporting.access)),
        };
        let error = StoreError::new(kind, context);
        match cause {
            sqlx::Error::Database(cause) => error.with_source(Cause::new(&*cause, reporting.detail)),
            // The driver's texts for these quote the URL or a value.
            sqlx::Error::Configuration(_)
            | sqlx::Error::InvalidArgument(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::Protocol(_) => error,
            cause => error.with_source(cause),
        }
    }
}

impl PoolerFault {
    /// Returns what is wrong and what to do, for a store that reaches the database in this way.
    const fn advice(self, access: Access) -> &'static str {
        match (self, access.pool_mode, access.pool_owner) {
            (Self::StartupParameter, PoolMode::Session, PoolOwner::Store) => {
                "the connection pooler refuses a startup parameter: build the store with \
                 `transaction_pooler()`, which omits `extra_float_digits`, and remove any other from the \
                 URL"
            }
            (Self::StartupParameter, PoolMode::Transaction, PoolOwner::Store) => {
                "the connection pooler refuses a startup parameter: remove `options` from the URL and \
                 `PGOPTIONS` from the environment, and set such values with `ALTER ROLE`"
            }
            (Self::StartupParameter, _, PoolOwner::Host) => {
                "the connection pooler refuses a startup parameter: create the pool with \
                 `PgConnectOptions::extra_float_digits(None)` and without `options`"
            }
            (Self::PreparedStatement, PoolMode::Session, _) => {
                "a connection pooler in transaction mode loses prepared statements or runs those of other \
                 clients: build the store with `transaction_pooler()`"
            }
            (Self::PreparedStatement, PoolMode::Transaction, _) => {
                "the connection pooler changed the server session within a transaction: set its \
                 `pool_mode` to `transaction`"
            }
            (Self::StatementMode, ..) => {
                "the connection pooler is in statement mode, which forbids transactions: set its \
                 `pool_mode` to `transaction`"
            }
        }
    }
}

/// What errors of a store may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reporting {
    pub(crate) detail: ErrorDetail,
    pub(crate) access: Access,
}

impl Reporting {
    /// For errors of the driver while it reads a row, in which no pooler has a part.
    pub(crate) const OF_ROWS: Self = Self {
        detail: ErrorDetail::Withheld,
        access: Access { pool_mode: PoolMode::Session, pool_owner: PoolOwner::Store },
    };
}

/// Whether an error quotes the message of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorDetail {
    /// The message is quoted: no session was part of the call, such as when connecting or migrating.
    Quoted,
    /// Only the code is given, as the message may quote a row with its digests and claims: constraints do,
    /// and triggers may say anything under any code (rule S10).
    Withheld,
}

/// How a store reaches its database. The advice in errors depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) pool_mode: PoolMode,
    pub(crate) pool_owner: PoolOwner,
}

/// Who created the pool of connections and chose its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolOwner {
    Store,
    Host,
}

/// The database's own error.
struct Cause {
    code: String,
    message: Option<String>,
}

impl Cause {
    fn new(error: &dyn DatabaseError, detail: ErrorDetail) -> Self {
        let message = (detail == ErrorDetail::Quoted).then(|| error.message().to_owned());
        Self { code: error.code().unwrap_or_default().into_owned(), message }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} (code {})", self.code),
            None => write!(f, "database error with code {}", self.code),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({self})")
    }
}

impl std::error::Error for Cause {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Advice to set an option that is set already would send its reader in circles.
    #[test]
    fn s18_a_store_with_the_option_is_not_told_to_set_it() {
        let faults =
            [PoolerFault::StartupParameter, PoolerFault::PreparedStatement, PoolerFault::StatementMode];
        for fault in faults {
            for pool_owner in [PoolOwner::Store, PoolOwner::Host] {
                let advice = fault.advice(Access { pool_mode: PoolMode::Transaction, pool_owner });
                assert!(!advice.contains("transaction_pooler"), "{fault:?}: {advice}");
            }
        }
    }

    #[test]
    fn s18_a_host_with_its_own_pool_is_told_the_pools_option() {
        for pool_mode in [PoolMode::Session, PoolMode::Transaction] {
            let advice =
                PoolerFault::StartupParameter.advice(Access { pool_mode, pool_owner: PoolOwner::Host });
            assert!(advice.contains("PgConnectOptions::extra_float_digits(None)"), "{advice}");
        }
    }
}
