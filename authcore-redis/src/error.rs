//! What a failure of the server or of the way to it means for a store.

use authcore::store::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The failure of a call (rule S10).
pub(crate) fn of_call(error: RedisError) -> StoreError {
    let (kind, context) = match (error.kind(), code(&error)) {
        (_, Some("WRONGTYPE")) => (StoreErrorKind::Corrupt, "another type of value under a session's key"),
        (_, Some("OOM")) => (StoreErrorKind::Unavailable, "Redis is out of memory"),
        (_, Some("READONLY")) => (StoreErrorKind::Unavailable, "this Redis has become a replica"),
        (_, Some("NOREPLICAS" | "MISCONF")) => (StoreErrorKind::Unavailable, "Redis refuses writes for now"),
        (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) | (ErrorKind::AuthenticationFailed, _) => {
            (StoreErrorKind::Misconfigured, "Redis refused user or password, or a command to that user")
        }
        (ErrorKind::Server(ServerErrorKind::CrossSlot), _) => {
            (StoreErrorKind::Misconfigured, "Redis Cluster hashes keys otherwise than expected")
        }
        (_, Some("ERR")) if !is_migrating(&error) => {
            (StoreErrorKind::Misconfigured, "Redis does not understand a command")
        }
        _ if error.is_connection_refusal() => {
            (StoreErrorKind::Unavailable, "Redis refuses connections: nothing listens at its address")
        }
        _ => (StoreErrorKind::Unavailable, "Redis did not answer, or not with an answer"),
    };
    StoreError::new(kind, context).with_source(error)
}

/// The failure of the first connection: says what is wrong with what was configured.
pub(crate) fn of_connecting(error: RedisError) -> StoreError {
    let says = |words| error.detail().is_some_and(|detail| detail.contains(words));
    let (kind, context) = match (error.kind(), error.code()) {
        // Without the driver's own words, which quote the URL.
        (ErrorKind::InvalidClientConfig, _) => return NO_URL,
        (_, Some("NOPERM")) => (
            StoreErrorKind::Misconfigured,
            "Redis does not let this user run INFO, or in a Cluster CLUSTER SLOTS, by which its servers are found out",
        ),
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            (StoreErrorKind::Misconfigured, "Redis refused user or password")
        }
        (ErrorKind::Parse, _) => {
            (StoreErrorKind::Misconfigured, "what answered does not speak the protocol of Redis")
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
            (StoreErrorKind::Unavailable, "Redis is still loading its data")
        }
        (ErrorKind::Server(_), _) if says("SELECT is not allowed") => return DATABASE_OF_CLUSTER,
        (ErrorKind::Server(_), _) if says("DB index") => {
            (StoreErrorKind::Misconfigured, "this Redis has no database of the number in the URL")
        }
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => {
            (StoreErrorKind::Misconfigured, "Redis refused the first commands")
        }
        _ => (
            StoreErrorKind::Unavailable,
            "Redis could not be reached, or not by TLS or without it as the URL says",
        ),
    };
    StoreError::new(kind, context).with_source(error)
}

/// A Cluster was named with one of the databases that only single nodes have.
pub(crate) const DATABASE_OF_CLUSTER: StoreError = StoreError::new(
    StoreErrorKind::Misconfigured,
    "the URL has the number of a database, and a Cluster has one database only",
);

/// The driver's checks, after those of the URL.
pub(crate) const NO_URL: StoreError = StoreError::new(
    StoreErrorKind::Misconfigured,
    "the URL's host is not valid, or the URLs of a Cluster do not agree about user, password and TLS",
);

/// The code of the server's error: of a script's, that of the command in it, which Redis 6.2 only quotes.
pub(crate) fn code(error: &RedisError) -> Option<&str> {
    const QUOTED: [&str; 6] = ["OOM", "WRONGTYPE", "READONLY", "NOREPLICAS", "MISCONF", "NOPERM"];
    let quoted =
        error.detail().filter(|detail| detail.starts_with("Error running script")).and_then(|detail| {
            let words = || detail.split([' ', '-']);
            QUOTED.into_iter().find(|code| words().any(|word| word == *code))
        });
    quoted.or_else(|| error.code())
}

/// An answer that no script of ours gives.
pub(crate) const UNEXPECTED: StoreError =
    StoreError::new(StoreErrorKind::Misconfigured, "Redis gave an answer of another shape than expected");

/// Whether a script met a key that is on its way to another node. Nothing was written then: the scripts look
/// at all their keys first.
pub(crate) fn is_migrating(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("non local key"))
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn call(line: &str) -> StoreErrorKind {
        match redis::parse_redis_value(line.as_bytes()).and_then(Value::extract_error) {
            Ok(value) => panic!("{line} is {value:?}"),
            Err(error) => of_call(error).kind(),
        }
    }

    /// As Redis 7 says it, and as Redis 6.2 does.
    #[test]
    fn s10_errors_of_scripts_are_those_of_their_commands() {
        for (kind, text) in [
            (StoreErrorKind::Unavailable, "OOM command not allowed when used memory > 'maxmemory'."),
            (StoreErrorKind::Unavailable, "READONLY You can't write against a read only replica."),
            (StoreErrorKind::Unavailable, "NOREPLICAS Not enough good replicas to write."),
            (StoreErrorKind::Unavailable, "MISCONF Redis is configured to save RDB snapshots"),
            (StoreErrorKind::Corrupt, "WRONGTYPE Operation against a key holding the wrong kind of value"),
            (StoreErrorKind::Misconfigured, "NOPERM this user has no permissions to run the 'set' command"),
        ] {
            assert_eq!(call(&format!("-{text}\r\n")), kind, "{text}");
            let quoted = format!("-ERR Error running script (call to f_ab): @user_script:12: -{text}\r\n");
            assert_eq!(call(&quoted), kind, "{quoted}");
            let quoted = format!("-ERR Error running script (call to f_ab): @user_script: 12: {text}\r\n");
            assert_eq!(call(&quoted), kind, "{quoted}");
        }
        assert_eq!(call("-ERR unknown command 'X'\r\n"), StoreErrorKind::Misconfigured);
    }
}
