//! S6: how long a store must keep a record.

use std::time::{Duration, Instant};

use crate::Fixture;
use crate::expect::Must as _;
use crate::probe::Probe;
use crate::records::{HOUR, living, next, next_with, real_now, record, record_with, subject};
use authcore::Timestamp;
use authcore::store::ReplaceOutcome;

/// S6: the time to live counts from the caller's time of the write, however far the store's clock is from it.
pub async fn s6_time_to_live_counts_from_the_last_use_by_the_callers_clock(fixture: Fixture) {
    let store = Probe::new(&fixture, "S6");
    let ada = subject("ada");
    for year in [2001, 2015, 2100, 2200] {
        let at = Timestamp::from_secs((year - 1970) * 365 * 24 * 60 * 60);
        let first = living(&ada, at, HOUR);
        store.add(&first).await;
        stir(&store, at).await;
        let what = format!("a session with an hour left, by a caller whose clock shows the year {year}");
        store.holds(&first, &what).await;
        let second = next_with(&first, |parts| parts.last_seen_at = at.plus(HOUR / 2));
        store.advance(&first, &second).await;
        stir(&store, at).await;
        store.holds(&second, &format!("{what}, after a replace")).await;
        store.same(&what, store.remove_all(&ada, None).await, vec![first.id()]);
    }
}

/// Gives the store occasions to clean up: other writes, and a purge at a moment when nothing is over.
async fn stir(store: &Probe, at: Timestamp) {
    let other = subject("other");
    for _ in 0..8 {
        let record = living(&other, at, HOUR);
        store.add(&record).await;
        store.advance(&record, &next(&record, 1)).await;
    }
    let purged = store.purge(at, 1000).await;
    store.same("records purged at a moment when none was over", purged.removed, 0);
    store.same("the sessions beside it", store.remove_all(&other, None).await.len(), 8);
}

/// S6: a record with less than a second left is there until then.
pub async fn s6_less_than_a_second_is_not_rounded_to_nothing(fixture: Fixture) {
    const LIFE: Duration = Duration::from_millis(900);
    let store = Probe::new(&fixture, "S6");
    let ada = subject("ada");
    for by_replace in [false, true] {
        // A slow machine may take longer than the record lives, which says nothing about the store.
        let decided = 'tries: {
            for _ in 0..10 {
                let (base, short) = (record(&ada), living(&ada, real_now(), LIFE));
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
            Some(found) => store.check(found, "a record with 900 ms left was dropped at once"),
            None => panic!("S6: the store takes longer than 900 ms to write and load one record"),
        }
    }
}

/// S6: a record that is over when it is written may be dropped at once, and is no error.
pub async fn s6_a_record_already_over_is_no_error(fixture: Fixture) {
    let store = Probe::new(&fixture, "S6");
    let ada = subject("ada");
    for life in [Duration::ZERO, Duration::from_millis(1)] {
        let over = living(&ada, real_now(), life);
        store.add(&over).await;
        if let Some(found) = store.load(over.id()).await {
            store.same_record("a record that was over when it was written", &found, &over);
        }
        let live = record(&ada);
        store.add(&live).await;
        let ended = next_with(&live, |parts| parts.idle_expires_at = parts.last_seen_at.plus(life));
        store.advance(&live, &ended).await;
        let replaced = store.replace(&next(&ended, 1), ended.version()).await;
        store.check(replaced != ReplaceOutcome::Stale, "replace of a record that is over answered 'stale'");
        let listed = store.list(&ada).await.iter().filter(|found| found.subject() != ada.as_str()).count();
        store.same("records of others listed", listed, 0);
    }
}

/// S6: a replace gives the record its new end, later or earlier; the old one is forgotten.
pub async fn s6_a_replace_gives_the_record_its_new_end(fixture: Fixture) {
    let store = Probe::new(&fixture, "S6");
    let (ada, now) = (subject("ada"), real_now());
    let first = record(&ada);
    store.add(&first).await;
    let longer = next_with(&first, |parts| parts.idle_expires_at = now.plus(9 * HOUR));
    store.advance(&first, &longer).await;
    let purged = store.purge(first.ends_at().plus(HOUR), 100).await;
    store.same("records purged after the old end and before the new one", purged.removed, 0);
    store.holds(&longer, "a session after its old end and before its new one").await;
    let shorter = next_with(&longer, |parts| parts.idle_expires_at = now.plus(2 * HOUR));
    store.advance(&longer, &shorter).await;
    if fixture.purges() {
        let purged = store.purge(now.plus(3 * HOUR), 100).await;
        store.same("records purged after an end that was moved forward", purged.removed, 1);
        store.lacks(&shorter, "after its end was moved forward and a purge ran").await;
    }
}

/// S6: a record ends with the earlier of its two expiries, and a record with no nearer end than time itself is
/// kept too.
pub async fn s6_the_earlier_end_counts(fixture: Fixture) {
    let store = Probe::new(&fixture, "S6");
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
        store.holds(record, "a session after login").await;
    }
    let purged = store.purge(now.plus(2 * HOUR), 100).await;
    if fixture.purges() {
        store.same("records purged after one of their ends", purged.removed, 2);
        store.lacks(&idle, "after its idle expiry and a purge").await;
        store.lacks(&absolute, "after its absolute expiry and a purge").await;
    }
    store.load(endless.id()).await.must("S6: the session with the latest end of all");
}
