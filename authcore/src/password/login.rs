//! Login by password, and change of password.

use std::sync::Arc;

use super::mark::SaltMark;
use super::{Account, Accounts, NewPassword, Password, PasswordError, PasswordHash, PasswordHasher, Verdict};
use crate::error::Rejection;
use crate::store::ReplaceOutcome;
use crate::{Auth, Error, ErrorKind, IssuedCredentials, Login, Principal, Realm, Revocation, Subject};

/// The number of attempts of a change of password. A new one begins if the stored hash changed meanwhile.
const ATTEMPTS: usize = 4;

/// Login by password and change of password, on top of [`Auth`], a [`PasswordHasher`] and the application's
/// [`Accounts`].
///
/// Cheap to clone and without type parameters, like [`Auth`].
///
/// # Security
///
/// It does not count attempts. Ask a [`LoginThrottle`](super::LoginThrottle) before each call of
/// [`login`](Self::login) and [`change_password`](Self::change_password), and report the outcome, as the
/// ready-made routes of `authcore-axum` do.
///
/// # Example
///
/// ```
/// # use authcore::password::{Account, Accounts, AccountsError, NewPassword, PasswordHash};
/// # use authcore::store::ReplaceOutcome;
/// # use authcore::{Login, Realm, Subject};
/// # #[derive(Debug)]
/// # struct Users(PasswordHash);
/// # #[async_trait::async_trait]
/// # impl Accounts for Users {
/// #     async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
/// #         Ok(Some(Account::new(Login::new(identifier)?).password_hash(self.0.clone())))
/// #     }
/// #     async fn password_hash(&self, _: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
/// #         Ok(Some(self.0.clone()))
/// #     }
/// #     async fn replace_hash(
/// #         &self,
/// #         _: &Subject,
/// #         _: &PasswordHash,
/// #         _: &PasswordHash,
/// #     ) -> Result<ReplaceOutcome, AccountsError> {
/// #         Ok(ReplaceOutcome::Stale)
/// #     }
/// # }
/// use authcore::password::{Password, PasswordHasher, PasswordLogin};
/// use authcore::{Auth, Device, MemoryStore, ServerSessions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
/// let hasher = PasswordHasher::builder().build()?;
/// # let users = Users(hasher.hash(NewPassword::new("correct horse battery")?).await?);
/// let passwords = PasswordLogin::new(auth.clone(), hasher, users);
///
/// let password = Password::new("correct horse battery")?;
/// let phone = Device::unknown().with_label("Ada's phone");
/// let issued = passwords.login("ada", password, |login| login.device(phone)).await?;
/// assert_eq!(auth.authenticate(issued.credential().expose()).await?.subject(), "ada");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PasswordLogin {
    auth: Auth,
    hasher: PasswordHasher,
    accounts: Arc<dyn Accounts>,
}

/// The result of a change of password. The new hash is stored in every case.
#[derive(Debug, Clone)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a change of password has no other result")]
pub enum PasswordChanged {
    /// The other sessions have ended, and the caller's session was renewed.
    Renewed {
        /// The new credential of the caller's session, for the client.
        issued: Box<IssuedCredentials>,
        /// The sessions that this call ended, and until when their access tokens still verify (hybrid
        /// strategy).
        revoked: Revocation,
    },
    /// The strategy keeps no sessions: every token that was issued before, including the caller's, verifies
    /// until it expires.
    TokensRemain,
}

impl PasswordLogin {
    /// Creates the login and change of password for `accounts`.
    pub fn new(auth: Auth, hasher: PasswordHasher, accounts: impl Accounts) -> Self {
        Self { auth, hasher, accounts: Arc::new(accounts) }
    }

    /// Returns the same login for the accounts of `realm` (rule A12).
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self { auth: self.auth.in_realm(realm), ..self.clone() }
    }

    /// Sets the maximum token length of these logins, as [`Auth::with_max_token_len`] does.
    #[must_use]
    pub fn with_max_token_len(mut self, max: usize) -> Self {
        self.auth = self.auth.with_max_token_len(max);
        self
    }

    /// Logs in by identifier and password. `configure` may add details to the [`Login`] before it is used,
    /// such as the device and the credential that it replaces.
    ///
    /// An outdated hash is replaced after it has verified (rule P1); if that fails, the next login tries
    /// again. Once the session is written, the stored hash is read again. If it has changed meanwhile, or
    /// the account no longer exists, the session is ended and the login refused (rule P5).
    ///
    /// # Errors
    ///
    /// After an error nobody is logged in.
    ///
    /// - [`Error::Unauthenticated`] (HTTP 401) with [`Rejection::WrongPassword`] if there is no such
    ///   account, it has no password or a different one, or the password was changed meanwhile; with
    ///   [`Rejection::UnreadableHash`] if the stored hash cannot be read or exceeds the limits of
    ///   [`PasswordHasher::verify`]. Both take the same time, and both count as failed attempts (rule P8).
    /// - [`PasswordError::Busy`] and [`PasswordError::Accounts`] (HTTP 503).
    /// - [`PasswordError::Failed`] (HTTP 500) if a hash cannot be computed.
    /// - [`PasswordError::Auth`] as for [`Auth::login`].
    pub async fn login(
        &self,
        identifier: &str,
        password: Password,
        configure: impl FnOnce(Login) -> Login + Send,
    ) -> Result<IssuedCredentials, PasswordError> {
        let found =
            self.accounts.find(identifier, self.auth.realm()).await.map_err(PasswordError::Accounts)?;
        let Some(Account { login, hash: Some(stored) }) = found else {
            let _mismatch = self.hasher.verify(password, None).await?;
            return Err(PasswordError::wrong_password());
        };
        let subject = login.subject.in_realm(self.auth.realm());
        let accepted = match self.verify_for_login(&subject, password.clone(), &stored).await? {
            Verdict::Mismatch => return Err(PasswordError::wrong_password()),
            Verdict::Match => vec![stored],
            Verdict::MatchOutdated => self.renew_hash(&subject, password, stored).await?,
        };
        let issued = self.auth.login(configure(login)).await?;
        match self.accounts.password_hash(&subject).await {
            Ok(Some(current)) if accepted.iter().any(|hash| same(hash, &current)) => Ok(issued),
            Ok(_) => {
                self.discard_session(issued).await;
                Err(PasswordError::wrong_password())
            }
            Err(error) => {
                self.discard_session(issued).await;
                Err(PasswordError::Accounts(error))
            }
        }
    }

    /// Changes the password of the principal's account: stores the new hash, ends all other sessions, and
    /// renews the caller's session (rule P5).
    ///
    /// Succeeds once every session opened with the old password has ended, except the caller's, whose
    /// credentials have been replaced, and those of kinds that [survive
    /// it](crate::SessionPolicy::surviving_logout_others), such as API keys. The new hash never has less
    /// memory or fewer passes than the hash that it replaces.
    ///
    /// To reset a forgotten password, store the new hash, then call
    /// [`Admin::revoke_all`](crate::Admin::revoke_all).
    ///
    /// # Repeating
    ///
    /// If the call fails half-way, the same call with the same principal and arguments completes it. The
    /// salt of the new hash is marked with the principal's session and its epoch. A repeated call
    /// recognizes the mark, checks that `new` is still the account's password, and does the rest. A
    /// successful call renews the session, so its mark is never recognized again.
    ///
    /// A call cannot be repeated once the session was renewed or another program has rewritten the hash. If
    /// only the response of a successful call was lost, the principal's credential has been replaced: log
    /// in with the new password. Without sessions, the subject and [`Principal::authenticated_at`] take the
    /// place of the session, and a repeated call has nothing left to do.
    ///
    /// # Errors
    ///
    /// - [`Rejection::WrongPassword`] if `current` is not the account's password, even if `new` is.
    /// - The other rejections of [`Auth::renew`] if the principal's session has ended. If the new hash was
    ///   stored before that, all sessions of the subject are ended.
    /// - [`PasswordError::Busy`], [`PasswordError::Accounts`], [`Error::Store`] and [`Error::Contended`]:
    ///   repeat the call.
    /// - [`PasswordError::CorruptHash`] if the stored hash cannot be read.
    ///
    /// # Security
    ///
    /// A call is an attempt to guess the password: limit the attempts as for a login. A call verifies only
    /// `current`, so it is one guess. It also verifies `new`, and then is two guesses, while the stored
    /// hash carries the mark of the principal's session: after a change that failed half-way in this
    /// session, and without sessions until the tokens of that login expire.
    pub async fn change_password(
        &self,
        principal: &Principal,
        current: Password,
        new: NewPassword,
    ) -> Result<PasswordChanged, PasswordError> {
        let sessions = self.check_principal(principal).await?;
        let wrote = self.store_new(principal, &current, &new).await?;
        match sessions {
            OwnSessions::None => Ok(PasswordChanged::TokensRemain),
            OwnSessions::Kept => match self.end_old_sessions(principal).await {
                Ok(changed) => Ok(changed),
                Err(error) if wrote.cannot_be_repeated(&error) => {
                    // The principal's session ended after the check above.
                    let _ended = self.auth.admin().revoke_all(&principal.to_subject()).await?;
                    Err(error.into())
                }
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Ends the other sessions, then renews the principal's: after the renewal this principal is refused,
    /// and could not repeat the call.
    async fn end_old_sessions(&self, principal: &Principal) -> Result<PasswordChanged, Error> {
        let revoked = self.auth.logout_others(principal).await?;
        let issued = Box::new(self.auth.renew(principal).await?);
        Ok(PasswordChanged::Renewed { issued, revoked })
    }

    /// Checks that the principal may change the password, before anything is changed (rule A11).
    async fn check_principal(&self, principal: &Principal) -> Result<OwnSessions, Error> {
        if principal.foreign_issuer().is_some() {
            // Another issuer's subject of the same name is another person.
            return Err(Rejection::WrongIssuer.into());
        }
        let Some(record) = self.auth.own_session(principal).await? else { return Ok(OwnSessions::None) };
        self.auth.check_renewal(&record)?;
        Ok(OwnSessions::Kept)
    }

    /// Stores the hash of `new` if `current` is the account's password, or recognizes that an earlier call
    /// of this session has stored it.
    ///
    /// A hash with the mark of the principal's session was written by this function, after it had verified
    /// the current password. Only then is `new` verified: the password may have changed again since.
    async fn store_new(
        &self,
        principal: &Principal,
        current: &Password,
        new: &NewPassword,
    ) -> Result<Wrote, PasswordError> {
        let (subject, mark) = (principal.to_subject(), SaltMark::of(principal));
        for _ in 0..ATTEMPTS {
            let stored = self.accounts.password_hash(&subject).await.map_err(PasswordError::Accounts)?;
            if stored.as_ref().is_some_and(|stored| mark.is_on(stored)) {
                let verdict = self.hasher.verify(new.password().clone(), stored.as_ref()).await?;
                if verdict != Verdict::Mismatch {
                    return Ok(Wrote::Before);
                }
            }
            let verdict = self.hasher.verify(current.clone(), stored.as_ref()).await?;
            let (Some(stored), Verdict::Match | Verdict::MatchOutdated) = (stored, verdict) else {
                return Err(PasswordError::wrong_password());
            };
            let fresh = self.hasher.hash_marked(new.clone(), &mark, &stored).await?;
            let replaced = self.accounts.replace_hash(&subject, &stored, &fresh).await;
            match replaced.map_err(PasswordError::Accounts)? {
                ReplaceOutcome::Replaced => return Ok(Wrote::Now),
                ReplaceOutcome::Missing => return Err(PasswordError::wrong_password()),
                ReplaceOutcome::Stale => {}
            }
        }
        Err(Error::Contended.into())
    }

    /// As [`PasswordHasher::verify`], but a hash that cannot be read is a rejection, which clients cannot
    /// distinguish from that of an unknown account (rule P8).
    async fn verify_for_login(
        &self,
        subject: &Subject,
        password: Password,
        stored: &PasswordHash,
    ) -> Result<Verdict, PasswordError> {
        match self.hasher.verify(password, Some(stored)).await {
            Err(PasswordError::CorruptHash) => {
                Err(Error::from(Rejection::UnreadableHash(subject.clone())).into())
            }
            outcome => outcome,
        }
    }

    /// Replaces an outdated hash of the verified password, and returns the hashes that belong to this
    /// password. Refuses the login only if the password was changed meanwhile.
    async fn renew_hash(
        &self,
        subject: &Subject,
        password: Password,
        stored: PasswordHash,
    ) -> Result<Vec<PasswordHash>, PasswordError> {
        let Ok(fresh) = self.hasher.rehash(password.clone()).await else { return Ok(vec![stored]) };
        match self.accounts.replace_hash(subject, &stored, &fresh).await {
            Ok(ReplaceOutcome::Replaced) => Ok(vec![fresh]),
            // Whether or not it was stored, both hashes belong to this password.
            Err(_) => Ok(vec![stored, fresh]),
            // Another login has replaced the hash, or the password was changed.
            Ok(ReplaceOutcome::Stale | ReplaceOutcome::Missing) => {
                let current = self.accounts.password_hash(subject).await.map_err(PasswordError::Accounts)?;
                let Some(current) = current else { return Err(PasswordError::wrong_password()) };
                match self.verify_for_login(subject, password, &current).await? {
                    Verdict::Match | Verdict::MatchOutdated => Ok(vec![current]),
                    Verdict::Mismatch => Err(PasswordError::wrong_password()),
                }
            }
        }
    }

    /// Ends a session whose credentials are not handed out. If the store is unavailable, the session
    /// remains, but nobody has its credentials.
    async fn discard_session(&self, issued: IssuedCredentials) {
        let _ = self.auth.logout(issued.credential().expose()).await;
    }
}

/// Whether the strategy keeps sessions.
enum OwnSessions {
    Kept,
    None,
}

/// The call that stored the new hash.
enum Wrote {
    /// This call.
    Now,
    /// An earlier call.
    Before,
}

impl Wrote {
    /// Returns whether the call that failed with `error` cannot be repeated, although the new hash is
    /// stored.
    fn cannot_be_repeated(&self, error: &Error) -> bool {
        match self {
            Self::Now => error.kind() == ErrorKind::Unauthenticated,
            // Only if the session has ended: a concurrent call that renewed it has completed the change.
            Self::Before => error.rejection() == Some(&Rejection::SessionEnded),
        }
    }
}

fn same(one: &PasswordHash, other: &PasswordHash) -> bool {
    one.expose() == other.expose()
}

#[cfg(test)]
mod tests;
