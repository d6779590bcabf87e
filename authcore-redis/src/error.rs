//! What a failure of the server or of the way to it means for a store.

use authcore::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The failure of a call (rule S10).
pub(crate) fn of_call(error: RedisError) -> StoreError {
    let (kind, context) = match (error.kind(), error.code()) {
        (_, Some("WRONGTYPE")) => (StoreErrorKind::Corrupt, "another type of value under a session's key"),
        (_, Some("OOM")) => (StoreErrorKind::Unavailable, "Redis is out of memory"),
        (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) | (ErrorKind::AuthenticationFailed, _) => {
            (StoreErrorKind::Misconfigured, "Redis refused user or password, or a command to that user")
        }
        (ErrorKind::Server(ServerErrorKind::CrossSlot), _) => {
            (StoreErrorKind::Misconfigured, "Redis Cluster hashes keys otherwise than expected")
        }
        (ErrorKind::Server(ServerErrorKind::ResponseError), _) if !is_migrating(&error) => {
            (StoreErrorKind::Misconfigured, "Redis does not understand a command")
        }
        _ => (StoreErrorKind::Unavailable, "Redis did not answer, or not with an answer"),
    };
    StoreError::new(kind, context).with_source(error)
}

/// The failure of the first connection: says what is wrong with what was configured.
pub(crate) fn of_connecting(error: RedisError) -> StoreError {
    let (kind, context) = match (error.kind(), error.code()) {
        (ErrorKind::InvalidClientConfig, _) => (StoreErrorKind::Misconfigured, "not a URL of a Redis server"),
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS" | "NOPERM")) => {
            (StoreErrorKind::Misconfigured, "Redis refused user or password")
        }
        (ErrorKind::Parse, _) => {
            (StoreErrorKind::Misconfigured, "what answered does not speak the protocol of Redis")
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
            (StoreErrorKind::Unavailable, "Redis is still loading its data")
        }
        (ErrorKind::Server(_) | ErrorKind::Extension, _) => {
            (StoreErrorKind::Misconfigured, "Redis refused the first commands")
        }
        _ => (StoreErrorKind::Unavailable, "Redis could not be reached"),
    };
    StoreError::new(kind, context).with_source(error)
}

/// An answer that no script of ours gives.
pub(crate) const UNEXPECTED: StoreError =
    StoreError::new(StoreErrorKind::Misconfigured, "Redis gave an answer of another shape than expected");

/// Whether a script met a key that is on its way to another node. Nothing was written then: the scripts look at all
/// their keys first.
pub(crate) fn is_migrating(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("non local key"))
}
