//! The application's state does not contain an `AuthState`.

use authcore_axum::{Guard, Principal};
use axum::Router;
use axum::routing::get;

#[derive(Clone)]
struct App;

async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

fn app(guard: &Guard) -> Router {
    guard.protect_with(Router::new().route("/me", get(me)), |_| App)
}

fn main() {}
