//! The binary form of a record.
//!
//! A [`SessionRecord`](super::record::SessionRecord) holds it in memory, and stores of blobs write it.
//!
//! ```text
//!   0  format            u8       1 or 2
//!   1  version           u64      big-endian like all numbers, so that a script in a store can compare it
//!   9  id                16 bytes
//!  25  epoch             u32
//!  29  created_at, authenticated_at, last_seen_at, idle_expires_at, expires_at     u64 each, milliseconds
//!  69  kind              u8       0 session, 1 refresh, 2 API key (format 2 only)
//!  70  length of subject u8
//!  71  length of claims  u16
//!  73  device            u8       bits: 1 label, 2 user agent, 4 IPv4, 8 IPv6
//!  74  digest            32 bytes
//! 106  mac key 32 bytes, generation u64, rotated_at u64     kind 1 only
//!      length of realm u8, length of details u16            format 2 only
//!      realm and NUL, if there is a realm; subject, details, claims;
//!      then the parts of the device that its bits name, each text preceded by its length as u8
//! ```
//!
//! A record that does not need format 2 is written in format 1, so that processes of the previous release can
//! read it while both run.

use std::net::IpAddr;

use super::error::StoreError;
use super::parts::{RecordParts, StoredCredential};
use crate::claims::check_stored;
use crate::secret::array;
use crate::session::credential_kind::CredentialKind;
use crate::session::details::SessionDetails;
use crate::session::device::is_clean;
use crate::{Device, Realm, Subject, Timestamp};

/// The maximum length of the claims, in bytes.
pub(super) const MAX_CLAIMS_LEN: usize = 3072;

/// The format of records in the unnamed realm whose login stated no details, except for API keys.
pub(super) const PLAIN: u8 = 1;
/// The format of all other records.
pub(super) const DETAILED: u8 = 2;

pub(super) const VERSION: usize = 1;
pub(super) const ID: usize = 9;
pub(super) const EPOCH: usize = 25;
pub(super) const CREATED_AT: usize = 29;
pub(super) const AUTHENTICATED_AT: usize = 37;
pub(super) const LAST_SEEN_AT: usize = 45;
pub(super) const IDLE_EXPIRES_AT: usize = 53;
pub(super) const EXPIRES_AT: usize = 61;
pub(super) const KIND: usize = 69;
const SUBJECT_LEN: usize = 70;
const CLAIMS_LEN: usize = 71;
pub(super) const DEVICE: usize = 73;
pub(super) const DIGEST: usize = 74;
pub(super) const MAC_KEY: usize = 106;
pub(super) const GENERATION: usize = 138;
pub(super) const ROTATED_AT: usize = 146;

/// The length of the fixed part, by kind.
const FIXED: [usize; 3] = [106, 154, 106];
/// How much longer the fixed part is in format 2: the lengths of realm and details.
const DETAILED_LEN: usize = 3;

pub(super) const LABEL: u8 = 1;
pub(super) const USER_AGENT: u8 = 2;
pub(super) const IPV4: u8 = 4;
pub(super) const IPV6: u8 = 8;

/// The bytes of a record, with access to its parts.
#[derive(Clone, Copy)]
pub(super) struct Layout<'b>(pub(super) &'b [u8]);

impl<'b> Layout<'b> {
    /// Checks everything that the accessors rely on.
    pub(super) fn check(self) -> Result<(), StoreError> {
        const TRUNCATED: StoreError = StoreError::corrupt("record truncated");
        let bytes = self.0;
        let kinds = match bytes.first() {
            Some(&PLAIN) => 2,
            Some(&DETAILED) => 3,
            _ => return Err(StoreError::corrupt("unknown record format")),
        };
        let kind = *bytes.get(KIND).ok_or(TRUNCATED)?;
        if kind >= kinds {
            return Err(StoreError::corrupt("unknown kind of credential"));
        }
        if bytes.len() < self.fixed_len() {
            return Err(TRUNCATED);
        }
        let times = [CREATED_AT, AUTHENTICATED_AT, LAST_SEEN_AT, IDLE_EXPIRES_AT, EXPIRES_AT];
        let rotated = (kind == 1).then_some(ROTATED_AT);
        if times.into_iter().chain(rotated).any(|at| self.u64(at) > Timestamp::MAX.as_millis()) {
            return Err(StoreError::corrupt("a time is out of range"));
        }
        let claims = bytes.get(self.claims_range()).ok_or(TRUNCATED)?;
        if !Subject::is_one(text(&bytes[self.subject_range()])?) {
            return Err(StoreError::corrupt("the subject cannot be read"));
        }
        if self.is_detailed() {
            self.check_details()?;
        }
        let claims = text(claims)?;
        if claims.len() > MAX_CLAIMS_LEN || check_stored(claims).is_err() {
            return Err(StoreError::corrupt(
                "the claims are not a JSON object, are too long, or have a reserved name",
            ));
        }
        let mut rest = Input(&bytes[self.claims_range().end..]);
        rest.device(bytes[DEVICE])?;
        if rest.0.is_empty() { Ok(()) } else { Err(StoreError::corrupt("record too long")) }
    }

    /// Checks the parts that only format 2 has.
    fn check_details(self) -> Result<(), StoreError> {
        let owner = text(&self.0[self.owner_range()])?;
        let Some((realm, rest)) = owner.split_at_checked(self.realm_len()) else {
            return Err(StoreError::corrupt("the realm cannot be read"));
        };
        let is_named = Realm::is_name(realm) && rest.starts_with('\0');
        if !realm.is_empty() && !is_named {
            return Err(StoreError::corrupt("the realm cannot be read"));
        }
        SessionDetails::read(&self.0[self.details_range()]).map(drop)
    }

    /// Returns the device that logged in.
    pub(super) fn device(self) -> Device {
        let mut rest = Input(&self.0[self.claims_range().end..]);
        rest.device(self.0[DEVICE]).unwrap_or_default().to_device()
    }

    pub(super) fn array<const N: usize>(self, at: usize) -> [u8; N] {
        array(&self.0[at..])
    }

    #[inline]
    pub(super) fn u64(self, at: usize) -> u64 {
        u64::from_be_bytes(self.array(at))
    }

    #[inline]
    pub(super) fn time(self, at: usize) -> Timestamp {
        Timestamp::from_millis(self.u64(at))
    }

    pub(super) fn is_refresh(self) -> bool {
        self.0[KIND] == 1
    }

    #[inline]
    pub(super) fn is_detailed(self) -> bool {
        self.0[0] == DETAILED
    }

    /// Returns the length of the fixed part. The kind must be known.
    #[inline]
    pub(super) fn fixed_len(self) -> usize {
        let fixed = FIXED[usize::from(self.0[KIND] % 3)];
        if self.is_detailed() { fixed + DETAILED_LEN } else { fixed }
    }

    pub(super) fn realm_len(self) -> usize {
        if self.is_detailed() { self.0[self.fixed_len() - DETAILED_LEN].into() } else { 0 }
    }

    pub(super) fn details_len(self) -> usize {
        if self.is_detailed() { u16::from_be_bytes(self.array(self.fixed_len() - 2)).into() } else { 0 }
    }

    /// Returns the position of the realm and NUL, if there is a realm, and the subject: a [`Subject::key`].
    pub(super) fn owner_range(self) -> std::ops::Range<usize> {
        self.fixed_len()..self.subject_range().end
    }

    pub(super) fn subject_range(self) -> std::ops::Range<usize> {
        let realm = self.realm_len();
        let start = self.fixed_len() + realm + usize::from(realm > 0);
        start..start + usize::from(self.0[SUBJECT_LEN])
    }

    pub(super) fn details_range(self) -> std::ops::Range<usize> {
        let start = self.subject_range().end;
        start..start + self.details_len()
    }

    pub(super) fn claims_range(self) -> std::ops::Range<usize> {
        let start = self.details_range().end;
        start..start + usize::from(u16::from_be_bytes(self.array(CLAIMS_LEN)))
    }
}

/// Returns the binary form of a record with these parts. The caller has checked the length of the claims.
pub(super) fn write(parts: &RecordParts) -> Result<Vec<u8>, StoreError> {
    let (subject, claims, device) = (&parts.subject, &*parts.claims, &parts.device);
    let kind = match parts.credential {
        StoredCredential::Session { .. } => CredentialKind::Session,
        StoredCredential::Refresh { .. } => CredentialKind::Refresh,
        StoredCredential::ApiKey { .. } => CredentialKind::ApiKey,
    };
    let mut details = Vec::new();
    let detailed =
        kind == CredentialKind::ApiKey || !subject.realm_name().is_empty() || !parts.details.is_plain();
    if detailed {
        if !parts.details.is_valid() {
            return Err(StoreError::corrupt("the session's details are not valid"));
        }
        parts.details.write(&mut details);
    }
    let mut out =
        Vec::with_capacity(FIXED[1] + DETAILED_LEN + subject.key().len() + details.len() + claims.len());
    out.push(if detailed { DETAILED } else { PLAIN });
    out.extend(parts.version.number().to_be_bytes());
    out.extend(parts.id.as_bytes());
    out.extend(parts.epoch.to_be_bytes());
    for time in [
        parts.created_at,
        parts.authenticated_at,
        parts.last_seen_at,
        parts.idle_expires_at,
        parts.expires_at,
    ] {
        out.extend(time.as_millis().to_be_bytes());
    }
    // The subject's type limits it to 255 bytes, and the caller's check limits claims to 3072.
    out.extend([kind as u8, subject.as_str().len() as u8]);
    out.extend((claims.len() as u16).to_be_bytes());
    out.push(device_bits(device));
    match &parts.credential {
        StoredCredential::Session { secret_digest } | StoredCredential::ApiKey { secret_digest } => {
            out.extend(secret_digest.expose());
        }
        StoredCredential::Refresh { secret_digest, mac_key, generation, rotated_at } => {
            out.extend(secret_digest.expose());
            out.extend(mac_key.expose());
            out.extend(generation.to_be_bytes());
            out.extend(rotated_at.as_millis().to_be_bytes());
        }
    }
    if detailed {
        // The realm's type limits it to 64 bytes, and the limits of details add up to some 1,300.
        out.push(subject.realm_name().len() as u8);
        out.extend((details.len() as u16).to_be_bytes());
    }
    out.extend(subject.key().as_bytes());
    out.extend(details);
    out.extend(claims.as_bytes());
    for text in [device.label(), device.user_agent()].into_iter().flatten() {
        // The device's type limits each text to 255 bytes.
        out.push(text.len() as u8);
        out.extend(text.as_bytes());
    }
    match device.ip() {
        Some(IpAddr::V4(ip)) => out.extend(ip.octets()),
        Some(IpAddr::V6(ip)) => out.extend(ip.octets()),
        None => {}
    }
    Ok(out)
}

fn device_bits(device: &Device) -> u8 {
    let ip = match device.ip() {
        Some(IpAddr::V4(_)) => IPV4,
        Some(IpAddr::V6(_)) => IPV6,
        None => 0,
    };
    device.label().map_or(0, |_| LABEL) | device.user_agent().map_or(0, |_| USER_AGENT) | ip
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_| StoreError::corrupt("text is not UTF-8"))
}

/// The bytes that remain to be read.
struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    fn take(&mut self, len: usize) -> Result<&'b [u8], StoreError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(StoreError::corrupt("record truncated"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        Ok(array(self.take(N)?))
    }

    fn short_text(&mut self) -> Result<&'b str, StoreError> {
        let [len] = self.array()?;
        text(self.take(len.into())?)
    }

    /// Reads the device without allocating, because every verification checks it and does not use it.
    fn device(&mut self, bits: u8) -> Result<DeviceFields<'b>, StoreError> {
        const NO_DEVICE: StoreError = StoreError::corrupt("the device cannot be read");
        if bits & !(LABEL | USER_AGENT | IPV4 | IPV6) != 0 || bits & (IPV4 | IPV6) == IPV4 | IPV6 {
            return Err(NO_DEVICE);
        }
        let fields = DeviceFields {
            label: if bits & LABEL == 0 { None } else { Some(self.short_text()?) },
            user_agent: if bits & USER_AGENT == 0 { None } else { Some(self.short_text()?) },
            ip: match bits & (IPV4 | IPV6) {
                IPV4 => Some(self.array::<4>()?.into()),
                IPV6 => Some(self.array::<16>()?.into()),
                _ => None,
            },
        };
        // A `Device` cleans its texts, so a text that cleaning would change was never written by one.
        let clean = [fields.label, fields.user_agent].into_iter().flatten().all(is_clean);
        if clean { Ok(fields) } else { Err(NO_DEVICE) }
    }
}

#[derive(Default)]
struct DeviceFields<'b> {
    label: Option<&'b str>,
    user_agent: Option<&'b str>,
    ip: Option<IpAddr>,
}

impl DeviceFields<'_> {
    fn to_device(&self) -> Device {
        let device = Device::unknown();
        let device = self.label.iter().fold(device, |device, text| device.with_label(text));
        let device = self.user_agent.iter().fold(device, |device, text| device.with_user_agent(text));
        self.ip.into_iter().fold(device, Device::with_ip)
    }
}
