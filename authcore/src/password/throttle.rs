//! Slows down who guesses passwords, and hardly anybody else.

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

/// Who says a password, as far as that is known before the password is looked at.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a throttle that forgets a new part must not compile")]
pub struct Attempt<'a> {
    /// For which realm: accounts of the same name in different realms are different accounts, and failures in
    /// one realm count in no other (rule A12).
    pub realm: &'a Realm,
    /// Whose password is said.
    pub target: Target<'a>,
    /// Where the request came from; `None` if the host does not say. Then nobody is told from a stranger, and
    /// who guesses at an account can make its owner wait everywhere.
    pub address: Option<IpAddr>,
}

/// What an attempt is at. The two count apart even if they read the same: else whoever knows a subject could
/// make its owner wait by logging in with it as a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a throttle that forgets a new one must not compile")]
pub enum Target<'a> {
    /// A login: what was given as the account's name, whether there is such an account or not.
    ///
    /// As the client sent it: fold what an application may take for one name, or each spelling has attempts
    /// of its own. [`MemoryThrottle`] trims white space and folds upper and lower case, of all of Unicode.
    /// Two accounts whose names differ in nothing else share their delays, and that is all. It folds nothing
    /// else: not accents, composed and decomposed letters, full-width forms, invisible characters, or dots
    /// and tags in addresses of mail. If [`Accounts::find`](super::Accounts::find) does, give the name here
    /// that it looks up.
    Identifier(&'a str),
    /// Somebody who is logged in says the password of their own account once more, to change it: the subject,
    /// which is compared byte by byte.
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
    /// Without the name, for which people take their password by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identifier(_) => "Identifier(..)",
            Self::Subject(_) => "Subject(..)",
        })
    }
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a host must handle both")]
pub enum Admission {
    /// Look at the password.
    Granted,
    /// Not before so long: HTTP 429 with `Retry-After`, in seconds rounded up. The password must not be
    /// looked at.
    Refused(Duration),
}

/// Counts attempts to log in, for each account and for each address.
///
/// A host asks [`admit`](LoginThrottle::admit) before it looks at a password, and then says what came of it,
/// once: [`succeeded`](LoginThrottle::succeeded), [`failed`](LoginThrottle::failed) or
/// [`withdrawn`](LoginThrottle::withdrawn). What can be seen to be wrong without looking at the password (a
/// malformed request, a new password that is too short) comes before all that.
///
/// [`MemoryThrottle`] counts in one process. For a fleet, implement it on what all nodes share.
///
/// # Security
///
/// An attempt of which nothing was said yet counts against its account as if it had failed: else many guesses
/// at once would be a way around the limit.
///
/// A refusal must be a delay that ends, and never a lock: whoever can lock an account by failing can lock
/// anybody out. Delays that end still let an attacker be first after each; to count failures elsewhere apart
/// from those where the owner logged in before is what keeps owners in there.
#[async_trait]
pub trait LoginThrottle: fmt::Debug + Send + Sync + 'static {
    /// Whether this attempt may be made now; if so, it counts from now on, until something else is said. One
    /// that is refused counts nowhere.
    ///
    /// # Errors
    ///
    /// `Unavailable` if that cannot be said: answer 503.
    async fn admit(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Admission, StoreError>;

    /// The attempt was by the account's owner.
    ///
    /// # Errors
    ///
    /// `Unavailable` if that cannot be written down; the login holds all the same.
    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError>;

    /// The password was looked at, and was wrong. By default nothing is done: the attempt counts already.
    ///
    /// # Errors
    ///
    /// `Unavailable` if that cannot be written down.
    async fn failed(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        let _ = (attempt, now);
        Ok(())
    }

    /// Nobody knows whether the password is wrong, since something of the host's was out: the attempt counts
    /// no more. By default nothing is done, and it counts as failed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if that cannot be written down.
    ///
    /// # Security
    ///
    /// Not for a client that hung up: the password may have been looked at, and was hashed at the host's
    /// expense.
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
