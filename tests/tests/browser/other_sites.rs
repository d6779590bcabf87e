//! Pages of other origins that send forms here (rule C4). `localhost` and `127.0.0.1` are two sites to a
//! browser; two ports of one host are one site, whose cookies go to both.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::world::World;

/// A server of somebody else, whose page has a form for each of these addresses; gives its port.
async fn elsewhere(actions: &[String]) -> u16 {
    let forms: Vec<_> = actions
        .iter()
        .enumerate()
        .map(|(number, action)| {
            format!(
                "<form method=post action='{action}'><input name=username value=grace@example.com>\
                <input name=password value=demo-only-not-secret><button id=send-{number}>Win</button></form>"
            )
        })
        .collect();
    let page = format!("<!doctype html><title>elsewhere</title>{}", forms.join(""));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route("/", get(move || async { Html(page) }));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    port
}

async fn a_form_of(host: &str, cookies_arrive: bool) {
    let world = World::new().await;
    world.press("sessions", "login").await;
    let paths = [
        "/sessions/auth/logout",
        "/sessions/auth/logout-everywhere",
        "/sessions/auth/login",
        "/sessions/auth/lab/copies",
    ];
    let port = elsewhere(&paths.map(|path| world.url(path))).await;
    for (number, path) in paths.iter().enumerate() {
        world.browser.open(&format!("http://{host}:{port}/")).await;
        world.browser.click(&format!("#send-{number}")).await;
        world
            .wait(
                "the answer",
                "return document.body?.innerText.includes('sent by a page of another site') ?? false",
            )
            .await;
        assert_eq!(world.sent_to(path).contains("sessions="), cookies_arrive, "{path}");
    }
    // The browser takes each 403 for an error of the page, which it is not here.
    world.console_errors().await;
    world.open("/").await;
    assert_eq!(world.press("sessions", "me").await.headline, "You are user-1, editor");
    assert_eq!(world.press("sessions", "list").await.headline, "One device");
    world.close().await;
}

#[tokio::test]
async fn c4_a_form_of_another_site_is_refused() {
    a_form_of("localhost", false).await;
}

/// Here `SameSite` does not help: the cookies arrive.
#[tokio::test]
async fn c4_a_form_of_another_origin_of_this_site_is_refused() {
    a_form_of("127.0.0.1", true).await;
}
