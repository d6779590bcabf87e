//! Session stores: the [`SessionStore`] trait, the records that a store keeps, and its errors.
//!
//! Mostly for authors of a store. An application uses [`SessionStore`] as a bound, and reads [`StoreError`],
//! [`SessionDetails`] and [`PurgeOutcome`]. It passes a ready-made store to
//! [`ServerSessions::builder`](crate::ServerSessions::builder) or
//! [`RefreshTokens::builder`](crate::RefreshTokens::builder): the embedded
//! [`MemoryStore`](crate::MemoryStore), a store of `authcore-redis` (Redis, Valkey) or one of `authcore-sql`
//! (PostgreSQL, MySQL, MariaDB, SQLite).
//!
//! [`SessionStore`] explains how to write a store and which rules it must keep. The crate `authcore-testkit`
//! checks them.

pub(crate) mod encoding;
pub(crate) mod error;
pub(crate) mod memory;
pub(crate) mod outcome;
pub(crate) mod parts;
pub(crate) mod record;
pub(crate) mod session_store;

pub use self::error::{StoreError, StoreErrorKind};
pub use self::outcome::{InsertOutcome, PurgeOutcome, ReplaceOutcome};
pub use self::parts::{RecordParts, RecordVersion, StoredCredential};
pub use self::record::SessionRecord;
pub use self::session_store::SessionStore;
pub use crate::secret::SecretBytes;
pub use crate::session::details::SessionDetails;
