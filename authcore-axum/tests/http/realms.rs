//! Tenants that share a store (rule A12).

use std::time::Duration;

use authcore::Realm;
use authcore_axum::GuardBuilder;
use axum::body::Body;
use axum::http::header::{COOKIE, HOST};
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::world::{ALL, Answer, Browser, PASSWORD, Strategy, World, credentials, post, request};

/// Returns the tenant of a host: `t1` for `t1.example.com`. There are two tenants.
fn by_host(parts: &Parts) -> Option<Realm> {
    let name = parts.headers.get(HOST)?.to_str().ok()?.strip_suffix(".example.com")?;
    ["t1", "t2"].contains(&name).then(|| Realm::new(name).ok())?
}

fn tenants(guard: GuardBuilder) -> GuardBuilder {
    guard.realm(by_host)
}

async fn at(tenant: &str, browser: &mut Browser, mut sent: Request<Body>) -> Answer {
    sent.headers_mut().insert(HOST, format!("{tenant}.example.com").parse().unwrap());
    browser.send(sent).await
}

async fn get(tenant: &str, browser: &mut Browser, path: &str) -> Answer {
    at(tenant, browser, request(Method::GET, path).body(Body::empty()).unwrap()).await
}

async fn send(tenant: &str, browser: &mut Browser, path: &str, body: Value) -> Answer {
    at(tenant, browser, post(path, &body)).await
}

async fn log_in(tenant: &str, world: &World) -> Browser {
    let mut browser = world.browser();
    let answer = send(tenant, &mut browser, "/auth/login", credentials("ada")).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    browser
}

#[tokio::test]
async fn a12_a_credential_is_for_the_realm_of_its_login() {
    for strategy in ALL {
        let world = World::with(strategy, tenants).await;
        for (own, other) in [("t1", "t2"), ("t2", "t1")] {
            let mut browser = log_in(own, &world).await;
            // The account comes from the realm, and all calls stay in it.
            assert_eq!(get(own, &mut browser, "/members").await.text, format!("user-42 is {own}"));
            let facts = get(own, &mut browser, "/facts").await.text;
            assert!(facts.starts_with(&format!("{own:?} ")), "{facts}");
            for path in ["/me", "/members", "/members/plain", "/fresh", "/poll", "/auth/sessions"] {
                let answer = get(other, &mut browser, path).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{strategy:?} {path}");
            }
            assert_eq!(get(other, &mut browser, "/maybe").await.text, "nobody");
            world.clock.advance(Duration::from_secs(60));
            let held = browser.cookies.clone();
            for path in ["/auth/refresh", "/auth/logout-others", "/auth/logout-everywhere", "/auth/logout"] {
                send(other, &mut browser, path, json!({})).await;
                browser.cookies = held.clone();
            }
            let change = json!({ "current": PASSWORD, "new": "another password" });
            let answer = send(other, &mut browser, "/auth/password", change).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert_eq!(get(own, &mut browser, "/me").await.status, StatusCode::OK, "nothing was touched");
            if strategy == Strategy::Hybrid {
                let answer = send(own, &mut browser, "/auth/refresh", json!({})).await;
                assert_eq!(answer.status, StatusCode::OK);
                assert_eq!(get(own, &mut browser, "/me").await.status, StatusCode::OK);
            }
        }
    }
}

#[tokio::test]
async fn a12_lists_and_logouts_keep_to_their_realm() {
    for strategy in [Strategy::Sessions, Strategy::Hybrid] {
        let world = World::with(strategy, tenants).await;
        let (mut one, mut other) = (log_in("t1", &world).await, log_in("t2", &world).await);
        log_in("t2", &world).await;
        let count = async |tenant: &str, browser: &mut Browser| {
            get(tenant, browser, "/auth/sessions").await.json().as_array().unwrap().len()
        };
        assert_eq!((count("t1", &mut one).await, count("t2", &mut other).await), (1, 2));
        let id = get("t2", &mut other, "/auth/sessions").await.json()[0]["id"].as_str().unwrap().to_owned();
        let revoke = request(Method::DELETE, &format!("/auth/sessions/{id}")).body(Body::empty()).unwrap();
        assert_eq!(at("t1", &mut one, revoke).await.json()["ended_sessions"], json!([]));
        let ended = send("t1", &mut one, "/auth/logout-everywhere", json!({})).await;
        assert_eq!(ended.json()["ended_sessions"].as_array().unwrap().len(), 1);
        assert_eq!(count("t2", &mut other).await, 2);
        // A change of password ends and renews sessions in its own realm.
        let mut one = log_in("t1", &world).await;
        let change = json!({ "current": PASSWORD, "new": "another password" });
        assert_eq!(send("t1", &mut one, "/auth/password", change).await.status, StatusCode::OK);
        assert_eq!((count("t1", &mut one).await, count("t2", &mut other).await), (1, 2));
        // A login in one realm replaces no session in the other.
        let mut wanders = other.clone();
        let login = json!({ "username": "ada", "password": "another password" });
        assert_eq!(send("t1", &mut wanders, "/auth/login", login).await.status, StatusCode::OK);
        assert_eq!(count("t2", &mut other).await, 2);
    }
}

#[tokio::test]
async fn a12_guesses_in_one_realm_slow_nobody_down_in_another() {
    let world = World::with(Strategy::Sessions, tenants).await;
    let wrong = json!({ "username": "ada", "password": "wrong password" });
    let mut browser = world.browser();
    for _ in 0..5 {
        send("t1", &mut browser, "/auth/login", wrong.clone()).await;
    }
    let answer = send("t1", &mut browser, "/auth/login", credentials("ada")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    log_in("t2", &world).await;
}

#[tokio::test]
async fn a12_a_request_for_no_realm_reaches_nothing() {
    for strategy in ALL {
        let world = World::with(strategy, tenants).await;
        let mut browser = log_in("t1", &world).await;
        world.store.calls();
        for path in ["/", "/me", "/maybe", "/members/plain", "/auth/sessions", "/nowhere"] {
            let answer = get("t3", &mut browser, path).await;
            assert_eq!(
                (answer.status, answer.json()),
                (StatusCode::NOT_FOUND, json!({ "error": "not found" }))
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"), "there may be such a tenant soon");
        }
        for path in ["/", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/password"] {
            let answer = send("t3", &mut browser, path, credentials("ada")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert!(answer.set_cookies().is_empty());
        }
        assert_eq!(world.store.calls(), 0);
        assert_eq!(get("t1", &mut browser, "/me").await.status, StatusCode::OK);
    }
}

/// Without the option, all requests belong to the realm of the guard's `Auth`.
#[tokio::test]
async fn a12_a_guard_of_one_realm_needs_no_option() {
    let unnamed = World::new(Strategy::Hybrid).await;
    let realm = Realm::new("t1").unwrap();
    let mut before = unnamed.browser();
    before.log_in().await;
    let named = unnamed.restarted(unnamed.auth.in_realm(&realm), |guard| guard).await;
    let mut browser = named.browser();
    browser.log_in().await;
    assert_eq!(browser.get("/members").await.text, "user-42 is t1");
    assert_eq!(before.at(&named).get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(before.get("/members").await.text, "user-42 is admin");
    // A cookie of one realm is not accepted in the other.
    let stray = format!("__Host-session={}", browser.cookie("__Host-session"));
    let sent = request(Method::GET, "/me").header(COOKIE, stray).body(Body::empty()).unwrap();
    assert_eq!(unnamed.browser().send(sent).await.status, StatusCode::UNAUTHORIZED);
}

/// One builder names the realm for both.
#[tokio::test]
async fn a12_a_guard_in_a_realm_logs_in_there() {
    let world = World::new(Strategy::Sessions).await;
    let tenant = world.with_guard_in(&Realm::new("t1").unwrap()).await;
    let mut browser = tenant.browser();
    assert_eq!(browser.send(post("/auth/login", &credentials("ada"))).await.status, StatusCode::OK);
    let me = browser.send(request(Method::GET, "/me").body(Body::empty()).unwrap()).await;
    assert_eq!(me.status, StatusCode::OK, "{me:?}");
}
