//! Slows down password guessing with little effect on legitimate users.

mod memory;
mod table;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::memory::{MemoryThrottle, MemoryThrottleBuilder};
use crate::store::StoreError;
use crate::{Realm, Timestamp};

/// An attempt to prove a password, as far as it is known before the password is verified.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a throttle that ignores a new field must not compile")]
pub struct Attempt<'a> {
    /// The realm of the account. Accounts of the same name in different realms are different accounts, and
    /// failures in one realm do not count in another (rule A12).
    pub realm: &'a Realm,
    /// The account whose password is tried.
    pub target: Target<'a>,
    /// The client's address; `None` if the host does not know it. Without an address the throttle cannot
    /// tell owner from attacker, so guesses delay the owner everywhere.
    pub address: Option<IpAddr>,
}

impl<'a> Attempt<'a> {
    /// Creates an attempt on `target` in `realm`, from `address` if the client's address is known.
    pub fn new(realm: &'a Realm, target: Target<'a>, address: Option<IpAddr>) -> Self {
        Self { realm, target, address }
    }
}

/// The account that an attempt is for.
///
/// The variants are counted separately even if their texts are equal. Otherwise a client that knows a
/// subject could delay its owner by using the subject as a login name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a throttle that ignores a new variant must not compile")]
pub enum Target<'a> {
    /// A login, by the name that the client sent, whether or not such an account exists.
    ///
    /// An implementation must fold the spellings that an application may accept for one account, because
    /// otherwise each spelling has attempts of its own. [`MemoryThrottle`] trims white space and folds
    /// upper and lower case, for all of Unicode; two accounts whose names differ only in that merely share
    /// their delays. It folds nothing else: not accents, composed and decomposed letters, full-width forms,
    /// invisible characters, or dots and tags in email addresses. If
    /// [`Accounts::find`](super::Accounts::find) ignores such differences, pass the normalized name that it
    /// looks up.
    Identifier(&'a str),
    /// A logged-in user who proves the current password once more, for example to change it, by subject.
    /// Subjects are compared byte by byte.
    Subject(&'a str),
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("realm", &self.realm)
            .field("target", &self.target)
            .field("address", &self.address)
            .finish()
    }
}

impl fmt::Debug for Target<'_> {
    /// Omits the name, because users sometimes type their password into the name field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identifier(_) => "Identifier(..)",
            Self::Subject(_) => "Subject(..)",
        })
    }
}

/// The decision about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a host must handle both")]
pub enum Admission {
    /// The password may be verified.
    Granted,
    /// The password must not be verified; the client may try again after this time. Respond with HTTP 429
    /// and `Retry-After`, in seconds, rounded up.
    Refused(Duration),
}

/// Counts attempts for each account and each address, and delays guessing.
///
/// For each attempt, the host calls [`admit`](LoginThrottle::admit) before it verifies the password. Then
/// it reports the outcome, once, with [`succeeded`](LoginThrottle::succeeded),
/// [`failed`](LoginThrottle::failed) or [`withdrawn`](LoginThrottle::withdrawn). It refuses earlier,
/// without asking the throttle, what can be refused without the password: a malformed request, or a new
/// password that is too short.
///
/// [`MemoryThrottle`] counts in one process. For several processes, implement this trait on storage that
/// they share.
///
/// # Security
///
/// An implementation
///
/// - **must** count an attempt without a reported outcome as a failure of its account, because otherwise
///   concurrent guesses get around the limit;
/// - **must** refuse only for a time that ends, and never lock an account, because otherwise an attacker
///   can lock out anybody by failing;
/// - **should** count failures elsewhere separately from failures at places where the owner has logged in
///   before. An attacker can be first after each delay, and this keeps the owner's own places open.
#[async_trait]
pub trait LoginThrottle: fmt::Debug + Send + Sync + 'static {
    /// Decides whether this attempt may be made now. A granted attempt counts from now on, until its
    /// outcome is reported; a refused one does not count.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the throttle cannot decide: HTTP 503.
    async fn admit(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Admission, StoreError>;

    /// Reports that the password was right.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the outcome cannot be stored. The login remains valid.
    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError>;

    /// Reports that the password was verified and wrong. The default does nothing, because the attempt
    /// already counts.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the outcome cannot be stored.
    async fn failed(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        let _ = (attempt, now);
        Ok(())
    }

    /// Reports that the password could not be verified because something of the host failed, such as its
    /// database: the attempt no longer counts. The default does nothing, so that it counts as failed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the outcome cannot be stored.
    ///
    /// # Security
    ///
    /// Do not call this when the client disconnects: the password may have been verified, and hashing it
    /// took the host's time.
    async fn withdrawn(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        let _ = (attempt, now);
        Ok(())
    }
}

#[async_trait]
impl<T: LoginThrottle + ?Sized> LoginThrottle for Arc<T> {
    async fn admit(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Admission, StoreError> {
        (**self).admit(attempt, now).await
    }

    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        (**self).succeeded(attempt, now).await
    }

    async fn failed(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        (**self).failed(attempt, now).await
    }

    async fn withdrawn(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        (**self).withdrawn(attempt, now).await
    }
}
