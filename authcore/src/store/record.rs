//! What a store keeps of one login.

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

/// One login of one subject on one device, as a store keeps it.
///
/// Cloning is cheap. A record is never changed in place: the core makes the next version and asks the store
/// to [`replace`](crate::store::SessionStore::replace) the one it knows.
///
/// A record *is* its binary form, checked when it is made: one block of memory, which a store that keeps
/// blobs writes down as it is.
#[derive(Clone)]
pub struct SessionRecord(pub(super) Arc<[u8]>);

impl SessionRecord {
    /// The most bytes of claims that a record takes; every store keeps that many (rule S7).
    pub const MAX_CLAIMS_LEN: usize = MAX_CLAIMS_LEN;

    /// Where the binary form has the version: eight bytes, big-endian.
    pub const VERSION_BYTES: std::ops::Range<usize> = VERSION..ID;

    /// The next version of this record, changed by `change`.
    ///
    /// What rule S17 fixes stays fixed: it is not the caller's to change.
    pub(crate) fn next(&self, change: impl FnOnce(&mut RecordParts)) -> Result<Self, StoreError> {
        let mut parts = self.to_parts();
        change(&mut parts);
        parts.version = self.version().next();
        Self::from_parts(&parts)
    }

    /// When it ends if it is not used again: the earlier of both expiries.
    pub fn ends_at(&self) -> Timestamp {
        self.idle_expires_at().min(self.expires_at())
    }

    /// How long after its last write a store may drop it, however far the clocks of writer and store are
    /// apart (rule S6). Zero if it was already over when it was written.
    pub fn time_to_live(&self) -> Duration {
        self.ends_at().since(self.last_seen_at())
    }

    /// The record's parts, for a store that keeps them in columns.
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

    /// A record from its parts, as a store kept them.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::TooLarge`] if the claims are longer than [`SessionRecord::MAX_CLAIMS_LEN`], and
    /// [`StoreErrorKind::Corrupt`] if they are not one JSON object without
    /// [reserved names](crate::Claims::RESERVED_NAMES) (rule T13), or if the id is not one of this subject.
    pub fn from_parts(parts: &RecordParts) -> Result<Self, StoreError> {
        if parts.claims.len() > Self::MAX_CLAIMS_LEN {
            return Err(StoreError::new(StoreErrorKind::TooLarge, "claims of a session"));
        }
        // Not looked for in `decode`, which every verification waits for and which reads what was written
        // here.
        if parts.subject.partition() != parts.id.partition() {
            return Err(StoreError::corrupt("the session id is not one of its subject"));
        }
        let record = Self(write(parts)?.into());
        record.layout().check()?;
        Ok(record)
    }

    /// The binary form, which [`SessionRecord::decode`] reads in this release and the next (rule S9).
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what [`SessionRecord::as_bytes`] gave.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] for anything else: truncated, too long, or of a format that this release
    /// does not know (rule S9).
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let record = Self(bytes.into());
        record.layout().check()?;
        Ok(record)
    }

    /// Reads a byte of every cache line that a verification will need.
    pub(crate) fn prefetch(&self) -> u8 {
        self.0.iter().step_by(64).chain(self.0.last()).fold(0, |touched, byte| touched | byte)
    }

    /// Whether the session is of the unnamed realm and the default kind, represents a login, and is not an
    /// API key's: what format 1 can hold.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !self.layout().is_detailed()
    }

    /// The session's public handle.
    #[inline]
    pub fn id(&self) -> SessionId {
        SessionId::from_bytes(self.layout().array(ID))
    }

    /// The number of the write.
    #[inline]
    pub fn version(&self) -> RecordVersion {
        RecordVersion::from_number(self.layout().u64(VERSION))
    }

    /// How often the session was renewed.
    #[inline]
    pub fn epoch(&self) -> u32 {
        u32::from_be_bytes(self.layout().array(EPOCH))
    }

    /// Whose session it is, without the realm.
    pub fn subject(&self) -> &str {
        text(&self.0[self.layout().subject_range()]).unwrap_or_default()
    }

    /// The name of the realm that the session is for; empty for the unnamed one.
    pub fn realm_name(&self) -> &str {
        if !self.layout().is_detailed() {
            return "";
        }
        let start = self.layout().fixed_len();
        text(&self.0[start..start + self.layout().realm_len()]).unwrap_or_default()
    }

    /// Whether the session is for this realm.
    #[inline]
    pub(crate) fn is_of_realm(&self, realm: &Realm) -> bool {
        if self.layout().is_detailed() { self.realm_name() == realm.name() } else { realm.is_unnamed() }
    }

    /// What a store indexes the session by: the [key](Subject::key) of its subject.
    pub fn subject_key(&self) -> &str {
        text(&self.0[self.layout().owner_range()]).unwrap_or_default()
    }

    /// Whose session it is, within its realm, as the store's other methods take it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.realm_name(), self.subject())
    }

    /// Whether it is a session of this subject of this realm.
    pub fn belongs_to(&self, subject: &Subject) -> bool {
        self.subject_key() == subject.key()
    }

    /// How its holder proves it.
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

    /// Whether the credential's secret has this digest, in constant time.
    #[inline]
    pub(crate) fn has_digest(&self, digest: &[u8; 32]) -> bool {
        ct_eq(&self.0[DIGEST..MAC_KEY], digest)
    }

    /// Which kind of credential proves it.
    #[inline]
    pub(crate) fn kind(&self) -> CredentialKind {
        match self.0[KIND] {
            0 => CredentialKind::Session,
            1 => CredentialKind::Refresh,
            _ => CredentialKind::ApiKey,
        }
    }

    /// What the login stated beside subject and claims.
    pub fn details(&self) -> SessionDetails {
        if !self.layout().is_detailed() {
            return SessionDetails::default();
        }
        SessionDetails::read(&self.0[self.layout().details_range()]).unwrap_or_default()
    }

    /// The name of the kind of session; empty for the default.
    pub(crate) fn session_kind(&self) -> &str {
        if self.layout().is_detailed() {
            details::kind_name(&self.0[self.layout().details_range()])
        } else {
            ""
        }
    }

    /// Whether the session represents a login.
    pub fn is_login(&self) -> bool {
        !self.layout().is_detailed() || details::is_login(&self.0[self.layout().details_range()])
    }

    /// When the subject logged in.
    #[inline]
    pub fn created_at(&self) -> Timestamp {
        self.layout().time(CREATED_AT)
    }

    /// When the subject last proved who they are.
    #[inline]
    pub fn authenticated_at(&self) -> Timestamp {
        self.layout().time(AUTHENTICATED_AT)
    }

    /// When the record was last written, by the writer's clock.
    #[inline]
    pub fn last_seen_at(&self) -> Timestamp {
        self.layout().time(LAST_SEEN_AT)
    }

    /// When it ends unless it is used.
    #[inline]
    pub fn idle_expires_at(&self) -> Timestamp {
        self.layout().time(IDLE_EXPIRES_AT)
    }

    /// When it ends in any case.
    #[inline]
    pub fn expires_at(&self) -> Timestamp {
        self.layout().time(EXPIRES_AT)
    }

    /// What logged in.
    pub fn device(&self) -> Device {
        self.layout().device()
    }

    /// The application's claims: the text of one JSON object.
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
