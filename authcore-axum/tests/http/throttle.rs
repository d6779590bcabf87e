//! What the throttle of logins is told, and what it is not.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

use crate::world::{PASSWORD, Strategy, World, credentials, post};

fn wrong(username: &str) -> Value {
    json!({ "username": username, "password": "wrong password" })
}

fn change(current: &str, new: &str) -> Value {
    json!({ "current": current, "new": new })
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

    // Here the principal is known without the store.
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
        // It is dropped while its password waits to be hashed.
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

fn from(address: [u8; 4], path: &str, body: &Value) -> Request<Body> {
    let mut sent = post(path, body);
    sent.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 1000))));
    sent
}

/// The warnings that are logged.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Warnings {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        self.0.lock().unwrap().push(format!("{value:?}"));
    }
}

#[tokio::test]
async fn logins_without_an_address_are_a_warning_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let said = || std::mem::take(&mut *warnings.0.lock().unwrap());
    let home = [192, 0, 2, 1];

    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.send(from(home, "/auth/login", &credentials("ada"))).await;
    assert!(said().is_empty());
    for _ in 0..3 {
        browser.log_in().await;
    }
    let said_once = said();
    assert_eq!(said_once.len(), 1, "{said_once:?}");
    for what_to_do in ["into_make_service_with_connect_info::<SocketAddr>()", "client_address"] {
        assert!(said_once[0].contains(what_to_do), "{said_once:?}");
    }
    // Another guard says it too, and one that counts nothing does not.
    World::new(Strategy::Sessions).await.browser().log_in().await;
    assert_eq!(said().len(), 1);
    let world = World::with(Strategy::Sessions, |guard| guard.without_throttle()).await;
    world.browser().log_in().await;
    assert!(said().is_empty());
}
