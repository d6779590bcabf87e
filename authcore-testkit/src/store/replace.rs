//! S2: compare-and-swap.

use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::race::at_once;
use crate::records::{next, next_with, record, record_with, subject};
use authcore::store::{RecordVersion, ReplaceOutcome, SessionRecord, SessionStore as _};

const ROUNDS: usize = 20;

fn at_version(record: &SessionRecord, number: u64) -> SessionRecord {
    next_with(record, |parts| (parts.version, parts.epoch) = (RecordVersion::from_number(number), 7))
}

/// S2: the stored version is done, any other is stale, and stale writes nothing.
pub async fn s2_replace_answers_done_stale_and_gone(fixture: Fixture) {
    let store = Probe::new(&fixture, "S2");
    let first = record(&subject("ada"));
    store.add(&first).await;
    let second = next(&first, 2);
    store.advance(&first, &second).await;
    store.holds(&second, "the record after a replace that was done").await;
    let third = next(&second, 3);
    store.advance(&second, &third).await;

    let lower = store.replace(&at_version(&third, 3), RecordVersion::from_number(2)).await;
    store.same("replace of a version that was replaced before", lower, ReplaceOutcome::Stale);
    store.holds(&third, "a stale replace wrote").await;
    let higher = store.replace(&at_version(&third, 5), RecordVersion::from_number(4)).await;
    store.same("replace of a version that was never written", higher, ReplaceOutcome::Stale);
    store.holds(&third, "a replace of a version that was never written wrote").await;

    let removed = store.remove(third.id()).await;
    store.check(removed, "remove of a stored record says that it removed nothing");
    let gone = store.replace(&next(&third, 4), third.version()).await;
    store.same("replace of a record that was removed", gone, ReplaceOutcome::Missing);
}

/// S2: replace never creates a record.
pub async fn s2_replace_never_creates(fixture: Fixture) {
    let store = Probe::new(&fixture, "S2");
    let never = record(&subject("ada"));
    let replaced = store.replace(&next(&never, 1), never.version()).await;
    store.same("replace of a record that never was", replaced, ReplaceOutcome::Missing);
    store.lacks(&never, "replace created a record that never was").await;

    // An expected version of nothing: what an upsert takes for 'not there yet'.
    for number in [0, 1] {
        let fresh =
            record_with(&never.to_subject(), |parts| parts.version = RecordVersion::from_number(number + 1));
        let replaced = store.replace(&fresh, RecordVersion::from_number(number)).await;
        store.same("replace of a record that never was", replaced, ReplaceOutcome::Missing);
        store.lacks(&fresh, "replace created a record that never was").await;
    }

    let stored = record(&never.to_subject());
    store.add(&stored).await;
    let _ = store.remove(stored.id()).await;
    let replaced = store.replace(&next(&stored, 1), stored.version()).await;
    store.same("replace of a record that had been removed", replaced, ReplaceOutcome::Missing);
    store.lacks(&stored, "replace created a record that had been removed").await;
}

/// S2: versions differ if they differ in any bit: no rounding to a double, no comparison of text or of some bytes.
pub async fn s2_versions_compare_exactly(fixture: Fixture) {
    let store = Probe::new(&fixture, "S2");
    let exact = (1_u64 << 53) + 1;
    for number in [9, 10, 255, 256, 65_535, 1 << 31, 1 << 32, exact, i64::MAX as u64 - 1] {
        let stored = record_with(&subject("ada"), |parts| parts.version = RecordVersion::from_number(number));
        store.add(&stored).await;
        for bit in 0..63 {
            let other = number ^ (1 << bit);
            if other == i64::MAX as u64 {
                // Its successor is more than a signed column holds.
                continue;
            }
            let replaced =
                store.replace(&at_version(&stored, other + 1), RecordVersion::from_number(other)).await;
            store.same(
                &format!("replace of version {other} where {number} is stored"),
                replaced,
                ReplaceOutcome::Stale,
            );
        }
        store.advance(&stored, &next(&stored, 1)).await;
        store.holds(&next(&stored, 1), &format!("the record after version {number}")).await;
    }
}

/// S2: of many replaces of one version, exactly one is done and the others are stale.
pub async fn s2_one_of_concurrent_replaces_wins(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S2");
    let mut stored = record(&subject("ada"));
    probe.add(&stored).await;
    for _ in 0..ROUNDS {
        let rivals: Vec<_> = (0..16).map(|writer| next(&stored, writer)).collect();
        let outcomes = at_once(rivals.iter().cloned().map(|rival| {
            let (store, expected) = (probe.store(), stored.version());
            async move { store.replace(&rival, expected).await.must("S2: one of many replaces") }
        }))
        .await;
        let done: Vec<_> =
            rivals.iter().zip(&outcomes).filter(|(_, got)| **got == ReplaceOutcome::Replaced).collect();
        probe.same("replaces of one version at once that were done", done.len(), 1);
        let stale = outcomes.iter().filter(|got| **got == ReplaceOutcome::Stale).count();
        probe.same("replaces of one version at once that were stale", stale, rivals.len() - 1);
        for (winner, _) in done {
            probe.holds(winner, "the record of the replace that was done is not the stored one").await;
            stored = winner.clone();
        }
    }
}

/// S2: writers that try again until they are done leave a version that counts them all.
pub async fn s2_concurrent_writers_lose_no_write(fixture: Fixture) {
    const WRITERS: usize = 8;
    const WRITES: usize = 10;
    let probe = Probe::new(&fixture, "S2");
    let stored = record(&subject("ada"));
    probe.add(&stored).await;
    at_once((0..WRITERS).map(|writer| {
        let (probe, id) = (probe.clone(), stored.id());
        async move {
            let (mut written, mut tried) = (0, 0);
            while written < WRITES {
                let current = probe.load(id).await.must("S2: load of a record that nobody removed");
                match probe.replace(&next(&current, writer), current.version()).await {
                    ReplaceOutcome::Replaced => written += 1,
                    ReplaceOutcome::Stale => tried += 1,
                    ReplaceOutcome::Missing => {
                        panic!("S2: replace answered 'gone' for a record that nobody removed")
                    }
                }
                // Each stale answer means that another writer got through.
                assert!(tried <= WRITERS * WRITES, "S2: replaces are stale although nobody else writes");
            }
        }
    }))
    .await;
    let last = probe.load(stored.id()).await.must("S2: load of a record that nobody removed");
    let expected = stored.version().number() + (WRITERS * WRITES) as u64;
    probe.same("the version after all writes that were done", last.version().number(), expected);
}
