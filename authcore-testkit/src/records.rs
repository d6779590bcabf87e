//! Records to test with.

use std::collections::HashMap;
use std::time::Duration;

use crate::expect::Must as _;
use authcore::clock::{Clock as _, SystemClock};
use authcore::store::{
    RecordParts, RecordVersion, SecretBytes, SessionDetails, SessionRecord, StoredCredential,
};
use authcore::{Device, Realm, SessionId, Subject, Timestamp};

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Claims that no error and no Debug text may show (rule S10).
pub(crate) const SHIBBOLETH: &str = "shibboleth-of-the-claims";

/// The time of the operating system, in whole seconds.
pub(crate) fn real_now() -> Timestamp {
    Timestamp::from_secs(SystemClock.now().as_secs())
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::new(text).must("the testkit: a subject")
}

pub(crate) fn realm(name: &str) -> Realm {
    Realm::new(name).must("the testkit: a realm")
}

/// The subject of this text in the realm of this name.
pub(crate) fn in_realm(text: &str, name: &str) -> Subject {
    subject(text).in_realm(&realm(name))
}

/// Two subjects whose session ids share their first bits, so that a partitioned store keeps them together and
/// an id could belong to either.
pub(crate) fn neighbours() -> (Subject, Subject) {
    let mut seen = HashMap::new();
    for number in 0..=u32::from(u16::MAX) + 1 {
        let this = subject(&format!("neighbour-{number}"));
        if let Some(former) = seen.insert(fresh_id(&this).partition(), this.clone()) {
            return (former, this);
        }
    }
    panic!("the testkit: more subjects than partitions and none share one")
}

pub(crate) fn fresh_id(subject: &Subject) -> SessionId {
    SessionId::generate(subject).must("the testkit: a session id")
}

/// A session of the subject that began now, ends in an hour unless it is used, and in a day in any case.
pub(crate) fn record(subject: &Subject) -> SessionRecord {
    record_with(subject, |_| {})
}

/// As [`record`], changed by `change`.
pub(crate) fn record_with(subject: &Subject, change: impl FnOnce(&mut RecordParts)) -> SessionRecord {
    let now = real_now();
    let mut parts = RecordParts {
        id: fresh_id(subject),
        version: RecordVersion::FIRST,
        epoch: 0,
        subject: subject.clone(),
        credential: StoredCredential::Session { secret_digest: SecretBytes::from([0x5a; 32]) },
        created_at: now,
        authenticated_at: now,
        last_seen_at: now,
        idle_expires_at: now.plus(HOUR),
        expires_at: now.plus(24 * HOUR),
        device: Device::unknown(),
        details: SessionDetails::default(),
        claims: r#"{"role":"admin"}"#.into(),
    };
    change(&mut parts);
    SessionRecord::from_parts(&parts).must("the testkit: a record")
}

/// A session that was used at `at` and ends `life` later.
pub(crate) fn living(subject: &Subject, at: Timestamp, life: Duration) -> SessionRecord {
    record_with(subject, |parts| {
        (parts.created_at, parts.authenticated_at, parts.last_seen_at) = (at, at, at);
        (parts.idle_expires_at, parts.expires_at) = (at.plus(life), at.plus(life));
    })
}

/// The next version of a record, with claims that say which writer made it.
pub(crate) fn next(record: &SessionRecord, writer: usize) -> SessionRecord {
    next_with(record, |parts| parts.claims = format!(r#"{{"writer":{writer}}}"#).into())
}

/// The next version of a record, changed by `change`.
pub(crate) fn next_with(record: &SessionRecord, change: impl FnOnce(&mut RecordParts)) -> SessionRecord {
    let mut parts = record.to_parts();
    parts.version = record.version().next();
    change(&mut parts);
    SessionRecord::from_parts(&parts).must("the testkit: the next version of a record")
}

/// What a record says, for messages: all of it, since it is test data.
pub(crate) fn shown(record: &SessionRecord) -> String {
    format!("{record:?} with claims {:?}", record.claims_json())
}
