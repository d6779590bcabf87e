//! A protected route over HTTP/1.1 on loopback: a router behind authcore-axum's `Guard`, the same route
//! without authentication, and the same route behind axum-login with tower-sessions' memory store.
//!
//! Every side is an axum router with the same handler, which returns a subject as JSON, served by
//! `axum::serve`. All sides share one runtime with one thread. The client has its own runtime and thread and
//! does as little as possible, so that on two cores the server is the bottleneck and the rate is the
//! server's. Connections stay open. Each carries its own session or token, all of one user.
//!
//! The floor reads the same bytes as authcore, cookie included, and writes the same headers, also those with
//! which `Guard` keeps responses out of caches. axum-login reads a shorter cookie, which holds only an id.
//! Its handler adds the cache headers, since axum-login does not. When a row is created, each connection
//! sends one request: status, headers and body are the same on all sides, and without a cookie authcore and
//! axum-login return 401.
//!
//! authcore runs with its defaults. axum-login runs as documented, with `login_required!` on the route. It
//! asks the application for the user on each request; here that is a lookup in a map instead of a database
//! query.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

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

use self::client::{Answer, Connections};
use crate::measure::Row;
use crate::remote::{TASKS, in_turn, side, single};
use crate::tokens::{expect_ok, jwt};

mod client;
mod peer;

/// The path of the route, on every side.
const PATH: &str = "/me";
const SUBJECT: &str = "user000007";

#[derive(Serialize)]
struct Me<'a> {
    subject: &'a str,
}

/// Returns the response of every side's handler.
fn answer(subject: &str) -> Response {
    Json(Me { subject }).into_response()
}

/// Adds the headers that `Guard` adds, for sides without them.
fn keep_private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(VARY, HeaderValue::from_static("authorization, cookie"));
    response
}

/// Returns authcore's router.
fn protected(auth: Auth) -> Router {
    async fn me(principal: Principal) -> Response {
        answer(principal.subject())
    }
    expect_ok(Guard::builder(auth).build()).protect(Router::new().route(PATH, get(me)))
}

/// Returns the router without authentication, which is the floor.
fn open() -> Router {
    async fn me() -> Response {
        keep_private(answer(SUBJECT))
    }
    Router::new().route(PATH, get(me))
}

/// Returns a cookie for every connection, as set by a login with a 10-byte subject and 40 bytes of claims.
async fn log_in(auth: &Auth) -> Vec<String> {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    let mut cookies = Vec::new();
    for _ in 0..TASKS {
        let login = expect_ok(expect_ok(Login::new(SUBJECT)).claims(&claims));
        let issued = expect_ok(auth.login(login).await);
        cookies.push(format!("__Host-session={}", issued.credential().expose()));
    }
    cookies
}

/// Returns a runtime with one thread, for a server or a client.
fn one_thread() -> Arc<Runtime> {
    Arc::new(expect_ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()))
}

/// Serves the application until the runtime is dropped.
fn serve(server: &Runtime, app: Router) -> SocketAddr {
    let listener = expect_ok(server.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))));
    let address = expect_ok(listener.local_addr());
    server.spawn(async move { expect_ok(axum::serve(listener, app).await) });
    address
}

/// Opens the connections of a side and checks that it gives all the same response, and 401 without a cookie.
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
    row("http.sessions", Auth::with_sessions(expect_ok(ServerSessions::builder(MemoryStore::new()).build())))
}

fn hybrid_row() -> Row {
    row(
        "http.hybrid",
        expect_ok(Auth::with_hybrid(jwt(), expect_ok(RefreshTokens::builder(MemoryStore::new()).build()))),
    )
}

/// A function that creates a row.
pub type Maker = fn() -> Row;

/// Returns the functions that create the rows, by name.
pub fn makers() -> [(&'static str, Maker); 3] {
    [("http.tokens", tokens_row), ("http.sessions", sessions_row), ("http.hybrid", hybrid_row)]
}
