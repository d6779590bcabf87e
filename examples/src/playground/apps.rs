//! The three applications: the same route and accounts, with different strategies.

use std::sync::Arc;
use std::time::Duration;

use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::password::{PasswordHasher, PasswordLogin};
use authcore::store::SessionStore;
use authcore::{Auth, RefreshTokens, ServerSessions};
use authcore_axum::{AuthState, Claims, Guard, Principal};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::counted::Counted;
use super::{Failure, lab};
use crate::accounts::{DemoAccounts, Role};
use crate::strategies::Strategy;

/// The lifetime of access tokens. It is short, so that a user of the page sees the countdown end.
const ACCESS_LIFETIME: Duration = Duration::from_secs(60);
/// The grace window. It is short, so that a replay is soon late. The default is 30 seconds.
const GRACE: Duration = Duration::from_secs(2);

impl Strategy {
    /// Returns the path of the authentication routes.
    pub(super) fn routes(self) -> String {
        format!("/{}/auth", self.name())
    }
}

/// Creates the application of a strategy, with the playground's routes.
pub(super) async fn app(
    strategy: Strategy,
    store: Arc<dyn SessionStore>,
    hasher: PasswordHasher,
) -> Result<Router, Failure> {
    let auth = auth(strategy, Counted(store))?;
    let accounts = DemoAccounts::new(&hasher).await?;
    let guard = Guard::builder(auth.clone())
        .passwords(PasswordLogin::new(auth, hasher, accounts))
        .cookie_name(strategy.name())
        .routes_at(&strategy.routes())
        .plain_cookies_on_loopback()
        .build()?;
    let simulated = guard.protect(api(strategy));
    Ok(guard.protect(api(strategy).merge(lab::routes(strategy, simulated))))
}

fn auth(strategy: Strategy, store: impl SessionStore) -> Result<Auth, Failure> {
    Ok(match strategy {
        Strategy::Sessions => Auth::with_sessions(ServerSessions::builder(store).build()?),
        Strategy::Tokens => Auth::with_tokens(jwt()?),
        Strategy::Hybrid => {
            Auth::with_hybrid(jwt()?, RefreshTokens::builder(store).grace_window(GRACE).build()?)?
        }
    })
}

fn jwt() -> Result<Jwt, Failure> {
    let keys = KeyRing::new(Key::generate("playground-1", Algorithm::HS256)?);
    let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("playground");
    // No leeway: there is only one clock, and the countdown on the page must be exact.
    Ok(jwt.lifetime(ACCESS_LIFETIME).leeway(Duration::ZERO).build()?)
}

fn api(strategy: Strategy) -> Router<AuthState> {
    Router::new().route(&format!("/{}/me", strategy.name()), get(me))
}

async fn me(principal: Principal, Claims(Role { role }): Claims<Role>) -> Json<Value> {
    Json(json!({ "subject": principal.subject(), "role": role }))
}
