//! The parts of a record, for stores that keep them in columns.

use std::fmt;

use crate::secret::SecretBytes;
use crate::session::details::SessionDetails;
use crate::strategy::Renewal;
use crate::{Device, SessionId, Subject, Timestamp};

/// The number of a record's write: the compare-and-swap key of
/// [`SessionStore::replace`](crate::store::SessionStore::replace).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordVersion(u64);

impl RecordVersion {
    /// The version of a record that was never replaced.
    pub const FIRST: Self = Self(1);

    /// The version with this number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number, for a store that writes it down.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// How the holder of a session proves it, as the store keeps it.
///
/// An enum, so that a session token can never be checked against a refresh session or the reverse.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "a store that forgets a kind must not compile")]
pub enum StoredCredential {
    /// A session token (the stateful strategy).
    Session {
        /// SHA-256 of the token's secret.
        secret_digest: SecretBytes<32>,
    },
    /// A refresh token (the hybrid strategy).
    Refresh {
        /// SHA-256 of the token's secret, which all generations share.
        secret_digest: SecretBytes<32>,
        /// The key of the tag that proves a generation.
        mac_key: SecretBytes<32>,
        /// How often the token has been rotated: the generation that is current.
        generation: u64,
        /// When the current generation was made.
        rotated_at: Timestamp,
    },
    /// An API key, in every strategy that has a store.
    ApiKey {
        /// SHA-256 of the key's secret.
        secret_digest: SecretBytes<32>,
    },
}

/// The parts of a [`SessionRecord`], for a store that keeps them in columns.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that forgets a new part must not compile")]
pub struct RecordParts {
    /// The session's public handle: the store's key.
    pub id: SessionId,
    /// The number of the write.
    pub version: RecordVersion,
    /// Counts renewals; a principal of an older epoch is refused (rule A11).
    pub epoch: u32,
    /// Whose session it is, within its realm: the store's index.
    pub subject: Subject,
    /// How its holder proves it.
    pub credential: StoredCredential,
    /// When the subject logged in.
    pub created_at: Timestamp,
    /// When the subject last proved who they are.
    pub authenticated_at: Timestamp,
    /// When the record was last written, by the writer's clock.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is used.
    pub idle_expires_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// What logged in.
    pub device: Device,
    /// What the login stated beside subject and claims.
    pub details: SessionDetails,
    /// The application's claims: the text of one JSON object, kept byte for byte (rule S7).
    pub claims: Box<str>,
}

impl RecordParts {
    /// A new secret and a new epoch: what was issued before is refused from now on (rules A6, A11).
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
