//! S11: purging expired records.

use std::time::Duration;

use authcore::store::{ReplaceOutcome, SessionRecord, SessionStore as _};
use futures_util::future::join;

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::concurrency::run_concurrently;
use crate::records::{HOUR, next_with, real_now, record_with, record_with_life, subject};

/// Fails the check unless all expired records were purged, or the fixture declares that the server drops
/// them.
fn expect_purged(fixture: &Fixture, store: &CheckedStore, removed: usize, expired: usize) {
    if fixture.purges() {
        store.expect_equal(
            "expired records purged (if the server drops them by itself, call Fixture::expires_by_itself)",
            removed,
            expired,
        );
    }
    store.expect(removed <= expired, &format!("expected at most {expired} purged records, got {removed}"));
}

async fn add_all(store: &CheckedStore, records: &[SessionRecord]) {
    for record in records {
        store.add(record).await;
    }
}

/// S11: a record that expires at the given moment is purged; one that expires a millisecond later is not.
pub async fn s11_purge_removes_only_what_has_expired(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S11");
    let (ada, now) = (subject("ada"), real_now());
    let expired: Vec<_> =
        (0..10).map(|index| record_with_life(&ada, now, HOUR - index * Duration::from_secs(1))).collect();
    let live: Vec<_> = (0..10)
        .map(|index| record_with_life(&ada, now, HOUR + Duration::from_millis(1) + index * HOUR))
        .collect();
    add_all(&store, &expired).await;
    add_all(&store, &live).await;
    let purged = store.purge(now.plus(HOUR), 1000).await;
    expect_purged(&fixture, &store, purged.removed, expired.len());
    store.expect(!purged.more, "expected `more` to be false below the limit, got true");
    for record in &live {
        store.expect_stored(record, "a live session after a purge").await;
    }
    if fixture.purges() {
        for record in &expired {
            store.expect_absent(record, "an expired session after a purge").await;
        }
    }
    let again = store.purge(now.plus(HOUR), 1000).await;
    store.expect_equal("records removed by a second purge", again.removed, 0);
}

/// S11: a call removes at most `limit` records and reports whether it left any.
pub async fn s11_purge_respects_its_limit(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S11");
    let now = real_now();
    let later = now.plus(2 * HOUR);
    let expired: Vec<_> =
        (0..25).map(|index| record_with_life(&subject(&format!("ada-{index}")), now, HOUR)).collect();
    add_all(&store, &expired).await;
    let none = store.purge(later, 0).await;
    store.expect_equal("records purged with the limit 0", none.removed, 0);
    let mut removed = 0;
    for _ in 0..10 {
        let purged = store.purge(later, 10).await;
        store.expect(
            purged.removed <= 10,
            &format!("expected a purge to respect its limit, but it removed {}", purged.removed),
        );
        removed += purged.removed;
        if fixture.purges() {
            let left = expired.len() - removed.min(expired.len());
            store.expect(
                purged.more || left == 0,
                "expected `more` to be true while expired records are left, got false",
            );
        }
        if !purged.more {
            break;
        }
    }
    expect_purged(&fixture, &store, removed, expired.len());
}

/// S11: concurrent purges count each record once, and logins continue meanwhile.
pub async fn s11_concurrent_purges_count_each_record_once(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S11");
    let now = real_now();
    let later = now.plus(2 * HOUR);
    let expired: Vec<_> =
        (0..120).map(|index| record_with_life(&subject(&format!("ada-{}", index % 7)), now, HOUR)).collect();
    add_all(&store, &expired).await;
    let purges = run_concurrently((0..6).map(|_| {
        let store = store.clone();
        async move {
            let mut removed = 0;
            for _ in 0..120 {
                let purged = store.purge(later, 7).await;
                store.expect(
                    purged.removed <= 7,
                    &format!("expected a purge to respect its limit, but it removed {}", purged.removed),
                );
                removed += purged.removed;
                if !purged.more {
                    break;
                }
            }
            removed
        }
    }));
    let logins = run_concurrently((0..6).map(|task| {
        let store = store.clone();
        async move {
            let mut live = Vec::new();
            for _ in 0..15 {
                let record = record_with_life(&subject(&format!("ada-{task}")), now, 9 * HOUR);
                store.add(&record).await;
                live.push(record);
            }
            live
        }
    }));
    let (removed, live) = join(purges, logins).await;
    let mut removed: usize = removed.iter().sum();
    // Concurrent purges may skip a record for each other; the next purge removes it.
    removed += store.purge(later, 1000).await.removed;
    expect_purged(&fixture, &store, removed, expired.len());
    for record in live.iter().flatten() {
        store.expect_stored(record, "a session inserted during purges").await;
    }
}

/// S11: purge does not remove a session that is used after purge has found it expired.
pub async fn s11_purge_spares_a_record_used_meanwhile(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S11");
    let now = real_now();
    for round in 0..20 {
        let ada = subject(&format!("ada-{round}"));
        let ending: Vec<_> = (0..12)
            .map(|_| {
                // Only the idle expiry moves: a store need not write the absolute one again (rule S17).
                record_with(&ada, |parts| {
                    (parts.created_at, parts.authenticated_at, parts.last_seen_at) = (now, now, now);
                    (parts.idle_expires_at, parts.expires_at) = (now.plus(HOUR), now.plus(10 * HOUR));
                })
            })
            .collect();
        add_all(&store, &ending).await;
        let (shared, purger) = (store.store(), store.clone());
        let uses = run_concurrently(ending.iter().cloned().map(|record| {
            let shared = shared.clone();
            async move {
                let used = next_with(&record, |parts| parts.idle_expires_at = now.plus(9 * HOUR));
                let replaced =
                    shared.replace(&used, record.version()).await.or_fail("S11: replace during a purge");
                (used, replaced)
            }
        }));
        let (used, purged) = join(uses, async move { purger.purge(now.plus(2 * HOUR), 1000).await }).await;
        let mut gone = 0;
        for (record, replaced) in &used {
            match replaced {
                ReplaceOutcome::Replaced => {
                    store.expect_stored(record, "a session that was used during a purge").await
                }
                ReplaceOutcome::Missing => gone += 1,
                ReplaceOutcome::Stale => {
                    panic!("S11: expected Replaced or Missing from replace during a purge, got Stale")
                }
            }
        }
        store.expect_equal(
            "records that a purge reports as removed, against uses that found no record",
            purged.removed,
            gone,
        );
        let rest = store.remove_all(&ada, None).await.len();
        store.expect_equal("the sessions left after uses during a purge", rest, ending.len() - gone);
    }
}
