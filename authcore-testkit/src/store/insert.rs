//! S1 and S16: inserts.

use std::sync::Arc;

use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::race::at_once;
use crate::records::{neighbours, record, record_with, subject};
use authcore::store::{InsertOutcome, SessionStore as _};

const ROUNDS: usize = 20;

/// S1: a taken id answers `Conflict`, and the stored record stays as it was.
pub async fn s1_insert_never_overwrites(fixture: Fixture) {
    let store = Probe::new(&fixture, "S1");
    let ada = subject("ada");
    let stored = record(&ada);
    store.add(&stored).await;
    let again = store.insert(&stored).await;
    store.same("insert of the very record that is stored", again, InsertOutcome::Conflict);
    let rival = record_with(&ada, |parts| (parts.id, parts.claims) = (stored.id(), "{}".into()));
    let inserted = store.insert(&rival).await;
    store.same("insert of a taken id", inserted, InsertOutcome::Conflict);
    store.holds(&stored, "insert of a taken id changed the stored record").await;
    store.same("insert of a taken id listed it again", store.ids(&ada).await, vec![stored.id()]);
}

/// S1: also if the taken id is another subject's.
pub async fn s1_insert_never_overwrites_for_another_subject(fixture: Fixture) {
    let store = Probe::new(&fixture, "S1");
    let (ada, ben) = neighbours();
    let stored = record(&ada);
    store.add(&stored).await;
    let inserted = store.insert(&record_with(&ben, |parts| parts.id = stored.id())).await;
    store.same("insert of an id that is another subject's", inserted, InsertOutcome::Conflict);
    store.holds(&stored, "insert of a taken id by another subject changed the stored record").await;
    store.same("the refused record is listed", store.ids(&ben).await, vec![]);
}

/// S1: of many inserts of one id, exactly one is done, and its record is the stored one.
pub async fn s1_one_of_concurrent_inserts_wins(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S1");
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
        let outcomes = at_once(rivals.iter().cloned().map(|rival| {
            let store = Arc::clone(&probe.store());
            async move { store.insert(&rival).await.must("S1: one of many inserts") }
        }))
        .await;
        let done: Vec<_> =
            rivals.iter().zip(&outcomes).filter(|(_, got)| **got == InsertOutcome::Inserted).collect();
        probe.same("inserts of one id at once that were done", done.len(), 1);
        for (winner, _) in done {
            probe.holds(winner, "the record of the insert that was done is not the stored one").await;
        }
    }
}

/// S16: without a rival, no insert answers `Conflict` and no replace `Stale`, whichever handle writes.
pub async fn s16_no_conflict_without_a_rival(fixture: Fixture) {
    let (one, two) = (Probe::new(&fixture, "S16"), Probe::second(&fixture, "S16"));
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
