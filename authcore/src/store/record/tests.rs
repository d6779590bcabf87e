//! The formats, byte by byte, and the bytes that are refused.

use std::net::IpAddr;

use proptest::prelude::*;

use super::super::encoding::{DETAILED, DEVICE, IPV4, IPV6, LABEL, PLAIN};
use super::*;
use crate::store::StoreErrorKind;

fn user_42() -> SessionId {
    let [a, b] = Subject::new("user-42").unwrap().partition().to_be_bytes();
    SessionId::from_bytes([a, b, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
}

fn parts() -> RecordParts {
    RecordParts {
        id: user_42(),
        version: RecordVersion::from_number(0x0102_0304_0506_0708),
        epoch: 3,
        subject: Subject::new("user-42").unwrap(),
        credential: StoredCredential::Session { secret_digest: [2; 32].into() },
        created_at: Timestamp::from_millis(10),
        authenticated_at: Timestamp::from_millis(11),
        last_seen_at: Timestamp::from_millis(12),
        idle_expires_at: Timestamp::from_millis(13),
        expires_at: Timestamp::from_millis(14),
        device: Device::unknown(),
        details: SessionDetails::default(),
        claims: r#"{"role":"admin"}"#.into(),
    }
}

fn same(one: &SessionRecord, two: &SessionRecord) -> bool {
    one.as_bytes() == two.as_bytes() && one.claims_json() == two.claims_json() && one.device() == two.device()
}

/// Format 1, byte by byte, which the next release must still read.
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

fn detailed() -> RecordParts {
    let subject = Subject::new("user-42").unwrap().in_realm(&Realm::new("t1").unwrap());
    RecordParts {
        id: SessionId::generate(&subject).unwrap(),
        subject,
        credential: StoredCredential::ApiKey { secret_digest: [2; 32].into() },
        details: SessionDetails {
            kind: crate::SessionKind::API_KEY,
            client_id: Some("cli".into()),
            actor: Some("staff".into()),
            acr: None,
            amr: ["pwd".into()].into(),
            ..SessionDetails::default()
        },
        device: Device::unknown().with_label("ci"),
        ..parts()
    }
}

/// Format 2, byte by byte, which the next release must still read.
#[test]
fn s9_format_2_is_fixed() {
    let parts = detailed();
    let record = SessionRecord::from_parts(&parts).unwrap();
    let mut golden = vec![2, 1, 2, 3, 4, 5, 6, 7, 8];
    golden.extend(parts.id.as_bytes());
    golden.extend([0, 0, 0, 3]);
    for millis in 10..15 {
        golden.extend([0, 0, 0, 0, 0, 0, 0, millis]);
    }
    golden.extend([2, 7, 0, 16, 1]);
    golden.extend([2; 32]);
    golden.extend([2, 0, 25]);
    golden.extend(b"t1\0user-42\x07api-key\x03cli\x05staff\0\x03pwd\0\x01{\"role\":\"admin\"}\x02ci");
    assert_eq!(record.as_bytes(), golden);
    let read = SessionRecord::decode(&golden).unwrap();
    assert!(same(&read, &record));
    assert_eq!((read.realm_name(), read.subject(), read.subject_key()), ("t1", "user-42", "t1\0user-42"));
    assert_eq!(read.details(), parts.details);
    assert!(matches!(read.credential(), StoredCredential::ApiKey { .. }));
    for len in 0..golden.len() {
        assert_eq!(decoded(&golden[..len]), StoreErrorKind::Corrupt, "{len}");
    }
}

/// A process of the previous release reads every record that does not need format 2.
#[test]
fn s9_what_needs_no_details_is_written_in_format_1() {
    assert_eq!(SessionRecord::from_parts(&parts()).unwrap().as_bytes()[0], 1);
    let kind = SessionDetails { kind: crate::SessionKind::KIOSK, ..SessionDetails::default() };
    let guest = SessionDetails { is_login: false, ..SessionDetails::default() };
    for details in [kind, guest] {
        let record = SessionRecord::from_parts(&RecordParts { details: details.clone(), ..parts() }).unwrap();
        assert_eq!((record.as_bytes()[0], record.details()), (2, details));
    }
    let format_1 = RecordParts { details: SessionDetails::default(), ..detailed() };
    assert_eq!(SessionRecord::from_parts(&format_1).unwrap().as_bytes()[0], 2);
}

/// Format 1 has neither API keys nor realms.
#[test]
fn s9_what_only_format_2_has_is_corrupt_in_format_1() {
    let mut bytes = SessionRecord::from_parts(&detailed()).unwrap().as_bytes().to_vec();
    bytes[0] = 1;
    assert_eq!(decoded(&bytes), StoreErrorKind::Corrupt);
    let mut realm = SessionRecord::from_parts(&detailed()).unwrap().as_bytes().to_vec();
    let separator = realm.windows(3).position(|text| text == b"t1\0").unwrap() + 2;
    realm[separator] = b'x';
    assert_eq!(decoded(&realm), StoreErrorKind::Corrupt);
    // A length that ends inside a character.
    realm[separator - 1..=separator].copy_from_slice("ü".as_bytes());
    assert_eq!(decoded(&realm), StoreErrorKind::Corrupt);
}

#[test]
fn s9_what_is_cut_or_longer_or_unknown_is_corrupt() {
    let mut parts = parts();
    parts.device = Device::unknown().with_label("phone").with_user_agent("x").with_ip([127, 0, 0, 1].into());
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
    let newer = [&[3], &bytes[1..]].concat();
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
    let with = |claims: &str| SessionRecord::from_parts(&RecordParts { claims: claims.into(), ..parts() });
    for free in ["{}", r#"{"nested":{"exp":1}}"#, r#"{"expiry":1,"Sub":2}"#] {
        assert!(with(free).is_ok(), "{free}");
    }
    for later in [r#"{"acr":"2"}"#, r#"{"auth_realm":"t1"}"#] {
        assert!(with(later).is_ok(), "{later} may stand in a record of a release before");
    }
    for reserved in [r#"{"exp":1}"#, r#"{"a":1,"act":{"sub":"root"}}"#, r#"{"non\u0063e":"x"}"#] {
        assert_eq!(with(reserved).unwrap_err().kind(), StoreErrorKind::Corrupt, "{reserved}");
    }
    // The same as bytes.
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
        realm: Option<bool>,
        claims in proptest::collection::hash_map(".{0,20}", ".{0,40}", 0..5),
        device in device(),
        key: Option<[u8; 32]>,
        number: u64,
        millis in 0..i64::MAX as u64,
    ) {
        let mut parts = parts();
        parts.subject = Subject::new(subject).unwrap();
        if let Some(is_login) = realm {
            parts.subject = parts.subject.in_realm(&Realm::new("Ünï").unwrap());
            parts.details.is_login = is_login;
        }
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
        for format in [PLAIN, DETAILED] {
            if let Some(first) = bytes.first_mut() {
                *first = format;
                let _ = SessionRecord::decode(&bytes);
            }
        }
    }

    #[test]
    fn s9_a_record_with_any_bytes_changed_is_decoded_without_panic(
        changes in proptest::collection::vec((0usize..200, any::<u8>()), 1..6),
    ) {
        let mut bytes = SessionRecord::from_parts(&detailed()).unwrap().as_bytes().to_vec();
        for (at, byte) in changes {
            let len = bytes.len();
            bytes[at % len] = byte;
        }
        if let Ok(record) = SessionRecord::decode(&bytes) {
            let _ = (record.to_parts(), record.subject_key().len(), record.is_login());
        }
    }
}
