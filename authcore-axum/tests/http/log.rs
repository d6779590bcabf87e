//! The log shows the reason of each refusal and no secrets (rule C6).

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authcore::{Login, Subject};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, COOKIE};
use serde_json::json;
use tracing::Dispatch;
use tracing::dispatcher::{DefaultGuard, set_default};
use tracing_subscriber::Registry;

use crate::world::{ALL, Browser, PASSWORD, Strategy, UNREADABLE_HASH, World, bearer, credentials, post};

/// Captures all log lines of this thread, at every level.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    /// With only one dispatcher, `tracing` caches the interest of whichever test runs first for all threads.
    _another: Dispatch,
    _until: DefaultGuard,
}

impl Log {
    pub(crate) fn start() -> Self {
        #[derive(Clone)]
        struct Lines(Arc<Mutex<Vec<u8>>>);

        impl io::Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let lines = Arc::default();
        let to = Lines(Arc::clone(&lines));
        let all = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        let log = Dispatch::new(all.with_writer(move || to.clone()).finish());
        Self { lines, _another: Dispatch::new(Registry::default()), _until: set_default(&log) }
    }

    /// Returns the lines logged since the last call.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.lines.lock().unwrap())).unwrap()
    }
}

/// Logs in with right and wrong data, misuses the credentials in every way, and returns all secrets.
async fn misuse(world: &World, browser: &mut Browser) -> Vec<String> {
    // Users type their password into the name field.
    let (name, wrong, text) = ("typed-in-the-wrong-field", "not-my-password-either", "not-even-json-of-mine");
    let mut secrets = [PASSWORD, name, wrong, text].map(str::to_owned).to_vec();
    for _ in 0..7 {
        browser.post("/auth/login", json!({ "username": name, "password": wrong })).await;
    }
    browser.post("/auth/login", json!({ "username": "ada", "password": wrong, "device": text })).await;
    browser.post("/auth/login", json!({ "username": "ada", "password": wrong.repeat(60) })).await;
    let mut broken = post("/auth/login", &json!(null));
    *broken.body_mut() = format!("{{{text}").into();
    browser.send(broken).await;
    browser.log_in().await;
    let (again, change) =
        (json!({ "current": wrong, "new": text }), json!({ "current": PASSWORD, "new": "short" }));
    browser.post("/auth/password", again).await;
    browser.post("/auth/password", change).await;
    let held: Vec<_> = browser.cookies.values().map(|(value, _)| value.clone()).collect();
    for credential in &held {
        for twisted in [credential.clone(), format!("{credential}x"), credential[..20].to_owned()] {
            browser.send(bearer("/me", &twisted)).await;
            let mut sent = bearer("/members", &twisted);
            sent.headers_mut().insert(COOKIE, format!("__Host-session={twisted}").parse().unwrap());
            browser.send(sent).await;
            let mut two = post("/auth/logout", &json!({ "refresh_token": twisted }));
            two.headers_mut().append(AUTHORIZATION, format!("Bearer {twisted}").parse().unwrap());
            browser.clone().send(two).await;
        }
    }
    let thief = browser.clone();
    world.store.set_out(true);
    browser.clone().get("/me").await;
    browser.clone().post("/auth/refresh", json!({})).await;
    browser.clone().post("/auth/logout", json!({})).await;
    browser.clone().post("/auth/login", credentials("ada")).await;
    world.store.set_out(false);
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(60));
        browser.post("/auth/refresh", json!({})).await;
        secrets.extend(browser.cookies.values().map(|(value, _)| value.clone()));
    }
    thief.clone().post("/auth/refresh", json!({})).await;
    browser.post("/auth/logout", json!({})).await;
    secrets.extend(held);
    secrets
}

#[tokio::test]
async fn c6_nothing_that_is_secret_is_logged() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        let log = Log::start();
        let secrets = misuse(&world, &mut world.browser()).await;
        let text = log.take();
        assert!(text.lines().count() > 10 && text.contains("authcore_axum"), "{strategy:?}: {text}");
        for secret in secrets {
            // A fragment would be enough to guess the rest.
            let piece = &secret[secret.len() / 4..][..12];
            assert!(!text.contains(piece), "{strategy:?}: {piece} of {secret} in {text}");
        }
    }
}

#[tokio::test]
async fn a_replayed_refresh_token_is_an_alert_with_whom_and_where() {
    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let session = browser.get("/auth/sessions").await.json()[0]["id"].as_str().unwrap().to_owned();
    let mut thief = browser.clone();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(60));
        browser.post("/auth/refresh", json!({})).await;
    }
    let log = Log::start();
    assert_eq!(thief.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    let text = log.take();
    let alert = text.lines().find(|line| line.contains(" WARN ")).unwrap_or_else(|| panic!("{text}"));
    for told in ["a stolen credential", "user-42", "a test", &session] {
        assert!(alert.contains(told), "{told}: {alert}");
    }
}

/// Log lines about support staff who act as a user name the actor.
#[tokio::test]
async fn t16_lines_that_name_a_subject_name_the_actor_too() {
    let world = World::new(Strategy::Hybrid).await;
    let support = |subject: &str| {
        let actor = Subject::new("staff-7\n2026-11-30 ERROR forged").unwrap();
        Login::new(subject).unwrap().actor(&actor).client_id("desk").unwrap()
    };
    let mut browser = world.browser();
    browser
        .hold(&world.auth.login(support("user-42").claims(&json!({ "role": [] })).unwrap()).await.unwrap());
    let facts = browser.get("/facts").await.text;
    assert!(facts.contains("desk") && facts.contains("staff-7"), "{facts}");
    let mut thief = browser.clone();
    let log = Log::start();
    browser.get("/members").await;
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(60));
        browser.post("/auth/refresh", json!({})).await;
    }
    thief.post("/auth/refresh", json!({})).await;
    let text = log.take();
    let told: Vec<_> = text.lines().filter(|line| line.contains("user-42")).collect();
    assert_eq!(told.len(), 2, "claims that do not fit, and the theft: {text}");
    assert!(told.iter().all(|line| line.contains("staff-7")), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("2026-11-30 ERROR forged")), "rule O4: {text}");
}

#[tokio::test]
async fn p8_an_unreadable_hash_is_a_warning_that_names_the_account() {
    let world = World::new(Strategy::Sessions).await;
    let log = Log::start();
    let login = json!({ "username": "edith", "password": PASSWORD });
    world.browser().post("/auth/login", login).await;
    let text = log.take();
    let warning =
        text.lines().find(|line| line.contains("cannot be read")).unwrap_or_else(|| panic!("{text}"));
    assert!(warning.contains(" WARN ") && warning.contains("\"user-43\""), "{warning}");
    assert!(!text.contains(" ERROR ") && !text.contains(UNREADABLE_HASH), "{text}");
}

#[tokio::test]
async fn logins_without_an_address_are_a_warning_once() {
    let log = Log::start();
    let said =
        || log.take().lines().filter(|line| line.contains(" WARN ")).map(str::to_owned).collect::<Vec<_>>();

    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    let mut sent = post("/auth/login", &credentials("ada"));
    sent.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1000))));
    browser.send(sent).await;
    assert!(said().is_empty());
    for _ in 0..3 {
        browser.log_in().await;
    }
    let said_once = said();
    assert_eq!(said_once.len(), 1, "{said_once:?}");
    for what_to_do in ["into_make_service_with_connect_info::<SocketAddr>()", "client_address"] {
        assert!(said_once[0].contains(what_to_do), "{said_once:?}");
    }
    // Another guard logs it too; one without a counter does not.
    World::new(Strategy::Sessions).await.browser().log_in().await;
    assert_eq!(said().len(), 1);
    let world = World::with(Strategy::Sessions, |guard| guard.without_throttle()).await;
    world.browser().log_in().await;
    assert!(said().is_empty());
}
