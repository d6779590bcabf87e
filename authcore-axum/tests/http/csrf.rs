//! Requests from pages of other sites are refused (rule C4).

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::world::{Answer, Browser, Strategy, World, credentials, post, request};

const EVIL: &str = "https://evil.example";
const OWN: &str = "https://app.example.com";
const TRUSTED: &str = "https://www.example.com";

async fn send(
    browser: &mut Browser,
    method: Method,
    path: &str,
    headers: &[(&'static str, &'static str)],
) -> Answer {
    let body = if path == "/auth/login" { credentials("ada") } else { json!({}) };
    let mut sent = if method == Method::GET {
        request(method, path).body(Body::empty()).unwrap()
    } else {
        post(path, &body)
    };
    for (name, value) in headers {
        sent.headers_mut().append(*name, value.parse().unwrap());
    }
    browser.send(sent).await
}

#[tokio::test]
async fn c4_pages_of_other_sites_change_nothing() {
    let world = World::with(Strategy::Sessions, |guard| guard.trust_origin(TRUSTED)).await;
    for path in ["/auth/login", "/auth/logout", "/auth/refresh", "/auth/logout-everywhere", "/me", "/"] {
        for headers in [
            &[("sec-fetch-site", "cross-site"), ("origin", EVIL)][..],
            &[("sec-fetch-site", "same-site"), ("origin", "https://other.example.com")],
            &[("sec-fetch-site", "cross-site")],
            &[("origin", EVIL)],
            &[("origin", "null")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", OWN), ("origin", EVIL)],
            // The header twice, with values that would each be allowed alone.
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")],
            &[("origin", OWN), ("origin", OWN)],
            &[("sec-fetch-site", "same-origin"), ("origin", OWN), ("origin", EVIL)],
            &[("sec-fetch-site", "nonsense")],
        ] {
            let mut browser = world.browser();
            browser.log_in().await;
            world.store.calls();
            let answer = send(&mut browser, Method::POST, path, headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
            assert!(answer.set_cookies().is_empty());
            assert_eq!(world.store.calls(), 0, "{path} {headers:?}");
            assert_eq!(browser.get("/me").await.status, StatusCode::OK, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn c4_own_pages_trusted_ones_and_no_browsers_are_served() {
    let world = World::with(Strategy::Sessions, |guard| guard.trust_origin(TRUSTED)).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for headers in [
        &[("sec-fetch-site", "same-origin"), ("origin", OWN)][..],
        &[("sec-fetch-site", "none")],
        &[("origin", OWN)],
        &[("sec-fetch-site", "same-site"), ("origin", TRUSTED)],
        &[],
    ] {
        assert_eq!(
            send(&mut browser, Method::POST, "/me", headers).await.status,
            StatusCode::OK,
            "{headers:?}"
        );
    }
    // Safe methods are allowed.
    let cross_site = [("sec-fetch-site", "cross-site"), ("origin", EVIL)];
    assert_eq!(send(&mut browser, Method::GET, "/me", &cross_site).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c4_an_upgrade_is_no_look() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let upgrade = ("upgrade", "websocket");
    for (headers, expected) in [
        (&[upgrade, ("origin", EVIL)][..], StatusCode::FORBIDDEN),
        (&[upgrade, ("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (&[upgrade, ("origin", OWN)], StatusCode::OK),
        (&[upgrade], StatusCode::OK),
    ] {
        assert_eq!(send(&mut browser, Method::GET, "/me", headers).await.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn c4_a_bearer_token_is_sent_by_no_page_unasked() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let token = browser.cookie("__Host-session").to_owned();
    let with = |authorization: String| {
        let request =
            request(Method::POST, "/me").header("origin", EVIL).header("authorization", authorization);
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(browser.send(with(format!("Bearer {token}"))).await.status, StatusCode::OK);
    // An invalid bearer token does not exempt the cookie.
    assert_eq!(browser.send(with("Bearer x".to_owned())).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.send(with("Bearer".to_owned())).await.status, StatusCode::FORBIDDEN);
    assert_eq!(browser.send(with("Basic YWRhOngx".to_owned())).await.status, StatusCode::FORBIDDEN);
}

/// Login and refresh with cookies ignore a bearer token, so it does not exempt them (rule C5).
#[tokio::test]
async fn c4_c5_a_bearer_token_opens_no_way_to_cookies() {
    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    let junk = ("authorization", "Bearer junk");
    let cross_site = [junk, ("sec-fetch-site", "cross-site"), ("origin", EVIL)];
    world.clock.advance(std::time::Duration::from_secs(60));
    world.store.calls();
    for (path, headers, expected) in [
        ("/auth/login", &cross_site[..], StatusCode::FORBIDDEN),
        ("/auth/refresh", &cross_site, StatusCode::UNAUTHORIZED),
        ("/auth/refresh", &[junk], StatusCode::UNAUTHORIZED),
        ("/auth/refresh", &[junk, junk], StatusCode::UNAUTHORIZED),
    ] {
        let answer = send(&mut browser, Method::POST, path, headers).await;
        assert_eq!(answer.status, expected, "{path} {headers:?}");
        assert!(answer.set_cookies().is_empty());
        assert_eq!(world.store.calls(), 0);
    }
    assert_eq!(send(&mut browser, Method::POST, "/auth/login", &[junk]).await.status, StatusCode::OK);
    assert_eq!(send(&mut browser, Method::POST, "/auth/refresh", &[]).await.status, StatusCode::OK);
    // If credentials travel in bodies, browsers add none by themselves.
    let world = World::with(Strategy::Hybrid, |guard| guard.credentials_in_bodies()).await;
    let answer = send(&mut world.browser(), Method::POST, "/auth/login", &cross_site).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn c4_the_strict_mode_refuses_who_tells_nothing() {
    let world = World::with(Strategy::Sessions, |guard| guard.refuse_silent_clients()).await;
    let mut browser = world.browser();
    let own = [("sec-fetch-site", "same-origin")];
    assert_eq!(send(&mut browser, Method::POST, "/auth/login", &[]).await.status, StatusCode::FORBIDDEN);
    // An empty header counts as cross-site.
    for headers in [
        &[("origin", "")][..],
        &[("sec-fetch-site", "")],
        &[("origin", ""), ("sec-fetch-site", "")],
        &[("origin", EVIL), ("sec-fetch-site", "")],
    ] {
        let answer = send(&mut browser, Method::POST, "/auth/login", headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let blank = [("origin", ""), ("sec-fetch-site", "same-origin")];
    assert_eq!(send(&mut browser, Method::POST, "/auth/login", &blank).await.status, StatusCode::OK);
    assert_eq!(send(&mut browser, Method::POST, "/auth/login", &own).await.status, StatusCode::OK);
    assert_eq!(send(&mut browser, Method::POST, "/me", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(send(&mut browser, Method::GET, "/me", &[]).await.status, StatusCode::OK);
    let token = browser.cookie("__Host-session").to_owned();
    let by_bearer = request(Method::POST, "/me").header("authorization", format!("Bearer {token}"));
    assert_eq!(browser.send(by_bearer.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c4_no_state_changes_by_looking() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    for path in ["login", "logout", "logout-others", "logout-everywhere", "refresh", "password"] {
        let answer = browser.get(&format!("/auth/{path}")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
}
