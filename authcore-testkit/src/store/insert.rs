//! S1 and S16: inserting records.

use std::sync::Arc;

use authcore::store::{InsertOutcome, SessionStore as _};

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::concurrency::run_concurrently;
use crate::records::{record, record_with, subject, subjects_in_one_partition};

const ROUNDS: usize = 20;

/// S1: insert returns `Conflict` for a taken id and leaves the stored record unchanged.
pub async fn s1_insert_never_overwrites(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S1");
    let ada = subject("ada");
    let stored = record(&ada);
    store.add(&stored).await;
    let again = store.insert(&stored).await;
    store.expect_equal("insert of a record that is already stored", again, InsertOutcome::Conflict);
    let rival = record_with(&ada, |parts| (parts.id, parts.claims) = (stored.id(), "{}".into()));
    let inserted = store.insert(&rival).await;
    store.expect_equal("insert of a taken id", inserted, InsertOutcome::Conflict);
    store.expect_stored(&stored, "the stored record after another insert of its id").await;
    store.expect_equal(
        "the sessions listed after a second insert of the id",
        store.ids(&ada).await,
        vec![stored.id()],
    );
}

/// S1: the same holds if the taken id belongs to another subject.
pub async fn s1_insert_never_overwrites_for_another_subject(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S1");
    let (ada, ben) = subjects_in_one_partition();
    let stored = record(&ada);
    store.add(&stored).await;
    let inserted = store.insert(&record_with(&ben, |parts| parts.id = stored.id())).await;
    store.expect_equal("insert of an id of another subject", inserted, InsertOutcome::Conflict);
    store.expect_stored(&stored, "the stored record after another subject's insert of its id").await;
    store.expect_equal("the sessions of the subject whose insert was refused", store.ids(&ben).await, vec![]);
}

/// S1: of concurrent inserts of one id, exactly one succeeds, and its record is the stored one.
pub async fn s1_one_of_concurrent_inserts_wins(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S1");
    let ada = subject("ada");
    for _ in 0..ROUNDS {
        let base = record(&ada);
        let rivals: Vec<_> = (0..16)
            .map(|writer| {
                record_with(&ada, |parts| {
                    (parts.id, parts.claims) = (base.id(), format!(r#"{{"writer":{writer}}}"#).into());
                })
            })
            .collect();
        let outcomes = run_concurrently(rivals.iter().cloned().map(|rival| {
            let store = Arc::clone(&store.store());
            async move { store.insert(&rival).await.or_fail("S1: one of several concurrent inserts") }
        }))
        .await;
        let done: Vec<_> =
            rivals.iter().zip(&outcomes).filter(|(_, got)| **got == InsertOutcome::Inserted).collect();
        store.expect_equal("concurrent inserts of one id that succeeded", done.len(), 1);
        for (winner, _) in done {
            store.expect_stored(winner, "the record of the insert that succeeded").await;
        }
    }
}

/// S16: without a competing write, no insert returns `Conflict` and no replace returns `Stale`, through
/// either handle.
pub async fn s16_no_conflict_without_a_competing_write(fixture: Fixture) {
    let (one, two) = (CheckedStore::new(&fixture, "S16"), CheckedStore::second(&fixture, "S16"));
    let ada = subject("ada");
    for round in 0..50 {
        let first = record(&ada);
        let (writer, other) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        writer.add(&first).await;
        let second = crate::records::next(&first, 1);
        other.advance(&first, &second).await;
        writer.advance(&second, &crate::records::next(&second, 2)).await;
    }
}
