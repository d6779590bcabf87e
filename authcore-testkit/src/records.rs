//! Session records to test with.

use std::collections::HashMap;
use std::time::Duration;

use authcore::clock::{Clock as _, SystemClock};
use authcore::store::{
    RecordParts, RecordVersion, SecretBytes, SessionDetails, SessionRecord, StoredCredential,
};
use authcore::{Device, Realm, SessionId, SessionKind, Subject, Timestamp};

use crate::assertions::OrFail as _;

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Text in claims that must not appear in any error or `Debug` output (rule S10).
pub(crate) const SECRET_CLAIM: &str = "secret-text-of-the-claims";

/// Returns the time of the operating system, in whole seconds.
pub(crate) fn real_now() -> Timestamp {
    Timestamp::from_secs(SystemClock.now().as_secs())
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::new(text).or_fail("the testkit: a subject")
}

pub(crate) fn realm(name: &str) -> Realm {
    Realm::new(name).or_fail("the testkit: a realm")
}

/// Returns the subject with this text in the realm with this name.
pub(crate) fn in_realm(text: &str, name: &str) -> Subject {
    subject(text).in_realm(&realm(name))
}

/// Returns two subjects in one partition.
///
/// Their session ids share the first bits, so an id could belong to either.
pub(crate) fn subjects_in_one_partition() -> (Subject, Subject) {
    let mut seen = HashMap::new();
    for number in 0..=u32::from(u16::MAX) + 1 {
        let this = subject(&format!("subject-{number}"));
        if let Some(former) = seen.insert(fresh_id(&this).partition(), this.clone()) {
            return (former, this);
        }
    }
    panic!("the testkit: expected two of {} subjects in one partition, found none", seen.len())
}

pub(crate) fn fresh_id(subject: &Subject) -> SessionId {
    SessionId::generate(subject).or_fail("the testkit: a session id")
}

/// Returns a session that begins now, with an idle timeout of an hour and an absolute timeout of a day.
pub(crate) fn record(subject: &Subject) -> SessionRecord {
    record_with(subject, |_| {})
}

/// Returns a [`record`] with changes.
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
    SessionRecord::from_parts(&parts).or_fail("the testkit: a record")
}

/// Returns a session that was last used at `at` and expires `life` later.
pub(crate) fn record_with_life(subject: &Subject, at: Timestamp, life: Duration) -> SessionRecord {
    record_with(subject, |parts| {
        (parts.created_at, parts.authenticated_at, parts.last_seen_at) = (at, at, at);
        (parts.idle_expires_at, parts.expires_at) = (at.plus(life), at.plus(life));
    })
}

/// Returns the next version of a record, with claims that name its writer.
pub(crate) fn next(record: &SessionRecord, writer: usize) -> SessionRecord {
    next_with(record, |parts| parts.claims = format!(r#"{{"writer":{writer}}}"#).into())
}

/// Returns the next version of a record, with changes.
pub(crate) fn next_with(record: &SessionRecord, change: impl FnOnce(&mut RecordParts)) -> SessionRecord {
    let mut parts = record.to_parts();
    parts.version = record.version().next();
    change(&mut parts);
    SessionRecord::from_parts(&parts).or_fail("the testkit: the next version of a record")
}

/// Describes a record for failure messages, claims included, since it is test data.
pub(crate) fn describe(record: &SessionRecord) -> String {
    format!("{record:?} with claims {:?}", record.claims_json())
}

/// Returns session details of the largest size that a login can set, partly in non-ASCII text.
pub(crate) fn largest_details() -> SessionDetails {
    SessionDetails {
        kind: SessionKind::new("k".repeat(SessionKind::MAX_LEN)).or_fail("the testkit: a session kind"),
        is_login: true,
        client_id: Some("\u{fc}".repeat(127).into()),
        actor: Some("staff\u{1}'\"\\".repeat(25).into()),
        acr: Some("a".repeat(255).into()),
        amr: std::iter::repeat_with(|| "m".repeat(32).into()).take(8).collect(),
    }
}
