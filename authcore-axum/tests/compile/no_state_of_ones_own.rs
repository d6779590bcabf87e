//! Only the guard can create the state; it adds the layers too.

use authcore_axum::{AuthState, Guard};

fn state(guard: Guard) -> AuthState {
    AuthState(guard.0)
}

fn main() {}
