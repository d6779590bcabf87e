//! Sessions, independent of the credential that authenticates them, and the session strategy.

pub(crate) mod api_key;
pub(crate) mod credential_kind;
pub(crate) mod details;
pub(crate) mod device;
pub(crate) mod id;
pub(crate) mod kind;
pub(crate) mod policies;
pub(crate) mod policy;
pub(crate) mod server_sessions;
pub(crate) mod session_token;
pub(crate) mod sessions;
pub(crate) mod timeouts;
