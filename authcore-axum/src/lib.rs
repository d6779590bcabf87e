#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]

mod cookies;
mod credentials;
mod csrf;
mod extract;
mod guard;
mod protect;
mod refusal;
mod require;
mod routes;

pub use extract::{Claims, Principal};
pub use guard::{AuthState, ConfigError, Guard, GuardBuilder};
pub use refusal::Refusal;
pub use require::{Require, Required};
