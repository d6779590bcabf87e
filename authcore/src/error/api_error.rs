//! The error of every call, told apart by whose fault it is.

use super::incident::Incident;
use super::login_error::LoginError;
use super::rejection::Rejection;
use crate::auth::operation::Operation;
use crate::claims::ClaimsMismatch;
use crate::store::error::{StoreError, StoreErrorKind};

/// What a call of [`Auth`](crate::Auth) answers instead of a result.
///
/// `Display` is fit for clients: it never says which check failed, and shows no secret, token or claim. What
/// logs want to know is in [`Error::rejection`] and in the error's source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The credential is not good (HTTP 401). The [`Rejection`] is for logs only.
    #[error("unauthenticated")]
    Unauthenticated(Rejection),
    /// The session store failed; see [`StoreError::kind`]. For `Unavailable` the same call may be repeated
    /// (HTTP 503); the client keeps its credentials.
    #[error("the session store failed")]
    Store(#[from] StoreError),
    /// The strategy in use has no such operation.
    #[error("{operation} is not supported by {strategy}; {instead} would do it")]
    Unsupported {
        /// What was asked for.
        operation: Operation,
        /// The strategy that was asked.
        strategy: &'static str,
        /// The strategies that can.
        instead: &'static str,
    },
    /// What the application said about the subject cannot be used.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The principal's claims are not of the type that was asked for: the application has changed since its
    /// user logged in, who must log in again (HTTP 401, rule A16). The [`ClaimsMismatch`] is for logs only.
    #[error("the claims are not of the expected type")]
    Claims(#[source] Box<ClaimsMismatch>),
    /// Other logins of the same subject at the same moment filled its last places (rule A7), or the subject
    /// has as many API keys as are allowed.
    #[error("too many sessions")]
    SessionLimit,
    /// Others changed the session at every attempt; the same call may be repeated.
    #[error("the session is being changed by too many requests")]
    Contended,
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    NoEntropy,
}

/// What a host does about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Ask for a login: HTTP 401.
    Unauthenticated,
    /// The same request may succeed later; the credentials stay as they are: HTTP 503.
    Unavailable,
    /// The strategy in use has no such operation: HTTP 501, or do not offer it.
    Unsupported,
    /// The application asked for something that it cannot have: HTTP 500, and mend the application.
    Internal,
}

impl Error {
    /// What a host does about it.
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

    /// Why the credential was refused: for logs, never for clients.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Unauthenticated(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The security incident that this very call discovered and ended (rule R3): alert the subject.
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
