//! The T rules, tested through the public API: the requirements of a valid token.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod claims;
mod header;
mod issue;
mod issuers;
mod properties;
mod published;

use authcore::clock::ManualClock;
use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, JwtBuilder, Key, KeyRing, TokenBuffer};
use authcore::strategy::TokenStrategy as _;
use authcore::{Auth, Login, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: [u8; 64] = [7; 64];

const OTHER_SECRET: [u8; 64] = [8; 64];

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

const ISSUER: &str = "https://auth.example.com";

fn key(kid: &str, secret: &[u8]) -> Key {
    Key::hmac(kid, Algorithm::HS256, secret).unwrap()
}

fn builder() -> JwtBuilder {
    Jwt::builder(KeyRing::new(key("k1", &SECRET))).issuer(ISSUER).audience("api")
}

fn jwt() -> Jwt {
    builder().build().unwrap()
}

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "at+jwt", "kid": "k1" })
}

/// Returns a payload that is valid at `NOW`, in another order of members than authcore's.
fn payload() -> Value {
    let now = NOW.as_secs();
    json!({
        "sub": "user-42", "client_id": "web", "iat": now, "exp": now + 600, "iss": ISSUER, "aud": "api",
        "jti": "AAAAAAAAAAAAAAAAAAAAAA", "role": "admin",
    })
}

fn sign_text(header: &str, payload: &str, secret: &[u8]) -> String {
    resign_with(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)), secret)
}

/// Signs an encoded header and payload, which may be malformed.
fn resign(signed: &str) -> String {
    resign_with(signed, &SECRET)
}

fn resign_with(signed: &str, secret: &[u8]) -> String {
    let tag = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn sign(header: &Value, payload: &Value) -> String {
    sign_text(&header.to_string(), &payload.to_string(), &SECRET)
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

/// Verifies in both ways and checks that their results agree.
fn verify_at(jwt: &Jwt, token: &str, now: Timestamp) -> Result<String, Rejection> {
    let principal = jwt.verify(token, now).map(|principal| {
        let issuer = principal.foreign_issuer().map(str::to_owned);
        let times = (principal.authenticated_at(), principal.expires_at());
        (principal.subject().to_owned(), issuer, principal.session_id(), times)
    });
    let mut buffer = TokenBuffer::new();
    let borrowed = jwt.verify_claims::<serde::de::IgnoredAny>(token, now, &mut buffer).map(|verified| {
        let issuer = verified.foreign_issuer.map(str::to_owned);
        let times = (verified.authenticated_at, verified.expires_at);
        (verified.subject.into_owned(), issuer, verified.session_id, times)
    });
    assert_eq!(principal, borrowed, "{token}");
    principal.map(|(subject, ..)| subject)
}

fn verify(token: &str) -> Result<String, Rejection> {
    verify_at(&jwt(), token, NOW)
}

async fn issue(auth: &Auth) -> String {
    let login = Login::new("user-42").unwrap().claims(&json!({ "role": "admin" })).unwrap();
    auth.login(login).await.unwrap().credential().expose().to_owned()
}

fn auth_at(jwt: Jwt, now: Timestamp) -> Auth {
    Auth::with_tokens(jwt).with_clock(ManualClock::new(now))
}

fn decode(segment: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}
