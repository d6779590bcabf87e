//! S4: removing all sessions of a subject in one step.

use std::collections::BTreeSet;

use authcore::store::{SessionRecord, SessionStore as _};
use authcore::{SessionId, Subject};
use futures_util::future::join;

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::concurrency::run_concurrently;
use crate::records::{fresh_id, record, subject, subjects_in_one_partition};

const ROUNDS: usize = 20;

async fn add_some(store: &CheckedStore, subject: &Subject, count: usize) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let record = record(subject);
        store.add(&record).await;
        ids.push(record.id());
    }
    ids.sort_unstable();
    ids
}

/// S4: every session of the subject is removed, and exactly those ids are returned.
pub async fn s4_remove_all_removes_and_returns_every_session(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S4");
    let ada = subject("ada");
    store.expect_equal(
        "the sessions that remove_all returns for a subject without sessions",
        store.remove_all(&ada, None).await,
        vec![],
    );
    let ids = add_some(&store, &ada, 12).await;
    store.expect_equal(
        "the sessions that remove_all returns",
        store.remove_all(&ada, None).await,
        ids.clone(),
    );
    store.expect_equal("the sessions listed after remove_all", store.ids(&ada).await, vec![]);
    for id in ids {
        let found = store.load(id).await;
        store.expect(found.is_none(), "expected load to return none after remove_all, got a record");
    }
    store.expect_equal(
        "the sessions that a second remove_all returns",
        store.remove_all(&ada, None).await,
        vec![],
    );
}

/// S4: the session to keep stays unchanged and is not returned. An id of another subject keeps nothing.
pub async fn s4_remove_all_keeps_the_session_to_keep(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S4");
    let (ada, ben) = subjects_in_one_partition();
    let kept = record(&ada);
    store.add(&kept).await;
    let others = add_some(&store, &ada, 5).await;
    let removed = store.remove_all(&ada, Some(kept.id())).await;
    store.expect_equal("the sessions that remove_all returns if one is kept", removed, others);
    store.expect_stored(&kept, "the session that remove_all had to keep").await;
    store.expect_equal("the sessions listed after remove_all", store.ids(&ada).await, vec![kept.id()]);

    let of_ben = record(&ben);
    store.add(&of_ben).await;
    let removed = store.remove_all(&ada, Some(of_ben.id())).await;
    store.expect_equal(
        "the sessions that remove_all returns if the session to keep is another subject's",
        removed,
        vec![kept.id()],
    );
    store.expect_stored(&of_ben, "the session of another subject that was named as the one to keep").await;

    let ids = add_some(&store, &ada, 3).await;
    let removed = store.remove_all(&ada, Some(fresh_id(&ada))).await;
    store.expect_equal(
        "the sessions that remove_all returns if the session to keep does not exist",
        removed,
        ids,
    );
}

/// S4: sessions of other subjects stay unchanged, also in the same partition.
pub async fn s4_remove_all_leaves_other_subjects_alone(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S4");
    let (ada, ben) = subjects_in_one_partition();
    let carl = subject("carl");
    let ids = add_some(&store, &ada, 3).await;
    let (of_ben, of_carl) = (record(&ben), record(&carl));
    store.add(&of_ben).await;
    store.add(&of_carl).await;
    store.expect_equal("the sessions that remove_all returns", store.remove_all(&ada, None).await, ids);
    store.expect_stored(&of_ben, "another subject's session after remove_all").await;
    store.expect_stored(&of_carl, "another subject's session after remove_all").await;
}

/// S4: an insert during `remove_all` either survives completely or is removed completely.
///
/// Every listed session can be loaded, every loadable session is listed, and every other one was returned as
/// removed.
pub async fn s4_list_and_load_agree_during_remove_all(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S4");
    for round in 0..ROUNDS {
        let ada = subject(&format!("ada-{round}"));
        let records: Vec<_> = (0..24).map(|_| record(&ada)).collect();
        let inserts = run_concurrently(records.chunks(4).map(<[SessionRecord]>::to_vec).map(|records| {
            let store = store.clone();
            async move {
                for record in records {
                    store.add(&record).await;
                }
            }
        }));
        let removals = run_concurrently((0..3).map(|_| {
            let (store, ada) = (store.store(), ada.clone());
            async move { store.remove_all(&ada, None).await.or_fail("S4: remove_all during inserts") }
        }));
        let (_, named) = join(inserts, removals).await;
        let (count, named) = (named.iter().flatten().count(), BTreeSet::from_iter(named.concat()));
        store.expect_equal(
            "distinct sessions among those returned by concurrent remove_all calls",
            count,
            named.len(),
        );
        let listed = BTreeSet::from_iter(store.ids(&ada).await);
        for record in &records {
            let id = record.id();
            let (loads, lists) = (store.load(id).await.is_some(), listed.contains(&id));
            store.expect(!loads || lists, "expected every loadable session to be listed, but one is not");
            store.expect(loads || !lists, "expected every listed session to be loadable, but one is not");
            store.expect(
                loads != named.contains(&id),
                "expected every session to be either stored or removed, but one is both or neither",
            );
        }
        let (rest, expected) = (store.remove_all(&ada, None).await, listed.into_iter().collect());
        store.expect_equal("the sessions that the last remove_all returns", rest, expected);
    }
}

/// S4: of concurrent calls, exactly one returns each session.
pub async fn s4_concurrent_remove_all_calls_return_each_session_once(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S4");
    let ada = subject("ada");
    for _ in 0..ROUNDS {
        let ids = add_some(&store, &ada, 6).await;
        let named = run_concurrently((0..4).map(|_| {
            let (store, ada) = (store.store(), ada.clone());
            async move {
                store.remove_all(&ada, None).await.or_fail("S4: one of several concurrent remove_all calls")
            }
        }))
        .await;
        let mut named = named.concat();
        named.sort_unstable();
        store.expect_equal("the sessions that all concurrent remove_all calls return together", named, ids);
        store.expect_equal("the sessions listed after remove_all", store.ids(&ada).await, vec![]);
    }
}
