#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod base64url;
mod claims;
pub mod clock;
mod credentials;
pub mod error;
mod json;
pub mod jwt;
mod login;
#[cfg(feature = "password")]
pub mod password;
mod principal;
mod realm;
mod refresh_tokens;
mod secret;
#[cfg(feature = "serde")]
mod serialization;
mod session;
pub mod store;
pub mod strategy;
mod subject;

pub use auth::Auth;
pub use auth::admin::Admin;
pub use auth::operation::Operation;
pub use auth::revocation::{Revocation, RevocationEffect};
pub use auth::session_info::SessionInfo;
pub use claims::Claims;
pub use clock::timestamp::Timestamp;
pub use credentials::{Credential, IssuedCredentials, RefreshCredential};
pub use error::api_error::{Error, ErrorKind};
pub use login::Login;
pub use principal::Principal;
pub use realm::Realm;
pub use refresh_tokens::RefreshTokens;
pub use session::device::Device;
pub use session::id::SessionId;
pub use session::kind::SessionKind;
pub use session::policy::SessionPolicy;
pub use session::server_sessions::ServerSessions;
pub use store::memory::MemoryStore;
pub use subject::Subject;

/// Guides: what the strategies cost, what is defended, and the rules that every part keeps.
pub mod guide {
    #[doc = include_str!("docs/choosing-a-strategy.md")]
    pub mod choosing_a_strategy {}
    #[doc = include_str!("docs/dependencies.md")]
    pub mod dependencies {}
    #[doc = include_str!("docs/performance.md")]
    pub mod performance {}
    #[doc = include_str!("docs/rules.md")]
    pub mod rules {}
    #[doc = include_str!("docs/threat-model.md")]
    pub mod threat_model {}
}
