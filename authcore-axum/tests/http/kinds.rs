//! Kinds of session: 'keep me logged in', API keys, guests (rule A13), and requests that do not count as uses
//! (rule A14).

use std::time::Duration;

use authcore::{Device, Login, Subject};
use authcore_axum::{Guard, Principal};
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};

use crate::log::Log;
use crate::world::{ALL, Browser, PASSWORD, Strategy, World, bearer, credentials, guest, post, request};

const STATEFUL: [Strategy; 2] = [Strategy::Sessions, Strategy::Hybrid];

async fn world(strategy: Strategy) -> World {
    World::with_kinds(strategy, |guard| guard).await
}

fn remember(value: Value) -> Value {
    let mut login = credentials("ada");
    login["remember"] = value;
    login
}

async fn api_key(world: &World, name: &str) -> String {
    let login = Login::new("user-42").unwrap().device(Device::unknown().with_label(name));
    world.auth.create_api_key(login).await.unwrap().credential().expose().to_owned()
}

async fn kind(browser: &mut Browser) -> Value {
    browser.get("/auth/sessions").await.json()[0]["kind"].clone()
}

#[tokio::test]
async fn a13_a_cookie_outlives_the_browser_if_its_user_wants_that() {
    for strategy in STATEFUL {
        let world = world(strategy).await;
        for (value, wanted) in [
            (json!(true), true),
            (json!("on"), true),
            (json!("1"), true),
            (json!(false), false),
            (json!(null), false),
            (json!("off"), false),
            (json!(""), false),
        ] {
            let mut browser = world.browser();
            let answer = browser.post("/auth/login", remember(value.clone())).await;
            assert_eq!(answer.status, StatusCode::OK, "{value} {answer:?}");
            let (age, expected) =
                if wanted { ("; Max-Age=7776000", "remembered") } else { ("; Max-Age", "default") };
            for cookie in answer.set_cookies() {
                assert_eq!(cookie.contains(age), wanted, "{strategy:?} {value} {cookie}");
            }
            assert_eq!(kind(&mut browser).await, expected);
            // A refresh or a change of password keeps the cookie persistent or not.
            world.clock.advance(Duration::from_secs(60));
            if strategy == Strategy::Hybrid {
                let answer = browser.post("/auth/refresh", json!({})).await;
                assert!(answer.set_cookies().iter().all(|cookie| cookie.contains("; Max-Age") == wanted));
            }
            browser.post("/auth/logout", json!({})).await;
        }
        for bad in [json!([true]), json!({}), json!(1.5)] {
            let answer = world.browser().post("/auth/login", remember(bad.clone())).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }
}

#[tokio::test]
async fn a13_a_checkbox_of_a_form_says_so_too() {
    for (field, wanted) in
        [("", false), ("&remember=on", true), ("&remember=yes", true), ("&remember=0", false)]
    {
        let world = world(Strategy::Sessions).await;
        let body = format!("username=ada&password={}{field}", PASSWORD.replace(' ', "+"));
        let sent = request(Method::POST, "/auth/login")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body));
        let answer = world.browser().send(sent.unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{field}");
        assert_eq!(answer.set_cookies()[0].contains("Max-Age"), wanted, "{field}");
    }
}

#[tokio::test]
async fn a13_what_is_not_offered_is_not_chosen() {
    // Without a policy for remembered sessions, the default applies.
    for strategy in ALL {
        let world = World::new(strategy).await;
        let answer = world.browser().post("/auth/login", remember(json!(true))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.set_cookies().iter().all(|cookie| !cookie.contains("Max-Age")), "{answer:?}");
    }
    // A user cannot override the kind that the account sets for its terminal.
    let world = world(Strategy::Sessions).await;
    let mut browser = world.browser();
    let mut login = remember(json!(true));
    login["username"] = json!("terminal");
    let answer = browser.post("/auth/login", login).await;
    assert!(!answer.set_cookies()[0].contains("Max-Age"), "{answer:?}");
    assert_eq!(kind(&mut browser).await, "kiosk");
}

#[tokio::test]
async fn a13_an_api_key_is_a_bearer_credential_in_both_transports() {
    for strategy in STATEFUL {
        let in_cookies = world(strategy).await;
        let in_bodies = World::with_kinds(strategy, |guard| guard.credentials_in_bodies()).await;
        for world in [in_cookies, in_bodies] {
            let key = api_key(&world, "nightly export").await;
            let mut script = world.browser();
            assert_eq!(script.send(bearer("/me", &key)).await.text, "user-42");
            // A key manages no sessions, and a login ends no key.
            let answer = script.send(bearer("/auth/sessions", &key)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            let mut login = post("/auth/login", &credentials("ada"));
            login.headers_mut().insert(AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
            assert_eq!(script.send(login).await.status, StatusCode::OK);
            assert_eq!(script.send(bearer("/me", &key)).await.status, StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn a13_an_api_key_in_a_cookie_is_refused() {
    for strategy in STATEFUL {
        let world = world(strategy).await;
        let key = api_key(&world, "nightly export").await;
        let with = |method, path: &str| -> Request<Body> {
            let cookie = format!("__Host-session={key}");
            request(method, path).header(COOKIE, cookie).body(Body::empty()).unwrap()
        };
        let mut browser = world.browser();
        world.store.calls();
        assert_eq!(browser.send(with(Method::GET, "/me")).await.status, StatusCode::UNAUTHORIZED);
        let refresh = browser.send(with(Method::POST, "/auth/refresh")).await;
        assert_eq!(refresh.status, StatusCode::UNAUTHORIZED);
        let logout = browser.send(with(Method::POST, "/auth/logout")).await;
        assert_eq!(logout.json()["effective"], "unconfirmed");
        let logout = browser.post("/auth/logout", json!({ "refresh_token": key })).await;
        assert_eq!(logout.json()["effective"], "unconfirmed");
        assert_eq!(world.store.calls(), 0);
        assert_eq!(browser.send(bearer("/me", &key)).await.status, StatusCode::OK, "and it lives on");
        // As a bearer token, a key can end itself.
        let mut logout = post("/auth/logout", &json!({}));
        logout.headers_mut().insert(AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        assert_eq!(browser.send(logout).await.json()["ended_sessions"].as_array().unwrap().len(), 1);
        assert_eq!(browser.send(bearer("/me", &key)).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a13_the_list_of_devices_tells_what_each_is() {
    let world = world(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    world.clock.advance(Duration::from_secs(1));
    api_key(&world, "nightly export").await;
    world.clock.advance(Duration::from_secs(1));
    let support =
        Login::new("user-42").unwrap().client_id("desk").unwrap().actor(&Subject::new("staff-7").unwrap());
    let _ = world.auth.login(support).await.unwrap();
    let list = browser.get("/auth/sessions").await.json();
    let told: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|device| {
            json!([device["device"], device["kind"], device["api_key"], device["actor"], device["client_id"]])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!([null, "default", false, "staff-7", "desk"]),
            json!(["nightly export", "api-key", true, null, null]),
            json!(["a test", "default", false, null, null]),
        ]
    );
    // 'Log out the others' spares the key; its owner can revoke it.
    browser.post("/auth/logout-others", json!({})).await;
    let left = browser.get("/auth/sessions").await.json();
    assert_eq!(left.as_array().unwrap().len(), 2);
    let id = left[0]["id"].as_str().unwrap();
    let revoke = request(Method::DELETE, &format!("/auth/sessions/{id}")).body(Body::empty()).unwrap();
    assert_eq!(browser.send(revoke).await.json()["ended_sessions"], json!([id]));
}

#[tokio::test]
async fn a13_a_session_that_is_no_login_is_for_handlers_that_ask_for_any() {
    for strategy in STATEFUL {
        let world = world(strategy).await;
        let mut browser = world.browser();
        let issued = world.auth.login(Login::new("visitor-9").unwrap().kind(guest())).await.unwrap();
        browser.hold(&issued);
        assert_eq!(browser.get("/cart").await.text, "visitor-9 guest false");
        assert_eq!(browser.get("/maybe").await.text, "nobody");
        for path in ["/me", "/members/plain", "/members", "/fresh", "/auth/sessions"] {
            assert_eq!(browser.get(path).await.status, StatusCode::UNAUTHORIZED, "{strategy:?} {path}");
        }
        let change = json!({ "current": PASSWORD, "new": "another password" });
        assert_eq!(browser.post("/auth/password", change).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(world.browser().get("/cart").await.status, StatusCode::UNAUTHORIZED);
        // A login ends the guest's session.
        browser.log_in().await;
        assert_eq!(browser.get("/cart").await.text, "user-42 default true");
        if strategy == Strategy::Sessions {
            world.store.calls();
            browser.get("/cart").await;
            assert_eq!(world.store.calls(), 1, "two that ask cost one look");
            let mut visitor = world.browser();
            visitor.hold(&issued);
            assert_eq!(visitor.get("/cart").await.status, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn a14_a_page_that_polls_keeps_nobody_logged_in() {
    for (path, stays) in [("/poll", false), ("/me", true)] {
        // An idle timeout of one hour.
        let world = world(Strategy::Sessions).await;
        let mut browser = world.browser();
        browser.log_in().await;
        for _ in 0..2 {
            world.clock.advance(Duration::from_secs(25 * 60));
            assert_eq!(browser.get(path).await.text, "user-42");
        }
        world.clock.advance(Duration::from_secs(25 * 60));
        let expected = if stays { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(browser.get("/me").await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn a14_a_passive_layer_that_would_do_nothing_is_an_error() {
    async fn poll(principal: Principal) -> String {
        principal.subject().to_owned()
    }
    let world = world(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let cookie = format!("__Host-session={}", browser.cookie("__Host-session"));
    let guard = Guard::builder(world.auth.clone()).clock(world.clock.clone()).build().unwrap();
    let other = Guard::builder(world.auth.clone()).build().unwrap();
    let route = || Router::new().route("/poll", get(poll));
    let wrong_order = guard.protect(route().route_layer(guard.passive()).route_layer(guard.require_login()));
    let of_another = guard.protect(route().route_layer(other.passive()));
    let log = Log::start();
    for (app, told) in [(wrong_order, "add `passive()` after"), (of_another, "does not `protect` it")] {
        let mut client = World { app, ..World::new(Strategy::Sessions).await }.browser();
        let sent = request(Method::GET, "/poll").header(COOKIE, &cookie).body(Body::empty()).unwrap();
        assert_eq!(client.send(sent).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        let text = log.take();
        assert!(text.contains(told) && text.contains("/poll"), "{text}");
    }
}
