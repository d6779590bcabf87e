//! The details of errors: why a credential, a login or a setting was refused.
//!
//! Most applications need only [`Error`](crate::Error) and its [`kind`](crate::Error::kind), which says how
//! to respond. This module is for logs, alerts and adapters: [`Rejection`] is the reason behind a 401
//! response, [`Incident`] describes a reused refresh token, and [`LoginError`] and [`ConfigError`] are
//! mistakes of the application.

pub(crate) mod api_error;
pub(crate) mod config_error;
pub(crate) mod incident;
pub(crate) mod login_error;
pub(crate) mod rejection;

pub use self::config_error::ConfigError;
pub use self::incident::{Incident, IncidentKind};
pub use self::login_error::LoginError;
pub use self::rejection::{ClaimFault, Rejection};
pub use crate::claims::mismatch::ClaimsMismatch;
pub use crate::realm::InvalidRealm;
pub use crate::session::id::InvalidSessionId;
pub use crate::session::kind::InvalidKind;
