//! `RedisStore` while its servers fail: what was promised holds, no call hangs, and the store works again by
//! itself.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod cluster;
mod node;
mod refused;

use std::time::Duration;

use authcore_redis::RedisStore;
use tokio::sync::{Mutex, MutexGuard};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(500);
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

async fn store(urls: &str) -> RedisStore {
    RedisStore::builder(urls).timeout(TIMEOUT).connect().await.unwrap()
}

async fn patient_store(urls: &str) -> RedisStore {
    RedisStore::builder(urls).timeout(PATIENCE).connect().await.unwrap()
}

async fn sleep_ms(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
