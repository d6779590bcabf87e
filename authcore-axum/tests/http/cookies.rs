//! The cookies that are set, and the cookies that are accepted.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST};
use axum::http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::world::{ALL, PASSWORD, Strategy, World, credentials, post, request};

#[tokio::test]
async fn c1_attributes_are_the_strictest_that_work() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        let answer = world.browser().log_in().await;
        let cookies = answer.set_cookies();
        let access = cookies[0];
        assert!(access.starts_with("__Host-session="), "{access}");
        assert!(access.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{access}");
        assert_eq!(cookies.len(), if strategy == Strategy::Hybrid { 2 } else { 1 });
        if let Some(refresh) = cookies.get(1) {
            assert!(refresh.starts_with("__Secure-session-refresh=acr_"), "{refresh}");
            assert!(refresh.ends_with("; HttpOnly; SameSite=Strict; Secure; Path=/auth"), "{refresh}");
        }
    }
}

/// The refresh cookie's path is that of the routes, which may be nested below another router's path.
#[tokio::test]
async fn c1_the_refresh_cookie_follows_a_router_that_is_nested() {
    let mut world = World::new(Strategy::Hybrid).await;
    world.app = Router::new().nest("/app", Router::new().nest("/v1", world.app));
    let mut browser = world.browser();
    let login = browser.post("/app/v1/auth/login", credentials("ada")).await;
    assert!(login.set_cookies()[0].ends_with("; Path=/"), "{login:?}");
    assert!(login.set_cookies()[1].ends_with("; Path=/app/v1/auth"), "{login:?}");
    world.clock.advance(Duration::from_secs(60));
    let password = json!({ "current": PASSWORD, "new": "another password" });
    for (path, body) in [("refresh", json!({})), ("password", password)] {
        let answer = browser.post(&format!("/app/v1/auth/{path}"), body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.set_cookies()[1].ends_with("; Path=/app/v1/auth"), "{answer:?}");
    }
    for path in ["logout-everywhere", "logout"] {
        let answer = browser.post(&format!("/app/v1/auth/{path}"), json!({})).await;
        assert!(answer.set_cookies()[1].contains("; Path=/app/v1/auth; Max-Age=0"), "{answer:?}");
    }
}

/// Browsers silently drop a cookie of more than 4,096 bytes, so issuing one is an error.
#[tokio::test]
async fn c2_claims_that_fit_into_no_cookie_are_an_error_of_the_login() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        let mut browser = world.browser();
        let answer = browser.post("/auth/login", credentials("grace")).await;
        if strategy == Strategy::Sessions {
            // The claims stay in the store, so the cookie remains short.
            assert_eq!(answer.status, StatusCode::OK);
            assert!(browser.get("/members").await.text.ends_with("rrr"));
            continue;
        }
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{strategy:?}");
        assert!(answer.set_cookies().is_empty(), "{strategy:?}");
        assert_eq!(answer.json(), json!({ "error": "internal error" }));
        // No orphaned session is left.
        browser.log_in().await;
        if strategy == Strategy::Hybrid {
            assert_eq!(browser.get("/auth/sessions").await.json().as_array().unwrap().len(), 1);
        }
    }
}

/// A sibling domain can plant a `__Secure-` cookie but not a `__Host-` cookie.
#[tokio::test]
async fn c1_a_refresh_cookie_counts_beside_its_access_cookie_only() {
    let world = World::new(Strategy::Hybrid).await;
    let (mut victim, mut attacker) = (world.browser(), world.browser());
    victim.log_in().await;
    attacker.log_in().await;
    let own = victim.cookies.clone();
    let planted = attacker.cookies["__Secure-session-refresh"].clone();
    victim.cookies.insert("__Secure-session-refresh".to_owned(), planted);
    let answer = victim.post("/auth/refresh", json!({})).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.set_cookies().is_empty(), "C7");
    victim.cookies.remove("__Host-session");
    assert_eq!(victim.post("/auth/refresh", json!({})).await.status, StatusCode::UNAUTHORIZED);
    // With both of its own cookies it works, long after the access token has expired.
    victim.cookies = own;
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(victim.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(victim.post("/auth/refresh", json!({})).await.status, StatusCode::OK);
    assert_eq!(victim.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn c5_one_credential_a_request() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let token = browser.cookie("__Host-session").to_owned();
    world.store.calls();
    let with = |headers: &[(&str, String)]| {
        let request = headers
            .iter()
            .fold(request(Method::GET, "/me"), |request, (name, value)| request.header(*name, value));
        request.body(Body::empty()).unwrap()
    };
    let (bearer, cookie) = (format!("Bearer {token}"), format!("__Host-session={token}"));
    for (headers, good) in [
        (vec![("authorization", bearer.clone())], true),
        (vec![("authorization", format!("bearer  {token}"))], true),
        (vec![("authorization", "Basic YWRhOngx".to_owned())], true),
        // No fallback from an invalid bearer token to a valid cookie.
        (vec![("authorization", "Bearer x".to_owned())], false),
        (vec![("authorization", "Bearer".to_owned())], false),
        (vec![("authorization", format!("Bearer {token} {token}"))], false),
        (vec![("authorization", bearer.clone()), ("authorization", bearer.clone())], false),
        (vec![("cookie", format!("{cookie}; {cookie}"))], false),
        (vec![("cookie", cookie.clone()), ("cookie", cookie.clone())], false),
        (vec![("cookie", "__Host-session=".to_owned())], false),
        (vec![("cookie", format!("session={token}"))], false),
    ] {
        let expected = if good { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(browser.send(with(&headers)).await.status, expected, "{headers:?}");
        assert_eq!(world.store.calls(), usize::from(good), "{headers:?}");
    }
}

/// Other cookies of this host, in any encoding, neither hide the session cookie nor make a logout overlook
/// it.
#[tokio::test]
async fn c5_c7_a_cookie_counts_beside_others_of_any_encoding() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let own = format!("__Host-session={}", browser.cookie("__Host-session"));
    for other in ["theme=café".as_bytes(), b"theme=caf\xe9"] {
        let beside = HeaderValue::from_bytes(&[other, b"; ", own.as_bytes()].concat()).unwrap();
        let me = request(Method::GET, "/me").header(COOKIE, &beside).body(Body::empty()).unwrap();
        assert_eq!(browser.send(me).await.status, StatusCode::OK);
    }
    let beside = HeaderValue::from_bytes(&[b"theme=caf\xe9; ", own.as_bytes()].concat()).unwrap();
    let mut copy = browser.clone();
    let mut logout = post("/auth/logout", &json!({}));
    logout.headers_mut().insert(COOKIE, beside);
    assert_eq!(copy.send(logout).await.json()["ended_sessions"].as_array().unwrap().len(), 1);
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    // The session cookie itself must be text.
    let mut logout = post("/auth/logout", &json!({}));
    logout.headers_mut().insert(COOKIE, HeaderValue::from_bytes(b"__Host-session=\xe9").unwrap());
    assert_eq!(copy.send(logout).await.json()["effective"], "unconfirmed");
}

#[tokio::test]
async fn c7_cookies_are_set_by_login_refresh_and_logout_only() {
    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for path in ["/", "/me", "/maybe", "/members", "/auth/sessions"] {
        assert!(browser.get(path).await.set_cookies().is_empty(), "{path}");
    }
    assert!(browser.post("/auth/logout-others", json!({})).await.set_cookies().is_empty());
    let mut stranger = world.browser();
    stranger.cookies.insert("__Host-session".to_owned(), ("bad".to_owned(), "/".to_owned()));
    assert!(stranger.get("/me").await.set_cookies().is_empty(), "a 401 clears nothing");
    world.clock.advance(Duration::from_secs(60));
    world.store.set_out(true);
    let answer = browser.post("/auth/refresh", json!({})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.set_cookies().is_empty(), "a 503 clears nothing");
    world.store.set_out(false);
    assert_eq!(browser.post("/auth/refresh", json!({})).await.set_cookies().len(), 2);
    assert_eq!(browser.post("/auth/logout", json!({})).await.set_cookies().len(), 2);
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn c8_what_travels_by_cookie_is_in_no_body_and_the_reverse() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        let answer = world.browser().log_in().await;
        assert!(!answer.text.contains("token") && !answer.text.contains("acs_"), "{answer:?}");
        assert_eq!(answer.json()["subject"], "user-42");

        let world = World::with(strategy, |guard| guard.credentials_in_bodies()).await;
        let mut client = world.browser();
        let answer = client.log_in().await;
        assert!(answer.set_cookies().is_empty());
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        let by_header = request(Method::GET, "/me").header(AUTHORIZATION, format!("Bearer {token}"));
        assert_eq!(client.send(by_header.body(Body::empty()).unwrap()).await.text, "user-42");
        let by_cookie = request(Method::GET, "/me").header(COOKIE, format!("__Host-session={token}"));
        assert_eq!(
            client.send(by_cookie.body(Body::empty()).unwrap()).await.status,
            StatusCode::UNAUTHORIZED
        );
        if strategy == Strategy::Hybrid {
            let refresh = answer.json()["refresh_token"].clone();
            let answer = client.post("/auth/refresh", json!({ "refresh_token": refresh })).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert!(answer.json()["access_token"].is_string());
        }
    }
}

#[tokio::test]
async fn names_are_the_hosts_and_plain_cookies_stay_on_this_machine() {
    let world =
        World::with(Strategy::Sessions, |guard| guard.cookie_name("shop").plain_cookies_on_loopback()).await;
    for (host, name, secure) in [
        ("localhost:3000", "shop", false),
        ("127.0.0.1", "shop", false),
        ("shop.example.com", "__Host-shop", true),
        ("localhost.evil.example", "__Host-shop", true),
    ] {
        let mut login = post("/auth/login", &credentials("ada"));
        login.headers_mut().insert(HOST, host.parse().unwrap());
        let answer = world.browser().send(login).await;
        let cookie = answer.set_cookies()[0].to_owned();
        assert!(cookie.starts_with(&format!("{name}=acs_")), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        let (pair, _) = cookie.split_once(';').unwrap();
        for (to, good) in [(host, true), (if secure { "localhost" } else { "shop.example.com" }, false)] {
            let me = request(Method::GET, "/me")
                .header(HOST, to)
                .header(COOKIE, pair)
                .body(Body::empty())
                .unwrap();
            let expected = if good { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            assert_eq!(world.browser().send(me).await.status, expected, "{cookie} to {to}");
        }
    }
}
