//! Pages without scripts: every form submission ends in a redirect, whatever its outcome.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::world::{ALL, PASSWORD, Strategy, World, request};

/// Returns the request of a browser for a page's form.
fn form(path: &str, body: &str) -> Request<Body> {
    let request = request(Method::POST, path)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-site", "same-origin");
    request.body(body.to_owned().into()).unwrap()
}

fn password() -> String {
    PASSWORD.replace(' ', "+")
}

#[tokio::test]
async fn c7_a_page_is_told_that_its_logout_is_unconfirmed() {
    for (page, start) in [(Some("/login"), "/login"), (None, "/")] {
        let world = World::with(Strategy::Sessions, |guard| match page {
            Some(page) => guard.login_page(page),
            None => guard,
        })
        .await;
        let mut browser = world.browser();
        browser.log_in().await;
        let answer = browser.send(form("/auth/logout", "")).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, Some(start)));
        browser.log_in().await;
        world.store.set_out(true);
        let answer = browser.send(form("/auth/logout", "")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.header("location"), Some(&*format!("{start}?logout=unconfirmed")));
        assert!(browser.cookies.is_empty());
    }
}

#[tokio::test]
async fn what_a_page_asked_for_leads_on() {
    let long = format!("x={}", "x".repeat(20_000));
    let change = format!("current={0}&new={0}", password());
    for (path, body, location) in [
        ("logout-others", "", "/"),
        ("logout-others", "next=/devices?a=b", "/devices?a=b"),
        ("logout-others", "next=//evil.example", "/"),
        ("logout-others", &long, "/"),
        ("logout-everywhere", "", "/login"),
        ("logout-everywhere", "next=/bye", "/bye"),
        ("logout-everywhere", "next=https://evil.example", "/login"),
        ("password", &change, "/"),
        ("password", &format!("{change}&next=/account"), "/account"),
        ("password", &format!("{change}&next=/\\evil.example"), "/"),
    ] {
        let world = World::with(Strategy::Hybrid, |guard| guard.login_page("/login")).await;
        let (mut browser, mut other) = (world.browser(), world.browser());
        browser.log_in().await;
        other.log_in().await;
        let answer = browser.send(form(&format!("/auth/{path}"), body)).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (StatusCode::SEE_OTHER, Some(location)),
            "{path} {body:.60}"
        );
        world.clock.advance(std::time::Duration::from_secs(60));
        let other = other.post("/auth/refresh", json!({})).await;
        assert_eq!(other.status, StatusCode::UNAUTHORIZED, "{path} {body:.60}");
        let everywhere = path == "logout-everywhere";
        assert_eq!(browser.cookies.is_empty(), everywhere, "{path} {body:.60}");
    }
    // Even if a change of password issues no credential, the page is redirected.
    let world = World::new(Strategy::Tokens).await;
    let mut browser = world.browser();
    browser.log_in().await;
    assert_eq!(browser.send(form("/auth/password", &change)).await.header("location"), Some("/"));
    // A script gets the result.
    let mut script = form("/auth/password", &change);
    script.headers_mut().insert("sec-fetch-mode", "cors".parse().unwrap());
    assert_eq!(browser.send(script).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_login_page_is_told_why_in_a_word_and_keeps_the_way() {
    let (wrong, right) =
        ("username=ada&password=x".to_owned(), format!("username=ada&password={}", password()));
    for strategy in ALL {
        let world = World::with(strategy, |guard| guard.login_page("/login")).await;
        let mut browser = world.browser();
        let mut fails = async |body: &str, location: &str| {
            let answer = browser.send(form("/auth/login", body)).await;
            let expected = (StatusCode::SEE_OTHER, Some(location));
            assert_eq!((answer.status, answer.header("location")), expected, "{strategy:?} {body:.60}");
            assert!(answer.set_cookies().is_empty() && answer.text.is_empty());
        };
        fails(&wrong, "/login?error=credentials").await;
        fails(&format!("{wrong}&next=/me?a=b"), "/login?error=credentials&next=%2Fme%3Fa%3Db").await;
        fails(&format!("{wrong}&next=//evil.example"), "/login?error=credentials").await;
        // An unknown user and an impossible password get the same response (rule C6).
        fails("username=nobody&password=x", "/login?error=credentials").await;
        fails(&format!("username=ada&password={}", "x".repeat(2000)), "/login?error=credentials").await;
        fails("username=ada", "/login?error=form").await;
        fails(&format!("{wrong}{}", "x".repeat(20_000)), "/login?error=form").await;
        if strategy != Strategy::Tokens {
            world.store.set_out(true);
            fails(&format!("{right}&next=/me"), "/login?error=unavailable&next=%2Fme").await;
            world.store.set_out(false);
        } else {
            fails(&right.replace("ada", "grace"), "/login?error=failed").await;
        }
        for _ in 0..5 {
            browser.send(form("/auth/login", "username=eve&password=x")).await;
        }
        let answer = browser.send(form("/auth/login", "username=eve&password=x&next=/me")).await;
        assert_eq!(answer.header("location"), Some("/login?error=too-many&next=%2Fme"));
    }
    // A script, a page without a login page and a page of another site get the status.
    let world = World::with(Strategy::Sessions, |guard| guard.login_page("/login")).await;
    let mut script = form("/auth/login", &wrong);
    script.headers_mut().insert("sec-fetch-mode", "cors".parse().unwrap());
    assert_eq!(world.browser().send(script).await.status, StatusCode::UNAUTHORIZED);
    let mut evil = form("/auth/login", &right);
    evil.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(world.browser().send(evil).await.status, StatusCode::FORBIDDEN);
    let mut old = form("/auth/login", &wrong);
    old.headers_mut().remove("sec-fetch-mode");
    old.headers_mut().insert(ACCEPT, "text/html".parse().unwrap());
    assert_eq!(world.browser().send(old).await.status, StatusCode::SEE_OTHER);
    let world = World::new(Strategy::Sessions).await;
    let answer = world.browser().send(form("/auth/login", &wrong)).await;
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, Some("Cookie"))
    );
    // If credentials travel in bodies, pages are not redirected.
    let world =
        World::with(Strategy::Sessions, |guard| guard.login_page("/login").credentials_in_bodies()).await;
    let answer = world.browser().send(form("/auth/login", &wrong)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}
