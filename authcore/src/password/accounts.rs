//! What the application knows about its users.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::PasswordHash;
use crate::store::ReplaceOutcome;
use crate::{Login, Realm, Subject};

/// What an application's [`Accounts`] failed with: any error. Its text shows no secret.
pub type AccountsError = Box<dyn std::error::Error + Send + Sync>;

/// The application's accounts: its user table.
///
/// Every method reads what was last written, so never from a replica or a cache: the second look at the hash
/// is how a login notices that the password was changed meanwhile (rule P5).
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
///
/// use authcore::password::{Account, Accounts, AccountsError, PasswordHash, ReplaceOutcome};
/// use authcore::{Login, Realm, Subject};
///
/// /// Hashes by subject; people log in by their subject's name.
/// #[derive(Debug, Default)]
/// struct InMemory(Mutex<HashMap<String, String>>);
///
/// #[async_trait::async_trait]
/// impl Accounts for InMemory {
///     async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
///         let Some(stored) = self.0.lock().unwrap().get(identifier).cloned() else { return Ok(None) };
///         Ok(Some(Account::new(Login::new(identifier)?).password_hash(PasswordHash::new(stored))))
///     }
///
///     async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
///         Ok(self.0.lock().unwrap().get(subject.as_str()).map(PasswordHash::new))
///     }
///
///     async fn replace_hash(
///         &self,
///         subject: &Subject,
///         expected: &PasswordHash,
///         new: &PasswordHash,
///     ) -> Result<ReplaceOutcome, AccountsError> {
///         // SQL: UPDATE users SET hash = $3 WHERE subject = $1 AND hash = $2
///         match self.0.lock().unwrap().get_mut(subject.as_str()) {
///             None => Ok(ReplaceOutcome::Missing),
///             Some(stored) if stored != expected.expose() => Ok(ReplaceOutcome::Stale),
///             Some(stored) => {
///                 *stored = new.expose().to_owned();
///                 Ok(ReplaceOutcome::Replaced)
///             }
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait Accounts: fmt::Debug + Send + Sync + 'static {
    /// Finds the account for a login identifier, such as a user name or email address, in this realm; `None`
    /// if there is none, or it may not log in.
    ///
    /// # Errors
    ///
    /// If that cannot be said.
    ///
    /// # Security
    ///
    /// `identifier` is whatever the client sent, of any length. Take about as long for the unknown as for the
    /// known: one look at an index for both (rule P2).
    ///
    /// Of the spellings that are found as one account, [`MemoryThrottle`](super::MemoryThrottle) counts those
    /// together that differ in upper and lower case or in white space around them. Each other one (accents
    /// that are ignored, dots in an address of mail) would be guessed at anew: find an account by one of them
    /// only, or limit the attempts [by the name that is looked up](super::Target::Identifier).
    async fn find(&self, identifier: &str, realm: &Realm) -> Result<Option<Account>, AccountsError>;

    /// Returns the stored hash of the subject's password, unchanged, in the subject's
    /// [realm](Subject::realm_name); `None` if there is no such account, it may not log in,
    /// or it has no password.
    ///
    /// # Errors
    ///
    /// If that cannot be said.
    async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError>;

    /// Stores `new` for the subject, in the subject's realm, if what is stored is `expected`, byte for byte,
    /// in one atomic step; never creates an account.
    ///
    /// [`ReplaceOutcome::Stale`] if another hash is stored, [`ReplaceOutcome::Missing`] if there is no such account.
    ///
    /// # Errors
    ///
    /// If it may or may not have been stored.
    async fn replace_hash(
        &self,
        subject: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<ReplaceOutcome, AccountsError>;
}

#[async_trait]
impl<A: Accounts + ?Sized> Accounts for Arc<A> {
    async fn find(&self, identifier: &str, realm: &Realm) -> Result<Option<Account>, AccountsError> {
        (**self).find(identifier, realm).await
    }

    async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
        (**self).password_hash(subject).await
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<ReplaceOutcome, AccountsError> {
        (**self).replace_hash(subject, expected, new).await
    }
}

/// An account that was found.
#[derive(Debug, Clone)]
pub struct Account {
    pub(super) login: Login,
    pub(super) hash: Option<PasswordHash>,
}

impl Account {
    /// An account without a password; `login` has its subject and claims, and is used only if the password is
    /// right.
    pub fn new(login: Login) -> Self {
        Self { login, hash: None }
    }

    /// Sets what is stored as the hash of its password.
    #[must_use]
    pub fn password_hash(mut self, stored: PasswordHash) -> Self {
        self.hash = Some(stored);
        self
    }
}
