//! Devices, logout and refresh, as far as each strategy supports them.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{Browser, Strategy, World};

async fn devices(browser: &mut Browser) -> Vec<Value> {
    let answer = browser.get("/auth/sessions").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn devices_are_listed_and_ended() {
    for strategy in [Strategy::Sessions, Strategy::Hybrid] {
        let world = World::new(strategy).await;
        let (mut laptop, mut phone, mut tablet) = (world.browser(), world.browser(), world.browser());
        for browser in [&mut laptop, &mut phone, &mut tablet] {
            browser.log_in().await;
            world.clock.advance(Duration::from_secs(1));
        }
        let all = devices(&mut laptop).await;
        assert_eq!(all.len(), 3);
        assert_eq!(all.iter().filter(|device| device["current"] == true).count(), 1);
        assert_eq!(all[0]["device"], "a test");
        let phones = devices(&mut phone).await;
        let phone_id =
            phones.iter().find(|device| device["current"] == true).unwrap()["id"].as_str().unwrap();
        let revoke = crate::world::request(axum::http::Method::DELETE, &format!("/auth/sessions/{phone_id}"));
        let answer = laptop.send(revoke.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.json()["ended_sessions"], json!([phone_id]));
        assert_eq!(devices(&mut laptop).await.len(), 2);
        let answer = laptop.post("/auth/logout-others", json!({})).await;
        assert_eq!(answer.json()["ended_sessions"].as_array().unwrap().len(), 1);
        assert_eq!(devices(&mut laptop).await.len(), 1);
        let answer = laptop.post("/auth/logout-everywhere", json!({})).await;
        assert_eq!(answer.json()["ended_sessions"].as_array().unwrap().len(), 1);
        assert!(laptop.cookies.is_empty());
        let nonsense = crate::world::request(axum::http::Method::DELETE, "/auth/sessions/nonsense");
        let mut again = world.browser();
        again.log_in().await;
        let answer = again.send(nonsense.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let world = World::new(Strategy::Tokens).await;
    let mut browser = world.browser();
    browser.log_in().await;
    assert_eq!(browser.get("/auth/sessions").await.status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn a_logout_tells_what_it_did() {
    for (strategy, effective) in
        [(Strategy::Sessions, "now"), (Strategy::Tokens, "later"), (Strategy::Hybrid, "later")]
    {
        let world = World::new(strategy).await;
        let mut browser = world.browser();
        browser.log_in().await;
        let answer = browser.post("/auth/logout", json!({})).await;
        assert_eq!(answer.json()["effective"], effective, "{strategy:?}");
        assert_eq!(answer.header("clear-site-data"), Some(r#""cache", "storage""#));
        assert!(browser.cookies.is_empty());
        // A second logout is not an error.
        assert_eq!(browser.post("/auth/logout", json!({})).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_logout_takes_whichever_credential_there_is() {
    let world = World::new(Strategy::Hybrid).await;
    for gone in ["__Host-session", "__Secure-session-refresh", "nothing"] {
        let mut browser = world.browser();
        browser.log_in().await;
        let mut copy = browser.clone();
        browser.cookies.remove(gone);
        // Long after the access token has expired.
        world.clock.advance(Duration::from_secs(3600));
        let answer = browser.post("/auth/logout", json!({})).await;
        assert_eq!(answer.json()["ended_sessions"].as_array().unwrap().len(), 1, "without {gone}");
        assert_eq!(copy.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    }
}

/// Rule C7: the cookies are cleared, and the response says that the revocation is unconfirmed.
#[tokio::test]
async fn c7_a_logout_while_the_store_is_out_is_unconfirmed() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    world.store.set_out(true);
    let answer = browser.post("/auth/logout", json!({})).await;
    assert_eq!((answer.status, answer.json()["effective"].as_str()), (StatusCode::OK, Some("unconfirmed")));
    assert!(browser.cookies.is_empty());

    let world = World::with(Strategy::Sessions, |guard| guard.credentials_in_bodies()).await;
    let mut client = world.browser();
    let token = client.log_in().await.json()["access_token"].as_str().unwrap().to_owned();
    world.store.set_out(true);
    let mut logout = crate::world::post("/auth/logout", &json!({}));
    logout.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let answer = client.send(logout).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "a program can try again");
}

/// With two cookies it is unclear which one counts (rule C5). Both are cleared, and the response says that
/// the revocation is unconfirmed (rule C7).
#[tokio::test]
async fn c5_c7_a_logout_with_two_credentials_ends_neither_and_says_so() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let token = browser.cookie("__Host-session").to_owned();
    let (cookie, bearer) = (format!("__Host-session={token}"), format!("Bearer {token}"));
    let twice = format!("{cookie}; {cookie}");
    for headers in [
        [("cookie", &*cookie), ("authorization", "Bearer x")],
        [("cookie", &cookie), ("authorization", "Bearer")],
        [("cookie", &twice), ("accept", "*/*")],
        [("authorization", &bearer), ("authorization", &bearer)],
    ] {
        let mut copy = browser.clone();
        let mut logout = crate::world::post("/auth/logout", &json!({}));
        for (name, value) in headers {
            logout.headers_mut().append(name, value.parse().unwrap());
        }
        let answer = copy.send(logout).await;
        assert_eq!((answer.status, &answer.json()["effective"]), (StatusCode::OK, &json!("unconfirmed")));
        assert!(copy.cookies.is_empty());
        assert_eq!(browser.get("/me").await.status, StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test]
async fn a_refresh_rotates_and_sees_a_replay() {
    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let thief = browser.clone();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(browser.post("/auth/refresh", json!({})).await.status, StatusCode::OK);
    }
    assert_eq!(thief.clone().post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    // The session has ended for both.
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(browser.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    for (strategy, expected) in
        [(Strategy::Sessions, StatusCode::NOT_IMPLEMENTED), (Strategy::Tokens, StatusCode::NOT_IMPLEMENTED)]
    {
        let mut browser = World::new(strategy).await.browser();
        browser.log_in().await;
        assert_eq!(browser.post("/auth/refresh", json!({})).await.status, expected, "{strategy:?}");
    }
}

/// A cookie left by another strategy or planted by a sibling domain does not block a refresh that does not
/// need it.
#[tokio::test]
async fn a_refresh_cookie_is_no_matter_where_the_strategy_has_none() {
    let left = {
        let mut browser = World::new(Strategy::Hybrid).await.browser();
        browser.log_in().await;
        browser.cookie("__Secure-session-refresh").to_owned()
    };
    for stray in [&*left, "nonsense", "a b", "a; __Secure-session-refresh=b"] {
        let world = World::new(Strategy::Reissue).await;
        let mut browser = world.browser();
        let old = browser.log_in().await;
        let stray = (stray.to_owned(), "/auth".to_owned());
        browser.cookies.insert("__Secure-session-refresh".to_owned(), stray.clone());
        world.clock.advance(Duration::from_secs(60));
        let answer = browser.post("/auth/refresh", json!({})).await;
        assert_eq!(answer.status, StatusCode::OK, "{stray:?} {answer:?}");
        assert_ne!(answer.set_cookies()[0], old.set_cookies()[0]);
        // If the cookie is needed, the refresh fails.
        let world = World::new(Strategy::Hybrid).await;
        let mut browser = world.browser();
        browser.log_in().await;
        browser.cookies.insert("__Secure-session-refresh".to_owned(), stray.clone());
        let answer = browser.post("/auth/refresh", json!({})).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{stray:?}");
        browser.cookies.remove("__Host-session");
        assert_eq!(
            browser.post("/auth/refresh", json!({})).await.status,
            StatusCode::UNAUTHORIZED,
            "{stray:?}"
        );
    }
}

/// Two tabs that refresh at the same moment both stay logged in (rule R2).
#[tokio::test]
async fn r2_two_tabs_refresh_at_once() {
    let world = World::new(Strategy::Hybrid).await;
    let mut one = world.browser();
    one.log_in().await;
    world.clock.advance(Duration::from_secs(60));
    let mut two = one.clone();
    let (first, second) =
        tokio::join!(one.post("/auth/refresh", json!({})), two.post("/auth/refresh", json!({})));
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(one.cookie("__Secure-session-refresh"), two.cookie("__Secure-session-refresh"));
}
