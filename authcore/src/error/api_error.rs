//! The error type of `Auth`.

use super::incident::Incident;
use super::login_error::LoginError;
use super::rejection::Rejection;
use crate::auth::operation::Operation;
use crate::claims::ClaimsMismatch;
use crate::store::error::{StoreError, StoreErrorKind};

/// The error of every operation of [`Auth`](crate::Auth).
///
/// [`Error::kind`] says how to respond. The `Display` text is safe to show to clients: it never says which
/// check failed, and contains no secret, token or claim. The details for logs are in [`Error::rejection`] and
/// in the error's source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The credential is not valid (HTTP 401). The [`Rejection`] is for logs only.
    #[error("unauthenticated")]
    Unauthenticated(Rejection),
    /// The session store failed; see [`StoreError::kind`]. For `Unavailable`, the call may be repeated (HTTP
    /// 503), and the client keeps its credentials.
    #[error("the session store failed")]
    Store(#[from] StoreError),
    /// The strategy does not support the operation; see [`Auth::supports`](crate::Auth::supports).
    #[error("{operation} is not supported by {strategy}; use {instead}")]
    Unsupported {
        /// The operation.
        operation: Operation,
        /// The strategy in use.
        strategy: &'static str,
        /// The strategies that support the operation.
        instead: &'static str,
    },
    /// The application's description of a login, or its claims, cannot be used (HTTP 500).
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The principal's claims are not of the requested type (HTTP 401, rule A16).
    ///
    /// The application's type has changed since the login, so its user must log in again. The
    /// [`ClaimsMismatch`] is for logs only.
    #[error("the claims are not of the expected type")]
    Claims(#[source] Box<ClaimsMismatch>),
    /// The limit of sessions per subject was reached: by concurrent logins of the same subject (rule A7), or
    /// by [`Auth::create_api_key`](crate::Auth::create_api_key).
    ///
    /// Its kind is `Unavailable`, since a login may be repeated. Waiting does not help against the limit of
    /// API keys: match this error before you look at its kind, and tell the user to revoke a key.
    #[error("too many sessions")]
    SessionLimit,
    /// Concurrent changes to the session defeated every attempt. The call may be repeated.
    #[error("the session is being changed by too many requests; try again")]
    Contended,
    /// The operating system provided no random bytes.
    #[error("the operating system provides no random bytes")]
    NoEntropy,
}

/// The category of an [`Error`], which determines the response to the client.
///
/// Treat a kind that you do not know as [`ErrorKind::Internal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Ask for a login: HTTP 401.
    Unauthenticated,
    /// The same request may succeed later, and the client keeps its credentials: HTTP 503.
    ///
    /// [`Error::SessionLimit`] of [`Auth::create_api_key`](crate::Auth::create_api_key) is an exception:
    /// waiting does not help.
    Unavailable,
    /// The strategy does not support the operation: HTTP 501.
    Unsupported,
    /// A bug or misconfiguration in the application, or data in the store that cannot be read: HTTP 500.
    Internal,
}

impl Error {
    /// Returns how the application should respond.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated(_) | Self::Claims(_) => ErrorKind::Unauthenticated,
            Self::Store(error) if matches!(error.kind(), StoreErrorKind::Unavailable) => {
                ErrorKind::Unavailable
            }
            Self::SessionLimit | Self::Contended | Self::NoEntropy => ErrorKind::Unavailable,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Store(_) | Self::Login(_) => ErrorKind::Internal,
        }
    }

    /// Returns why the credential was refused: for logs, never for clients.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Unauthenticated(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// Returns the security incident that this call detected and ended (rule R3), so that the application can
    /// alert the subject.
    pub fn incident(&self) -> Option<&Incident> {
        match self {
            Self::Unauthenticated(Rejection::RefreshReused(incident)) => Some(incident),
            _ => None,
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Unauthenticated(rejection)
    }
}

impl From<ClaimsMismatch> for Error {
    fn from(mismatch: ClaimsMismatch) -> Self {
        Self::Claims(Box::new(mismatch))
    }
}
