//! What the store knows about a command before it sends it.

use redis::Cmd;

/// Whether a command changes anything. A write is not sent again when its answer was lost (rule S16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A `GET` of one key, in a buffer of exactly the size that it needs.
pub(crate) fn get(key: &[u8]) -> Cmd {
    let mut command = Cmd::with_capacity(2, key.len() + "GET".len());
    command.arg("GET").arg(key);
    command
}
