//! What can go wrong with passwords.

use super::AccountsError;
use crate::error::{LoginError, Rejection};
use crate::{Error, ErrorKind};

/// What hashing, login and change of password answer instead of a result.
///
/// As with [`Error`], `Display` is fit for clients and shows no secret; what the application's accounts said
/// is in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// As many passwords are being hashed and waiting as are allowed to (rule P4): HTTP 503, at once.
    #[error("too many passwords are being checked")]
    Busy,
    /// The stored hash is not one of argon2, or its parameters are beyond the limits of
    /// [`PasswordHasher::verify`](super::PasswordHasher::verify): HTTP 500. The password was not verified, so
    /// it is neither right nor wrong. A login is refused with [`Rejection::UnreadableHash`] instead.
    #[error("the stored password hash cannot be read")]
    CorruptHash,
    /// The hashing itself failed: HTTP 500.
    #[error("hashing the password failed")]
    Failed,
    /// The application's [`Accounts`](super::Accounts) failed: HTTP 503, or 500 if they failed with a
    /// [`LoginError`], such as for claims that no token has room for, since that does not pass by itself.
    #[error("the accounts cannot be asked")]
    Accounts(#[source] AccountsError),
    /// What [`Auth`](crate::Auth) answered; [`Error::Unauthenticated`] with [`Rejection::WrongPassword`] also
    /// if there is no such account, which clients cannot tell apart (rule P2).
    #[error(transparent)]
    Auth(#[from] Error),
}

impl PasswordError {
    pub(super) fn wrong_password() -> Self {
        Self::Auth(Error::Unauthenticated(Rejection::WrongPassword))
    }

    /// What a host does about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Accounts(error) if error.is::<LoginError>() => ErrorKind::Internal,
            Self::Busy | Self::Accounts(_) => ErrorKind::Unavailable,
            Self::CorruptHash | Self::Failed => ErrorKind::Internal,
            Self::Auth(error) => error.kind(),
        }
    }

    /// Why the password or the principal was refused: for logs, never for clients.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Auth(error) => error.rejection(),
            _ => None,
        }
    }
}
