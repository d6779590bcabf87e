//! S8: calls that are dropped before they complete.

use std::future::poll_fn;
use std::task::Poll;

use authcore::Subject;
use authcore::store::{SessionRecord, SessionStore as _};
use tokio::task::yield_now;

use crate::Fixture;
use crate::checked_store::CheckedStore;
use crate::records::{next, record, subject};

/// The number of awaits of one call that are tried.
const MAX_AWAITS: usize = 40;
/// The number of reads after which `load` and `list` must agree, since the server may still be working on the
/// dropped call.
const MAX_READS: usize = 2000;

/// The moment at which a call is dropped: when it begins to wait for the n-th time, or when that wait is
/// over.
#[derive(Debug, Clone, Copy)]
enum DropPoint {
    Waiting(usize),
    Woken(usize),
}

/// Returns every moment at which a call may be dropped, the earliest first.
fn drop_points() -> impl Iterator<Item = DropPoint> {
    (1..=MAX_AWAITS).flat_map(|wait| [DropPoint::Waiting(wait), DropPoint::Woken(wait)])
}

/// Polls `call` up to the given moment and drops it there. Returns `true` if the call was done before.
async fn run_and_drop<F: Future>(call: F, moment: DropPoint) -> bool {
    let mut call = Box::pin(call);
    let mut polls = 0;
    poll_fn(move |context| {
        polls += 1;
        if matches!(moment, DropPoint::Woken(wait) if polls > wait) {
            return Poll::Ready(false);
        }
        match call.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if matches!(moment, DropPoint::Waiting(wait) if polls == wait) => {
                Poll::Ready(false)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Loads a record once `load` and `list` agree about it.
///
/// A store with atomic writes agrees at once, or as soon as its server has finished.
async fn load_when_consistent(
    store: &CheckedStore,
    record: &SessionRecord,
    what: &str,
) -> Option<SessionRecord> {
    for _ in 0..MAX_READS {
        let loaded = store.load(record.id()).await;
        let listed =
            store.list(&record.to_subject()).await.into_iter().find(|found| found.id() == record.id());
        if loaded.as_ref().map(SessionRecord::as_bytes) == listed.as_ref().map(SessionRecord::as_bytes) {
            return loaded;
        }
        yield_now().await;
    }
    panic!("S8: {what}: expected load and list to agree, but they still differ after {MAX_READS} reads");
}

fn fresh_subject(moment: DropPoint) -> Subject {
    subject(&format!("ada {moment:?}"))
}

/// S8: a dropped insert leaves the whole record or none, and does not block the next insert.
pub async fn s8_a_dropped_insert_is_all_or_nothing(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S8");
    for moment in drop_points() {
        let record = record(&fresh_subject(moment));
        let done = run_and_drop(store.store().insert(&record), moment).await;
        if let Some(found) = load_when_consistent(&store, &record, "the record after a dropped insert").await
        {
            store.expect_record("the record after a dropped insert", &found, &record);
        }
        let _ = store.insert(&record).await;
        store.expect_stored(&record, "the record after a second insert that follows a dropped one").await;
        if done {
            break;
        }
    }
}

/// S8: a dropped replace leaves the old record or the new one.
pub async fn s8_a_dropped_replace_is_all_or_nothing(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S8");
    for moment in drop_points() {
        let old = record(&fresh_subject(moment));
        store.add(&old).await;
        let new = next(&old, 1);
        let done = run_and_drop(store.store().replace(&new, old.version()), moment).await;
        match load_when_consistent(&store, &old, "the record after a dropped replace").await {
            Some(found) if found.version() == old.version() => {
                store.expect_record("the record after a dropped replace", &found, &old);
            }
            Some(found) => store.expect_record("the record after a dropped replace", &found, &new),
            None => panic!("S8: expected the old or the new record after a dropped replace, got none"),
        }
        let _ = store.replace(&new, old.version()).await;
        store.expect_stored(&new, "the record after a second replace that follows a dropped one").await;
        if done {
            break;
        }
    }
}

/// S8: a dropped removal removes everything or nothing.
pub async fn s8_a_dropped_removal_is_all_or_nothing(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S8");
    for moment in drop_points() {
        let one = record(&fresh_subject(moment));
        store.add(&one).await;
        let done = run_and_drop(store.store().remove(one.id()), moment).await;
        let _ = load_when_consistent(&store, &one, "the record after a dropped remove").await;
        let _ = store.remove(one.id()).await;
        store.expect_absent(&one, "the record after a second remove that follows a dropped one").await;
        if done {
            break;
        }
    }
    for moment in drop_points() {
        let ada = fresh_subject(moment);
        let records = [record(&ada), record(&ada), record(&ada)];
        for record in &records {
            store.add(record).await;
        }
        let done = run_and_drop(store.store().remove_all(&ada, None), moment).await;
        let listed = store.ids(&ada).await.len();
        store.expect(
            listed == 0 || listed == 3,
            "expected a dropped remove_all to remove all sessions or none, but it removed some",
        );
        for record in &records {
            let _ = load_when_consistent(&store, record, "a record after a dropped remove_all").await;
        }
        let _ = store.remove_all(&ada, None).await;
        for record in &records {
            store
                .expect_absent(record, "a record after a second remove_all that follows a dropped one")
                .await;
        }
        if done {
            break;
        }
    }
}
