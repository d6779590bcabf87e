//! Nobody makes the state but the guard, which puts the layers on too.

use authcore_axum::{AuthState, Guard};

fn state(guard: Guard) -> AuthState {
    AuthState(guard.0)
}

fn main() {}
