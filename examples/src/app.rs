//! The application of the three servers, which is independent of the strategy behind [`Auth`].

pub(crate) mod page;

use std::error::Error;

use authcore::Auth;
use authcore::password::{PasswordHasher, PasswordLogin};
use authcore_axum::{Claims, GuardBuilder, Principal};
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::accounts::{DemoAccounts, Role};
use crate::strategies::Strategy;

/// Creates the router: a protected route and a text page, in addition to the routes of `authcore-axum` for
/// login, refresh, logout and devices.
///
/// `url` is the address of the server, for the page. `configure` sets the options that the guard of one
/// server needs.
///
/// # Errors
///
/// Fails if the demo accounts or the guard cannot be created.
pub async fn router(
    strategy: Strategy,
    auth: Auth,
    url: &str,
    configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let hasher = PasswordHasher::builder().build()?;
    let accounts = DemoAccounts::new(&hasher).await?;
    let guard = strategy.guard(auth.clone()).passwords(PasswordLogin::new(auth, hasher, accounts));
    let page = ([(CONTENT_TYPE, "text/plain; charset=utf-8")], page::text(strategy, url));
    Ok(configure(guard).build()?.protect(Router::new().route("/", get(page)).route("/me", get(me))))
}

/// Describes the logged-in user. Because of its [`Principal`] argument it runs only with a valid credential.
async fn me(principal: Principal, Claims(Role { role }): Claims<Role>) -> Json<Value> {
    Json(json!({
        "subject": principal.subject(),
        "role": role,
        "session_id": principal.session_id().map(|id| id.to_string()),
        "authenticated_at": principal.authenticated_at().as_secs(),
    }))
}
