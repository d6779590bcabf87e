//! The memory store beyond the contract: it removes expired records during other calls.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::store::SessionStore;
use authcore::{Auth, Login, MemoryStore, ServerSessions, SessionPolicy, Timestamp};

const HOUR: Duration = Duration::from_secs(3600);

fn world() -> (Auth, MemoryStore, ManualClock) {
    let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
    let store = MemoryStore::with_clock(clock.clone());
    let policy = SessionPolicy::new().with_idle_timeout(HOUR).with_absolute_timeout(HOUR);
    let sessions = ServerSessions::builder(store.clone()).policy(policy).build().unwrap();
    (Auth::with_sessions(sessions).with_clock(clock.clone()), store, clock)
}

async fn log_in(auth: &Auth, number: usize) -> String {
    auth.login(Login::new(format!("user-{number}")).unwrap()).await.unwrap().credential().expose().to_owned()
}

#[tokio::test]
async fn s6_expired_records_are_freed_by_later_writes_and_live_ones_are_not() {
    let (auth, store, clock) = world();
    for number in 0..20_000 {
        log_in(&auth, number).await;
    }
    clock.advance(HOUR + Duration::from_secs(1));
    let mut live = Vec::new();
    for number in 0..10_000 {
        live.push(log_in(&auth, number).await);
    }
    assert!(store.len() < 10_500, "{} records are held for 10000 that are alive", store.len());
    for credential in &live {
        assert!(auth.authenticate(credential).await.is_ok());
    }
}

#[tokio::test]
async fn s6_nothing_is_freed_before_its_time_by_the_stores_own_clock() {
    let (auth, store, clock) = world();
    for number in 0..1000 {
        log_in(&auth, number).await;
    }
    // The caller's clock is a day ahead; the store counts from the write.
    let ahead = ManualClock::new(Timestamp::from_secs(1_800_086_400));
    let sessions = ServerSessions::builder(store.clone()).build().unwrap();
    let elsewhere = Auth::with_sessions(sessions).with_clock(ahead);
    for number in 1000..3000 {
        log_in(&elsewhere, number).await;
    }
    assert_eq!(store.len(), 3000);
    clock.advance(HOUR - Duration::from_millis(1));
    for number in 3000..5000 {
        log_in(&elsewhere, number).await;
    }
    assert_eq!(store.len(), 5000);
}

#[tokio::test]
async fn s11_purging_stops_at_its_limit_and_goes_on_from_there() {
    let (auth, store, clock) = world();
    for number in 0..100 {
        log_in(&auth, number).await;
    }
    clock.advance(HOUR);
    let mut removed = 0;
    loop {
        let purged = auth.admin().purge_expired(30).await.unwrap();
        assert!(purged.removed <= 30);
        removed += purged.removed;
        if !purged.more {
            break;
        }
    }
    assert_eq!((removed, store.len()), (100, 0));
    assert_eq!(store.purge_expired(Timestamp::MAX, usize::MAX).await.unwrap().removed, 0);
}
