//! What a store keeps of one login.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::claims::check_json;
use crate::{SecretBytes, SessionId, StoreError, StoreErrorKind, Subject, Timestamp};

/// The number of a record's write: the compare-and-swap key of
/// [`SessionStore::replace`](crate::SessionStore::replace).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The version of a record that was never replaced.
    pub const FIRST: Self = Self(1);

    /// The version with this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number, for a store that writes it down.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
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
}

/// The device that logged in, as it described itself: shown to the subject, never trusted.
///
/// Texts are cleaned when set: control characters are dropped, and what is longer than [`Device::MAX_LEN`] bytes
/// is cut, so that a client cannot make its own login fail or a store grow.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Device(Option<Box<DeviceParts>>);

#[derive(Clone, Default, PartialEq, Eq)]
struct DeviceParts {
    label: Option<Box<str>>,
    user_agent: Option<Box<str>>,
    ip: Option<IpAddr>,
}

impl Device {
    /// The longest text kept, in bytes.
    pub const MAX_LEN: usize = 255;

    /// A device of which nothing is known.
    pub const fn unknown() -> Self {
        Self(None)
    }

    /// Sets a free text that the subject will recognise: 'Ada's phone'.
    #[must_use]
    pub fn with_label(mut self, text: &str) -> Self {
        self.parts().label = clean(text);
        self.normalized()
    }

    /// Sets the `User-Agent` header of the login.
    #[must_use]
    pub fn with_user_agent(mut self, text: &str) -> Self {
        self.parts().user_agent = clean(text);
        self.normalized()
    }

    /// Sets the address that the login came from.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.parts().ip = Some(ip);
        self
    }

    /// The free text.
    pub fn label(&self) -> Option<&str> {
        self.0.as_ref()?.label.as_deref()
    }

    /// The `User-Agent` header.
    pub fn user_agent(&self) -> Option<&str> {
        self.0.as_ref()?.user_agent.as_deref()
    }

    /// The address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.as_ref()?.ip
    }

    /// Whether nothing is known of it.
    pub const fn is_unknown(&self) -> bool {
        self.0.is_none()
    }

    fn parts(&mut self) -> &mut DeviceParts {
        self.0.get_or_insert_default()
    }

    /// One form for 'nothing known', so that equality and the encoding are exact.
    fn normalized(mut self) -> Self {
        if self.0.as_deref() == Some(&DeviceParts::default()) {
            self.0 = None;
        }
        self
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("label", &self.label())
            .field("user_agent", &self.user_agent())
            .field("ip", &self.ip())
            .finish()
    }
}

fn clean(text: &str) -> Option<Box<str>> {
    let mut cleaned = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if cleaned.len() + c.len_utf8() > Device::MAX_LEN {
            break;
        }
        cleaned.push(c);
    }
    (!cleaned.is_empty()).then(|| cleaned.into_boxed_str())
}

/// The parts of a [`SessionRecord`], for a store that keeps them in columns.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a store that forgets a new part must not compile")]
pub struct RecordParts {
    /// The session's public handle: the store's key.
    pub id: SessionId,
    /// The number of the write.
    pub version: Version,
    /// Counts renewals; a principal of an older epoch is refused (rule A11).
    pub epoch: u32,
    /// Whose session it is: the store's index.
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
    /// The application's claims: the text of one JSON object, kept byte for byte (rule S7).
    pub claims: Box<str>,
}

impl RecordParts {
    /// A new secret and a new epoch: what was issued before is refused from now on (rules A6, A11).
    pub(crate) fn renew(&mut self, credential: StoredCredential, authenticated_at: Option<Timestamp>) {
        self.credential = credential;
        self.epoch = self.epoch.wrapping_add(1);
        self.authenticated_at = authenticated_at.unwrap_or(self.authenticated_at);
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
            .field("claims", &format_args!("[{} bytes]", self.claims.len()))
            .finish()
    }
}

/// One login of one subject on one device, as a store keeps it.
///
/// Cloning is cheap. A record is never changed in place: the core makes the next version and asks the store to
/// [`replace`](crate::SessionStore::replace) the one it knows.
#[derive(Clone)]
pub struct SessionRecord(Arc<RecordParts>);

impl SessionRecord {
    /// The most bytes of claims that a record takes; every store keeps that many (rule S7).
    pub const MAX_CLAIMS_LEN: usize = 3072;

    /// A record from its parts, as a store kept them.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::TooLarge`] if the claims are longer than [`SessionRecord::MAX_CLAIMS_LEN`], and
    /// [`StoreErrorKind::Corrupt`] if they are not one JSON object, or if the id is not one of this subject.
    pub fn from_parts(parts: RecordParts) -> Result<Self, StoreError> {
        if parts.claims.len() > Self::MAX_CLAIMS_LEN {
            return Err(StoreError::new(StoreErrorKind::TooLarge, "claims of a session"));
        }
        if parts.id.partition() != parts.subject.partition() {
            return Err(StoreError::corrupt("the session id is not one of its subject"));
        }
        check_json(&parts.claims).map_err(|_| StoreError::corrupt("claims are not a JSON object"))?;
        Ok(Self(Arc::new(parts)))
    }

    /// The next version of this record, changed by `change`.
    ///
    /// What rule S17 fixes stays fixed: it is not the caller's to change.
    pub(crate) fn next(&self, change: impl FnOnce(&mut RecordParts)) -> Self {
        let mut parts = (*self.0).clone();
        change(&mut parts);
        parts.version = self.version().next();
        Self(Arc::new(parts))
    }

    /// The record's parts, to be written down or changed.
    pub fn to_parts(&self) -> RecordParts {
        (*self.0).clone()
    }

    /// The session's public handle.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// The number of the write.
    pub fn version(&self) -> Version {
        self.0.version
    }

    /// How often the session was renewed.
    pub fn epoch(&self) -> u32 {
        self.0.epoch
    }

    /// Whose session it is.
    pub fn subject(&self) -> &Subject {
        &self.0.subject
    }

    /// How its holder proves it.
    pub fn credential(&self) -> &StoredCredential {
        &self.0.credential
    }

    /// When the subject logged in.
    pub fn created_at(&self) -> Timestamp {
        self.0.created_at
    }

    /// When the subject last proved who they are.
    pub fn authenticated_at(&self) -> Timestamp {
        self.0.authenticated_at
    }

    /// When the record was last written, by the writer's clock.
    pub fn last_seen_at(&self) -> Timestamp {
        self.0.last_seen_at
    }

    /// When it ends unless it is used.
    pub fn idle_expires_at(&self) -> Timestamp {
        self.0.idle_expires_at
    }

    /// When it ends in any case.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// When it ends if it is not used again: the earlier of both expiries.
    pub fn ends_at(&self) -> Timestamp {
        self.0.idle_expires_at.min(self.0.expires_at)
    }

    /// How long after its last write a store may drop it, however far the clocks of writer and store are apart
    /// (rule S6). Zero if it was already over when it was written.
    pub fn time_to_live(&self) -> std::time::Duration {
        self.ends_at().since(self.0.last_seen_at)
    }

    /// What logged in.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// The application's claims: the text of one JSON object.
    pub fn claims_json(&self) -> &str {
        &self.0.claims
    }
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionRecord").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_texts_are_cleaned_and_cut_at_a_character() {
        let device = Device::unknown().with_user_agent("Mozilla\r\n\0/5.0").with_label(&"ü".repeat(200));
        assert_eq!(device.user_agent(), Some("Mozilla/5.0"));
        assert_eq!(device.label().map(str::len), Some(254));
        assert!(Device::unknown().with_label("\n").is_unknown());
    }
}
