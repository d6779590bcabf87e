//! The ready-made routes. Nothing here knows which strategy is behind `Auth`.

mod answer;
mod body;
mod login;
mod logout;
mod page;
mod password;
mod refresh;
mod sessions;

use axum::Router;
use axum::routing::{delete, get, post};

use crate::guard::AuthState;

/// All of them, to be nested where the guard has them.
pub(crate) fn routes() -> Router<AuthState> {
    Router::new()
        .route("/login", post(login::login))
        .route("/refresh", post(refresh::refresh))
        .route("/logout", post(logout::logout))
        .route("/logout-others", post(logout::others))
        .route("/logout-everywhere", post(logout::everywhere))
        .route("/password", post(password::change))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", delete(sessions::revoke))
}
