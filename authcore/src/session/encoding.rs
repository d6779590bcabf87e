//! The binary form of a record: what a [`SessionRecord`] holds, and what stores that keep blobs write down.
//!
//! ```text
//!   0  format            u8       1
//!   1  version           u64      big-endian as all numbers, so that a script inside a store can compare it
//!   9  id                16 bytes
//!  25  epoch             u32
//!  29  created_at  authenticated_at  last_seen_at  idle_expires_at  expires_at     u64 each, milliseconds
//!  69  kind              u8       0 session, 1 refresh
//!  70  length of subject u8
//!  71  length of claims  u16
//!  73  device            u8       bits: 1 label, 2 user agent, 4 IPv4, 8 IPv6
//!  74  digest            32 bytes
//! 106  mac key 32 bytes, generation u64, rotated_at u64     of kind 1 only
//!      subject, claims; then of the device what its bits say, texts with their length before them as u8
//! ```

use std::net::IpAddr;

use super::device::is_clean;
use super::record::{RecordParts, StoredCredential, Version};
use crate::claims::check_json;
use crate::principal::CredentialKind;
use crate::secret::{array, ct_eq};
use crate::{Device, SessionId, SessionRecord, StoreError, StoreErrorKind, Subject, Timestamp};

const FORMAT: u8 = 1;

const VERSION: usize = 1;
const ID: usize = 9;
const EPOCH: usize = 25;
const CREATED_AT: usize = 29;
const AUTHENTICATED_AT: usize = 37;
const LAST_SEEN_AT: usize = 45;
const IDLE_EXPIRES_AT: usize = 53;
const EXPIRES_AT: usize = 61;
const KIND: usize = 69;
const SUBJECT_LEN: usize = 70;
const CLAIMS_LEN: usize = 71;
const DEVICE: usize = 73;
const DIGEST: usize = 74;
const MAC_KEY: usize = 106;
const GENERATION: usize = 138;
const ROTATED_AT: usize = 146;

/// Where the subject begins, by kind.
const SUBJECT: [usize; 2] = [106, 154];

const LABEL: u8 = 1;
const USER_AGENT: u8 = 2;
const IPV4: u8 = 4;
const IPV6: u8 = 8;

impl SessionRecord {
    /// Where the binary form has the version: eight bytes, big-endian.
    pub const VERSION_BYTES: std::ops::Range<usize> = VERSION..ID;

    /// A record from its parts, as a store kept them.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::TooLarge`] if the claims are longer than [`SessionRecord::MAX_CLAIMS_LEN`], and
    /// [`StoreErrorKind::Corrupt`] if they are not one JSON object without
    /// [reserved names](crate::RESERVED_CLAIMS) (rule T13), or if the id is not one of this subject.
    pub fn from_parts(parts: &RecordParts) -> Result<Self, StoreError> {
        if parts.claims.len() > Self::MAX_CLAIMS_LEN {
            return Err(StoreError::new(StoreErrorKind::TooLarge, "claims of a session"));
        }
        // Not looked for in `decode`, which every verification waits for and which reads what was written here.
        if parts.subject.partition() != parts.id.partition() {
            return Err(StoreError::corrupt("the session id is not one of its subject"));
        }
        let record = Self(write(parts).into());
        record.check()?;
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
    /// [`StoreErrorKind::Corrupt`] for anything else: truncated, too long, or of a format that this release does
    /// not know (rule S9).
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let record = Self(bytes.into());
        record.check()?;
        Ok(record)
    }

    /// Checks everything that the accessors rely on.
    fn check(&self) -> Result<(), StoreError> {
        const TRUNCATED: StoreError = StoreError::corrupt("record truncated");
        let bytes = &*self.0;
        if bytes.first() != Some(&FORMAT) {
            return Err(StoreError::corrupt("unknown record format"));
        }
        let kind = usize::from(*bytes.get(KIND).ok_or(TRUNCATED)?);
        let subject_at = *SUBJECT.get(kind).ok_or(StoreError::corrupt("unknown kind of credential"))?;
        if bytes.len() < subject_at {
            return Err(TRUNCATED);
        }
        let times = [CREATED_AT, AUTHENTICATED_AT, LAST_SEEN_AT, IDLE_EXPIRES_AT, EXPIRES_AT];
        let rotated = (kind == 1).then_some(ROTATED_AT);
        if times.into_iter().chain(rotated).any(|at| self.u64(at) > Timestamp::MAX.as_millis()) {
            return Err(StoreError::corrupt("a time after the end of time"));
        }
        let subject = bytes.get(self.subject_range()).ok_or(TRUNCATED)?;
        let claims = bytes.get(self.claims_range()).ok_or(TRUNCATED)?;
        if !Subject::is_one(text(subject)?) {
            return Err(StoreError::corrupt("not a subject"));
        }
        let claims = text(claims)?;
        if claims.len() > Self::MAX_CLAIMS_LEN || check_json(claims).is_err() {
            return Err(StoreError::corrupt(
                "claims are not a JSON object of the size and names that are kept",
            ));
        }
        let mut rest = Input(&bytes[self.claims_range().end..]);
        rest.device(bytes[DEVICE])?;
        if rest.0.is_empty() { Ok(()) } else { Err(StoreError::corrupt("record too long")) }
    }

    /// Reads a byte of every cache line that a verification will need.
    pub(crate) fn touch(&self) -> u8 {
        self.0.iter().step_by(64).chain(self.0.last()).fold(0, |touched, byte| touched | byte)
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        array(&self.0[at..])
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_be_bytes(self.array(at))
    }

    fn time(&self, at: usize) -> Timestamp {
        Timestamp::from_millis(self.u64(at))
    }

    fn is_refresh(&self) -> bool {
        self.0[KIND] == 1
    }

    fn subject_range(&self) -> std::ops::Range<usize> {
        let start = SUBJECT[usize::from(self.is_refresh())];
        start..start + usize::from(self.0[SUBJECT_LEN])
    }

    fn claims_range(&self) -> std::ops::Range<usize> {
        let start = self.subject_range().end;
        start..start + usize::from(u16::from_be_bytes(self.array(CLAIMS_LEN)))
    }

    /// The session's public handle.
    pub fn id(&self) -> SessionId {
        SessionId::from_bytes(self.array(ID))
    }

    /// The number of the write.
    pub fn version(&self) -> Version {
        Version::from_number(self.u64(VERSION))
    }

    /// How often the session was renewed.
    pub fn epoch(&self) -> u32 {
        u32::from_be_bytes(self.array(EPOCH))
    }

    /// Whose session it is.
    pub fn subject(&self) -> &str {
        text(&self.0[self.subject_range()]).unwrap_or_default()
    }

    /// Whose session it is, as the store's other methods take it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.subject())
    }

    /// How its holder proves it.
    pub fn credential(&self) -> StoredCredential {
        let secret_digest = self.array(DIGEST).into();
        if self.is_refresh() {
            StoredCredential::Refresh {
                secret_digest,
                mac_key: self.array(MAC_KEY).into(),
                generation: self.u64(GENERATION),
                rotated_at: self.time(ROTATED_AT),
            }
        } else {
            StoredCredential::Session { secret_digest }
        }
    }

    /// Whether the credential's secret has this digest, in constant time.
    pub(crate) fn has_digest(&self, digest: &[u8; 32]) -> bool {
        ct_eq(&self.0[DIGEST..MAC_KEY], digest)
    }

    /// Which kind of credential proves it.
    pub(crate) fn kind(&self) -> CredentialKind {
        if self.is_refresh() { CredentialKind::Refresh } else { CredentialKind::Session }
    }

    /// When the subject logged in.
    pub fn created_at(&self) -> Timestamp {
        self.time(CREATED_AT)
    }

    /// When the subject last proved who they are.
    pub fn authenticated_at(&self) -> Timestamp {
        self.time(AUTHENTICATED_AT)
    }

    /// When the record was last written, by the writer's clock.
    pub fn last_seen_at(&self) -> Timestamp {
        self.time(LAST_SEEN_AT)
    }

    /// When it ends unless it is used.
    pub fn idle_expires_at(&self) -> Timestamp {
        self.time(IDLE_EXPIRES_AT)
    }

    /// When it ends in any case.
    pub fn expires_at(&self) -> Timestamp {
        self.time(EXPIRES_AT)
    }

    /// What logged in.
    pub fn device(&self) -> Device {
        let mut rest = Input(&self.0[self.claims_range().end..]);
        rest.device(self.0[DEVICE]).unwrap_or_default().to_device()
    }

    /// The application's claims: the text of one JSON object.
    pub fn claims_json(&self) -> &str {
        text(&self.0[self.claims_range()]).unwrap_or_default()
    }
}

fn write(parts: &RecordParts) -> Vec<u8> {
    let (subject, claims, device) = (parts.subject.as_str(), &*parts.claims, &parts.device);
    let mut out = Vec::with_capacity(SUBJECT[1] + subject.len() + claims.len());
    out.push(FORMAT);
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
    let kind = matches!(parts.credential, StoredCredential::Refresh { .. });
    // A subject has at most 255 bytes by its type, and claims at most 3072 by the caller's check.
    out.extend([u8::from(kind), subject.len() as u8]);
    out.extend((claims.len() as u16).to_be_bytes());
    out.push(device_bits(device));
    match &parts.credential {
        StoredCredential::Session { secret_digest } => out.extend(secret_digest.expose()),
        StoredCredential::Refresh { secret_digest, mac_key, generation, rotated_at } => {
            out.extend(secret_digest.expose());
            out.extend(mac_key.expose());
            out.extend(generation.to_be_bytes());
            out.extend(rotated_at.as_millis().to_be_bytes());
        }
    }
    out.extend(subject.as_bytes());
    out.extend(claims.as_bytes());
    for text in [device.label(), device.user_agent()].into_iter().flatten() {
        // At most 255 bytes by the device's type.
        out.push(text.len() as u8);
        out.extend(text.as_bytes());
    }
    match device.ip() {
        Some(IpAddr::V4(ip)) => out.extend(ip.octets()),
        Some(IpAddr::V6(ip)) => out.extend(ip.octets()),
        None => {}
    }
    out
}

fn device_bits(device: &Device) -> u8 {
    let ip = match device.ip() {
        Some(IpAddr::V4(_)) => IPV4,
        Some(IpAddr::V6(_)) => IPV6,
        None => 0,
    };
    device.label().map_or(0, |_| LABEL) | device.user_agent().map_or(0, |_| USER_AGENT) | ip
}

fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_| StoreError::corrupt("text is not UTF-8"))
}

/// What is left to read.
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

    /// What follows the claims, as it stands: a verification checks it, and makes nothing of it.
    fn device(&mut self, bits: u8) -> Result<DeviceFields<'b>, StoreError> {
        const NO_DEVICE: StoreError = StoreError::corrupt("not a device");
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
        // A `Device` cleans its texts: what it would alter, it never wrote.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::StoreErrorKind;

    fn user_42() -> SessionId {
        let [a, b] = Subject::new("user-42").unwrap().partition().to_be_bytes();
        SessionId::from_bytes([a, b, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    }

    fn parts() -> RecordParts {
        RecordParts {
            id: user_42(),
            version: Version::from_number(0x0102_0304_0506_0708),
            epoch: 3,
            subject: Subject::new("user-42").unwrap(),
            credential: StoredCredential::Session { secret_digest: [2; 32].into() },
            created_at: Timestamp::from_millis(10),
            authenticated_at: Timestamp::from_millis(11),
            last_seen_at: Timestamp::from_millis(12),
            idle_expires_at: Timestamp::from_millis(13),
            expires_at: Timestamp::from_millis(14),
            device: Device::unknown(),
            claims: r#"{"role":"admin"}"#.into(),
        }
    }

    fn same(one: &SessionRecord, two: &SessionRecord) -> bool {
        one.as_bytes() == two.as_bytes()
            && one.claims_json() == two.claims_json()
            && one.device() == two.device()
    }

    /// Format 1, byte by byte: what the next release must still read.
    #[test]
    fn s9_format_1_is_fixed() {
        let record = SessionRecord::from_parts(&parts()).unwrap();
        let mut golden = vec![1, 1, 2, 3, 4, 5, 6, 7, 8];
        golden.extend(user_42().as_bytes());
        golden.extend([0, 0, 0, 3]);
        for millis in 10..15 {
            golden.extend([0, 0, 0, 0, 0, 0, 0, millis]);
        }
        golden.extend([0, 7, 0, 16, 0]);
        golden.extend([2; 32]);
        golden.extend(b"user-42{\"role\":\"admin\"}");
        assert_eq!(record.as_bytes(), golden);
        assert!(same(&SessionRecord::decode(&golden).unwrap(), &record));
    }

    #[test]
    fn s9_what_is_cut_or_longer_or_unknown_is_corrupt() {
        let mut parts = parts();
        parts.device =
            Device::unknown().with_label("phone").with_user_agent("x").with_ip([127, 0, 0, 1].into());
        parts.credential = StoredCredential::Refresh {
            secret_digest: [2; 32].into(),
            mac_key: [3; 32].into(),
            generation: 7,
            rotated_at: Timestamp::from_millis(9),
        };
        let record = SessionRecord::from_parts(&parts).unwrap();
        let bytes = record.as_bytes();
        assert!(same(&SessionRecord::decode(bytes).unwrap(), &record));
        let longer = [bytes, &[0]].concat();
        let newer = [&[2], &bytes[1..]].concat();
        for bad in (0..bytes.len()).map(|len| &bytes[..len]).chain([&longer[..], &newer[..]]) {
            assert_eq!(SessionRecord::decode(bad).unwrap_err().kind(), StoreErrorKind::Corrupt);
        }
    }

    fn decoded(bytes: &[u8]) -> StoreErrorKind {
        SessionRecord::decode(bytes).unwrap_err().kind()
    }

    #[test]
    fn s9_times_after_the_end_of_time_are_corrupt() {
        let credential = StoredCredential::Refresh {
            secret_digest: [2; 32].into(),
            mac_key: [3; 32].into(),
            generation: 7,
            rotated_at: Timestamp::MAX,
        };
        let record = SessionRecord::from_parts(&RecordParts { credential, ..parts() }).unwrap();
        for at in [CREATED_AT, AUTHENTICATED_AT, LAST_SEEN_AT, IDLE_EXPIRES_AT, EXPIRES_AT, ROTATED_AT] {
            let mut late = record.as_bytes().to_vec();
            late[at..at + 8].copy_from_slice(&Timestamp::MAX.as_millis().to_be_bytes());
            assert!(SessionRecord::decode(&late).is_ok(), "{at}");
            late[at..at + 8].copy_from_slice(&(Timestamp::MAX.as_millis() + 1).to_be_bytes());
            assert_eq!(decoded(&late), StoreErrorKind::Corrupt, "{at}");
        }
    }

    #[test]
    fn s9_an_id_that_is_not_one_of_the_subject_is_corrupt() {
        let id = SessionId::generate(&Subject::new("user-43").unwrap()).unwrap();
        assert_ne!(id.partition(), user_42().partition());
        let moved = SessionRecord::from_parts(&RecordParts { id, ..parts() });
        assert_eq!(moved.unwrap_err().kind(), StoreErrorKind::Corrupt);
    }

    #[test]
    fn s9_what_is_no_device_is_corrupt() {
        for device in [Device::unknown().with_label("ab"), Device::unknown().with_user_agent("ab")] {
            let record = SessionRecord::from_parts(&RecordParts { device, ..parts() }).unwrap();
            let (last, kept) = record.as_bytes().split_last().unwrap();
            assert_eq!(*last, b'b');
            assert!(SessionRecord::decode(&[kept, b"c"].concat()).is_ok());
            assert_eq!(decoded(&[kept, b"\x07"].concat()), StoreErrorKind::Corrupt);
        }
        let record = SessionRecord::from_parts(&parts()).unwrap();
        for (bits, rest) in [(16, &[][..]), (LABEL, &[0]), (IPV4 | IPV6, &[1; 20])] {
            let mut bytes = [record.as_bytes(), rest].concat();
            bytes[DEVICE] = bits;
            assert_eq!(decoded(&bytes), StoreErrorKind::Corrupt, "{bits}");
        }
    }

    #[test]
    fn t13_claims_with_reserved_names_are_corrupt() {
        let with =
            |claims: &str| SessionRecord::from_parts(&RecordParts { claims: claims.into(), ..parts() });
        for free in ["{}", r#"{"nested":{"exp":1}}"#, r#"{"expiry":1,"Sub":2}"#] {
            assert!(with(free).is_ok(), "{free}");
        }
        for reserved in [r#"{"exp":1}"#, r#"{"a":1,"act":{"sub":"root"}}"#, r#"{"non\u0063e":"x"}"#] {
            assert_eq!(with(reserved).unwrap_err().kind(), StoreErrorKind::Corrupt, "{reserved}");
        }
        // The same in bytes.
        let bytes = with(r#"{"xonce":1}"#).unwrap().as_bytes().to_vec();
        let at = bytes.windows(5).position(|text| text == b"xonce").unwrap();
        let mut reserved = bytes;
        reserved[at] = b'n';
        assert_eq!(decoded(&reserved), StoreErrorKind::Corrupt);
    }

    fn device() -> impl Strategy<Value = Device> {
        (any::<Option<String>>(), any::<Option<String>>(), any::<Option<IpAddr>>()).prop_map(
            |(label, agent, ip)| {
                let device = label.iter().fold(Device::unknown(), |device, text| device.with_label(text));
                let device = agent.iter().fold(device, |device, text| device.with_user_agent(text));
                ip.into_iter().fold(device, Device::with_ip)
            },
        )
    }

    proptest! {
        #[test]
        fn s7_records_round_trip(
            subject in "[^\0]{1,60}",
            claims in proptest::collection::hash_map(".{0,20}", ".{0,40}", 0..5),
            device in device(),
            key: Option<[u8; 32]>,
            number: u64,
            millis in 0..i64::MAX as u64,
        ) {
            let mut parts = parts();
            parts.subject = Subject::new(subject).unwrap();
            parts.id = SessionId::generate(&parts.subject).unwrap();
            parts.claims = serde_json::to_string(&claims).unwrap().into();
            parts.device = device;
            parts.expires_at = Timestamp::from_millis(millis);
            if let Some(key) = key {
                parts.credential = StoredCredential::Refresh {
                    secret_digest: key.into(),
                    mac_key: key.into(),
                    generation: number,
                    rotated_at: Timestamp::from_millis(millis),
                };
            }
            let record = SessionRecord::from_parts(&parts).unwrap();
            let bytes = record.as_bytes();
            prop_assert_eq!(&bytes[SessionRecord::VERSION_BYTES], record.version().number().to_be_bytes());
            prop_assert!(same(&SessionRecord::decode(bytes).unwrap(), &record));
        }

        #[test]
        fn s9_any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
            let mut bytes = bytes;
            let _ = SessionRecord::decode(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = FORMAT;
                let _ = SessionRecord::decode(&bytes);
            }
        }
    }
}
