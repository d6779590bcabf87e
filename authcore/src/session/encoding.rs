//! The binary form of a record, for stores that keep blobs.
//!
//! ```text
//! format       u8       1
//! version      u64      big-endian, so that a script inside a store can compare it
//! id           16 bytes
//! epoch        u32
//! created_at   authenticated_at  last_seen_at  idle_expires_at  expires_at     u64 each, milliseconds
//! credential   u8 0, digest 32 | u8 1, digest 32, mac key 32, generation u64, rotated_at u64
//! subject      u8 length, bytes
//! device       u8 bits (1 label, 2 user agent, 4 IPv4, 8 IPv6), then each that is there; texts as u8 length, bytes
//! claims       u16 length, bytes; the end
//! ```

use std::net::IpAddr;

use super::record::{Device, RecordParts, StoredCredential, Version};
use crate::{SecretBytes, SessionId, SessionRecord, StoreError, Subject, Timestamp};

const FORMAT: u8 = 1;

impl SessionRecord {
    /// Where [`SessionRecord::encode`] puts the version: eight bytes, big-endian.
    pub const ENCODED_VERSION: std::ops::Range<usize> = 1..9;

    /// The compact binary form that [`SessionRecord::decode`] reads, in this release and the next (rule S9).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + self.claims_json().len() + self.subject().as_str().len());
        out.push(FORMAT);
        out.extend(self.version().number().to_be_bytes());
        out.extend(self.id().as_bytes());
        out.extend(self.epoch().to_be_bytes());
        for time in [
            self.created_at(),
            self.authenticated_at(),
            self.last_seen_at(),
            self.idle_expires_at(),
            self.expires_at(),
        ] {
            out.extend(time.as_millis().to_be_bytes());
        }
        match self.credential() {
            StoredCredential::Session { secret_digest } => {
                out.push(0);
                out.extend(secret_digest.expose());
            }
            StoredCredential::Refresh { secret_digest, mac_key, generation, rotated_at } => {
                out.push(1);
                out.extend(secret_digest.expose());
                out.extend(mac_key.expose());
                out.extend(generation.to_be_bytes());
                out.extend(rotated_at.as_millis().to_be_bytes());
            }
        }
        push_short(&mut out, self.subject().as_str());
        push_device(&mut out, self.device());
        let claims = self.claims_json();
        out.extend((claims.len() as u16).to_be_bytes());
        out.extend(claims.as_bytes());
        out
    }

    /// Reads what [`SessionRecord::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`](crate::StoreErrorKind::Corrupt) for anything else: truncated, too long, or of
    /// a format that this release does not know (rule S9).
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut input = Input(bytes);
        if input.array::<1>()? != [FORMAT] {
            return Err(StoreError::corrupt("unknown record format"));
        }
        let version = Version::from_number(input.u64()?);
        let id = SessionId::from_bytes(input.array()?);
        let epoch = u32::from_be_bytes(input.array()?);
        let [created_at, authenticated_at, last_seen_at, idle_expires_at, expires_at] =
            [input.time()?, input.time()?, input.time()?, input.time()?, input.time()?];
        let credential = match input.array()? {
            [0] => StoredCredential::Session { secret_digest: input.secret()? },
            [1] => StoredCredential::Refresh {
                secret_digest: input.secret()?,
                mac_key: input.secret()?,
                generation: input.u64()?,
                rotated_at: input.time()?,
            },
            _ => return Err(StoreError::corrupt("unknown kind of credential")),
        };
        let subject = Subject::new(input.short_text()?).map_err(|_| StoreError::corrupt("not a subject"))?;
        let device = input.device()?;
        let len = u16::from_be_bytes(input.array()?);
        let claims = text(input.take(len.into())?)?.into();
        if !input.0.is_empty() {
            return Err(StoreError::corrupt("record too long"));
        }
        Self::from_parts(RecordParts {
            id,
            version,
            epoch,
            subject,
            credential,
            created_at,
            authenticated_at,
            last_seen_at,
            idle_expires_at,
            expires_at,
            device,
            claims,
        })
        .map_err(|error| StoreError::corrupt("unreadable claims").with_source(error))
    }
}

const LABEL: u8 = 1;
const USER_AGENT: u8 = 2;
const IPV4: u8 = 4;
const IPV6: u8 = 8;

fn push_device(out: &mut Vec<u8>, device: &Device) {
    let bits = out.len();
    out.push(0);
    for (bit, part) in [(LABEL, device.label()), (USER_AGENT, device.user_agent())] {
        if let Some(text) = part {
            out[bits] |= bit;
            push_short(out, text);
        }
    }
    match device.ip() {
        Some(IpAddr::V4(ip)) => {
            out[bits] |= IPV4;
            out.extend(ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out[bits] |= IPV6;
            out.extend(ip.octets());
        }
        None => {}
    }
}

/// Subjects and device texts are at most 255 bytes long by their types.
fn push_short(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend(text.as_bytes());
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
        Ok(super::token::array(self.take(N)?))
    }

    fn secret(&mut self) -> Result<SecretBytes<32>, StoreError> {
        Ok(self.array()?.into())
    }

    fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_millis(self.u64()?))
    }

    fn short_text(&mut self) -> Result<&'b str, StoreError> {
        let [len] = self.array()?;
        text(self.take(len.into())?)
    }

    fn device(&mut self) -> Result<Device, StoreError> {
        let [bits] = self.array()?;
        let mut device = Device::unknown();
        if bits & LABEL != 0 {
            device = device.with_label(self.short_text()?);
        }
        if bits & USER_AGENT != 0 {
            device = device.with_user_agent(self.short_text()?);
        }
        if bits & IPV4 != 0 {
            device = device.with_ip(self.array::<4>()?.into());
        }
        if bits & IPV6 != 0 {
            device = device.with_ip(self.array::<16>()?.into());
        }
        if bits & !(LABEL | USER_AGENT | IPV4 | IPV6) != 0 {
            return Err(StoreError::corrupt("unknown device field"));
        }
        Ok(device)
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
        one.encode() == two.encode() && one.claims_json() == two.claims_json() && one.device() == two.device()
    }

    /// Format 1, byte by byte: what the next release must still read.
    #[test]
    fn s9_format_1_is_fixed() {
        let record = SessionRecord::from_parts(parts()).unwrap();
        let mut golden = vec![1, 1, 2, 3, 4, 5, 6, 7, 8];
        golden.extend(user_42().as_bytes());
        golden.extend([0, 0, 0, 3]);
        for millis in 10..15 {
            golden.extend([0, 0, 0, 0, 0, 0, 0, millis]);
        }
        golden.push(0);
        golden.extend([2; 32]);
        golden.extend(b"\x07user-42\x00\x00\x10{\"role\":\"admin\"}");
        assert_eq!(record.encode(), golden);
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
        let bytes = SessionRecord::from_parts(parts).unwrap().encode();
        assert!(same(&SessionRecord::decode(&bytes).unwrap(), &SessionRecord::decode(&bytes).unwrap()));
        let longer = [&bytes[..], &[0]].concat();
        let newer = [&[2], &bytes[1..]].concat();
        for bad in (0..bytes.len()).map(|len| &bytes[..len]).chain([&longer[..], &newer[..]]) {
            assert_eq!(SessionRecord::decode(bad).unwrap_err().kind(), StoreErrorKind::Corrupt);
        }
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
            let record = SessionRecord::from_parts(parts).unwrap();
            let bytes = record.encode();
            prop_assert_eq!(&bytes[SessionRecord::ENCODED_VERSION], record.version().number().to_be_bytes());
            prop_assert!(same(&SessionRecord::decode(&bytes).unwrap(), &record));
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
