//! S2: compare-and-swap on the version.

use authcore::store::{RecordVersion, ReplaceOutcome, SessionRecord, SessionStore as _};

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::concurrency::run_concurrently;
use crate::records::{next, next_with, record, record_with, subject};

const ROUNDS: usize = 20;

fn at_version(record: &SessionRecord, number: u64) -> SessionRecord {
    next_with(record, |parts| (parts.version, parts.epoch) = (RecordVersion::from_number(number), 7))
}

/// S2: replace succeeds for the stored version and reports `Stale` for any other, which writes nothing.
pub async fn s2_replace_reports_replaced_stale_and_missing(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S2");
    let first = record(&subject("ada"));
    store.add(&first).await;
    let second = next(&first, 2);
    store.advance(&first, &second).await;
    store.expect_stored(&second, "the record after a successful replace").await;
    let third = next(&second, 3);
    store.advance(&second, &third).await;

    let lower = store.replace(&at_version(&third, 3), RecordVersion::from_number(2)).await;
    store.expect_equal("replace of an older version", lower, ReplaceOutcome::Stale);
    store.expect_stored(&third, "the stored record after a stale replace").await;
    let higher = store.replace(&at_version(&third, 5), RecordVersion::from_number(4)).await;
    store.expect_equal("replace of a version that never existed", higher, ReplaceOutcome::Stale);
    store.expect_stored(&third, "the stored record after a replace of a version that never existed").await;

    let removed = store.remove(third.id()).await;
    store.expect(removed, "expected remove to return true for a stored record, got false");
    let gone = store.replace(&next(&third, 4), third.version()).await;
    store.expect_equal("replace of a removed record", gone, ReplaceOutcome::Missing);
}

/// S2: replace never creates a record.
pub async fn s2_replace_never_creates(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S2");
    let never = record(&subject("ada"));
    let replaced = store.replace(&next(&never, 1), never.version()).await;
    store.expect_equal("replace of a record that never existed", replaced, ReplaceOutcome::Missing);
    store.expect_absent(&never, "a record that never existed, after a replace").await;

    // An upsert might take these expected versions for a record that does not exist yet.
    for number in [0, 1] {
        let fresh =
            record_with(&never.to_subject(), |parts| parts.version = RecordVersion::from_number(number + 1));
        let replaced = store.replace(&fresh, RecordVersion::from_number(number)).await;
        store.expect_equal("replace of a record that never existed", replaced, ReplaceOutcome::Missing);
        store.expect_absent(&fresh, "a record that never existed, after a replace").await;
    }

    let stored = record(&never.to_subject());
    store.add(&stored).await;
    let _ = store.remove(stored.id()).await;
    let replaced = store.replace(&next(&stored, 1), stored.version()).await;
    store.expect_equal("replace of a removed record", replaced, ReplaceOutcome::Missing);
    store.expect_absent(&stored, "a removed record, after a replace").await;
}

/// S2: versions compare in every bit: no rounding to a double, no comparison as text or by part of the bytes.
pub async fn s2_versions_compare_exactly(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S2");
    let exact = (1_u64 << 53) + 1;
    for number in [9, 10, 255, 256, 65_535, 1 << 31, 1 << 32, exact, i64::MAX as u64 - 1] {
        let stored = record_with(&subject("ada"), |parts| parts.version = RecordVersion::from_number(number));
        store.add(&stored).await;
        for bit in 0..63 {
            let other = number ^ (1 << bit);
            if other == i64::MAX as u64 {
                // The next version would not fit into a signed column.
                continue;
            }
            let replaced =
                store.replace(&at_version(&stored, other + 1), RecordVersion::from_number(other)).await;
            store.expect_equal(
                &format!("replace of version {other} while {number} is stored"),
                replaced,
                ReplaceOutcome::Stale,
            );
        }
        store.advance(&stored, &next(&stored, 1)).await;
        store.expect_stored(&next(&stored, 1), &format!("the record after version {number}")).await;
    }
}

/// S2: of concurrent replaces of one version, exactly one succeeds and the others are stale.
pub async fn s2_one_of_concurrent_replaces_wins(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S2");
    let mut stored = record(&subject("ada"));
    store.add(&stored).await;
    for _ in 0..ROUNDS {
        let rivals: Vec<_> = (0..16).map(|writer| next(&stored, writer)).collect();
        let outcomes =
            run_concurrently(rivals.iter().cloned().map(|rival| {
                let (store, expected) = (store.store(), stored.version());
                async move {
                    store.replace(&rival, expected).await.or_fail("S2: one of several concurrent replaces")
                }
            }))
            .await;
        let done: Vec<_> =
            rivals.iter().zip(&outcomes).filter(|(_, got)| **got == ReplaceOutcome::Replaced).collect();
        store.expect_equal("concurrent replaces of one version that succeeded", done.len(), 1);
        let stale = outcomes.iter().filter(|got| **got == ReplaceOutcome::Stale).count();
        store.expect_equal("concurrent replaces of one version that were stale", stale, rivals.len() - 1);
        for (winner, _) in done {
            store.expect_stored(winner, "the record of the replace that succeeded").await;
            stored = winner.clone();
        }
    }
}

/// S2: concurrent writers that retry until they succeed leave a version that counts all their writes.
pub async fn s2_concurrent_writers_lose_no_write(fixture: Fixture) {
    const WRITERS: usize = 8;
    const WRITES: usize = 10;
    let store = CheckedStore::new(&fixture, "S2");
    let stored = record(&subject("ada"));
    store.add(&stored).await;
    run_concurrently((0..WRITERS).map(|writer| {
        let (store, id) = (store.clone(), stored.id());
        async move {
            let (mut written, mut tried) = (0, 0);
            while written < WRITES {
                let current = store.load(id).await.or_fail("S2: load of a record that was never removed");
                match store.replace(&next(&current, writer), current.version()).await {
                    ReplaceOutcome::Replaced => written += 1,
                    ReplaceOutcome::Stale => tried += 1,
                    ReplaceOutcome::Missing => {
                        panic!(
                            "S2: expected Replaced or Stale for a record that was never removed, got Missing"
                        )
                    }
                }
                // Each stale outcome means that another write succeeded.
                assert!(
                    tried <= WRITERS * WRITES,
                    "S2: expected a replace to succeed, but all were stale without another write"
                );
            }
        }
    }))
    .await;
    let last = store.load(stored.id()).await.or_fail("S2: load of a record that was never removed");
    let expected = stored.version().number() + (WRITERS * WRITES) as u64;
    store.expect_equal("the version after all writes", last.version().number(), expected);
}
