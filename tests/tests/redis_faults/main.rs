//! `RedisStore` while its servers fail: its promises hold, no call hangs, and the store recovers by itself.

#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod cluster;
mod node;
mod refused;

use std::time::Duration;

use authcore_redis::RedisStore;
use tokio::sync::{Mutex, MutexGuard};

/// The timeout of a call.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How much longer a call may take on a busy machine. A call that hangs takes longer still.
const SLACK: Duration = Duration::from_secs(10);
/// The timeout of a call that must succeed, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until no other test runs: each loads the machine.
async fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::const_new(());
    ONE.lock().await
}

async fn store(urls: &str) -> RedisStore {
    RedisStore::builder(urls).timeout(TIMEOUT).connect().await.unwrap()
}

async fn patient_store(urls: &str) -> RedisStore {
    RedisStore::builder(urls).timeout(PATIENCE).connect().await.unwrap()
}

async fn sleep_ms(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
