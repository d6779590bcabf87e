//! The three strategies: the only place where the example servers differ.

use std::error::Error;

use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::SessionStore;
use authcore::{Auth, RefreshTokens, ServerSessions};
use authcore_axum::{Guard, GuardBuilder};

type Failure = Box<dyn Error + Send + Sync>;

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Strategy {
    /// [`sessions`]
    Sessions,
    /// [`tokens`]
    Tokens,
    /// [`hybrid`]
    Hybrid,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Tokens, Self::Hybrid];

    /// Its name in commands, paths and cookies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Tokens => "tokens",
            Self::Hybrid => "hybrid",
        }
    }

    /// What protects its server. That of the sessions is for browsers, which keep cookies; the others are for programs, which
    /// keep tokens. The playground has all three in cookies.
    pub fn guard(self, auth: Auth) -> GuardBuilder {
        match self {
            Self::Sessions => Guard::builder(auth),
            Self::Tokens | Self::Hybrid => Guard::builder(auth).credentials_in_bodies(),
        }
    }
}

/// Every request reads the session from `store`.
///
/// # Errors
///
/// If the policy cannot be met.
pub fn sessions(store: impl SessionStore) -> Result<Auth, Failure> {
    Ok(Auth::with_sessions(ServerSessions::builder(store).build()?))
}

/// No request reads a store: the token says everything, until it expires.
///
/// # Errors
///
/// If the operating system gives no random bytes for the key.
pub fn tokens() -> Result<Auth, Failure> {
    Ok(Auth::with_tokens(jwt()?))
}

/// Access tokens that no request reads a store for, and a refresh token whose session is in `store`.
///
/// # Errors
///
/// As [`tokens`], or if the policy cannot be met.
pub fn hybrid(store: impl SessionStore) -> Result<Auth, Failure> {
    Ok(Auth::with_hybrid(jwt()?, RefreshTokens::builder(store).build()?)?)
}

/// Tokens that live 15 minutes, under a key that lives as long as the process.
///
/// A real application loads its key from a secret manager, so that tokens survive a restart and every node
/// verifies the same ones.
fn jwt() -> Result<Jwt, Failure> {
    let keys = KeyRing::new(Key::generate("demo-1", Algorithm::HS256)?);
    Ok(Jwt::builder(keys).issuer("https://auth.example.com").audience("authcore-examples").build()?)
}
