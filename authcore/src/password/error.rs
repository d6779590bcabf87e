//! The error of hashing, login and change of password.

use super::AccountsError;
use crate::error::{LoginError, Rejection};
use crate::{Error, ErrorKind};

/// An error of hashing, login or change of password.
///
/// As with [`Error`], the `Display` text may be sent to clients and contains no secret. An error of the
/// application's accounts is in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many passwords are being hashed or waiting (rule P4), or memory is short at the moment: HTTP
    /// 503, returned at once.
    #[error("too many passwords are being checked; try again later")]
    Busy,
    /// The stored hash is not an argon2 hash, or its parameters exceed the limits of
    /// [`PasswordHasher::verify`](super::PasswordHasher::verify): HTTP 500. The password was not verified,
    /// so it is neither right nor wrong. A login is refused with [`Rejection::UnreadableHash`] instead.
    #[error("the stored password hash cannot be read")]
    CorruptHash,
    /// The computation of a hash failed: HTTP 500.
    #[error("hashing the password failed")]
    Failed,
    /// The application's [`Accounts`](super::Accounts) failed: HTTP 503, or HTTP 500 if the source is a
    /// [`LoginError`] (such as claims that are too large), because a retry does not help.
    #[error("the account could not be read or written")]
    Accounts(#[source] AccountsError),
    /// An error of [`Auth`](crate::Auth). A wrong password and an unknown account both are
    /// [`Error::Unauthenticated`] with [`Rejection::WrongPassword`], so that clients cannot tell them apart
    /// (rule P2).
    #[error(transparent)]
    Auth(#[from] Error),
}

impl PasswordError {
    pub(super) fn wrong_password() -> Self {
        Self::Auth(Error::Unauthenticated(Rejection::WrongPassword))
    }

    /// Returns how the host should respond.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Accounts(error) if error.is::<LoginError>() => ErrorKind::Internal,
            Self::Busy | Self::Accounts(_) => ErrorKind::Unavailable,
            Self::CorruptHash | Self::Failed => ErrorKind::Internal,
            Self::Auth(error) => error.kind(),
        }
    }

    /// Returns why the password or the principal was refused, for logs and never for clients.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Auth(error) => error.rejection(),
            _ => None,
        }
    }
}
