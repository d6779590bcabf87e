//! What a failure of the server, or of the connection to it, means for a store.

use authcore::store::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// A URL of a Cluster that names a database.
pub(crate) const DATABASE_IN_CLUSTER: StoreError = StoreError::new(
    StoreErrorKind::Misconfigured,
    "the URL names a database, and a Cluster has only one: remove the number from the URL",
);

/// An answer that no script of this crate gives.
pub(crate) const UNEXPECTED_ANSWER: StoreError =
    StoreError::new(StoreErrorKind::Misconfigured, "Redis gave an answer of an unexpected type");

/// What the driver refuses after the checks of the URL.
const INVALID_URL: StoreError = StoreError::new(
    StoreErrorKind::Misconfigured,
    "the host in the URL is not valid, or the URLs of a Cluster differ in user, password or TLS",
);

/// Returns the error of a call (rule S10).
pub(crate) fn call_error(error: RedisError) -> StoreError {
    let (kind, context) = match (error.kind(), code(&error)) {
        (_, Some("WRONGTYPE")) => (StoreErrorKind::Corrupt, "a session's key holds a value of another type"),
        (_, Some("OOM")) => (StoreErrorKind::Unavailable, "Redis is out of memory"),
        (_, Some("READONLY")) => (StoreErrorKind::Unavailable, "this Redis has become a replica"),
        (_, Some("NOREPLICAS" | "MISCONF")) => (StoreErrorKind::Unavailable, "Redis refuses writes for now"),
        (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) | (ErrorKind::AuthenticationFailed, _) => {
            (StoreErrorKind::Misconfigured, "Redis refused the user or password, or a command of this user")
        }
        (ErrorKind::Server(ServerErrorKind::CrossSlot), _) => {
            (StoreErrorKind::Misconfigured, "this Redis Cluster does not keep a subject's keys in one slot")
        }
        (_, Some("ERR")) if !is_migrating(&error) => {
            (StoreErrorKind::Misconfigured, "Redis does not understand a command")
        }
        _ if error.is_connection_refusal() => {
            (StoreErrorKind::Unavailable, "Redis refuses connections: nothing listens at its address")
        }
        _ => (StoreErrorKind::Unavailable, "the connection to Redis failed, or its answer could not be read"),
    };
    StoreError::new(kind, context).with_source(error)
}

/// Returns the error of the first connection, which says what is wrong with the configuration.
pub(crate) fn connect_error(error: RedisError) -> StoreError {
    let says = |words| error.detail().is_some_and(|detail| detail.contains(words));
    let (kind, context) = match (error.kind(), error.code()) {
        // Without the driver's error as the source: it quotes the URL.
        (ErrorKind::InvalidClientConfig, _) => return INVALID_URL,
        (_, Some("NOPERM")) => (
            StoreErrorKind::Misconfigured,
            "this Redis user may not run INFO, or CLUSTER SLOTS in a Cluster: allow these commands",
        ),
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            (StoreErrorKind::Misconfigured, "Redis refused the user or password")
        }
        (ErrorKind::Parse, _) => {
            (StoreErrorKind::Misconfigured, "the server at this address does not speak the Redis protocol")
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
            (StoreErrorKind::Unavailable, "Redis is still loading its data")
        }
        (ErrorKind::Server(_), _) if says("SELECT is not allowed") => return DATABASE_IN_CLUSTER,
        (ErrorKind::Server(_), _) if says("DB index") => {
            (StoreErrorKind::Misconfigured, "this Redis has no database with the number in the URL")
        }
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => {
            (StoreErrorKind::Misconfigured, "Redis refused the first commands on the connection")
        }
        _ => (
            StoreErrorKind::Unavailable,
            "Redis could not be reached: check the address, and whether the server expects TLS (`rediss://`)",
        ),
    };
    StoreError::new(kind, context).with_source(error)
}

/// Returns the code of the server's error. For the error of a script this is the code of the command that
/// failed in it, which Redis 6.2 only quotes.
pub(crate) fn code(error: &RedisError) -> Option<&str> {
    const QUOTED: [&str; 6] = ["OOM", "WRONGTYPE", "READONLY", "NOREPLICAS", "MISCONF", "NOPERM"];
    let quoted =
        error.detail().filter(|detail| detail.starts_with("Error running script")).and_then(|detail| {
            let words = || detail.split([' ', '-']);
            QUOTED.into_iter().find(|code| words().any(|word| word == *code))
        });
    quoted.or_else(|| error.code())
}

/// Returns whether a script met a key whose slot is moving to another node. The script has written nothing:
/// each looks at all its keys first.
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
            Err(error) => call_error(error).kind(),
        }
    }

    /// As Redis 7 words it, and as Redis 6.2 does.
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
