//! The cookies as a browser keeps and sends them (rule C1).

use authcore::password::{PasswordHasher, PasswordLogin};
use authcore::{Auth, MemoryStore, ServerSessions};
use authcore_axum::{Guard, Principal};
use authcore_examples::accounts::{DEMO_EMAIL, DEMO_PASSWORD, DemoAccounts};
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn c1_no_script_and_no_other_host_gets_them() {
    let world = World::new().await;
    for panel in ["sessions", "tokens", "hybrid"] {
        world.press(panel, "login").await;
    }
    assert_eq!(world.browser.script("return document.cookie").await, "");
    let cookies = world.cookies().await;
    let attributes = |name: &str| {
        let cookie = cookies.iter().find(|cookie| cookie["name"] == name);
        let cookie = cookie.unwrap_or_else(|| panic!("no {name} in {cookies:#?}"));
        // A leading dot would mean: and all hosts below it.
        ["domain", "path", "httpOnly", "sameSite", "session"].map(|key| cookie[key].clone())
    };
    let expected = |path: &str, same_site: &str| {
        // The last: it ends with the browser session, since nobody asked to be remembered (rule A13).
        [json!("127.0.0.1"), json!(path), json!(true), json!(same_site), json!(true)]
    };
    for name in ["sessions", "tokens", "hybrid"] {
        assert_eq!(attributes(name), expected("/", "Lax"), "{name}");
    }
    assert_eq!(attributes("hybrid-refresh"), expected("/hybrid/auth", "Strict"));
    assert_eq!(cookies.len(), 4, "{cookies:#?}");

    // The same server under another name.
    world.browser.open(&format!("http://localhost:{}/sessions/me", world.port)).await;
    assert_eq!(world.sent_to("/sessions/me"), "");
    let shown = world.browser.script("return document.body.innerText").await;
    assert!(shown.as_str().unwrap().contains("unauthenticated"), "{shown}");
    // The browser takes a 401 for an error of the page, which it is not here.
    world.console_errors().await;
    world.close().await;
}

#[tokio::test]
async fn c1_the_refresh_cookie_goes_to_the_routes_of_authentication_only() {
    let world = World::new().await;
    world.press("hybrid", "login").await;
    world.press("hybrid", "me").await;
    world.press("hybrid", "refresh").await;
    let names = |path: &str| {
        let mut names: Vec<_> =
            world.sent_to(path).split("; ").map(|pair| pair.split_once('=').unwrap().0.to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("/hybrid/me"), ["hybrid"]);
    assert_eq!(names("/hybrid/auth/refresh"), ["hybrid", "hybrid-refresh"]);
    world.close().await;
}

#[tokio::test]
async fn the_page_never_has_a_whole_secret() {
    let world = World::new().await;
    for panel in ["sessions", "tokens", "hybrid"] {
        world.press(panel, "login").await;
    }
    let page = world.browser.script("return document.documentElement.outerHTML").await;
    let page = page.as_str().unwrap();
    for cookie in world.cookies().await {
        let value = cookie["value"].as_str().unwrap();
        for part in value.split('.') {
            assert!(!page.contains(part), "{}", cookie["name"]);
        }
    }
    world.close().await;
}

/// The values are new each time; the attributes of what clears them must be those of what set them.
#[tokio::test]
async fn a_logout_takes_all_of_them() {
    let world = World::new().await;
    world.press("hybrid", "login").await;
    assert_eq!(world.cookies().await.len(), 2);
    world.press("hybrid", "logout").await;
    assert_eq!(world.cookies().await, Vec::<Value>::new());
    world.close().await;
}

/// An application with nothing but defaults, and a page that is nobody's.
async fn by_default() -> Router {
    let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap());
    let hasher = PasswordHasher::builder().build().unwrap();
    let accounts = DemoAccounts::new(&hasher).await.unwrap();
    let passwords = PasswordLogin::new(auth.clone(), hasher, accounts);
    let guard = Guard::builder(auth).passwords(passwords).build().unwrap();
    let me = get(async |principal: Principal| principal.subject().to_owned());
    guard.protect(Router::new().route("/", get(async || "hello")).route("/me", me))
}

/// `__Host-` and `Secure` without HTTPS: Chromium trusts this very machine, so that development needs no
/// option.
#[tokio::test]
async fn c1_the_strictest_cookie_is_kept_from_loopback() {
    let world = World::of(by_default().await).await;
    for host in ["localhost", "127.0.0.1"] {
        world.browser.open(&format!("http://{host}:{}/", world.port)).await;
        let body = json!({ "username": DEMO_EMAIL, "password": DEMO_PASSWORD });
        let log_in = format!(
            "return fetch('/auth/login', {{ method: 'POST', body: JSON.stringify({body}),
            headers: {{ 'content-type': 'application/json' }} }}).then((answer) => answer.status)"
        );
        assert_eq!(world.browser.script(&log_in).await, 200, "{host}");
        let me = "return fetch('/me').then((answer) => answer.text())";
        assert_eq!(world.browser.script(me).await, "user-1", "{host}");
        assert!(world.sent_to("/me").starts_with("__Host-session=acs_"), "{host}");
    }
    let cookies = world.cookies().await;
    assert!(
        cookies.iter().all(|cookie| cookie["secure"] == true && cookie["httpOnly"] == true),
        "{cookies:#?}"
    );
    world.browser.close().await;
}
