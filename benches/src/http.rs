//! A protected route over HTTP/1.1 on loopback: a router behind authcore-axum's `Guard`, the same route without
//! authentication, and the same route behind axum-login with tower-sessions' memory store.
//!
//! Every side is a router of axum whose handler answers the same JSON of a subject, served by `axum::serve`. All
//! sides share one runtime with one thread. The client has a runtime and a thread of its own and does as little as can
//! be done (`client`), so that on two cores it is the server that is busy and a rate is that of the server. Connections are
//! kept, and a session or token is on each of them, all of one user.
//!
//! The floor reads the same bytes as authcore, cookie included, and writes the same headers: those by which `Guard` keeps an
//! answer out of caches too. axum-login reads a shorter cookie, with an id only, and adds these headers itself, since
//! it knows of none. When a row is made, each connection is asked once: status, headers and body are the same on all sides,
//! and without a cookie authcore and axum-login answer 401.
//!
//! authcore has everything on that is on by default. axum-login stands as its documentation has it, with `login_required!` on the
//! route. It asks its host for the user of each request; here that is a look-up in a map, where others would ask a database.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use self::client::{Answer, Connections};
use crate::measure::Row;
use crate::remote::{TASKS, in_turn, side, single};
use crate::tokens::{jwt, must};
use authcore::{Auth, Login, MemoryStore, RefreshTokens, ServerSessions};
use authcore_axum::{Guard, Principal};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

mod client;
mod peer;

/// Where the route is, on every side.
const PATH: &str = "/me";
const SUBJECT: &str = "user000007";

#[derive(Serialize)]
struct Me<'a> {
    subject: &'a str,
}

/// What every side's handler answers.
fn answer(subject: &str) -> Response {
    Json(Me { subject }).into_response()
}

/// The headers that `Guard` adds, for those who have none.
fn keep_private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(VARY, HeaderValue::from_static("authorization, cookie"));
    response
}

/// authcore's side.
fn protected(auth: Auth) -> Router {
    async fn me(principal: Principal) -> Response {
        answer(principal.subject())
    }
    must(Guard::builder(auth).build()).protect(Router::new().route(PATH, get(me)))
}

/// The floor.
fn open() -> Router {
    async fn me() -> Response {
        keep_private(answer(SUBJECT))
    }
    Router::new().route(PATH, get(me))
}

/// A cookie for every connection, as a browser has it after a login with a 10-byte subject and 40 bytes of claims.
async fn log_in(auth: &Auth) -> Vec<String> {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    let mut cookies = Vec::new();
    for _ in 0..TASKS {
        let login = must(must(Login::new(SUBJECT)).claims(&claims));
        let issued = must(auth.login(login).await);
        cookies.push(format!("__Host-session={}", issued.credential().expose()));
    }
    cookies
}

/// One thread: a server's, or a client's.
fn one_thread() -> Arc<Runtime> {
    Arc::new(must(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()))
}

/// Serves for as long as the runtime lives.
fn serve(server: &Runtime, app: Router) -> SocketAddr {
    let listener = must(server.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))));
    let address = must(listener.local_addr());
    server.spawn(async move { must(axum::serve(listener, app).await) });
    address
}

/// The connections of a side that answers everybody the same, but nobody without a cookie.
async fn enter(
    server: &Arc<Runtime>,
    address: SocketAddr,
    cookies: &[String],
    expected: &Answer,
) -> Connections {
    let stranger = client::ask(address, PATH, None).await;
    assert!(stranger.is("401"), "{stranger:?}");
    let (connections, answers) = Connections::open(Arc::clone(server), address, PATH, cookies).await;
    for answer in answers {
        assert_eq!(&answer, expected);
    }
    connections
}

fn row(name: &'static str, auth: Auth) -> Row {
    let (server, client) = (one_thread(), one_thread());
    let [ours, floor, peer] =
        [protected(auth.clone()), open(), peer::router()].map(|app| serve(&server, app));
    let sides = client.block_on(async {
        let cookies = log_in(&auth).await;
        let expected = client::ask(floor, PATH, Some(&cookies[0])).await;
        assert!(expected.is("200"), "{expected:?}");
        let peers = peer::log_in(peer).await;
        [
            enter(&server, ours, &cookies, &expected).await,
            Connections::open(Arc::clone(&server), floor, PATH, &cookies).await.0,
            enter(&server, peer, &peers, &expected).await,
        ]
    });
    let [ours, floor, peer] = sides.map(|connections| {
        move |task: usize| {
            let connections = connections.clone();
            async move { connections.exchange(task).await }
        }
    });
    let calls = vec![single(ours.clone()), single(floor.clone()), single(peer.clone())];
    let mut row = Row::new(name, side("authcore", &client, ours))
        .floor(side("no authentication", &client, floor))
        .peer(side("axum-login", &client, peer));
    row.p50s = Some(in_turn(&client, calls));
    row.tasks = TASKS;
    row
}

fn tokens_row() -> Row {
    row("http.tokens", Auth::with_tokens(jwt()))
}

fn sessions_row() -> Row {
    row("http.sessions", Auth::with_sessions(must(ServerSessions::builder(MemoryStore::new()).build())))
}

fn hybrid_row() -> Row {
    row(
        "http.hybrid",
        must(Auth::with_hybrid(jwt(), must(RefreshTokens::builder(MemoryStore::new()).build()))),
    )
}

/// How a row is made.
pub type Maker = fn() -> Row;

/// How the rows are made, by name.
pub fn makers() -> [(&'static str, Maker); 3] {
    [("http.tokens", tokens_row), ("http.sessions", sessions_row), ("http.hybrid", hybrid_row)]
}
