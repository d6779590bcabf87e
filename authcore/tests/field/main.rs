//! Scenarios from the field: changes of keys, tenants that share a store, kinds of session, claims whose type
//! has changed. The checks for every store are in `authcore-testkit`.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod claims;
mod contents;
mod delivery;
mod keys_change;
mod kinds;
mod realms;
mod uses;

use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::strategy::{RefreshTokensBuilder, ServerSessionsBuilder};
use authcore::{
    Auth, Error, IssuedCredentials, Login, MemoryStore, RefreshTokens, ServerSessions, SessionId, Timestamp,
};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn key(kid: &str) -> Key {
    let secret: Vec<u8> = kid.bytes().chain((0..32).map(|byte| byte ^ 0xa5)).take(32).collect();
    Key::hmac(kid, Algorithm::HS256, &secret).unwrap()
}

fn jwt_of(kid: &str, issuer: &str, audience: &str) -> Jwt {
    Jwt::builder(KeyRing::new(key(kid))).issuer(issuer).audience(audience).build().unwrap()
}

fn jwt() -> Jwt {
    jwt_of("k1", "https://auth.example.com", "api")
}

/// One process with the hybrid strategy, over a store that outlives it.
fn hybrid(jwt: Jwt, store: &MemoryStore, clock: &ManualClock) -> Auth {
    hybrid_with(jwt, store, clock, |refresh| refresh)
}

fn hybrid_with(
    jwt: Jwt,
    store: &MemoryStore,
    clock: &ManualClock,
    options: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder,
) -> Auth {
    let refresh = options(RefreshTokens::builder(store.clone())).build().unwrap();
    Auth::with_hybrid(jwt, refresh).unwrap().with_clock(clock.clone())
}

fn sessions(
    store: &MemoryStore,
    clock: &ManualClock,
    options: impl FnOnce(ServerSessionsBuilder) -> ServerSessionsBuilder,
) -> Auth {
    let sessions = options(ServerSessions::builder(store.clone())).build().unwrap();
    Auth::with_sessions(sessions).with_clock(clock.clone())
}

fn login() -> Login {
    Login::new("ada").unwrap()
}

fn id(issued: &IssuedCredentials) -> SessionId {
    issued.principal().session_id().unwrap()
}

fn refresh_token(issued: &IssuedCredentials) -> &str {
    issued.refresh_token().unwrap().expose()
}

/// Returns the reason of an unauthenticated call.
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Rejection {
    match outcome {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("not refused: {other:?}"),
    }
}
