#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod base64url;
mod claims;
mod clock;
mod error;
mod issued;
mod login;
mod memory;
#[cfg(feature = "password")]
pub mod password;
mod principal;
mod realm;
mod refresh;
mod secret;
mod session;
mod store;
mod subject;
mod token;

pub use auth::{Admin, Auth, Effective, Revoked, SessionInfo};
pub use claims::{Claims, ClaimsMismatch, RESERVED_CLAIMS, SECRET_CLAIMS};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{ClaimFault, ConfigError, Error, ErrorKind, LoginError, Rejection};
pub use issued::{Incident, IncidentKind, Issued};
pub use login::Login;
pub use memory::MemoryStore;
pub use principal::{Principal, TokenContents, VerifiedToken};
pub use realm::{InvalidRealm, Realm};
pub use refresh::{Refresh, RefreshBuilder, RefreshDecision, RefreshHook};
pub use secret::SecretBytes;
pub use session::api_key::API_KEY_PREFIX;
pub use session::context::{CallContext, Usage};
pub use session::details::SessionDetails;
pub use session::device::Device;
pub use session::id::{InvalidSessionId, SessionId};
pub use session::kind::{InvalidKind, SessionKind};
pub use session::policy::SessionPolicy;
pub use session::record::{RecordParts, SessionRecord, StoredCredential, Version};
pub use session::server::{ServerSessions, ServerSessionsBuilder};
pub use session::{OpenedSession, Renewal, SessionStrategy, Sessions};
pub use store::{Inserted, Purged, Replaced, SessionStore, StoreError, StoreErrorKind};
pub use subject::Subject;
pub use token::builder::{JwtBuilder, TrustedIssuer};
pub use token::jwt::{Jwt, TokenBuffer, VerifiedClaims};
pub use token::keys::{Algorithm, Key, KeyRing};
pub use token::{AccessToken, Grant, SessionClaims, TokenStrategy};

/// The guides: longer prose than fits an item.
pub mod guide {
    #[doc = include_str!("docs/choosing-a-strategy.md")]
    pub mod choosing_a_strategy {}
    #[doc = include_str!("docs/performance.md")]
    pub mod performance {}
    #[doc = include_str!("docs/rules.md")]
    pub mod rules {}
    #[doc = include_str!("docs/threat-model.md")]
    pub mod threat_model {}
}
