//! S11: freeing what has expired.

use std::time::Duration;

use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::race::at_once;
use crate::records::{HOUR, living, next_with, real_now, record_with, subject};
use authcore::store::{ReplaceOutcome, SessionRecord, SessionStore as _};
use futures_util::future::join;

/// Fails if the store purges nothing at all and the fixture did not say so.
fn must_purge(fixture: &Fixture, store: &Probe, removed: usize, expired: usize) {
    if fixture.purges() {
        store.same(
            "expired records purged (a store whose server drops them says so by `Fixture::expires_by_itself`)",
            removed,
            expired,
        );
    }
    store.check(removed <= expired, "more records were purged than had expired");
}

async fn add_all(store: &Probe, records: &[SessionRecord]) {
    for record in records {
        store.add(record).await;
    }
}

/// S11: what ends at the given moment is purged; what ends a millisecond later is not.
pub async fn s11_purge_removes_only_what_has_expired(fixture: Fixture) {
    let store = Probe::new(&fixture, "S11");
    let (ada, now) = (subject("ada"), real_now());
    let expired: Vec<_> =
        (0..10).map(|index| living(&ada, now, HOUR - index * Duration::from_secs(1))).collect();
    let live: Vec<_> =
        (0..10).map(|index| living(&ada, now, HOUR + Duration::from_millis(1) + index * HOUR)).collect();
    add_all(&store, &expired).await;
    add_all(&store, &live).await;
    let purged = store.purge(now.plus(HOUR), 1000).await;
    must_purge(&fixture, &store, purged.removed, expired.len());
    store.check(!purged.more, "purge says that it left expired records although its limit was not reached");
    for record in &live {
        store.holds(record, "a live session after a purge").await;
    }
    if fixture.purges() {
        for record in &expired {
            store.lacks(record, "an expired session after a purge").await;
        }
    }
    let again = store.purge(now.plus(HOUR), 1000).await;
    store.same("records that a second purge removed", again.removed, 0);
}

/// S11: a call removes at most `limit` records and says whether it left any.
pub async fn s11_purge_keeps_to_its_limit(fixture: Fixture) {
    let store = Probe::new(&fixture, "S11");
    let now = real_now();
    let later = now.plus(2 * HOUR);
    let expired: Vec<_> = (0..25).map(|index| living(&subject(&format!("ada-{index}")), now, HOUR)).collect();
    add_all(&store, &expired).await;
    let none = store.purge(later, 0).await;
    store.same("records purged with a limit of none", none.removed, 0);
    let mut removed = 0;
    for _ in 0..10 {
        let purged = store.purge(later, 10).await;
        store.check(purged.removed <= 10, "a purge removed more than its limit");
        removed += purged.removed;
        if fixture.purges() {
            let left = expired.len() - removed.min(expired.len());
            store.check(purged.more || left == 0, "purge says that it left nothing, and it did");
        }
        if !purged.more {
            break;
        }
    }
    must_purge(&fixture, &store, removed, expired.len());
}

/// S11: purges on many nodes at once count each record once, and logins go on beside them.
pub async fn s11_concurrent_purges_count_each_record_once(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S11");
    let now = real_now();
    let later = now.plus(2 * HOUR);
    let expired: Vec<_> =
        (0..120).map(|index| living(&subject(&format!("ada-{}", index % 7)), now, HOUR)).collect();
    add_all(&probe, &expired).await;
    let purges = at_once((0..6).map(|_| {
        let probe = probe.clone();
        async move {
            let mut removed = 0;
            for _ in 0..120 {
                let purged = probe.purge(later, 7).await;
                probe.check(purged.removed <= 7, "a purge removed more than its limit");
                removed += purged.removed;
                if !purged.more {
                    break;
                }
            }
            removed
        }
    }));
    let logins = at_once((0..6).map(|task| {
        let probe = probe.clone();
        async move {
            let mut live = Vec::new();
            for _ in 0..15 {
                let record = living(&subject(&format!("ada-{task}")), now, 9 * HOUR);
                probe.add(&record).await;
                live.push(record);
            }
            live
        }
    }));
    let (removed, live) = join(purges, logins).await;
    let mut removed: usize = removed.iter().sum();
    // Rivals may leave each other what neither saw; the next run ends the matter.
    removed += probe.purge(later, 1000).await.removed;
    must_purge(&fixture, &probe, removed, expired.len());
    for record in live.iter().flatten() {
        probe.holds(record, "a session opened beside purges").await;
    }
}

/// S11: a session that was used between being found expired and being removed stays.
pub async fn s11_purge_never_takes_a_record_that_was_used_meanwhile(fixture: Fixture) {
    let probe = Probe::new(&fixture, "S11");
    let now = real_now();
    for round in 0..20 {
        let ada = subject(&format!("ada-{round}"));
        let ending: Vec<_> = (0..12)
            .map(|_| {
                // Only its idle end moves: a store need not write the other one again (rule S17).
                record_with(&ada, |parts| {
                    (parts.created_at, parts.authenticated_at, parts.last_seen_at) = (now, now, now);
                    (parts.idle_expires_at, parts.expires_at) = (now.plus(HOUR), now.plus(10 * HOUR));
                })
            })
            .collect();
        add_all(&probe, &ending).await;
        let (store, purger) = (probe.store(), probe.clone());
        let uses = at_once(ending.iter().cloned().map(|record| {
            let store = store.clone();
            async move {
                let used = next_with(&record, |parts| parts.idle_expires_at = now.plus(9 * HOUR));
                let replaced =
                    store.replace(&used, record.version()).await.must("S11: replace beside a purge");
                (used, replaced)
            }
        }));
        let (used, purged) = join(uses, async move { purger.purge(now.plus(2 * HOUR), 1000).await }).await;
        let mut gone = 0;
        for (record, replaced) in &used {
            match replaced {
                ReplaceOutcome::Replaced => {
                    probe.holds(record, "a session that was used beside a purge").await
                }
                ReplaceOutcome::Missing => gone += 1,
                ReplaceOutcome::Stale => panic!("S11: replace beside a purge answered 'stale'"),
            }
        }
        probe.same("records that a purge removed, beside those that were used", purged.removed, gone);
        let rest = probe.remove_all(&ada, None).await.len();
        probe.same("the sessions that were used", rest, ending.len() - gone);
    }
}
