//! S3: what is removed stays removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::race::at_once;
use crate::records::{next, record, subject};
use authcore::store::{ReplaceOutcome, SessionStore as _};
use futures_util::future::join;
use tokio::task::yield_now;

const ROUNDS: usize = 20;

/// S3: remove says `true` exactly if this very call removed the record, which is gone from load and list then.
pub async fn s3_remove_tells_whether_it_removed(fixture: Fixture) {
    let store = Probe::new(&fixture, "S3");
    let stored = record(&subject("ada"));
    let never = store.remove(stored.id()).await;
    store.check(!never, "remove of a record that never was says that it removed one");
    store.add(&stored).await;
    let removed = store.remove(stored.id()).await;
    store.check(removed, "remove of a stored record says that it removed nothing");
    store.lacks(&stored, "after remove").await;
    let again = store.remove(stored.id()).await;
    store.check(!again, "a second remove says that it removed the record once more");
}

/// S3: a copy loaded before the removal writes nothing after it.
pub async fn s3_an_older_copy_brings_nothing_back(fixture: Fixture) {
    let store = Probe::new(&fixture, "S3");
    let ada = subject("ada");
    for by_remove_all in [false, true] {
        let first = record(&ada);
        store.add(&first).await;
        let second = next(&first, 1);
        store.advance(&first, &second).await;
        if by_remove_all {
            store.same("remove_all", store.remove_all(&ada, None).await, vec![first.id()]);
        } else {
            let removed = store.remove(first.id()).await;
            store.check(removed, "remove of a stored record says that it removed nothing");
        }
        for copy in [&first, &second] {
            let replaced = store.replace(&next(copy, 2), copy.version()).await;
            store.same("replace by an older copy after the removal", replaced, ReplaceOutcome::Missing);
            store.lacks(copy, "an older copy brought the session back").await;
        }
    }
}

/// S3: of many removes of one record, exactly one says that it removed it: who reports a reuse depends on that.
pub async fn s3_one_of_concurrent_removes_removes(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S3");
    for _ in 0..ROUNDS {
        let stored = record(&subject("ada"));
        probe.add(&stored).await;
        let outcomes = at_once((0..8).map(|_| {
            let (store, id) = (probe.store(), stored.id());
            async move { store.remove(id).await.must("S3: one of many removes") }
        }))
        .await;
        let removed = outcomes.iter().filter(|removed| **removed).count();
        probe.same("removes of one record at once that removed it", removed, 1);
        probe.lacks(&stored, "after remove").await;
    }
}

/// S3: once remove has returned, the record is gone for ever, however many writers are under way.
pub async fn s3_writers_beside_remove_bring_nothing_back(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S3");
    for round in 0..ROUNDS {
        let (stored, over) = (record(&subject("ada")), Arc::new(AtomicBool::new(false)));
        probe.add(&stored).await;
        let writers = at_once((0..6).map(|writer| {
            let (probe, mut copy, over) = (probe.clone(), stored.clone(), Arc::clone(&over));
            async move {
                loop {
                    let late = over.load(Ordering::SeqCst);
                    match probe.replace(&next(&copy, writer), copy.version()).await {
                        ReplaceOutcome::Replaced if late => {
                            panic!("S3: a replace wrote after remove had returned")
                        }
                        ReplaceOutcome::Replaced => copy = next(&copy, writer),
                        ReplaceOutcome::Missing => break,
                        ReplaceOutcome::Stale => match probe.load(copy.id()).await {
                            Some(current) => copy = current,
                            None => break,
                        },
                    }
                    // A store in memory never waits: without this, writers could keep every thread.
                    yield_now().await;
                }
                let again = probe.replace(&next(&copy, writer), copy.version()).await;
                probe.same("replace of a record that was removed meanwhile", again, ReplaceOutcome::Missing);
            }
        }));
        let (remover, id, over) = (probe.clone(), stored.id(), Arc::clone(&over));
        let removal = async move {
            for _ in 0..round {
                yield_now().await;
            }
            let removed = remover.remove(id).await;
            over.store(true, Ordering::SeqCst);
            remover.check(removed, "remove beside writers says that it removed nothing");
            for _ in 0..20 {
                let found = remover.load(id).await;
                remover.check(found.is_none(), "a writer brought the session back after remove had returned");
            }
        };
        join(writers, removal).await;
        probe.lacks(&stored, "a writer brought the session back after remove had returned").await;
    }
}
