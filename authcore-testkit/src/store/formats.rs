//! S7 and S9: details, and the formats of records as they were written once and for all.

use super::bytes::round_trips;
use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::records::{in_realm, next_with, record_with, subject};
use authcore::SessionKind;
use authcore::store::{SessionDetails, SessionRecord};

/// A session in format 1.
const SESSION_1: &[u8] =
    b"\x01\x00\x00\x00\x00\x00\x00\x00\x07m\x89\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\
    \x0d\x0e\x00\x00\x00\x03\x00\x00\x01\xba`\xd38\x00\x00\x00\x01\xba`\xd38\x01\x00\x00\x01\xba\
    `\xd38\x02\x00\x00\x01\xbaa\x0a&\x82\x00\x00\x01\xbae\xf9\x94\x02\x00\x07\x00\x10\x01\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1user-42{\"role\":\"admin\"}\x05phone";

/// A refresh session in format 1.
const REFRESH_1: &[u8] =
    b"\x01\x00\x00\x00\x00\x00\x00\x00\x07m\x89\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\
    \x0d\x0e\x00\x00\x00\x03\x00\x00\x01\xba`\xd38\x00\x00\x00\x01\xba`\xd38\x01\x00\x00\x01\xba\
    `\xd38\x02\x00\x00\x01\xbaa\x0a&\x82\x00\x00\x01\xbae\xf9\x94\x02\x01\x07\x00\x10\x01\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\
    \xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\x00\x00\x00\x00\x00\x00\
    \x00\x05\x00\x00\x01\xba`\xd38\x01user-42{\"role\":\"admin\"}\x05phone";

/// An API key of a named realm in format 2.
const API_KEY_2: &[u8] =
    b"\x02\x00\x00\x00\x00\x00\x00\x00\x07\xdfQ\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\
    \x0d\x0e\x00\x00\x00\x03\x00\x00\x01\xba`\xd38\x00\x00\x00\x01\xba`\xd38\x01\x00\x00\x01\xba\
    `\xd38\x02\x00\x00\x01\xbaa\x0a&\x82\x00\x00\x01\xbae\xf9\x94\x02\x02\x07\x00\x10\x01\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\x02\x00\x19t1\x00user-42\x07api-key\x03cli\x05staff\x00\x03\
    pwd\x00\x01{\"role\":\"admin\"}\x05phone";

fn details(change: impl FnOnce(&mut SessionDetails)) -> SessionDetails {
    let mut details = SessionDetails::default();
    change(&mut details);
    details
}

/// The longest details that a login can state, and in a text that is not ASCII.
pub(super) fn full_details() -> SessionDetails {
    SessionDetails {
        kind: SessionKind::new("k".repeat(SessionKind::MAX_LEN)).must("the testkit: a kind"),
        is_login: true,
        client_id: Some("\u{fc}".repeat(127).into()),
        actor: Some("staff\u{1}'\"\\".repeat(25).into()),
        acr: Some("a".repeat(255).into()),
        amr: std::iter::repeat_with(|| "m".repeat(32).into()).take(8).collect(),
    }
}

/// S7: what a login stated comes back: the kind of session, whether it is a login, client, actor, class and
/// methods.
pub async fn s7_details_round_trip(fixture: Fixture) {
    let store = Probe::new(&fixture, "S7");
    let all = [
        SessionDetails::default(),
        details(|details| details.kind = SessionKind::KIOSK),
        details(|details| details.is_login = false),
        details(|details| details.client_id = Some("app 'x' \\".into())),
        details(|details| details.actor = Some("support-7 ".into())),
        details(|details| details.acr = Some("urn:mfa".into())),
        details(|details| details.amr = ["pwd".into(), "otp".into()].into()),
        full_details(),
    ];
    for details in all {
        for owner in [subject("ada"), in_realm("ada", "t1")] {
            let what = format!("{details:?} of {owner:?}");
            let record = record_with(&owner, |parts| parts.details = details.clone());
            round_trips(&store, &record, &what).await;
        }
    }
    // What a stronger authentication within the session may change: rule S17 fixes the kind alone.
    let before = record_with(&subject("ada"), |_| {});
    store.add(&before).await;
    let after = next_with(&before, |parts| parts.details.amr = ["otp".into()].into());
    store.advance(&before, &after).await;
    store.holds(&after, "methods set by replace").await;
}

/// S9: records in the binary form of the release before and of this one are kept in every byte.
pub async fn s9_records_of_both_formats_are_kept(fixture: Fixture) {
    let store = Probe::new(&fixture, "S9");
    for golden in [SESSION_1, REFRESH_1, API_KEY_2] {
        let record = SessionRecord::decode(golden).must("S9: a record as it was written");
        store.same("the bytes of a record that was read", record.as_bytes(), golden);
        store.add(&record).await;
        store.holds(&record, "a record as it was written").await;
        let next = next_with(&record, |_| {});
        store.same("the format of its next version", next.as_bytes()[0], golden[0]);
        store.advance(&record, &next).await;
        store.holds(&next, "the next version of a record as it was written").await;
        let removed = store.remove(record.id()).await;
        store.check(removed, "remove of a record as it was written found none");
        store.lacks(&record, "after remove of a record as it was written").await;
    }
}
