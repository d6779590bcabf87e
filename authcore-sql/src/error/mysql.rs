//! MySQL's and MariaDB's errors.

use authcore::store::StoreErrorKind;
use sqlx::error::DatabaseError;

use super::{
    BAD_STATEMENT, CANCELLED, DENIED, FAILED, FOREIGN_RULE, FULL, Fault, LOCK_TIMEOUT, LOCKED, LOGIN_REFUSED,
    NO_DATABASE, NO_MEMORY, NO_MORE_CONNECTIONS, NO_TABLE, OTHER_TABLE, READ_ONLY, SHUT_DOWN, TABLE_CHANGED,
};

/// Classifies by error number (MySQL's and MariaDB's error references). The messages depend on the server's
/// language.
pub(crate) fn classify(error: &dyn DatabaseError) -> Fault {
    let number =
        error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map_or(0, |error| error.number());
    match number {
        1205 => LOCK_TIMEOUT,
        // A deadlock, or a change that the other nodes of a cluster refused.
        1213 | 3572 => LOCKED,
        1290 | 1792 | 1836 => READ_ONLY,
        1615 => TABLE_CHANGED,
        1146 => NO_TABLE,
        1054 | 1136 | 1347 => OTHER_TABLE,
        1044 | 1142 | 1143 | 1227 | 1370 => DENIED,
        1045 | 1251 | 1698 | 2049 => LOGIN_REFUSED,
        1049 | 1046 => NO_DATABASE,
        1021 | 1114 => FULL,
        1037 | 1038 | 1041 => NO_MEMORY,
        1665 => Fault::Refused(
            StoreErrorKind::Misconfigured,
            "the database logs statements instead of rows: set `binlog_format` to ROW or MIXED",
        ),
        1040 | 1203 | 1226 => NO_MORE_CONNECTIONS,
        1317 | 1969 | 3024 => CANCELLED,
        1048 | 1264 | 1265 | 1366 | 1406 | 1644 | 3819 | 4025 => FOREIGN_RULE,
        1064 | 1235 => BAD_STATEMENT,
        1053 | 1077 | 1079 | 1080 | 1927 => SHUT_DOWN,
        _ => FAILED,
    }
}
