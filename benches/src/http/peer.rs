//! axum-login's side.

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
use crate::tokens::must;

const LOGIN: &str = "/login";
const ID: i64 = 7;

/// As hosts keep them. axum-login takes a copy for the request, and one for each that asks for the session.
#[derive(Debug, Clone)]
struct User {
    name: String,
    /// Changes with the password, so that the sessions from before end: as short as a digest of what is stored.
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
    let user = must(session.authenticate(()).await);
    must(session.login(&user.unwrap_or_else(|| unreachable!("there is this user"))).await);
    StatusCode::OK
}

/// As its documentation has it, with what is the default.
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

/// The cookies of as many logins as there are tasks.
pub(super) async fn log_in(address: SocketAddr) -> Vec<String> {
    let mut cookies = Vec::new();
    for _ in 0..TASKS {
        let answer = client::ask(address, LOGIN, None).await;
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        cookies.push(cookie.unwrap_or_else(|| unreachable!("a login sets a cookie: {answer:?}")).to_owned());
    }
    cookies
}
