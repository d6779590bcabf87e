#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cookies;
mod credentials;
mod csrf;
mod extract;
mod guard;
mod mismatches;
mod passive;
mod protect;
mod refusal;
mod require;
mod routes;

pub use cookies::host_name;
pub use extract::{AnyPrincipal, Claims, Principal};
pub use guard::{AuthState, ConfigError, Guard, GuardBuilder};
pub use passive::{Passive, PassiveService};
pub use refusal::Refusal;
pub use require::{Require, Required};
