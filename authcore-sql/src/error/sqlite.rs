//! SQLite's errors.

use authcore::store::StoreErrorKind;
use sqlx::error::DatabaseError;

use super::{BAD_STATEMENT, DENIED, FOREIGN_RULE, FULL, Fault, LOCKED, NAME_TAKEN, NO_TABLE, OTHER_TABLE};

/// Classifies by primary result code (SQLite's 'Result and Error Codes').
pub(crate) fn classify(error: &dyn DatabaseError) -> Fault {
    let code: u32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let misconfigured = |context| Fault::Refused(StoreErrorKind::Misconfigured, context);
    match code & 0xff {
        // 17 means that another connection's migration changed the tables since the statement was prepared.
        5 | 6 | 17 => LOCKED,
        8 => misconfigured("the SQLite database cannot be written to"),
        13 => FULL,
        14 => misconfigured(
            "the SQLite database cannot be opened: create its folder, and build the store with \
             `connect_and_migrate`",
        ),
        23 => DENIED,
        26 => misconfigured("the file is not a SQLite database"),
        11 => Fault::Refused(StoreErrorKind::Corrupt, "the SQLite database is damaged"),
        1 if error.message().contains("no such table") => NO_TABLE,
        1 if error.message().contains("column") => OTHER_TABLE,
        1 if error.message().contains("already exists") => NAME_TAKEN,
        1 => BAD_STATEMENT,
        19 => FOREIGN_RULE,
        _ => Fault::Refused(StoreErrorKind::Unavailable, "SQLite reported an unknown failure"),
    }
}
