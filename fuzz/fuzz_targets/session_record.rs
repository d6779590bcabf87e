//! What a store returns as a record: any bytes, or a real record with a few bytes changed (rule S9).
//!
//! - What is read is written again byte for byte, and a store keeps it so.
//! - Its parts make the same record again, where the id is one of the subject.
//! - No method of a record that was read panics.
#![no_main]

use std::net::{IpAddr, Ipv6Addr};

use authcore::store::{
    InsertOutcome, RecordParts, RecordVersion, SessionDetails, SessionRecord, SessionStore as _,
    StoreErrorKind, StoredCredential,
};
use authcore::{Device, MemoryStore, SessionId, Subject};
use authcore_fuzz::NOW;
use futures_executor::block_on;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Stored {
    Bytes(Vec<u8>),
    Patched { record: Real, changes: Vec<(u16, u8)>, cut: u8, tail: Vec<u8> },
}

#[derive(Debug, Arbitrary)]
struct Real {
    kind: u8,
    details: bool,
    device: bool,
    claims: bool,
}

impl Real {
    fn record(&self) -> SessionRecord {
        let subject = Subject::new("user-42").unwrap();
        let mut id = [9; 16];
        id[..2].copy_from_slice(&subject.partition().to_be_bytes());
        let digest = [7; 32];
        let credential = match self.kind % 3 {
            0 => StoredCredential::Session { secret_digest: digest.into() },
            1 => StoredCredential::ApiKey { secret_digest: digest.into() },
            _ => StoredCredential::Refresh {
                secret_digest: digest.into(),
                mac_key: [8; 32].into(),
                generation: 3,
                rotated_at: NOW,
            },
        };
        let details = self.details.then_some(r#"{"kind":"remembered","client_id":"web","amr":["pwd"]}"#);
        let device = Device::unknown().with_label("a phone").with_ip(IpAddr::V6(Ipv6Addr::LOCALHOST));
        let parts = RecordParts {
            id: SessionId::from_bytes(id),
            version: RecordVersion::FIRST,
            epoch: 0,
            subject,
            credential,
            created_at: NOW,
            authenticated_at: NOW,
            last_seen_at: NOW,
            idle_expires_at: NOW,
            expires_at: NOW,
            device: if self.device { device } else { Device::unknown() },
            details: SessionDetails::from_json(details).unwrap(),
            claims: if self.claims { r#"{"role":"admin"}"#.into() } else { "{}".into() },
        };
        SessionRecord::from_parts(&parts).unwrap()
    }
}

impl Stored {
    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Patched { record, changes, cut, tail } => {
                let mut bytes = record.record().as_bytes().to_vec();
                for (at, to) in changes {
                    let at = usize::from(at) % bytes.len();
                    bytes[at] = to;
                }
                bytes.truncate(bytes.len() - usize::from(cut) % bytes.len());
                bytes.extend(tail);
                bytes
            }
        }
    }
}

/// Everything that a record says.
fn facts(record: &SessionRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (
            record.id(),
            record.version(),
            record.epoch(),
            record.subject().to_owned(),
            record.realm_name().to_owned(),
        ),
        (record.created_at(), record.authenticated_at(), record.last_seen_at(), record.ends_at()),
        (record.device(), record.details(), record.is_login(), record.claims_json().to_owned()),
        format!("{record:?} {:?}", record.credential()),
    )
}

fuzz_target!(|stored: Stored| {
    let bytes = stored.bytes();
    let record = match SessionRecord::decode(&bytes) {
        Ok(record) => record,
        Err(error) => return assert_eq!(error.kind(), StoreErrorKind::Corrupt),
    };
    assert_eq!(record.as_bytes(), bytes);
    let _ = record.time_to_live();
    let subject = record.to_subject();
    assert!(record.belongs_to(&subject));
    assert_eq!(record.subject_key(), subject.key());

    let parts = record.to_parts();
    match SessionRecord::from_parts(&parts) {
        Ok(again) => assert_eq!(facts(&again), facts(&record)),
        Err(error) => {
            let foreign = subject.partition() != record.id().partition();
            assert!(foreign, "{error:?} of {parts:?}");
        }
    }

    let store = MemoryStore::new();
    if block_on(store.insert(&record)).unwrap() == InsertOutcome::Inserted
        && let Some(kept) = block_on(store.load(record.id())).unwrap()
    {
        assert_eq!(kept.as_bytes(), bytes);
    }
});
