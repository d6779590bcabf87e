//! S3: removed sessions stay removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use authcore::store::{ReplaceOutcome, SessionStore as _};
use futures_util::future::join;
use tokio::task::yield_now;

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::concurrency::run_concurrently;
use crate::records::{next, record, subject};

const ROUNDS: usize = 20;

/// S3: remove returns `true` only if this very call removed the record; `load` and `list` then no longer
/// return it.
pub async fn s3_remove_reports_whether_it_removed(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S3");
    let stored = record(&subject("ada"));
    let never = store.remove(stored.id()).await;
    store.expect(!never, "expected remove to return false for a record that never existed, got true");
    store.add(&stored).await;
    let removed = store.remove(stored.id()).await;
    store.expect(removed, "expected remove to return true for a stored record, got false");
    store.expect_absent(&stored, "a removed record").await;
    let again = store.remove(stored.id()).await;
    store.expect(!again, "expected a second remove to return false, got true");
}

/// S3: a copy loaded before the removal writes nothing after it.
pub async fn s3_an_older_copy_restores_nothing(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S3");
    let ada = subject("ada");
    for by_remove_all in [false, true] {
        let first = record(&ada);
        store.add(&first).await;
        let second = next(&first, 1);
        store.advance(&first, &second).await;
        if by_remove_all {
            store.expect_equal(
                "the sessions that remove_all returns",
                store.remove_all(&ada, None).await,
                vec![first.id()],
            );
        } else {
            let removed = store.remove(first.id()).await;
            store.expect(removed, "expected remove to return true for a stored record, got false");
        }
        for copy in [&first, &second] {
            let replaced = store.replace(&next(copy, 2), copy.version()).await;
            store.expect_equal(
                "replace from an older copy after the removal",
                replaced,
                ReplaceOutcome::Missing,
            );
            store.expect_absent(copy, "a removed session after a replace from an older copy").await;
        }
    }
}

/// S3: of concurrent removes of one record, exactly one returns `true`. Reports of token reuse depend on
/// this.
pub async fn s3_one_of_concurrent_removes_wins(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S3");
    for _ in 0..ROUNDS {
        let stored = record(&subject("ada"));
        store.add(&stored).await;
        let outcomes = run_concurrently((0..8).map(|_| {
            let (store, id) = (store.store(), stored.id());
            async move { store.remove(id).await.or_fail("S3: one of several concurrent removes") }
        }))
        .await;
        let removed = outcomes.iter().filter(|removed| **removed).count();
        store.expect_equal("concurrent removes of one record that returned true", removed, 1);
        store.expect_absent(&stored, "a removed record").await;
    }
}

/// S3: once remove has returned, no concurrent writer brings the record back.
pub async fn s3_writers_during_remove_restore_nothing(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S3");
    for round in 0..ROUNDS {
        let (stored, over) = (record(&subject("ada")), Arc::new(AtomicBool::new(false)));
        store.add(&stored).await;
        let writers = run_concurrently((0..6).map(|writer| {
            let (store, mut copy, over) = (store.clone(), stored.clone(), Arc::clone(&over));
            async move {
                loop {
                    let late = over.load(Ordering::SeqCst);
                    match store.replace(&next(&copy, writer), copy.version()).await {
                        ReplaceOutcome::Replaced if late => {
                            panic!(
                                "S3: expected Missing from replace after remove had returned, got Replaced"
                            )
                        }
                        ReplaceOutcome::Replaced => copy = next(&copy, writer),
                        ReplaceOutcome::Missing => break,
                        ReplaceOutcome::Stale => match store.load(copy.id()).await {
                            Some(current) => copy = current,
                            None => break,
                        },
                    }
                    // A store in memory never waits; without this, writers could occupy every thread.
                    yield_now().await;
                }
                let again = store.replace(&next(&copy, writer), copy.version()).await;
                store.expect_equal(
                    "replace of a record that has been removed",
                    again,
                    ReplaceOutcome::Missing,
                );
            }
        }));
        let (remover, id, over) = (store.clone(), stored.id(), Arc::clone(&over));
        let removal = async move {
            for _ in 0..round {
                yield_now().await;
            }
            let removed = remover.remove(id).await;
            over.store(true, Ordering::SeqCst);
            remover.expect(removed, "expected remove to return true during concurrent writes, got false");
            for _ in 0..20 {
                let found = remover.load(id).await;
                remover
                    .expect(found.is_none(), "a writer brought the session back after remove had returned");
            }
        };
        join(writers, removal).await;
        store.expect_absent(&stored, "a writer brought the session back after remove had returned").await;
    }
}
