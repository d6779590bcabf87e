//! The configuration of a guard and its effects.

use std::time::Duration;

use authcore::{Auth, MemoryStore, ServerSessions};
use authcore_axum::{Claims, Guard, GuardBuilder};
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::routing::get;
use serde_json::json;
use tower::ServiceExt as _;

use crate::world::{Strategy, World, bearer, credentials, post};

fn sessions() -> Auth {
    Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap())
}

#[test]
fn what_cannot_be_used_is_refused_when_the_guard_is_built() {
    let refused = |configure: &dyn Fn(GuardBuilder) -> GuardBuilder| {
        configure(Guard::builder(sessions())).build().err().map(|error| error.to_string()).unwrap_or_default()
    };
    let long = "a".repeat(65);
    for name in ["", "a b", "a=b", "a;b", "__Host-a", "é", &long] {
        assert!(refused(&|guard| guard.cookie_name(name)).contains("a cookie's name is"), "{name}");
    }
    for path in ["", "/", "auth", "/auth/", "//auth", "/a b", "/a;Domain=b", "/{id}"] {
        assert!(refused(&|guard| guard.routes_at(path)).contains("the path of the routes is"), "{path}");
    }
    for page in ["", "login", "//evil.example", "https://evil.example/", "/log in"] {
        assert!(refused(&|guard| guard.login_page(page)).contains("a path of this host"), "{page}");
    }
    for origin in ["", "example.com", "https://example.com/path"] {
        assert_ne!(refused(&|guard| guard.trust_origin(origin)), "", "{origin}");
    }
    let good = |guard: GuardBuilder| {
        guard
            .cookie_name("my-app.2")
            .routes_at("/my/auth")
            .login_page("/")
            .trust_origin("https://example.com")
    };
    assert_eq!(refused(&good), "");
}

/// The access cookie outlives its token. Otherwise no browser could refresh after the expiry, since the
/// cookie that names the session would be gone.
#[tokio::test]
async fn c1_the_access_cookie_of_the_hybrid_stays_as_long_as_the_refresh_cookie() {
    let world = World::with_kinds(Strategy::Hybrid, |guard| guard).await;
    let mut browser = world.browser();
    let mut remembered = credentials("ada");
    remembered["remember"] = json!(true);
    let answer = browser.post("/auth/login", remembered).await;
    let cookies = answer.set_cookies();
    let age = |at: usize| cookies[at].rsplit_once("Max-Age=").unwrap().1.parse::<u64>().unwrap();
    assert_eq!((cookies.len(), age(0)), (2, age(1)));
    assert!(age(0) > 24 * 60 * 60, "{cookies:?}");
    world.clock.advance(Duration::from_secs(60 * 60));
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.post("/auth/refresh", json!({})).await.status, StatusCode::OK);
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn c3_c4_a_refused_page_of_another_site_is_kept_out_of_caches_too() {
    let mut browser = World::new(Strategy::Sessions).await.browser();
    let mut sent = post("/auth/login", &json!({}));
    sent.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    let answer = browser.send(sent).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn c4_a_request_to_two_hosts_is_of_no_known_site() {
    let mut browser = World::new(Strategy::Sessions).await.browser();
    let mut sent = post("/", &json!({}));
    sent.headers_mut().insert("origin", "https://app.example.com".parse().unwrap());
    sent.headers_mut().append(HOST, "app.example.com".parse().unwrap());
    sent.headers_mut().append(HOST, "other.example.com".parse().unwrap());
    assert_eq!(browser.send(sent).await.status, StatusCode::FORBIDDEN);
}

/// Claims that do not fit the handler's type are refused, whatever that type is.
#[tokio::test]
async fn a16_claims_of_another_type_are_a_login() {
    let auth = sessions();
    let guard = Guard::builder(auth.clone()).build().unwrap();
    let app =
        guard.protect(Router::new().route("/", get(async |Claims(number): Claims<u64>| number.to_string())));
    let issued = auth.login(authcore::Login::new("user-42").unwrap()).await.unwrap();
    let response = app.oneshot(bearer("/", issued.credential().expose())).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
