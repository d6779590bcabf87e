//! The parts of a record, for stores that keep them in columns.

use std::fmt;

use crate::secret::SecretBytes;
use crate::session::details::SessionDetails;
use crate::strategy::Renewal;
use crate::{Device, SessionId, Subject, Timestamp};

/// The version of a record: the compare-and-swap key of
/// [`SessionStore::replace`](crate::store::SessionStore::replace), which a store compares and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordVersion(u64);

impl RecordVersion {
    /// The version of a new record.
    pub const FIRST: Self = Self(1);

    /// Creates a version from its number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number, for a store that writes it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Returns the version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// The stored form of the credential that authenticates a session, for a store that keeps it in columns.
///
/// Each kind is a variant, so that a session token can never be checked against a refresh session or the
/// reverse.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store that forgets a kind must not compile")]
pub enum StoredCredential {
    /// A session token (the session strategy).
    Session {
        /// SHA-256 of the token's secret.
        secret_digest: SecretBytes<32>,
    },
    /// A refresh token (the hybrid strategy).
    Refresh {
        /// SHA-256 of the token's secret, which all generations share.
        secret_digest: SecretBytes<32>,
        /// The key of the tag that authenticates a generation.
        mac_key: SecretBytes<32>,
        /// How often the token has been rotated, which is the current generation.
        generation: u64,
        /// When the current generation was created.
        rotated_at: Timestamp,
    },
    /// An API key (every strategy with a store).
    ApiKey {
        /// SHA-256 of the key's secret.
        secret_digest: SecretBytes<32>,
    },
}

/// The parts of a [`SessionRecord`](crate::store::SessionRecord), for a store that keeps them in columns.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that forgets a new part must not compile")]
pub struct RecordParts {
    /// The session's public id: the store's key.
    pub id: SessionId,
    /// The version of the record.
    pub version: RecordVersion,
    /// How often the session was renewed; a principal of an older epoch is refused (rule A11).
    pub epoch: u32,
    /// The subject within its realm: the store's index.
    pub subject: Subject,
    /// The credential that authenticates the session.
    pub credential: StoredCredential,
    /// When the subject logged in.
    pub created_at: Timestamp,
    /// When the subject was last authenticated.
    pub authenticated_at: Timestamp,
    /// When the record was last written, by the writer's clock. Every write counts as a use.
    pub last_seen_at: Timestamp,
    /// When the session ends if it is not used.
    pub idle_expires_at: Timestamp,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// The device that logged in.
    pub device: Device,
    /// The details that the login stated in addition to subject and claims.
    pub details: SessionDetails,
    /// The application's claims: the text of one JSON object, kept byte for byte (rule S7).
    pub claims: Box<str>,
}

impl RecordParts {
    /// Sets a new credential and a new epoch, so that everything issued before is refused (rules A6, A11).
    pub(crate) fn renew(&mut self, credential: StoredCredential, renewal: Renewal, now: Timestamp) {
        self.credential = credential;
        self.epoch = self.epoch.wrapping_add(1);
        if renewal == Renewal::Reauthentication {
            self.authenticated_at = now;
        }
    }
}

impl fmt::Debug for RecordParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordParts")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("epoch", &self.epoch)
            .field("subject", &self.subject)
            .field("credential", &self.credential)
            .field("created_at", &self.created_at)
            .field("authenticated_at", &self.authenticated_at)
            .field("last_seen_at", &self.last_seen_at)
            .field("idle_expires_at", &self.idle_expires_at)
            .field("expires_at", &self.expires_at)
            .field("device", &self.device)
            .field("details", &self.details)
            .field("claims", &format_args!("[{} bytes]", self.claims.len()))
            .finish()
    }
}
