//! The API for adapters: kinds of session and the maximum size of tokens.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::error::{LoginError, Rejection};
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::{Auth, Error, Login, MemoryStore, ServerSessions, SessionKind, SessionPolicy, Timestamp};

fn guest() -> SessionKind {
    SessionKind::new("guest").unwrap()
}

fn sessions(policy: SessionPolicy) -> Auth {
    let sessions = ServerSessions::builder(MemoryStore::new())
        .policy(policy)
        .kind(SessionKind::REMEMBERED, SessionPolicy::remembered())
        .kind(guest(), SessionPolicy::new().not_a_login())
        .kind(SessionKind::API_KEY, SessionPolicy::api_key());
    Auth::with_sessions(sessions.build().unwrap())
}

fn tokens() -> Auth {
    let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
    Auth::with_tokens(Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap())
}

#[test]
fn a13_only_kinds_that_a_login_can_open_are_offered() {
    let auth = sessions(SessionPolicy::new());
    for (kind, sessions, lone) in [
        (SessionKind::DEFAULT, true, true),
        (SessionKind::REMEMBERED, true, false),
        (guest(), true, false),
        (SessionKind::KIOSK, false, false),
        (SessionKind::API_KEY, false, false),
    ] {
        assert_eq!((auth.has_kind(&kind), tokens().has_kind(&kind)), (sessions, lone), "{kind}");
        let login = Login::new("ada").unwrap().kind(kind.clone());
        assert_eq!(login.session_kind(), &kind);
    }
}

#[tokio::test]
async fn a13_what_is_not_a_login_can_be_asked_of_a_principal() {
    let auth = sessions(SessionPolicy::new());
    for (kind, is_login) in [(SessionKind::DEFAULT, true), (guest(), false)] {
        let issued = auth.login(Login::new("ada").unwrap().kind(kind)).await.unwrap();
        let principal = auth.authenticate_any_kind(issued.credential().expose()).await.unwrap();
        assert_eq!(auth.is_login(&principal), is_login);
        let refused = auth.authenticate(issued.credential().expose()).await.err();
        assert_eq!(matches!(refused, Some(Error::Unauthenticated(Rejection::NotALogin))), !is_login);
    }
}

#[tokio::test]
async fn a14_a_session_of_any_kind_can_be_verified_without_a_use() {
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let auth =
        sessions(SessionPolicy::new().with_idle_timeout(Duration::from_secs(600))).with_clock(clock.clone());
    for (passive, stays) in [(true, false), (false, true)] {
        let issued = auth.login(Login::new("ada").unwrap()).await.unwrap();
        clock.advance(Duration::from_secs(400));
        if passive {
            auth.authenticate_any_kind_passively(issued.credential().expose()).await.unwrap();
        } else {
            auth.authenticate_any_kind(issued.credential().expose()).await.unwrap();
        }
        clock.advance(Duration::from_secs(400));
        assert_eq!(auth.authenticate(issued.credential().expose()).await.is_ok(), stays);
    }
}

#[tokio::test]
async fn r12_a_limit_of_the_token_is_never_raised() {
    let login =
        || Login::new("ada").unwrap().claims(&serde_json::json!({ "role": "r".repeat(600) })).unwrap();
    let auth = tokens().with_max_token_len(500).with_max_token_len(4000);
    match auth.login(login()).await.unwrap_err() {
        Error::Login(LoginError::TokenTooLarge { len, max: 500, largest }) => {
            assert!(len > 800 && &*largest == "role", "{len} {largest}");
        }
        other => panic!("{other:?}"),
    }
    assert!(tokens().with_max_token_len(4000).login(login()).await.is_ok());
}
