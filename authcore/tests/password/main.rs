//! Login by password and change of password, with a store and accounts that fail and change on demand.

#![cfg(feature = "password")]
#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod change;
mod faults;
mod limits;
mod login;
mod throttle;

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use authcore::error::Rejection;
use authcore::jwt::{Jwt, Key, KeyRing};
use authcore::password::{
    NewPassword, Password, PasswordChanged, PasswordError, PasswordHasher, PasswordLogin,
};
use authcore::store::{SessionRecord, SessionStore};
use authcore::{Auth, Error, IssuedCredentials, MemoryStore, RefreshTokens, ServerSessions, SessionId};

use self::faults::{FaultyStore, People};

const OLD: &str = "the old password";

const NEW: &str = "the new password";

struct World {
    auth: Auth,
    people: Arc<People>,
    store: MemoryStore,
    hasher: PasswordHasher,
    passwords: PasswordLogin,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sessions,
    Tokens,
    Hybrid,
}

impl World {
    /// Returns accounts with Ada and her old password.
    async fn new(kind: Kind) -> Self {
        let (store, people) = (MemoryStore::new(), Arc::new(People::default()));
        let faulty = FaultyStore(store.clone(), people.faults.clone());
        let jwt = || {
            let keys = KeyRing::new(Key::hmac("k1", authcore::jwt::Algorithm::HS256, &[7; 32]).unwrap());
            Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
        };
        let auth = match kind {
            Kind::Sessions => Auth::with_sessions(ServerSessions::builder(faulty).build().unwrap()),
            Kind::Tokens => Auth::with_tokens(jwt()),
            Kind::Hybrid => {
                Auth::with_hybrid(jwt(), RefreshTokens::builder(faulty).build().unwrap()).unwrap()
            }
        };
        let hasher = PasswordHasher::builder().build().unwrap();
        let hash = hasher.hash(NewPassword::new(OLD).unwrap()).await.unwrap();
        people.set("ada", hash.expose());
        let passwords = PasswordLogin::new(auth.clone(), hasher.clone(), Arc::clone(&people));
        Self { auth, people, store, hasher, passwords }
    }

    async fn login(&self, password: &str) -> Result<IssuedCredentials, PasswordError> {
        self.passwords.login("ada", Password::new(password).unwrap(), |login| login).await
    }

    async fn change(
        &self,
        own: &IssuedCredentials,
        current: &str,
        new: &str,
    ) -> Result<PasswordChanged, PasswordError> {
        let (current, new) = (Password::new(current).unwrap(), NewPassword::new(new).unwrap());
        self.passwords.change_password(own.principal(), current, new).await
    }

    async fn hash(&self, password: &str) -> String {
        self.hasher.hash(NewPassword::new(password).unwrap()).await.unwrap().expose().to_owned()
    }

    async fn sessions(&self) -> Vec<SessionId> {
        let all = self.store.list(&"ada".parse().unwrap()).await.unwrap();
        all.iter().map(SessionRecord::id).collect()
    }
}

fn is_wrong_password<T>(outcome: &Result<T, PasswordError>) -> bool {
    matches!(outcome, Err(PasswordError::Auth(Error::Unauthenticated(Rejection::WrongPassword))))
}

/// A hash with outdated parameters.
fn weak_hash(password: &str) -> String {
    hash_with(password, (4_096, 2, 1))
}

fn hash_with(password: &str, (memory, passes, lanes): (u32, u32, u32)) -> String {
    let params = Params::new(memory, passes, lanes, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_with_salt(password.as_bytes(), b"sixteen byte sal").unwrap().to_string()
}
