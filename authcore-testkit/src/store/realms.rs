//! A12: realms that share a store.

use authcore::Subject;

use crate::Fixture;
use crate::checked_store::CheckedStore;
use crate::records::{HOUR, in_realm, real_now, record, record_with_life, subject};

/// Returns subjects of several realms that a careless encoding of subject and realm takes for equal.
fn colliding_subjects() -> Vec<Subject> {
    let long = "x".repeat(Subject::MAX_LEN);
    let longest_realm = "r".repeat(authcore::Realm::MAX_LEN);
    let mut all = Vec::new();
    for text in ["ada", "1ada", "\u{1f}ada", ":ada", "/ada", "ada\u{1f}", "t1", &long] {
        all.push(subject(text));
        for realm in ["t", "t1", "t1 ", "T1", "t1:", "t1/", "t2", "ada", &longest_realm] {
            all.push(in_realm(text, realm));
        }
    }
    // Encodings that a store might use for the subjects above, as subjects of the unnamed realm.
    for separator in ["\u{1f}", ":", "/", "|", "\u{1}", "\u{1e}", "\\0", "%00", "\u{2400}", " ", "\t", "."] {
        all.push(subject(&format!("t1{separator}ada")));
        all.push(subject(&format!("{longest_realm}{separator}ada")));
        all.push(in_realm(&format!("t1{separator}ada"), "t1"));
        all.push(in_realm(&format!("t2{separator}ada"), "t1"));
    }
    all.push(subject(&format!("t1\u{1f}{}", &long[3..])));
    all.push(in_realm(&long[3..], "t1"));
    all
}

/// A12: no list, removal or index entry of one realm reaches another, whatever the subjects' names.
pub async fn a12_realms_are_isolated(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "A12");
    let records: Vec<_> = colliding_subjects().iter().map(record).collect();
    for record in &records {
        store.add(record).await;
    }
    for record in &records {
        let what = format!("the sessions of {:?}", record.to_subject());
        store.expect_equal(&what, store.ids(&record.to_subject()).await, vec![record.id()]);
        store.expect_stored(record, &what).await;
    }
    // Remove half of them one by one, and the other half with all sessions of their subject.
    for (index, gone) in records.iter().enumerate() {
        let owner = gone.to_subject();
        if index % 2 == 0 {
            let removed = store.remove(gone.id()).await;
            store.expect(
                removed,
                &format!("expected remove to return true for a session of {owner:?}, got false"),
            );
        } else {
            let what = format!("the sessions that remove_all returns for {owner:?}");
            store.expect_equal(&what, store.remove_all(&owner, None).await, vec![gone.id()]);
        }
        store.expect_absent(gone, &format!("a removed session of {owner:?}")).await;
    }
    for record in records.iter().skip(1).step_by(7) {
        // Inserting the same record again must not meet leftovers of the first one.
        store.add(record).await;
        store.expect_stored(record, "a session inserted again after its removal").await;
    }
}

/// A12: `remove_all` in one realm leaves the same subject's sessions in other realms unchanged, and `keep`
/// does not apply to them.
pub async fn a12_remove_all_stays_in_its_realm(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "A12");
    let owners = [subject("ada"), in_realm("ada", "t1"), in_realm("ada", "t2")];
    let mut records = Vec::new();
    for owner in &owners {
        for _ in 0..3 {
            let record = record(owner);
            store.add(&record).await;
            records.push(record);
        }
    }
    for (index, owner) in owners.iter().enumerate() {
        let (gone, rest) = records[index * 3..].split_at(3);
        let mut expected: Vec<_> = gone.iter().map(authcore::store::SessionRecord::id).collect();
        expected.sort_unstable();
        // The session to keep belongs to another realm.
        let keep = records[(index * 3 + 3) % 9].id();
        store.expect_equal(
            "the sessions that remove_all returns",
            store.remove_all(owner, Some(keep)).await,
            expected,
        );
        for record in rest {
            store.expect_stored(record, "a session of another realm after remove_all").await;
        }
    }
}

/// A12, S11: one purge covers all realms and removes live sessions in none.
pub async fn a12_a_purge_covers_all_realms(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "A12");
    let now = real_now();
    let owners = [subject("ada"), in_realm("ada", "t1"), in_realm("ben", "t2")];
    let (mut over, mut live) = (Vec::new(), Vec::new());
    for owner in &owners {
        // If the server drops records by its own clock, all of them are still live.
        let (ended, lives) = (record_with_life(owner, now, HOUR), record_with_life(owner, now, 24 * HOUR));
        store.add(&ended).await;
        store.add(&lives).await;
        over.push(ended);
        live.push(lives);
    }
    let purged = store.purge(now.plus(2 * HOUR), 100).await;
    store.expect_equal(
        "sessions removed by a purge",
        purged.removed,
        if fixture.purges() { over.len() } else { 0 },
    );
    for record in &live {
        store.expect_stored(record, "a live session after a purge").await;
    }
    if fixture.purges() {
        for record in &over {
            store.expect_absent(record, "an expired session after a purge").await;
        }
    }
}
