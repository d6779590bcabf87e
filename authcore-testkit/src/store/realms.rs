//! A12: realms that share a store.

use crate::Fixture;
use crate::probe::Probe;
use crate::records::{HOUR, in_realm, living, real_now, record, subject};
use authcore::Subject;

/// Subjects of several realms that a careless encoding of both takes for one another.
fn colliding() -> Vec<Subject> {
    let long = "x".repeat(Subject::MAX_LEN);
    let longest_realm = "r".repeat(authcore::Realm::MAX_LEN);
    let mut all = Vec::new();
    for text in ["ada", "1ada", "\u{1f}ada", ":ada", "/ada", "ada\u{1f}", "t1", &long] {
        all.push(subject(text));
        for realm in ["t", "t1", "t1 ", "T1", "t1:", "t1/", "t2", "ada", &longest_realm] {
            all.push(in_realm(text, realm));
        }
    }
    // What the subjects above are in some encoding, as subjects of the unnamed realm.
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

/// A12: no list, removal or index entry of one realm reaches another, whatever its subjects are called.
pub async fn a12_realms_are_kept_apart(fixture: Fixture) {
    let store = Probe::new(&fixture, "A12");
    let records: Vec<_> = colliding().iter().map(record).collect();
    for record in &records {
        store.add(record).await;
    }
    for record in &records {
        let what = format!("the sessions of {:?}", record.to_subject());
        store.same(&what, store.ids(&record.to_subject()).await, vec![record.id()]);
        store.holds(record, &what).await;
    }
    // Half of them go one by one, the other half with all that their subject has.
    for (index, gone) in records.iter().enumerate() {
        let owner = gone.to_subject();
        if index % 2 == 0 {
            let removed = store.remove(gone.id()).await;
            store.check(removed, &format!("remove found no session of {owner:?}"));
        } else {
            let what = format!("what remove_all takes of {owner:?}");
            store.same(&what, store.remove_all(&owner, None).await, vec![gone.id()]);
        }
        store.lacks(gone, &format!("the sessions of {owner:?} after their removal")).await;
    }
    for record in records.iter().skip(1).step_by(7) {
        // A second life, which no rest of the first disturbs.
        store.add(record).await;
        store.holds(record, "a session after the removal of all others").await;
    }
}

/// A12: `remove_all` of one realm leaves the sessions of the same subject in the others as they were, and
/// keeps none of theirs.
pub async fn a12_remove_all_stays_in_its_realm(fixture: Fixture) {
    let store = Probe::new(&fixture, "A12");
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
        // The session to keep is one of another realm.
        let keep = records[(index * 3 + 3) % 9].id();
        store.same("what remove_all takes", store.remove_all(owner, Some(keep)).await, expected);
        for record in rest {
            store.holds(record, "a session of another realm after remove_all").await;
        }
    }
}

/// A12, S11: one purge cleans all realms, and takes live sessions in none.
pub async fn a12_a_purge_cleans_all_realms(fixture: Fixture) {
    let store = Probe::new(&fixture, "A12");
    let now = real_now();
    let owners = [subject("ada"), in_realm("ada", "t1"), in_realm("ben", "t2")];
    let (mut over, mut live) = (Vec::new(), Vec::new());
    for owner in &owners {
        // By the clock of the server, if it drops records by itself, all of them live.
        let (ended, lives) = (living(owner, now, HOUR), living(owner, now, 24 * HOUR));
        store.add(&ended).await;
        store.add(&lives).await;
        over.push(ended);
        live.push(lives);
    }
    let purged = store.purge(now.plus(2 * HOUR), 100).await;
    store.same("sessions that a purge takes", purged.removed, if fixture.purges() { over.len() } else { 0 });
    for record in &live {
        store.holds(record, "a live session after a purge").await;
    }
    if fixture.purges() {
        for record in &over {
            store.lacks(record, "an expired session after a purge").await;
        }
    }
}
