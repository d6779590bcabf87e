//! PostgreSQL's errors, and those of PgBouncer.

use sqlx::error::DatabaseError;

use super::{
    BAD_STATEMENT, CANCELLED, DENIED, FAILED, FOREIGN_RULE, FULL, Fault, LOCK_TIMEOUT, LOCKED, LOGIN_REFUSED,
    NAME_TAKEN, NO_DATABASE, NO_MEMORY, NO_MORE_CONNECTIONS, NO_TABLE, OTHER_TABLE, PoolerFault, READ_ONLY,
    SHUT_DOWN, TABLE_CHANGED,
};

/// Classifies by SQLSTATE (PostgreSQL's documentation, appendix A).
pub(crate) fn classify(error: &dyn DatabaseError) -> Fault {
    let code = error.code().unwrap_or_default();
    match &*code {
        "40001" | "40P01" => LOCKED,
        "55P03" => LOCK_TIMEOUT,
        "25006" => READ_ONLY,
        // The connection was idle when the server closed it, so the call had no effect.
        "57P05" => Fault::NotHere("the database closed an idle connection"),
        // A cached plan from before a migration.
        "0A000" => TABLE_CHANGED,
        "42P01" => NO_TABLE,
        "42703" | "42804" | "42883" | "42P10" | "42809" => OTHER_TABLE,
        "42P07" | "42710" => NAME_TAKEN,
        "42501" => DENIED,
        "28P01" | "28000" => LOGIN_REFUSED,
        "3D000" | "3F000" => NO_DATABASE,
        "26000" | "42P05" => Fault::Pooler(PoolerFault::PreparedStatement),
        "08P01" => classify_protocol_violation(error.message()),
        "53100" => FULL,
        "53200" => NO_MEMORY,
        "53300" => NO_MORE_CONNECTIONS,
        "57014" => CANCELLED,
        code if code.starts_with("08") || code.starts_with("57") => SHUT_DOWN,
        code if code.starts_with("22") || code.starts_with("23") => FOREIGN_RULE,
        code if code.starts_with("42") => BAD_STATEMENT,
        _ => FAILED,
    }
}

/// Classifies by the message, as PgBouncer reports all its errors under this code. The server uses the code
/// for a statement that another client has replaced.
fn classify_protocol_violation(message: &str) -> Fault {
    let says = |text: &str| message.contains(text);
    if says("unsupported startup parameter") {
        Fault::Pooler(PoolerFault::StartupParameter)
    } else if says("statement pooling mode") {
        Fault::Pooler(PoolerFault::StatementMode)
    } else if says("bind message") || says("prepared statement") {
        Fault::Pooler(PoolerFault::PreparedStatement)
    } else if says("no such database") {
        NO_DATABASE
    } else if says("no such user") || says("auth failed") || says("authentication failed") {
        LOGIN_REFUSED
    } else if says("no more connections") {
        NO_MORE_CONNECTIONS
    } else {
        SHUT_DOWN
    }
}
