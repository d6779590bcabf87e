//! `authcore-sql` while databases fail: acknowledged writes hold, no call hangs, and the store recovers by
//! itself.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod crash;
mod mysql;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use authcore::store::{SessionStore, StoreErrorKind};
use authcore::{Auth, Error, Login, ServerSessions};
use authcore_tests::load::Account;
use tokio::sync::{Mutex, MutexGuard};

/// The timeout of stores whose calls are to fail.
const TIMEOUT: Duration = Duration::from_millis(800);
/// How much longer such a call may take on a busy machine. A call without a timeout takes longer still.
const SLACK: Duration = Duration::from_secs(10);
/// The timeout of stores whose calls are to succeed, and of waits for an event, as in the harness.
const PATIENCE: Duration = Duration::from_secs(120);

/// One fault at a time: each test loads the machine.
async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}

async fn sleep_ms(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Waits until `happened` is true for a state.
async fn until<T: std::fmt::Debug>(what: &str, mut state: impl FnMut() -> T, happened: impl Fn(&T) -> bool) {
    let start = Instant::now();
    loop {
        let now = state();
        if happened(&now) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}: {now:?}");
        sleep_ms(10).await;
    }
}

/// Repeats a call with a short timeout until it succeeds, which on a busy machine may take several attempts.
async fn eventually<T, E: std::fmt::Debug, F: Future<Output = Result<T, E>>>(
    what: &str,
    call: impl Fn() -> F,
) -> T {
    let start = Instant::now();
    loop {
        match call().await {
            Ok(done) => return done,
            Err(error) => assert!(start.elapsed() < PATIENCE, "waited in vain for {what}: {error:?}"),
        }
        sleep_ms(10).await;
    }
}

fn sessions(store: impl SessionStore) -> Auth {
    Auth::with_sessions(ServerSessions::builder(store).build().unwrap())
}

fn login(subject: &str) -> Login {
    Login::new(subject.to_owned()).unwrap()
}

fn no_call_hung(account: &Account) {
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
}

/// Asserts that a call fails in time as `Unavailable`, with this text.
async fn is_unavailable<T: std::fmt::Debug>(call: impl Future<Output = Result<T, Error>>, says: &str) {
    let start = Instant::now();
    let error = call.await.unwrap_err();
    assert!(start.elapsed() < TIMEOUT + SLACK, "S13: {:?}", start.elapsed());
    let Error::Store(error) = &error else { panic!("{error:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains(says), "'{error}' does not say '{says}'");
}
