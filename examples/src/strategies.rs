//! The three strategies: the only place where the example servers differ.

use std::error::Error;

use authcore::{Algorithm, Auth, Jwt, Key, KeyRing, Refresh, ServerSessions, SessionStore};

/// Every request reads the session from `store`.
///
/// # Errors
///
/// If the policy cannot be met.
pub fn sessions(store: impl SessionStore) -> Result<Auth, Box<dyn Error + Send + Sync>> {
    Ok(Auth::sessions(ServerSessions::builder(store).build()?))
}

/// No request reads a store: the token says everything, until it expires.
///
/// # Errors
///
/// If the operating system gives no random bytes for the key.
pub fn tokens() -> Result<Auth, Box<dyn Error + Send + Sync>> {
    Ok(Auth::tokens(jwt()?))
}

/// Access tokens that no request reads a store for, and a refresh token whose session is in `store`.
///
/// # Errors
///
/// As [`tokens`], or if the policy cannot be met.
pub fn hybrid(store: impl SessionStore) -> Result<Auth, Box<dyn Error + Send + Sync>> {
    Ok(Auth::hybrid(jwt()?, Refresh::builder(store).build()?)?)
}

/// Tokens that live 15 minutes, under a key that lives as long as the process.
///
/// A real application loads its key from a secret manager, so that tokens survive a restart and every node
/// verifies the same ones.
fn jwt() -> Result<Jwt, Box<dyn Error + Send + Sync>> {
    let keys = KeyRing::new(Key::generate("demo-1", Algorithm::HS256)?);
    Ok(Jwt::builder(keys).issuer("https://auth.example.com").audience("authcore-examples").build()?)
}
