//! The axum-login side.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, login_required};
use tower_sessions::{MemoryStore, SessionManagerLayer};

use super::{PATH, SUBJECT, answer, client, keep_private};
use crate::remote::TASKS;
use crate::tokens::expect_ok;

const LOGIN: &str = "/login";
const ID: i64 = 7;

/// A user as the application keeps it.
///
/// axum-login clones it for the request, and for every extractor of the session.
#[derive(Debug, Clone)]
struct User {
    name: String,
    /// Changes with the password, so that earlier sessions end. It is as short as a digest.
    password_digest: [u8; 32],
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        ID
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.password_digest
    }
}

#[derive(Debug, Clone)]
struct Backend(Arc<HashMap<i64, User>>);

impl AuthnBackend for Backend {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Infallible> {
        self.get_user(&ID).await
    }

    async fn get_user(&self, id: &i64) -> Result<Option<User>, Infallible> {
        Ok(self.0.get(id).cloned())
    }
}

async fn me(session: AuthSession<Backend>) -> Response {
    match session.user {
        Some(user) => keep_private(answer(&user.name)),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn start(mut session: AuthSession<Backend>) -> StatusCode {
    let user = expect_ok(session.authenticate(()).await);
    expect_ok(session.login(&user.unwrap_or_else(|| unreachable!("there is this user"))).await);
    StatusCode::OK
}

/// Returns the router as in the documentation of axum-login, with default settings.
pub(super) fn router() -> Router {
    let user = User { name: SUBJECT.to_owned(), password_digest: [0xA5; 32] };
    let backend = Backend(Arc::new(HashMap::from([(ID, user)])));
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    Router::new()
        .route(PATH, get(me))
        .route_layer(login_required!(Backend))
        .route(LOGIN, get(start))
        .layer(AuthManagerLayerBuilder::new(backend, sessions).build())
}

/// Logs in once for each task and returns the cookies.
pub(super) async fn log_in(address: SocketAddr) -> Vec<String> {
    let mut cookies = Vec::new();
    for _ in 0..TASKS {
        let answer = client::ask(address, LOGIN, None).await;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        cookies.push(cookie.unwrap_or_else(|| unreachable!("a login sets a cookie: {answer:?}")).to_owned());
    }
    cookies
}
