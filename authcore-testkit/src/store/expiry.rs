//! S6: how long a store keeps a record.

use std::time::{Duration, Instant};

use authcore::Timestamp;
use authcore::store::ReplaceOutcome;

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::checked_store::CheckedStore;
use crate::records::{HOUR, next, next_with, real_now, record, record_with, record_with_life, subject};

/// S6: the time to live counts from the last use by the caller's clock, however far the store's clock
/// differs.
pub async fn s6_time_to_live_follows_the_callers_clock(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S6");
    let ada = subject("ada");
    for year in [2001, 2015, 2100, 2200] {
        let at = Timestamp::from_secs((year - 1970) * 365 * 24 * 60 * 60);
        let first = record_with_life(&ada, at, HOUR);
        store.add(&first).await;
        write_other_sessions(&store, at).await;
        let what = format!("a session with an hour left, from a caller whose clock shows the year {year}");
        store.expect_stored(&first, &what).await;
        let second = next_with(&first, |parts| parts.last_seen_at = at.plus(HOUR / 2));
        store.advance(&first, &second).await;
        write_other_sessions(&store, at).await;
        store.expect_stored(&second, &format!("{what}, after a replace")).await;
        store.expect_equal(&what, store.remove_all(&ada, None).await, vec![first.id()]);
    }
}

/// Gives the store opportunities to clean up: writes of other sessions, and a purge at a time when nothing
/// has expired.
async fn write_other_sessions(store: &CheckedStore, at: Timestamp) {
    let other = subject("other");
    for _ in 0..8 {
        let record = record_with_life(&other, at, HOUR);
        store.add(&record).await;
        store.advance(&record, &next(&record, 1)).await;
    }
    let purged = store.purge(at, 1000).await;
    store.expect_equal("records purged when none had expired", purged.removed, 0);
    store.expect_equal("other sessions removed", store.remove_all(&other, None).await.len(), 8);
}

/// S6: a record with less than a second left stays until then.
pub async fn s6_a_life_below_one_second_is_not_rounded_to_zero(fixture: Fixture) {
    const LIFE: Duration = Duration::from_millis(900);
    let store = CheckedStore::new(&fixture, "S6");
    let ada = subject("ada");
    for by_replace in [false, true] {
        // A slow machine may take longer than the record's life, which says nothing about the store.
        let decided = 'tries: {
            for _ in 0..10 {
                let (base, short) = (record(&ada), record_with_life(&ada, real_now(), LIFE));
                if by_replace {
                    store.add(&base).await;
                }
                let begun = Instant::now();
                let id = if by_replace {
                    let short = next_with(&base, |parts| {
                        parts.idle_expires_at = parts.last_seen_at.plus(LIFE);
                    });
                    store.advance(&base, &short).await;
                    base.id()
                } else {
                    store.add(&short).await;
                    short.id()
                };
                let found = store.load(id).await.is_some();
                if found || begun.elapsed() < LIFE {
                    break 'tries Some(found);
                }
            }
            None
        };
        match decided {
            Some(found) => store
                .expect(found, "expected a record with 900 ms left to be kept, but it was dropped at once"),
            None => panic!("S6: expected a write and a load within 900 ms, but they took longer ten times"),
        }
    }
}

/// S6: a record that has expired when it is written may be dropped at once, but is not an error.
pub async fn s6_an_expired_record_is_not_an_error(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S6");
    let ada = subject("ada");
    for life in [Duration::ZERO, Duration::from_millis(1)] {
        let over = record_with_life(&ada, real_now(), life);
        store.add(&over).await;
        if let Some(found) = store.load(over.id()).await {
            store.expect_record("a record that had expired when it was written", &found, &over);
        }
        let live = record(&ada);
        store.add(&live).await;
        let ended = next_with(&live, |parts| parts.idle_expires_at = parts.last_seen_at.plus(life));
        store.advance(&live, &ended).await;
        let replaced = store.replace(&next(&ended, 1), ended.version()).await;
        store.expect(
            replaced != ReplaceOutcome::Stale,
            "expected Replaced or Missing from replace of an expired record, got Stale",
        );
        let listed = store.list(&ada).await.iter().filter(|found| found.subject() != ada.as_str()).count();
        store.expect_equal("listed records of other subjects", listed, 0);
    }
}

/// S6: a replace moves the expiry of the record, forward or back, and the old expiry no longer counts.
pub async fn s6_replace_moves_the_expiry(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S6");
    let (ada, now) = (subject("ada"), real_now());
    let first = record(&ada);
    store.add(&first).await;
    let longer = next_with(&first, |parts| parts.idle_expires_at = now.plus(9 * HOUR));
    store.advance(&first, &longer).await;
    let purged = store.purge(first.ends_at().plus(HOUR), 100).await;
    store.expect_equal("records purged between the old expiry and the new one", purged.removed, 0);
    store.expect_stored(&longer, "a session between its old expiry and its new one").await;
    let shorter = next_with(&longer, |parts| parts.idle_expires_at = now.plus(2 * HOUR));
    store.advance(&longer, &shorter).await;
    if fixture.purges() {
        let purged = store.purge(now.plus(3 * HOUR), 100).await;
        store.expect_equal(
            "records purged after an expiry that a replace had moved closer",
            purged.removed,
            1,
        );
        store.expect_absent(&shorter, "a purged session whose expiry a replace had moved closer").await;
    }
}

/// S6: a record ends at the earlier of its two expiries. A record with the largest possible expiry is kept
/// too.
pub async fn s6_the_earlier_expiry_counts(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S6");
    let (ada, now) = (subject("ada"), real_now());
    let endless = record_with(&ada, |parts| {
        (parts.idle_expires_at, parts.expires_at) = (Timestamp::MAX, Timestamp::MAX);
    });
    let idle = record_with(&ada, |parts| parts.expires_at = now.plus(9 * HOUR));
    let absolute = record_with(&ada, |parts| {
        (parts.idle_expires_at, parts.expires_at) = (now.plus(9 * HOUR), now.plus(HOUR));
    });
    for record in [&endless, &idle, &absolute] {
        store.add(record).await;
        store.expect_stored(record, "an inserted session").await;
    }
    let purged = store.purge(now.plus(2 * HOUR), 100).await;
    if fixture.purges() {
        store.expect_equal("records purged after one of their expiries", purged.removed, 2);
        store.expect_absent(&idle, "a session purged after its idle expiry").await;
        store.expect_absent(&absolute, "a session purged after its absolute expiry").await;
    }
    store.load(endless.id()).await.or_fail("S6: load of the session with the largest possible expiry");
}
