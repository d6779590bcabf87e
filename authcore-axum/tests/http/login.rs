//! Login by password with forms and JSON, guessing, and change of password.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use authcore::password::MemoryThrottle;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::world::{ALL, PASSWORD, Strategy, World, credentials, post, request};

fn form(body: &str, accept: &str) -> Request<Body> {
    let request = request(Method::POST, "/auth/login")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded;charset=UTF-8")
        .header(ACCEPT, accept);
    request.body(body.to_owned().into()).unwrap()
}

#[tokio::test]
async fn a_page_that_sent_a_form_is_led_on() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        for (next, location) in [
            ("", "/"),
            ("&next=/me?a=b", "/me?a=b"),
            ("&next=//evil.example", "/"),
            ("&next=https://evil.example", "/"),
        ] {
            let mut browser = world.browser();
            let body = format!("email=ada&password={}{next}", PASSWORD.replace(' ', "+"));
            let answer = browser.send(form(&body, "text/html")).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
            assert_eq!(answer.header("location"), Some(location), "C4");
            assert_eq!(browser.get("/me").await.status, StatusCode::OK);
            // A script that sends a form gets the result.
            let answer = browser.send(form(&body, "*/*")).await;
            assert_eq!((answer.status, answer.json()["subject"].as_str()), (StatusCode::OK, Some("user-42")));
        }
    }
}

#[tokio::test]
async fn who_is_wrong_is_told_no_more_than_that() {
    let world = World::new(Strategy::Sessions).await;
    let mut answers = Vec::new();
    for (username, password) in [("ada", "wrong password"), ("nobody", PASSWORD), ("ada", ""), ("", PASSWORD)]
    {
        let mut browser = world.browser();
        let answer = browser.post("/auth/login", json!({ "username": username, "password": password })).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.set_cookies().is_empty());
        answers.push(answer.text);
    }
    let long = json!({ "username": "ada", "password": "x".repeat(1025) });
    answers.push(world.browser().post("/auth/login", long).await.text);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a10_a_login_ends_the_session_that_it_replaces() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let mut before = browser.clone();
    browser.log_in().await;
    assert_eq!(before.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
    assert_eq!(browser.get("/auth/sessions").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn guesses_are_slowed_down() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    let wrong = || json!({ "username": "ada", "password": "wrong password" });
    for _ in 0..5 {
        assert_eq!(browser.post("/auth/login", wrong()).await.status, StatusCode::UNAUTHORIZED);
    }
    world.store.calls();
    let answer = browser.post("/auth/login", credentials("ada")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "even the right one has to wait");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(world.store.calls(), 0);
    world.clock.advance(Duration::from_secs(1));
    browser.log_in().await;
    // An unknown name is delayed in the same way and reveals nothing.
    for _ in 0..5 {
        let answer = browser.post("/auth/login", json!({ "username": "eve", "password": "x" })).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = browser.post("/auth/login", json!({ "username": "eve", "password": "x" })).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn addresses_are_those_that_the_host_says() {
    let throttle = MemoryThrottle::builder().free_attempts_per_address(3).build().unwrap();
    let world = World::with(Strategy::Sessions, |guard| guard.throttle(throttle)).await;
    let mut browser = world.browser();
    let from = |address: [u8; 4], number: usize| {
        let mut sent = post("/auth/login", &json!({ "username": format!("user-{number}"), "password": "x" }));
        sent.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 1000))));
        sent
    };
    for number in 0..3 {
        assert_eq!(browser.send(from([192, 0, 2, 1], number)).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(browser.send(from([192, 0, 2, 1], 3)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(browser.send(from([192, 0, 2, 2], 4)).await.status, StatusCode::UNAUTHORIZED);

    // Through a header of a proxy that the application trusts.
    let throttle = MemoryThrottle::builder().free_attempts_per_address(1).build().unwrap();
    let by_proxy = |parts: &axum::http::request::Parts| -> Option<IpAddr> {
        parts.headers.get("x-real-ip")?.to_str().ok()?.parse().ok()
    };
    let world =
        World::with(Strategy::Sessions, |guard| guard.throttle(throttle).client_address(by_proxy)).await;
    let mut browser = world.browser();
    let from = |address: &str, number: usize| {
        let mut sent = post("/auth/login", &json!({ "username": format!("user-{number}"), "password": "x" }));
        sent.headers_mut().insert("x-real-ip", address.parse().unwrap());
        sent
    };
    assert_eq!(browser.send(from("192.0.2.1", 0)).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.send(from("192.0.2.1", 1)).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(browser.send(from("192.0.2.2", 2)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn p3_a_new_password_is_measured_as_its_user_is_told() {
    let world = World::with(Strategy::Sessions, |guard| guard.without_throttle()).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for bad in ["short", "üüüüüüü", &"ü".repeat(513)] {
        let change = json!({ "current": PASSWORD, "new": bad });
        let answer = browser.post("/auth/password", change).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:.10}");
        let told = "a password has at least 8 characters and at most 1,024 bytes";
        assert_eq!(answer.json(), json!({ "error": told }));
    }
    let change = json!({ "current": PASSWORD, "new": "üüüüüüüü" });
    assert_eq!(browser.post("/auth/password", change).await.status, StatusCode::OK);
}

#[tokio::test]
async fn p5_a_changed_password_ends_the_other_sessions() {
    for strategy in [Strategy::Sessions, Strategy::Hybrid] {
        let world = World::new(strategy).await;
        let (mut browser, mut other) = (world.browser(), world.browser());
        browser.log_in().await;
        other.log_in().await;
        let change = |current: &str, new: &str| json!({ "current": current, "new": new });
        let wrong = browser.post("/auth/password", change("wrong password", "another password")).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        let short = browser.post("/auth/password", change(PASSWORD, "short")).await;
        assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
        let answer = browser.post("/auth/password", change(PASSWORD, "another password")).await;
        assert_eq!(answer.status, StatusCode::OK, "{strategy:?} {answer:?}");
        assert_eq!(browser.get("/me").await.status, StatusCode::OK);
        assert_eq!(browser.get("/auth/sessions").await.json().as_array().unwrap().len(), 1);
        let old = world.browser().post("/auth/login", credentials("ada")).await;
        assert_eq!(old.status, StatusCode::UNAUTHORIZED);
        let new = json!({ "username": "ada", "password": "another password" });
        assert_eq!(world.browser().post("/auth/login", new).await.status, StatusCode::OK);
        if strategy == Strategy::Sessions {
            assert_eq!(other.get("/me").await.status, StatusCode::UNAUTHORIZED);
        } else {
            world.clock.advance(Duration::from_secs(60));
            assert_eq!(other.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
        }
    }
}
