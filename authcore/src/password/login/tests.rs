//! The work of a login and of a change of password.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::jwt::{Algorithm, Jwt, Key, KeyRing};
use crate::password::AccountsError;
use crate::{MemoryStore, RefreshTokens, ServerSessions};

const TODAY: u64 = 19_456 * 2;
const OLD: &str = "the old password";
const NEW: &str = "the new password";

/// The account of Ada, whose hash another change may replace just before a write.
#[derive(Debug)]
struct Ada {
    stored: Mutex<String>,
    before_replace: Mutex<Option<String>>,
}

#[async_trait]
impl Accounts for Ada {
    async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
        let stored = PasswordHash::new(self.stored.lock().unwrap().clone());
        let login = Login::new(identifier)?;
        Ok((identifier == "ada").then(|| Account::new(login).password_hash(stored)))
    }

    async fn password_hash(&self, _: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
        Ok(Some(PasswordHash::new(self.stored.lock().unwrap().clone())))
    }

    async fn replace_hash(
        &self,
        _: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<ReplaceOutcome, AccountsError> {
        let mut stored = self.stored.lock().unwrap();
        if let Some(other) = self.before_replace.lock().unwrap().take() {
            *stored = other;
        }
        if *stored != expected.expose() {
            return Ok(ReplaceOutcome::Stale);
        }
        *stored = new.expose().to_owned();
        Ok(ReplaceOutcome::Replaced)
    }
}

fn all_strategies() -> [Auth; 3] {
    let jwt = || {
        let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
        Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
    };
    [
        Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap()),
        Auth::with_tokens(jwt()),
        Auth::with_hybrid(jwt(), RefreshTokens::builder(MemoryStore::new()).build().unwrap()).unwrap(),
    ]
}

/// Ada, with the old password and logged in.
async fn world(auth: Auth) -> (PasswordLogin, Arc<Ada>, IssuedCredentials) {
    let hasher = PasswordHasher::builder().threads(1).build().unwrap();
    let hash = hasher.hash(NewPassword::new(OLD).unwrap()).await.unwrap();
    let stored = Mutex::new(hash.expose().to_owned());
    let ada = Arc::new(Ada { stored, before_replace: Mutex::new(None) });
    let passwords = PasswordLogin::new(auth, hasher, Arc::clone(&ada));
    let issued = passwords.login("ada", Password::new(OLD).unwrap(), |login| login).await.unwrap();
    passwords.hasher.worked();
    (passwords, ada, issued)
}

impl PasswordLogin {
    /// Returns whether a change of password succeeds, and its work as a multiple of today's.
    async fn try_change(&self, principal: &Principal, current: &str, new: &str) -> (bool, u64) {
        let (current, new) = (Password::new(current).unwrap(), NewPassword::new(new).unwrap());
        let outcome = self.change_password(principal, current, new).await;
        let worked = self.hasher.worked();
        assert_eq!(worked % TODAY, 0);
        match outcome {
            Ok(_) => (true, worked / TODAY),
            Err(error) => {
                assert_eq!(error.rejection(), Some(&Rejection::WrongPassword));
                (false, worked / TODAY)
            }
        }
    }
}

#[tokio::test]
async fn p5_a_wrong_current_password_is_one_guess() {
    for auth in all_strategies() {
        let (passwords, ada, own) = world(auth).await;
        let before = ada.stored.lock().unwrap().clone();
        for new in [NEW, OLD, "another guess"] {
            assert_eq!(passwords.try_change(own.principal(), "a guess", new).await, (false, 1), "{new}");
        }
        assert_eq!(*ada.stored.lock().unwrap(), before);
        // One verification and one new hash.
        assert_eq!(passwords.try_change(own.principal(), OLD, NEW).await, (true, 2));
    }
}

#[tokio::test]
async fn p5_a_repeated_change_verifies_the_new_password_only() {
    for auth in all_strategies() {
        let (passwords, ada, own) = world(auth.clone()).await;
        let mark = SaltMark::of(own.principal());
        let stored = PasswordHash::new(ada.stored.lock().unwrap().clone());
        let marked =
            passwords.hasher.hash_marked(NewPassword::new(NEW).unwrap(), &mark, &stored).await.unwrap();
        *ada.stored.lock().unwrap() = marked.expose().to_owned();
        passwords.hasher.worked();
        assert_eq!(passwords.try_change(own.principal(), "a guess", "another guess").await, (false, 2));
        assert_eq!(passwords.try_change(own.principal(), OLD, NEW).await, (true, 1));
        assert_eq!(*ada.stored.lock().unwrap(), marked.expose());
        // With sessions, a successful change renews the session, so the mark no longer matches.
        let next = match auth.own_session(own.principal()).await {
            Err(error) => {
                assert_eq!(error.rejection(), Some(&Rejection::Superseded));
                passwords.login("ada", Password::new(NEW).unwrap(), |login| login).await.unwrap()
            }
            Ok(record) => {
                assert!(record.is_none(), "the session is renewed");
                continue;
            }
        };
        passwords.hasher.worked();
        assert_eq!(passwords.try_change(next.principal(), "a guess", NEW).await, (false, 1));
    }
}

#[tokio::test]
async fn p5_the_same_change_at_once_is_recognized() {
    for auth in all_strategies() {
        let (passwords, ada, own) = world(auth).await;
        let mark = SaltMark::of(own.principal());
        let stored = PasswordHash::new(ada.stored.lock().unwrap().clone());
        let marked =
            passwords.hasher.hash_marked(NewPassword::new(NEW).unwrap(), &mark, &stored).await.unwrap();
        *ada.before_replace.lock().unwrap() = Some(marked.expose().to_owned());
        passwords.hasher.worked();
        // The current password and the new hash, as always, and then the new password against the hash of
        // the other call.
        assert_eq!(passwords.try_change(own.principal(), OLD, NEW).await, (true, 3));
        assert_eq!(*ada.stored.lock().unwrap(), marked.expose());
    }
}

#[tokio::test]
async fn p8_a_login_fails_at_the_same_cost_whatever_is_stored() {
    let (passwords, ada, _) = world(all_strategies().into_iter().next().unwrap()).await;
    let today = ada.stored.lock().unwrap().clone();
    let absurd = today.replace("m=19456,t=2,p=1", "m=1048576,t=4294967295,p=1");
    assert_ne!(absurd, today);
    for stored in [today.as_str(), "", "hunter2", &absurd] {
        *ada.stored.lock().unwrap() = stored.to_owned();
        for name in ["ada", "nobody"] {
            let outcome = passwords.login(name, Password::new(NEW).unwrap(), |login| login).await;
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unauthenticated);
            assert_eq!(passwords.hasher.worked(), TODAY, "{name}, {stored}");
        }
    }
}
