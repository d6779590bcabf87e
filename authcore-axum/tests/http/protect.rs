//! Handlers with and without a logged-in user.

use std::time::Duration;

use authcore::{Auth, Login, MemoryStore, ServerSessions};
use authcore_axum::{Guard, Principal};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::ACCEPT;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use tower::ServiceExt as _;

use crate::world::{ALL, Strategy, World, bearer, request};

#[tokio::test]
async fn a_principal_protects_its_handler_in_every_strategy() {
    for strategy in ALL {
        let world = World::new(strategy).await;
        let mut browser = world.browser();
        let answer = browser.get("/me").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{strategy:?}");
        browser.log_in().await;
        let answer = browser.get("/me").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "user-42"), "{strategy:?}");
        let answer = browser.get("/members").await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, "user-42 is admin"), "{strategy:?}");
    }
}

#[tokio::test]
async fn who_asks_is_verified_once_and_only_where_somebody_wants_to_know() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    world.store.calls();
    for (path, calls) in [("/", 0), ("/me", 1), ("/maybe", 1), ("/members/plain", 1), ("/members", 1)] {
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(world.store.calls(), calls, "{path}");
    }
    let world = World::new(Strategy::Hybrid).await;
    let mut browser = world.browser();
    browser.log_in().await;
    world.store.calls();
    assert_eq!(browser.get("/members").await.status, StatusCode::OK);
    assert_eq!(world.store.calls(), 0, "an access token needs no store");
}

#[tokio::test]
async fn an_optional_principal_is_nobody_without_a_good_credential() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    assert_eq!(browser.get("/maybe").await.text, "nobody");
    browser.cookies.insert("__Host-session".to_owned(), ("acs_nonsense".to_owned(), "/".to_owned()));
    assert_eq!(browser.get("/maybe").await.text, "nobody");
    browser.log_in().await;
    assert_eq!(browser.get("/maybe").await.text, "user-42");
}

/// Rule A9: if the user cannot be determined, the request is not treated as anonymous.
#[tokio::test]
async fn a9_a_store_that_is_out_makes_nobody_anonymous() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    browser.log_in().await;
    world.store.set_out(true);
    for path in ["/me", "/maybe", "/members", "/members/plain", "/fresh"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert!(answer.set_cookies().is_empty(), "C7: a 503 clears nothing");
    }
    world.store.set_out(false);
    assert_eq!(browser.get("/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn c3_what_depends_on_who_asks_is_kept_out_of_caches() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    let public = browser.get("/").await;
    assert_eq!((public.header("cache-control"), public.header("vary")), (None, None));
    let refused = browser.get("/me").await;
    let login = browser.log_in().await;
    let (mine, maybe, members) =
        (browser.get("/me").await, browser.get("/maybe").await, browser.get("/members/plain").await);
    let logout = browser.post("/auth/logout", serde_json::json!({})).await;
    for answer in [refused, login, mine, maybe, members, logout] {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("vary"), Some("authorization, cookie"), "{answer:?}");
    }
}

#[tokio::test]
async fn c6_a_refusal_says_nothing_about_why() {
    let world = World::new(Strategy::Sessions).await;
    let mut browser = world.browser();
    let nobody = browser.get("/me").await;
    assert_eq!(nobody.header("www-authenticate"), Some("Cookie"));
    let issued = world.auth.login(authcore::Login::new("user-42").unwrap()).await.unwrap();
    let _ = world.auth.logout(issued.credential().expose()).await.unwrap();
    for bad in ["x", "acs_x", issued.credential().expose(), "eyJhbGciOiJub25lIn0.e30."] {
        let answer = browser.send(bearer("/me", bad)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            (&answer.text, answer.header("www-authenticate")),
            (&nobody.text, Some("Cookie")),
            "{bad}"
        );
    }
    let world = World::with(Strategy::Tokens, |guard| guard.credentials_in_bodies()).await;
    let mut client = world.browser();
    assert_eq!(client.get("/me").await.header("www-authenticate"), Some("Bearer"));
    let answer = client.send(bearer("/me", "x.y.z")).await;
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
}

#[tokio::test]
async fn a_browser_that_goes_to_a_page_is_sent_to_the_login_page() {
    let world = World::with(Strategy::Sessions, |guard| guard.login_page("/login")).await;
    let mut browser = world.browser();
    let go =
        |method, path| request(method, path).header(ACCEPT, "text/html,*/*").body(Body::empty()).unwrap();
    for path in ["/me?a=b&c=/d", "/members/plain?a=b&c=/d", "/fresh?a=b&c=/d"] {
        let answer = browser.send(go(Method::GET, path)).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let (page, next) = answer.header("location").unwrap().split_once("?next=").unwrap();
        assert_eq!(page, "/login");
        assert_eq!(percent_encoding::percent_decode_str(next).decode_utf8().unwrap(), path);
    }
    // Scripts that request data, and requests other than reads, get the status.
    assert_eq!(browser.get("/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.send(go(Method::POST, "/me")).await.status, StatusCode::UNAUTHORIZED);
    let script = request(Method::GET, "/me").header(ACCEPT, "text/html").header("sec-fetch-mode", "cors");
    assert_eq!(browser.send(script.body(Body::empty()).unwrap()).await.status, StatusCode::UNAUTHORIZED);
    // While the store is unavailable, users are not sent to the login page.
    browser.log_in().await;
    world.store.set_out(true);
    assert_eq!(browser.send(go(Method::GET, "/me")).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_way_back_from_the_login_page_is_the_one_that_the_browser_went() {
    let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap());
    let guard = Guard::builder(auth).login_page("/login").build().unwrap();
    let members = Router::new().route("/plain", get(async || "hello")).route_layer(guard.require_login());
    let inner = Router::new().route("/users", get(async |_: Principal| "hello")).merge(members);
    let app = Router::new().nest("/app", guard.protect(Router::new().nest("/admin", inner)));
    for path in ["/app/admin/users?a=b", "/app/admin/plain"] {
        let go = request(Method::GET, path).header(ACCEPT, "text/html").body(Body::empty()).unwrap();
        let response = app.clone().oneshot(go).await.unwrap();
        let location = response.headers()["location"].to_str().unwrap();
        let (_, next) = location.split_once("?next=").unwrap();
        assert_eq!(percent_encoding::percent_decode_str(next).decode_utf8().unwrap(), path);
    }
}

#[tokio::test]
async fn what_is_sensitive_wants_a_recent_login() {
    for strategy in [Strategy::Sessions, Strategy::Hybrid] {
        let world = World::new(strategy).await;
        let mut browser = world.browser();
        assert_eq!(browser.get("/fresh").await.status, StatusCode::UNAUTHORIZED);
        browser.log_in().await;
        world.clock.advance(Duration::from_secs(300));
        assert_eq!(browser.get("/fresh").await.status, StatusCode::OK);
        world.clock.advance(Duration::from_secs(1));
        let answer = browser.get("/fresh").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Cookie error="insufficient_user_authentication", max_age=300"#)
        );
        assert_eq!(browser.get("/me").await.status, StatusCode::OK, "the login is still valid");
        browser.log_in().await;
        assert_eq!(browser.get("/fresh").await.status, StatusCode::OK);
    }
}

/// A login to one service does not count in another service of the same process, even if a layer is
/// misplaced.
#[tokio::test]
async fn what_one_guard_found_out_says_nothing_to_another() {
    let guard = || {
        let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap());
        (auth.clone(), Guard::builder(auth).build().unwrap())
    };
    let ((auth, shop), (_, office)) = (guard(), guard());
    let credential =
        auth.login(Login::new("user-42").unwrap()).await.unwrap().credential().expose().to_owned();
    let me = async |principal: Option<Principal>| principal.map_or("nobody", |_| "somebody");
    let router = || Router::new().route("/", get(me));
    let layered = |by: &Guard, within: &Guard| within.protect(router().route_layer(by.require_login()));
    let nested = |inner: &Guard, outer: &Guard| {
        let inner = Router::new().nest_service("/nested", inner.protect(router()));
        outer.protect(inner.route_layer(shop.require_login()))
    };
    for (app, path, expected) in [
        (layered(&shop, &shop), "/", "somebody"),
        (nested(&shop, &shop), "/nested", "somebody"),
        (nested(&office, &shop), "/nested", "nobody"),
    ] {
        let response = app.oneshot(bearer(path, &credential)).await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["cache-control"]),
            (StatusCode::OK, &"no-store".parse().unwrap())
        );
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), expected);
    }
    // Outside `protect`, other sites could act as the logged-in user.
    for app in [
        layered(&shop, &office),
        Router::new().route("/", get(async || "open")).route_layer(shop.require_login()),
    ] {
        let response = app.oneshot(bearer("/", &credential)).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
