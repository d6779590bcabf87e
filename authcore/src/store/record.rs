//! The record that a store keeps of one session.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::encoding::{
    AUTHENTICATED_AT, CREATED_AT, DIGEST, EPOCH, EXPIRES_AT, GENERATION, ID, IDLE_EXPIRES_AT, KIND,
    LAST_SEEN_AT, Layout, MAC_KEY, MAX_CLAIMS_LEN, ROTATED_AT, VERSION, text, write,
};
use super::error::{StoreError, StoreErrorKind};
use super::parts::{RecordParts, RecordVersion, StoredCredential};
use crate::secret::ct_eq;
use crate::session::credential_kind::CredentialKind;
use crate::session::details::{self, SessionDetails};
use crate::{Device, Realm, SessionId, Subject, Timestamp};

/// The stored form of one session: one login of one subject on one device, or one API key.
///
/// For authors of a store. Cloning is cheap. A record is never changed in place: the core creates the next
/// version and asks the store to [`replace`](crate::store::SessionStore::replace) the current one.
///
/// A record *is* its binary form, checked when it is created: one block of memory, which a store of blobs
/// writes as it is.
#[derive(Clone)]
pub struct SessionRecord(pub(super) Arc<[u8]>);

impl SessionRecord {
    /// The maximum length of the claims, in bytes; every store accepts claims of that length (rule S7).
    pub const MAX_CLAIMS_LEN: usize = MAX_CLAIMS_LEN;

    /// The position of the version in the binary form: eight bytes, big-endian.
    pub const VERSION_BYTES: std::ops::Range<usize> = VERSION..ID;

    /// Returns the next version of this record, changed by `change`.
    ///
    /// `change` must not alter what rule S17 fixes.
    pub(crate) fn next(&self, change: impl FnOnce(&mut RecordParts)) -> Result<Self, StoreError> {
        let mut parts = self.to_parts();
        change(&mut parts);
        parts.version = self.version().next();
        Self::from_parts(&parts)
    }

    /// Returns when the session ends if it is not used again: the earlier of both expiries.
    pub fn ends_at(&self) -> Timestamp {
        self.idle_expires_at().min(self.expires_at())
    }

    /// Returns how long after its last write a store may drop the record, even if the clocks of writer and
    /// store differ (rule S6).
    ///
    /// Zero if the session had already expired when the record was written.
    pub fn time_to_live(&self) -> Duration {
        self.ends_at().since(self.last_seen_at())
    }

    /// Returns the record's parts, for a store that keeps them in columns.
    pub fn to_parts(&self) -> RecordParts {
        RecordParts {
            id: self.id(),
            version: self.version(),
            epoch: self.epoch(),
            subject: self.to_subject(),
            credential: self.credential(),
            created_at: self.created_at(),
            authenticated_at: self.authenticated_at(),
            last_seen_at: self.last_seen_at(),
            idle_expires_at: self.idle_expires_at(),
            expires_at: self.expires_at(),
            device: self.device(),
            details: self.details(),
            claims: self.claims_json().into(),
        }
    }

    /// Creates a record from the parts that a store kept.
    ///
    /// # Errors
    ///
    /// - [`StoreErrorKind::TooLarge`] if the claims are longer than [`SessionRecord::MAX_CLAIMS_LEN`].
    /// - [`StoreErrorKind::Corrupt`] if the claims are not one JSON object, if they contain a [reserved
    ///   name](crate::Claims::RESERVED_NAMES) that no release has allowed (rule T13), or if the id does not
    ///   belong to this subject.
    pub fn from_parts(parts: &RecordParts) -> Result<Self, StoreError> {
        if parts.claims.len() > Self::MAX_CLAIMS_LEN {
            return Err(StoreError::new(StoreErrorKind::TooLarge, "the claims exceed 3072 bytes"));
        }
        // Not checked in `decode`, which is on the path of every verification and reads only what was written
        // here.
        if parts.subject.partition() != parts.id.partition() {
            return Err(StoreError::corrupt("the session id does not belong to its subject"));
        }
        let record = Self(write(parts)?.into());
        record.layout().check()?;
        Ok(record)
    }

    /// Returns the binary form, which [`SessionRecord::decode`] of this release and the next can read (rule
    /// S9).
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads the bytes that [`SessionRecord::as_bytes`] returned.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if the bytes are truncated, too long, or of a format that this release
    /// does not know (rule S9).
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let record = Self(bytes.into());
        record.layout().check()?;
        Ok(record)
    }

    /// Reads one byte of every cache line that a verification will need.
    pub(crate) fn prefetch(&self) -> u8 {
        self.0.iter().step_by(64).chain(self.0.last()).fold(0, |touched, byte| touched | byte)
    }

    /// Returns whether the record fits into format 1.
    ///
    /// Then it is in the unnamed realm and of the default kind, represents a login, has no client, actor,
    /// `acr` or `amr`, and is not an API key's.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !self.layout().is_detailed()
    }

    /// Returns the session's public id.
    #[inline]
    pub fn id(&self) -> SessionId {
        SessionId::from_bytes(self.layout().array(ID))
    }

    /// Returns the version of the record.
    #[inline]
    pub fn version(&self) -> RecordVersion {
        RecordVersion::from_number(self.layout().u64(VERSION))
    }

    /// Returns how often the session was renewed.
    #[inline]
    pub fn epoch(&self) -> u32 {
        u32::from_be_bytes(self.layout().array(EPOCH))
    }

    /// Returns the subject's text, without the realm.
    pub fn subject(&self) -> &str {
        text(&self.0[self.layout().subject_range()]).unwrap_or_default()
    }

    /// Returns the name of the session's realm; empty for the unnamed realm.
    pub fn realm_name(&self) -> &str {
        if !self.layout().is_detailed() {
            return "";
        }
        let start = self.layout().fixed_len();
        text(&self.0[start..start + self.layout().realm_len()]).unwrap_or_default()
    }

    /// Returns whether the session is in this realm.
    #[inline]
    pub(crate) fn is_of_realm(&self, realm: &Realm) -> bool {
        if self.layout().is_detailed() { self.realm_name() == realm.name() } else { realm.is_unnamed() }
    }

    /// Returns the [key](Subject::key) of the session's subject, by which a store indexes the session.
    pub fn subject_key(&self) -> &str {
        text(&self.0[self.layout().owner_range()]).unwrap_or_default()
    }

    /// Returns the session's subject within its realm, as the store's other methods expect it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.realm_name(), self.subject())
    }

    /// Returns whether the session belongs to this subject of this realm.
    pub fn belongs_to(&self, subject: &Subject) -> bool {
        self.subject_key() == subject.key()
    }

    /// Returns the stored form of the credential that authenticates the session.
    pub fn credential(&self) -> StoredCredential {
        let secret_digest = self.layout().array(DIGEST).into();
        if self.layout().is_refresh() {
            StoredCredential::Refresh {
                secret_digest,
                mac_key: self.layout().array(MAC_KEY).into(),
                generation: self.layout().u64(GENERATION),
                rotated_at: self.layout().time(ROTATED_AT),
            }
        } else if self.kind() == CredentialKind::ApiKey {
            StoredCredential::ApiKey { secret_digest }
        } else {
            StoredCredential::Session { secret_digest }
        }
    }

    /// Returns whether the credential's secret has this digest, in constant time.
    #[inline]
    pub(crate) fn has_digest(&self, digest: &[u8; 32]) -> bool {
        ct_eq(&self.0[DIGEST..MAC_KEY], digest)
    }

    /// Returns the kind of credential that authenticates the session.
    #[inline]
    pub(crate) fn kind(&self) -> CredentialKind {
        match self.0[KIND] {
            0 => CredentialKind::Session,
            1 => CredentialKind::Refresh,
            _ => CredentialKind::ApiKey,
        }
    }

    /// Returns the details that the login stated in addition to subject and claims.
    pub fn details(&self) -> SessionDetails {
        if !self.layout().is_detailed() {
            return SessionDetails::default();
        }
        SessionDetails::read(&self.0[self.layout().details_range()]).unwrap_or_default()
    }

    /// Returns the name of the kind of session; empty for the default.
    pub(crate) fn session_kind(&self) -> &str {
        if self.layout().is_detailed() {
            details::kind_name(&self.0[self.layout().details_range()])
        } else {
            ""
        }
    }

    /// Returns whether the session represents a login.
    pub fn is_login(&self) -> bool {
        !self.layout().is_detailed() || details::is_login(&self.0[self.layout().details_range()])
    }

    /// Returns when the subject logged in.
    #[inline]
    pub fn created_at(&self) -> Timestamp {
        self.layout().time(CREATED_AT)
    }

    /// Returns when the subject was last authenticated.
    #[inline]
    pub fn authenticated_at(&self) -> Timestamp {
        self.layout().time(AUTHENTICATED_AT)
    }

    /// Returns when the record was last written, by the writer's clock. Every write counts as a use.
    #[inline]
    pub fn last_seen_at(&self) -> Timestamp {
        self.layout().time(LAST_SEEN_AT)
    }

    /// Returns when the session ends if it is not used.
    #[inline]
    pub fn idle_expires_at(&self) -> Timestamp {
        self.layout().time(IDLE_EXPIRES_AT)
    }

    /// Returns when the session ends at the latest.
    #[inline]
    pub fn expires_at(&self) -> Timestamp {
        self.layout().time(EXPIRES_AT)
    }

    /// Returns the device that logged in.
    pub fn device(&self) -> Device {
        self.layout().device()
    }

    /// Returns the application's claims: the text of one JSON object.
    pub fn claims_json(&self) -> &str {
        text(&self.0[self.layout().claims_range()]).unwrap_or_default()
    }

    #[inline]
    fn layout(&self) -> Layout<'_> {
        Layout(&self.0)
    }
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionRecord").field(&self.to_parts()).finish()
    }
}

#[cfg(test)]
mod tests;
