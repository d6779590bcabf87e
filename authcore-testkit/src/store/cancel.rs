//! S8: calls that are dropped half-way.

use std::future::poll_fn;
use std::task::Poll;

use crate::Fixture;
use crate::probe::Probe;
use crate::records::{next, record, subject};
use authcore::Subject;
use authcore::store::{SessionRecord, SessionStore as _};
use tokio::task::yield_now;

/// How many awaits of one call are tried.
const AWAITS: usize = 40;
/// How often a reader looks again while the server may still be carrying out what was sent.
const LOOKS: usize = 2000;

/// When a call is dropped: as it begins to wait for the n-th time, or when that wait is over.
#[derive(Debug, Clone, Copy)]
enum Drop {
    Waiting(usize),
    Woken(usize),
}

/// Every moment at which a call may be dropped, the earliest first.
fn moments() -> impl Iterator<Item = Drop> {
    (1..=AWAITS).flat_map(|wait| [Drop::Waiting(wait), Drop::Woken(wait)])
}

/// Polls `call` up to the given moment and drops it there; `true` if it was done before.
async fn dropped<F: Future>(call: F, moment: Drop) -> bool {
    let mut call = Box::pin(call);
    let mut polls = 0;
    poll_fn(move |context| {
        polls += 1;
        if matches!(moment, Drop::Woken(wait) if polls > wait) {
            return Poll::Ready(false);
        }
        match call.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if matches!(moment, Drop::Waiting(wait) if polls == wait) => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Waits until load and list agree about a record, which a store that does things whole does at once, or as soon
/// as its server is done.
async fn agreed(store: &Probe, record: &SessionRecord, what: &str) -> Option<SessionRecord> {
    for _ in 0..LOOKS {
        let loaded = store.load(record.id()).await;
        let listed =
            store.list(&record.to_subject()).await.into_iter().find(|found| found.id() == record.id());
        if loaded.as_ref().map(SessionRecord::as_bytes) == listed.as_ref().map(SessionRecord::as_bytes) {
            return loaded;
        }
        yield_now().await;
    }
    panic!("S8: {what}: load and list do not agree");
}

fn fresh_subject(moment: Drop) -> Subject {
    subject(&format!("ada {moment:?}"))
}

/// S8: an insert that is dropped leaves a whole record or none, and does not stand in the way of the next.
pub async fn s8_a_dropped_insert_is_whole_or_nothing(fixture: Fixture) {
    let store = Probe::new(&fixture, "S8");
    for moment in moments() {
        let record = record(&fresh_subject(moment));
        let done = dropped(store.store().insert(&record), moment).await;
        if let Some(found) = agreed(&store, &record, "an insert that was dropped").await {
            store.same_record("an insert that was dropped", &found, &record);
        }
        let _ = store.insert(&record).await;
        store.holds(&record, "the same insert again, after it was dropped").await;
        if done {
            break;
        }
    }
}

/// S8: a replace that is dropped leaves the old record or the new one.
pub async fn s8_a_dropped_replace_is_whole_or_nothing(fixture: Fixture) {
    let store = Probe::new(&fixture, "S8");
    for moment in moments() {
        let old = record(&fresh_subject(moment));
        store.add(&old).await;
        let new = next(&old, 1);
        let done = dropped(store.store().replace(&new, old.version()), moment).await;
        match agreed(&store, &old, "a replace that was dropped").await {
            Some(found) if found.version() == old.version() => {
                store.same_record("a replace that was dropped", &found, &old);
            }
            Some(found) => store.same_record("a replace that was dropped", &found, &new),
            None => panic!("S8: a replace that was dropped removed the record"),
        }
        let _ = store.replace(&new, old.version()).await;
        store.holds(&new, "the same replace again, after it was dropped").await;
        if done {
            break;
        }
    }
}

/// S8: a removal that is dropped removes everything or nothing.
pub async fn s8_a_dropped_removal_is_whole_or_nothing(fixture: Fixture) {
    let store = Probe::new(&fixture, "S8");
    for moment in moments() {
        let one = record(&fresh_subject(moment));
        store.add(&one).await;
        let done = dropped(store.store().remove(one.id()), moment).await;
        let _ = agreed(&store, &one, "a remove that was dropped").await;
        let _ = store.remove(one.id()).await;
        store.lacks(&one, "the same remove again, after it was dropped").await;
        if done {
            break;
        }
    }
    for moment in moments() {
        let ada = fresh_subject(moment);
        let records = [record(&ada), record(&ada), record(&ada)];
        for record in &records {
            store.add(record).await;
        }
        let done = dropped(store.store().remove_all(&ada, None), moment).await;
        let listed = store.ids(&ada).await.len();
        store.check(listed == 0 || listed == 3, "a remove_all that was dropped removed some of the sessions");
        for record in &records {
            let _ = agreed(&store, record, "a remove_all that was dropped").await;
        }
        let _ = store.remove_all(&ada, None).await;
        for record in &records {
            store.lacks(record, "the same remove_all again, after it was dropped").await;
        }
        if done {
            break;
        }
    }
}
