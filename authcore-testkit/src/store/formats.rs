//! S7 and S9: session details, and records in the formats of earlier releases.

use authcore::SessionKind;
use authcore::store::{SessionDetails, SessionRecord};

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::records::{in_realm, largest_details, next_with, record_with, subject};

/// A session record in format 1.
const SESSION_1: &[u8] =
    b"\x01\x00\x00\x00\x00\x00\x00\x00\x07m\x89\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\
    \x0d\x0e\x00\x00\x00\x03\x00\x00\x01\xba`\xd38\x00\x00\x00\x01\xba`\xd38\x01\x00\x00\x01\xba\
    `\xd38\x02\x00\x00\x01\xbaa\x0a&\x82\x00\x00\x01\xbae\xf9\x94\x02\x00\x07\x00\x10\x01\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1user-42{\"role\":\"admin\"}\x05phone";

/// A refresh session record in format 1.
const REFRESH_1: &[u8] =
    b"\x01\x00\x00\x00\x00\x00\x00\x00\x07m\x89\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\
    \x0d\x0e\x00\x00\x00\x03\x00\x00\x01\xba`\xd38\x00\x00\x00\x01\xba`\xd38\x01\x00\x00\x01\xba\
    `\xd38\x02\x00\x00\x01\xbaa\x0a&\x82\x00\x00\x01\xbae\xf9\x94\x02\x01\x07\x00\x10\x01\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\
    \xd1\xd1\xd1\xd1\xd1\xd1\xd1\xd1\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\
    \xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\xac\x00\x00\x00\x00\x00\x00\
    \x00\x05\x00\x00\x01\xba`\xd38\x01user-42{\"role\":\"admin\"}\x05phone";

/// A record of an API key of a named realm in format 2.
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

/// S7: session details round-trip: kind, whether the session is a login, client, actor, authentication class
/// and methods.
pub async fn s7_details_round_trip(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S7");
    let all = [
        SessionDetails::default(),
        details(|details| details.kind = SessionKind::KIOSK),
        details(|details| details.is_login = false),
        details(|details| details.client_id = Some("app 'x' \\".into())),
        details(|details| details.actor = Some("support-7 ".into())),
        details(|details| details.acr = Some("urn:mfa".into())),
        details(|details| details.amr = ["pwd".into(), "otp".into()].into()),
        largest_details(),
    ];
    for details in all {
        for owner in [subject("ada"), in_realm("ada", "t1")] {
            let what = format!("{details:?} of {owner:?}");
            let record = record_with(&owner, |parts| parts.details = details.clone());
            store.expect_round_trip(&record, &what).await;
        }
    }
    // Stronger authentication within the session may change the methods: rule S17 fixes only the kind.
    let before = record_with(&subject("ada"), |_| {});
    store.add(&before).await;
    let after = next_with(&before, |parts| parts.details.amr = ["otp".into()].into());
    store.advance(&before, &after).await;
    store.expect_stored(&after, "a record whose authentication methods were set by replace").await;
}

/// S9: records in the format of the previous release and of this release keep every byte.
pub async fn s9_records_of_both_formats_round_trip(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S9");
    for golden in [SESSION_1, REFRESH_1, API_KEY_2] {
        let record = SessionRecord::decode(golden).or_fail("S9: decoding a record of an earlier release");
        store.expect_equal("the bytes of a decoded record", record.as_bytes(), golden);
        store.add(&record).await;
        store.expect_stored(&record, "a record of an earlier release").await;
        let next = next_with(&record, |_| {});
        store.expect_equal("the format of its next version", next.as_bytes()[0], golden[0]);
        store.advance(&record, &next).await;
        store.expect_stored(&next, "the next version of a record of an earlier release").await;
        let removed = store.remove(record.id()).await;
        store.expect(removed, "expected remove to return true for a record of an earlier release, got false");
        store.expect_absent(&record, "a removed record of an earlier release").await;
    }
}
