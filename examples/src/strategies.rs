//! The three strategies: the only place where the example servers differ.

use std::error::Error;

use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::SessionStore;
use authcore::{Auth, RefreshTokens, ServerSessions};
use authcore_axum::{Guard, GuardBuilder};

type Failure = Box<dyn Error + Send + Sync>;

/// One of the three strategies.
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
    /// All strategies.
    pub const ALL: [Self; 3] = [Self::Sessions, Self::Tokens, Self::Hybrid];

    /// Returns the name of the strategy in commands, paths and cookies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Tokens => "tokens",
            Self::Hybrid => "hybrid",
        }
    }

    /// Creates the guard of its server.
    ///
    /// The sessions server uses cookies, for browsers. The others return tokens, for other clients. The
    /// playground uses cookies for all three.
    pub fn guard(self, auth: Auth) -> GuardBuilder {
        match self {
            Self::Sessions => Guard::builder(auth),
            Self::Tokens | Self::Hybrid => Guard::builder(auth).credentials_in_bodies(),
        }
    }
}

/// Creates the sessions strategy: every request reads the session from `store`.
///
/// # Errors
///
/// Fails if the policy is invalid.
pub fn sessions(store: impl SessionStore) -> Result<Auth, Failure> {
    Ok(Auth::with_sessions(ServerSessions::builder(store).build()?))
}

/// Creates the tokens strategy: no request reads a store, and a token is valid until it expires.
///
/// # Errors
///
/// Fails if the operating system provides no random bytes for the key.
pub fn tokens() -> Result<Auth, Failure> {
    Ok(Auth::with_tokens(jwt()?))
}

/// Creates the hybrid strategy: access tokens that need no store, and refresh tokens with sessions in
/// `store`.
///
/// # Errors
///
/// Fails like [`tokens`], or if the policy is invalid.
pub fn hybrid(store: impl SessionStore) -> Result<Auth, Failure> {
    Ok(Auth::with_hybrid(jwt()?, RefreshTokens::builder(store).build()?)?)
}

/// Creates tokens with a lifetime of 15 minutes, under a key that lives as long as the process.
///
/// A real application loads its key from a secret manager, so that tokens survive a restart and every node
/// verifies the same ones.
fn jwt() -> Result<Jwt, Failure> {
    let keys = KeyRing::new(Key::generate("demo-1", Algorithm::HS256)?);
    Ok(Jwt::builder(keys).issuer("https://auth.example.com").audience("authcore-examples").build()?)
}
