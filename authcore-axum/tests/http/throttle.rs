//! The events that the login throttle receives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authcore::Timestamp;
use authcore::password::{Admission, Attempt, LoginThrottle, MemoryThrottle};
use authcore::store::StoreError;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::USER_AGENT;
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::world::{PASSWORD, Strategy, World, credentials, post};

fn wrong(username: &str) -> Value {
    json!({ "username": username, "password": "wrong password" })
}

fn change(current: &str, new: &str) -> Value {
    json!({ "current": current, "new": new })
}

fn from(address: [u8; 4], path: &str, body: &Value) -> Request<Body> {
    let mut sent = post(path, body);
    sent.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 1000))));
    sent
}

#[tokio::test]
async fn an_outage_is_no_failure() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    world.store.set_out(true);
    for _ in 0..30 {
        let answer = browser.post("/auth/login", credentials("ada")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    world.store.set_out(false);
    browser.log_in().await;

    // In this strategy the principal is known without the store.
    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    world.store.set_out(true);
    for _ in 0..30 {
        let answer = browser.post("/auth/password", change(PASSWORD, "another password")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    world.store.set_out(false);
    let answer = browser.post("/auth/password", change(PASSWORD, "another password")).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn p3_what_is_no_password_is_no_failure() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    let long = "x".repeat(1025);
    for _ in 0..30 {
        let answer = browser.post("/auth/login", json!({ "username": "ada", "password": long })).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    browser.log_in().await;
    for _ in 0..30 {
        let answer = browser.post("/auth/password", change(PASSWORD, "short")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let answer = browser.post("/auth/password", change(&long, "another password")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = browser.post("/auth/password", change(PASSWORD, "another password")).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn guesses_at_once_get_no_more_looks() {
    let world = World::new(Strategy::Sessions).await;
    let guesses: Vec<_> = (0..40)
        .map(|_| {
            let mut browser = world.browser();
            tokio::spawn(async move { browser.post("/auth/login", wrong("ada")).await.status })
        })
        .collect();
    let mut looks = 0;
    for guess in guesses {
        looks += usize::from(guess.await.unwrap() == StatusCode::UNAUTHORIZED);
    }
    assert_eq!(looks, 5);
}

#[tokio::test]
async fn hanging_up_takes_no_guess_back() {
    let world = World::new(Strategy::Sessions).await;
    for _ in 0..5 {
        let mut browser = world.browser();
        // The request is dropped while its password waits for hashing.
        assert!(browser.send(post("/auth/login", &wrong("ada"))).now_or_never().is_none());
    }
    let answer = world.browser().post("/auth/login", credentials("ada")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn nobody_is_kept_from_changing_a_password_by_logins_with_their_subject() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for _ in 0..6 {
        let _ = world.browser().post("/auth/login", wrong("user-42")).await;
    }
    let answer = browser.post("/auth/password", change(PASSWORD, "another password")).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn who_stole_a_session_cannot_guess_the_password_there() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for _ in 0..5 {
        let answer = browser.post("/auth/password", change("wrong password", "another password")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = browser.post("/auth/password", change(PASSWORD, "another password")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn p5_a_change_of_password_is_one_guess_and_the_new_password_proves_nothing() {
    for strategy in [Strategy::Sessions, Strategy::Tokens, Strategy::Hybrid] {
        let world = World::new(strategy).await;
        let mut browser = world.browser();
        browser.log_in().await;
        for _ in 0..5 {
            // With the account's own password as the new one.
            let answer = browser.post("/auth/password", change("wrong password", PASSWORD)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{strategy:?}");
        }
        let answer = browser.post("/auth/password", change("wrong password", PASSWORD)).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{strategy:?}");
        assert_eq!(browser.get("/me").await.status, StatusCode::OK, "{strategy:?}");
    }
}

#[tokio::test]
async fn p8_an_account_with_an_unreadable_hash_is_answered_like_an_unknown_name() {
    let world = World::new(Strategy::Sessions).await;
    let mut told = Vec::new();
    for name in ["edith", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..7 {
            let answer = world.browser().post("/auth/login", credentials(name)).await;
            answers.push((answer.status, answer.header("retry-after").map(str::to_owned), answer.json()));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    let statuses: Vec<_> = told[0].iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses[..5], [StatusCode::UNAUTHORIZED; 5]);
    assert_eq!(statuses[5..], [StatusCode::TOO_MANY_REQUESTS; 2]);
}

#[tokio::test]
async fn another_spelling_of_a_name_gets_no_more_looks() {
    let world = World::new(Strategy::Sessions).await;
    let mut looks = 0;
    for name in ["ada", "Ada", " ada "] {
        for _ in 0..5 {
            let answer = world.browser().post("/auth/login", wrong(name)).await;
            looks += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(looks, 5);
}

#[tokio::test]
async fn a_success_is_told() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    for _ in 0..3 {
        for _ in 0..4 {
            let answer = browser.post("/auth/login", wrong("ada")).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        browser.log_in().await;
    }
    for _ in 0..3 {
        for _ in 0..4 {
            let answer = browser.post("/auth/password", change("wrong password", "another password")).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        let answer = browser.post("/auth/password", change(PASSWORD, PASSWORD)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn who_is_right_makes_no_neighbour_wait() {
    let throttle = MemoryThrottle::builder().free_attempts_per_address(1).build().unwrap();
    let world = World::with(Strategy::Sessions, |guard| guard.throttle(throttle)).await;
    for _ in 0..10 {
        let mut browser = world.browser();
        let answer = browser.send(from([192, 0, 2, 1], "/auth/login", &credentials("ada"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        let sent = from([192, 0, 2, 1], "/auth/password", &change(PASSWORD, PASSWORD));
        assert_eq!(browser.send(sent).await.status, StatusCode::OK);
    }
    // A failure is reported too; otherwise it would count as one of four undecided attempts.
    let guess = || from([192, 0, 2, 1], "/auth/login", &wrong("ada"));
    assert_eq!(world.browser().send(guess()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.browser().send(guess()).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn waits_are_rounded_up_to_seconds() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    for expected in ["1", "2", "4"] {
        while browser.post("/auth/login", wrong("ada")).await.status == StatusCode::UNAUTHORIZED {}
        world.clock.advance(Duration::from_millis(1));
        let answer = browser.post("/auth/login", wrong("ada")).await;
        assert_eq!(answer.header("retry-after"), Some(expected));
        world.clock.advance(Duration::from_millis(expected.parse::<u64>().unwrap() * 1000 - 2));
        let answer = browser.post("/auth/login", wrong("ada")).await;
        assert_eq!(answer.header("retry-after"), Some("1"), "a millisecond");
        world.clock.advance(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn the_device_has_the_browsers_name_and_address() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    let mut sent = from([192, 0, 2, 1], "/auth/login", &json!({ "username": "ada", "password": PASSWORD }));
    sent.headers_mut().insert(USER_AGENT, "a browser/1.0".parse().unwrap());
    assert_eq!(browser.send(sent).await.status, StatusCode::OK);
    let devices = browser.get("/auth/sessions").await.json();
    assert_eq!((&devices[0]["device"], &devices[0]["ip"]), (&json!("a browser/1.0"), &json!("192.0.2.1")));
    // The name given by the user comes first.
    let sent = from([192, 0, 2, 2], "/auth/login", &credentials("ada"));
    assert_eq!(browser.send(sent).await.status, StatusCode::OK);
    let devices = browser.get("/auth/sessions").await.json();
    assert_eq!((&devices[0]["device"], &devices[0]["ip"]), (&json!("a test"), &json!("192.0.2.2")));
}

/// A throttle whose server is unavailable, before or after the verification of a password.
#[derive(Debug, Clone, Default)]
struct Out(Arc<AtomicBool>);

#[async_trait]
impl LoginThrottle for Out {
    async fn admit(&self, _: Attempt<'_>, _: Timestamp) -> Result<Admission, StoreError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(StoreError::unavailable("out"));
        }
        Ok(Admission::Granted)
    }

    async fn succeeded(&self, _: Attempt<'_>, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::unavailable("out"))
    }

    async fn failed(&self, _: Attempt<'_>, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::unavailable("out"))
    }
}

#[tokio::test]
async fn a9_a_throttle_that_is_out_grants_nothing() {
    let throttle = Out::default();
    let world = World::with(Strategy::Sessions, |guard| guard.throttle(throttle.clone())).await;
    let mut browser = world.browser();
    // After the verification, the outcome is known and counts.
    browser.log_in().await;
    let answer = world.browser().post("/auth/login", wrong("ada")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    throttle.0.store(true, Ordering::Relaxed);
    for password in [PASSWORD, "wrong password"] {
        world.store.calls();
        let sent = json!({ "username": "ada", "password": password });
        let answer = world.browser().post("/auth/login", sent).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.set_cookies().is_empty());
        assert_eq!(world.store.calls(), 0);
        let answer = browser.post("/auth/password", change(password, "another password")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    throttle.0.store(false, Ordering::Relaxed);
    browser.log_in().await;
}
