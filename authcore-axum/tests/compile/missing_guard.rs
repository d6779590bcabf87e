//! The router is served without `guard.protect(..)`.

use authcore_axum::Principal;
use axum::Router;
use axum::routing::get;

async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

fn main() {
    let _: Router<()> = Router::new().route("/me", get(me)).with_state(());
}
