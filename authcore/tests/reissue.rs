//! Re-issue of tokens without a session: owner, expiry and limit.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TrustedIssuer};
use authcore::strategy::{TokenStrategy as _, UnsignedToken};
use authcore::{Auth, Error, Login, MemoryStore, RefreshTokens, Timestamp};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn key(kid: &str, byte: u8) -> Key {
    Key::hmac(kid, Algorithm::HS256, &[byte; 32]).unwrap()
}

fn jwt() -> Jwt {
    let partner = TrustedIssuer::new("https://partner.example", "api", key("p1", 8));
    let own = Jwt::builder(KeyRing::new(key("k1", 7))).issuer("https://auth.example.com").audience("api");
    own.trusting(partner).build().unwrap()
}

fn auth() -> Auth {
    Auth::with_tokens_and_reissue(jwt(), HOUR).unwrap().with_clock(ManualClock::new(NOW))
}

fn rejection(outcome: Result<authcore::IssuedCredentials, Error>) -> Rejection {
    outcome.unwrap_err().rejection().unwrap().clone()
}

#[tokio::test]
async fn a_foreign_issuers_token_never_becomes_our_own() {
    let partner = Jwt::builder(KeyRing::new(key("p1", 8))).issuer("https://partner.example").audience("api");
    let partner = Auth::with_tokens(partner.build().unwrap()).with_clock(ManualClock::new(NOW));
    let theirs = partner.login(Login::new("admin").unwrap()).await.unwrap();
    let principal = auth().authenticate(theirs.credential().expose()).await.unwrap();
    assert_eq!(principal.foreign_issuer(), Some("https://partner.example"));
    assert_eq!(rejection(auth().refresh(theirs.credential().expose()).await), Rejection::WrongIssuer);
}

#[tokio::test]
async fn a_token_of_a_session_is_not_reissued_without_it() {
    let refresh = RefreshTokens::builder(MemoryStore::new()).build().unwrap();
    let hybrid = Auth::with_hybrid(jwt(), refresh).unwrap().with_clock(ManualClock::new(NOW));
    let issued = hybrid.login(Login::new("user-42").unwrap()).await.unwrap();
    assert_eq!(rejection(auth().refresh(issued.credential().expose()).await), Rejection::WrongKind);
}

/// Another signer with the key may write what this strategy never does.
#[tokio::test]
async fn a13_a_token_that_does_not_represent_a_login_is_not_reissued_as_one() {
    let subject = "user-42";
    let mut token = UnsignedToken::new(subject, "{}", NOW);
    token.is_login = false;
    let guest = jwt().issue(&token, NOW).unwrap();
    assert_eq!(rejection(auth().refresh(guest.expose()).await), Rejection::NotALogin);
    token.is_login = true;
    token.kind = "kiosk";
    let kiosk = jwt().issue(&token, NOW).unwrap();
    assert_eq!(rejection(auth().refresh(kiosk.expose()).await), Rejection::NotALogin);
}

/// The leeway is for differing clocks; it moves neither the time of login nor the limit.
#[tokio::test]
async fn a_reissue_by_a_slower_clock_dates_no_login_into_the_future() {
    let clock = ManualClock::new(NOW);
    let auth = auth().with_clock(clock.clone());
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    clock.set(NOW.minus(Duration::from_secs(30)));
    let again = auth.refresh(issued.credential().expose()).await.unwrap();
    for principal in [again.principal(), &auth.authenticate(again.credential().expose()).await.unwrap()] {
        assert_eq!(principal.authenticated_at(), NOW.minus(Duration::from_secs(30)));
    }
}

#[test]
fn the_limit_lies_between_the_lifetime_of_a_token_and_a_day() {
    let minute = Duration::from_secs(60);
    for (limit, good) in
        [(15 * minute, true), (14 * minute, false), (24 * HOUR, true), (24 * HOUR + minute, false)]
    {
        assert_eq!(Auth::with_tokens_and_reissue(jwt(), limit).is_ok(), good, "{limit:?}");
    }
}

#[test]
fn an_issuer_is_trusted_once_and_is_not_our_own() {
    for issuer in ["https://auth.example.com", "https://partner.example"] {
        let own = Jwt::builder(KeyRing::new(key("k1", 7))).issuer("https://auth.example.com").audience("api");
        let own = own.trusting(TrustedIssuer::new("https://partner.example", "api", key("p1", 8)));
        let error = own.trusting(TrustedIssuer::new(issuer, "api", key("p2", 9))).build().unwrap_err();
        assert!(error.to_string().contains("trusted issuer"), "{error}");
    }
}
