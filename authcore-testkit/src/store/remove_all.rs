//! S4: removing all sessions of a subject in one step.

use std::collections::BTreeSet;

use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::race::at_once;
use crate::records::{fresh_id, neighbours, record, subject};
use authcore::store::{SessionRecord, SessionStore as _};
use authcore::{SessionId, Subject};
use futures_util::future::join;

const ROUNDS: usize = 20;

async fn add_some(store: &Probe, subject: &Subject, count: usize) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let record = record(subject);
        store.add(&record).await;
        ids.push(record.id());
    }
    ids.sort_unstable();
    ids
}

/// S4: every session of the subject is removed, and the answer names exactly those.
pub async fn s4_remove_all_takes_every_session_and_tells_which(fixture: Fixture) {
    let store = Probe::new(&fixture, "S4");
    let ada = subject("ada");
    store.same("remove_all of a subject without sessions", store.remove_all(&ada, None).await, vec![]);
    let ids = add_some(&store, &ada, 12).await;
    store.same("the sessions that remove_all names", store.remove_all(&ada, None).await, ids.clone());
    store.same("the sessions listed after remove_all", store.ids(&ada).await, vec![]);
    for id in ids {
        let found = store.load(id).await;
        store.check(found.is_none(), "a session can be loaded after remove_all");
    }
    store.same("a second remove_all", store.remove_all(&ada, None).await, vec![]);
}

/// S4: the session to keep stays as it is and is not named; an id that is not the subject's keeps nothing.
pub async fn s4_remove_all_keeps_the_one_to_keep(fixture: Fixture) {
    let store = Probe::new(&fixture, "S4");
    let (ada, ben) = neighbours();
    let kept = record(&ada);
    store.add(&kept).await;
    let others = add_some(&store, &ada, 5).await;
    let removed = store.remove_all(&ada, Some(kept.id())).await;
    store.same("the sessions that remove_all names beside the kept one", removed, others);
    store.holds(&kept, "the session that remove_all was to keep").await;
    store.same("the sessions listed after remove_all", store.ids(&ada).await, vec![kept.id()]);

    let of_ben = record(&ben);
    store.add(&of_ben).await;
    let removed = store.remove_all(&ada, Some(of_ben.id())).await;
    store.same("remove_all that is to keep another subject's session", removed, vec![kept.id()]);
    store.holds(&of_ben, "another subject's session that remove_all was to keep").await;

    let ids = add_some(&store, &ada, 3).await;
    let removed = store.remove_all(&ada, Some(fresh_id(&ada))).await;
    store.same("remove_all that is to keep a session that never was", removed, ids);
}

/// S4: no other subject's session is touched, also not of one in the same partition.
pub async fn s4_remove_all_leaves_other_subjects_alone(fixture: Fixture) {
    let store = Probe::new(&fixture, "S4");
    let (ada, ben) = neighbours();
    let carl = subject("carl");
    let ids = add_some(&store, &ada, 3).await;
    let (of_ben, of_carl) = (record(&ben), record(&carl));
    store.add(&of_ben).await;
    store.add(&of_carl).await;
    store.same("the sessions that remove_all names", store.remove_all(&ada, None).await, ids);
    store.holds(&of_ben, "another subject's session after remove_all").await;
    store.holds(&of_carl, "another subject's session after remove_all").await;
}

/// S4: beside `remove_all`, an insert survives whole or is removed whole: what is listed can be loaded, what can
/// be loaded is listed, and what is neither was named as removed.
pub async fn s4_list_and_load_agree_beside_remove_all(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S4");
    for round in 0..ROUNDS {
        let ada = subject(&format!("ada-{round}"));
        let records: Vec<_> = (0..24).map(|_| record(&ada)).collect();
        let inserts = at_once(records.chunks(4).map(<[SessionRecord]>::to_vec).map(|records| {
            let probe = probe.clone();
            async move {
                for record in records {
                    probe.add(&record).await;
                }
            }
        }));
        let removals = at_once((0..3).map(|_| {
            let (store, ada) = (probe.store(), ada.clone());
            async move { store.remove_all(&ada, None).await.must("S4: remove_all beside inserts") }
        }));
        let (_, named) = join(inserts, removals).await;
        let (count, named) = (named.iter().flatten().count(), BTreeSet::from_iter(named.concat()));
        probe.same("sessions named as removed, each once", count, named.len());
        let listed = BTreeSet::from_iter(probe.ids(&ada).await);
        for record in &records {
            let id = record.id();
            let (loads, lists) = (probe.load(id).await.is_some(), listed.contains(&id));
            probe.check(!loads || lists, "after remove_all beside inserts, a loadable session is not listed");
            probe
                .check(loads || !lists, "after remove_all beside inserts, a listed session cannot be loaded");
            probe.check(
                loads != named.contains(&id),
                "after remove_all beside inserts, a session is both there and named as removed, or neither",
            );
        }
        let (rest, expected) = (probe.remove_all(&ada, None).await, listed.into_iter().collect());
        probe.same("what the last remove_all names", rest, expected);
    }
}

/// S4: of many calls at once, each session is named by exactly one.
pub async fn s4_concurrent_remove_all_share_the_sessions(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S4");
    let ada = subject("ada");
    for _ in 0..ROUNDS {
        let ids = add_some(&probe, &ada, 6).await;
        let named = at_once((0..4).map(|_| {
            let (store, ada) = (probe.store(), ada.clone());
            async move { store.remove_all(&ada, None).await.must("S4: one of many remove_all") }
        }))
        .await;
        let mut named = named.concat();
        named.sort_unstable();
        probe.same("the sessions that all calls together name", named, ids);
        probe.same("the sessions listed after remove_all", probe.ids(&ada).await, vec![]);
    }
}
