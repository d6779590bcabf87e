//! The application's accounts.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::PasswordHash;
use crate::store::ReplaceOutcome;
use crate::{Login, Realm, Subject};

/// The error type of [`Accounts`]: any error. Its text must not contain a secret.
pub type AccountsError = Box<dyn std::error::Error + Send + Sync>;

/// The accounts of the application, usually its table of users: the trait to implement for logins by
/// password.
///
/// [`PasswordLogin`](super::PasswordLogin) finds accounts, reads their stored hashes and replaces them
/// through this trait. It verifies the passwords itself. Registration, password reset and everything else
/// about users stay with the application, which hashes new passwords with
/// [`PasswordHasher::hash`](super::PasswordHasher::hash).
///
/// # Contract
///
/// Put `#[async_trait::async_trait]` on the `impl`, and the crate `async-trait` among the dependencies. An
/// implementation
///
/// - **must** read the latest committed data in every method, never a replica or a cache: login reads the
///   hash a second time to notice that the password was changed meanwhile (rule P5);
/// - **must** compare subjects and stored hashes byte by byte, whatever the collation of the database;
/// - **must** use only the accounts of the realm that is asked for, if the application has several realms
///   (rule A12);
/// - **must** treat an account that may not log in, for example one that is disabled, as if it did not exist;
/// - **should** take about as long for an unknown account as for a known one, with one indexed lookup for
///   both (rule P2);
/// - **should** end every call within a few seconds; `PasswordLogin` sets no time limit.
///
/// # Errors
///
/// A missing account is not an error: return `None` or [`ReplaceOutcome::Missing`]. Return an error if the
/// result is unknown, such as when the database is unreachable. Callers of
/// [`PasswordLogin`](super::PasswordLogin) receive it as the source of
/// [`PasswordError::Accounts`](super::PasswordError::Accounts) (HTTP 503). A
/// [`LoginError`](crate::error::LoginError), which `?` passes on from [`Login::new`] and [`Login::claims`],
/// is a mistake of the application (HTTP 500).
///
/// # Example
///
/// Users log in with their email address. The comments show the same methods in SQL.
///
/// ```
/// use std::sync::Mutex;
///
/// use authcore::password::{Account, Accounts, AccountsError, PasswordHash, ReplaceOutcome};
/// use authcore::{Login, Realm, Subject};
///
/// #[derive(Debug)]
/// struct User {
///     id: String,
///     email: String,
///     is_admin: bool,
///     password_hash: PasswordHash,
/// }
///
/// /// The users of an application with one realm.
/// #[derive(Debug, Default)]
/// struct Users(Mutex<Vec<User>>);
///
/// #[async_trait::async_trait]
/// impl Accounts for Users {
///     async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
///         // SELECT id, is_admin, password_hash FROM users WHERE email = $1 AND NOT disabled
///         let users = self.0.lock().unwrap();
///         let Some(user) = users.iter().find(|user| user.email == identifier) else { return Ok(None) };
///         let claims = serde_json::json!({ "is_admin": user.is_admin });
///         let login = Login::new(user.id.as_str())?.claims(&claims)?;
///         Ok(Some(Account::new(login).password_hash(user.password_hash.clone())))
///     }
///
///     async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
///         // SELECT password_hash FROM users WHERE id = $1 AND NOT disabled
///         let users = self.0.lock().unwrap();
///         let user = users.iter().find(|user| user.id == subject.as_str());
///         Ok(user.map(|user| user.password_hash.clone()))
///     }
///
///     async fn replace_hash(
///         &self,
///         subject: &Subject,
///         expected: &PasswordHash,
///         new: &PasswordHash,
///     ) -> Result<ReplaceOutcome, AccountsError> {
///         // UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND NOT disabled
///         // No row changed: `Missing` if `password_hash` finds none for the subject, otherwise `Stale`.
///         let mut users = self.0.lock().unwrap();
///         match users.iter_mut().find(|user| user.id == subject.as_str()) {
///             None => Ok(ReplaceOutcome::Missing),
///             Some(user) if user.password_hash.expose() != expected.expose() => Ok(ReplaceOutcome::Stale),
///             Some(user) => {
///                 user.password_hash = new.clone();
///                 Ok(ReplaceOutcome::Replaced)
///             }
///         }
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Accounts`",
    label = "expected the application's accounts",
    note = "implement `authcore::password::Accounts` with `#[async_trait::async_trait]` on the `impl`"
)]
pub trait Accounts: fmt::Debug + Send + Sync + 'static {
    /// Finds the account for a login identifier, such as a user name or email address, in this realm.
    ///
    /// Returns `None` if there is no such account, or if it may not log in. The [`Login`] of the account
    /// names its subject; the other methods receive that subject.
    ///
    /// # Errors
    ///
    /// If the lookup fails.
    ///
    /// # Security
    ///
    /// `identifier` is untrusted: any text of any length, as the client sent it.
    ///
    /// If several spellings find one account, guesses must be counted together for all of them.
    /// [`MemoryThrottle`](super::MemoryThrottle) does that for spellings that differ in upper and lower
    /// case or in surrounding white space. For others, such as ignored accents or dots in an email address,
    /// either accept only one spelling, or count the attempts [by the name that is looked
    /// up](super::Target::Identifier).
    async fn find(&self, identifier: &str, realm: &Realm) -> Result<Option<Account>, AccountsError>;

    /// Returns the stored hash of the subject's password, unchanged, in the subject's
    /// [realm](Subject::realm_name).
    ///
    /// Returns `None` if there is no such account, it may not log in, or it has no password.
    ///
    /// # Errors
    ///
    /// If the lookup fails. A login in progress is then refused.
    async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError>;

    /// Stores `new` as the hash of the subject's password, in the subject's realm, if the stored hash is
    /// `expected`, byte for byte. Compares and stores in one atomic step, and never creates an account.
    ///
    /// Returns [`ReplaceOutcome::Stale`] if another hash is stored, and [`ReplaceOutcome::Missing`] if
    /// there is no such account.
    ///
    /// # Errors
    ///
    /// If the call fails, or if it is unknown whether the hash was stored. `PasswordLogin` handles both
    /// outcomes.
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

/// An account found by [`Accounts::find`].
#[derive(Debug, Clone)]
pub struct Account {
    pub(super) login: Login,
    pub(super) hash: Option<PasswordHash>,
}

impl Account {
    /// Creates an account without a password. `login` has its subject and claims, and is used only if the
    /// password is right.
    pub fn new(login: Login) -> Self {
        Self { login, hash: None }
    }

    /// Sets the stored hash of the account's password.
    #[must_use]
    pub fn password_hash(mut self, stored: PasswordHash) -> Self {
        self.hash = Some(stored);
        self
    }
}
