//! Requests that do not count as uses, and a reliable time of last use (rules A14, A15).

use authcore::SessionPolicy;
use authcore::store::SessionStore as _;
use authcore_testkit::{Call, FaultyStore};

use super::*;

/// Case 7: a polling page does not keep a user logged in.
#[tokio::test]
async fn a14_a_verification_that_does_not_count_writes_nothing() {
    let (inner, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let store = FaultyStore::new(inner.clone());
    let policy = SessionPolicy::new().with_idle_timeout(15 * MINUTE).with_absolute_timeout(12 * HOUR);
    let strategy = ServerSessions::builder(store.clone()).policy(policy).build().unwrap();
    let auth = Auth::with_sessions(strategy).with_clock(clock.clone());
    let issued = auth.login(login()).await.unwrap();
    for _ in 0..2 {
        clock.advance(5 * MINUTE);
        auth.authenticate_passively(issued.credential().expose()).await.unwrap();
    }
    assert_eq!(store.count(Call::Replace), 0);
    clock.advance(5 * MINUTE);
    assert_eq!(refused(auth.authenticate_passively(issued.credential().expose()).await), Rejection::Expired);
    let record = inner.load(id(&issued)).await.unwrap().unwrap();
    assert_eq!(record.last_seen_at(), NOW);
    // With uses in between, the session continues.
    let issued = auth.login(login()).await.unwrap();
    for _ in 0..12 {
        clock.advance(5 * MINUTE);
        auth.authenticate_passively(issued.credential().expose()).await.unwrap();
        auth.authenticate(issued.credential().expose()).await.unwrap();
    }
}

/// Case 7: a device that is used every hour is not listed as unused for days.
#[tokio::test]
async fn a15_the_displayed_time_lags_by_at_most_its_precision() {
    for (precision, policy) in [
        (HOUR, SessionPolicy::new()),
        (MINUTE, SessionPolicy::new().with_last_use_precision(MINUTE)),
        (HOUR, SessionPolicy::new().without_idle_timeout()),
        (10 * MINUTE, SessionPolicy::new().with_idle_timeout(30 * DAY).with_last_use_precision(10 * MINUTE)),
    ] {
        let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
        let auth = sessions(&store, &clock, |builder| builder.policy(policy));
        let issued = auth.login(login()).await.unwrap();
        for step in [MINUTE, 59 * MINUTE, HOUR, 61 * MINUTE, 30 * MINUTE, 31 * MINUTE, DAY, 7 * MINUTE] {
            clock.advance(step);
            let principal = auth.authenticate(issued.credential().expose()).await.unwrap();
            let used = NOW.plus(clock_since(&clock));
            let listed = auth.sessions_of(&principal).await.unwrap()[0].last_seen_at;
            assert!(used.since(listed) < precision, "{precision:?}: {:?}", used.since(listed));
        }
    }
}

fn clock_since(clock: &ManualClock) -> Duration {
    authcore::clock::Clock::now(clock).since(NOW)
}

/// The precision does not change the idle timeout of a session (rule A4).
#[tokio::test]
async fn a15_the_precision_is_not_tied_to_the_idle_timeout() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = sessions(&store, &clock, |builder| {
        builder.policy(SessionPolicy::new().with_idle_timeout(20 * MINUTE).with_last_use_precision(10 * DAY))
    });
    let issued = auth.login(login()).await.unwrap();
    for _ in 0..10 {
        clock.advance(6 * MINUTE);
        auth.authenticate(issued.credential().expose()).await.unwrap();
    }
    clock.advance(20 * MINUTE);
    assert_eq!(refused(auth.authenticate(issued.credential().expose()).await), Rejection::Expired);
}

/// In the hybrid strategy, refreshes are the uses.
#[tokio::test]
async fn a15_a_refresh_is_a_use() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = hybrid(jwt(), &store, &clock);
    let issued = auth.login(login()).await.unwrap();
    clock.advance(10 * MINUTE);
    auth.authenticate(issued.credential().expose()).await.unwrap();
    assert_eq!(store.load(id(&issued)).await.unwrap().unwrap().last_seen_at(), NOW);
    let next = auth.refresh(refresh_token(&issued)).await.unwrap();
    let listed = auth.sessions_of(next.principal()).await.unwrap();
    assert_eq!(listed[0].last_seen_at, NOW.plus(10 * MINUTE));
}
