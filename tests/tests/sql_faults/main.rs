//! `authcore-sql` while databases fail: what was promised holds, no call hangs, and the store works again by
//! itself.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod crash;
mod mysql;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use authcore::store::{SessionStore, StoreErrorKind};
use authcore::{Auth, Error, Login, ServerSessions};
use authcore_tests::load::Account;
use tokio::sync::{Mutex, MutexGuard};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(800);
/// How much longer, on a machine that does other things too: a call without an end of its own takes longer
/// still.
const SLACK: Duration = Duration::from_secs(10);
/// How long a call may take where it must succeed, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// One fault at a time: each test loads the machine.
async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}

async fn sleep_ms(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// Waits until something has happened, which `state` shows.
async fn until<T: std::fmt::Debug>(what: &str, mut state: impl FnMut() -> T, happened: impl Fn(&T) -> bool) {
    let start = Instant::now();
    loop {
        let now = state();
        if happened(&now) {
            return;
        }
        assert!(start.elapsed().as_secs() < 120, "waited in vain for {what}: {now:?}");
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

/// That the call fails as `Unavailable` in time, and says this.
async fn is_unavailable<T: std::fmt::Debug>(call: impl Future<Output = Result<T, Error>>, says: &str) {
    let start = Instant::now();
    let error = call.await.unwrap_err();
    assert!(start.elapsed() < TIMEOUT + SLACK, "S13: {:?}", start.elapsed());
    let Error::Store(error) = &error else { panic!("{error:?}") };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    assert!(error.to_string().contains(says), "'{error}' does not say '{says}'");
}
