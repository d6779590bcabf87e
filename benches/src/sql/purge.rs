//! The speed of purging a million expired sessions, and its effect on concurrent logins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{Auth, SessionId, Subject, Timestamp};
use authcore_sql::{PostgresStore, Purger};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::crowd::{Life, fill_postgres};
use super::{CONNECTIONS, auth, login, postgres_server, postgres_store};
use crate::remote::runtime;
use crate::report::Finding;
use crate::tokens::expect_ok;

const NAME: &str = "session.postgres.purge";
const TABLE: &str = "authcore_sessions";
const EXPIRED: usize = 1_000_000;
/// The number of tasks that log in continuously.
const TASKS: usize = 16;
/// The length of the observation before the purge.
const BEFORE: Duration = Duration::from_secs(10);
/// The maximum length of the observation during the purge.
const LONGEST: Duration = Duration::from_secs(60);

pub(super) fn find() -> Finding {
    let (runtime, server) = (runtime(), postgres_server());
    let store = runtime.block_on(async {
        let (pool, store) = postgres_store(&server, TABLE, CONNECTIONS).await;
        let _ = expect_ok(auth(store.clone()).login(login(0)).await);
        fill_postgres(&pool, TABLE, EXPIRED, Life::Expired).await;
        store
    });
    let mut without = logins_during(&runtime, &store, async || tokio::time::sleep(BEFORE).await);
    let mut rate = 0.0;
    let mut during = logins_during(&runtime, &store, async || rate = purge(store.clone()).await);
    let (before, meanwhile) = (p99(&mut without), p99(&mut during));
    Finding::new(NAME)
        .with("rows_per_s", rate)
        .with("login_p99_ns", before)
        .with("login_p99_while_purging_ns", meanwhile)
        .with("ratio", meanwhile / before)
}

/// Purges like an application until nothing is left or the time is up; returns the removals per second.
async fn purge(store: PostgresStore) -> f64 {
    let removed = Arc::new(AtomicUsize::new(0));
    let purger = Purger::builder(Watched { store, removed: Arc::clone(&removed) });
    let task = tokio::spawn(expect_ok(purger.interval(Duration::from_millis(1)).build()).run());
    let start = Instant::now();
    while removed.load(Ordering::Relaxed) < EXPIRED && start.elapsed() < LONGEST {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = start.elapsed();
    task.abort();
    removed.load(Ordering::Relaxed) as f64 / took.as_secs_f64()
}

/// Returns the time of every login in nanoseconds while `other` runs.
fn logins_during(runtime: &Arc<Runtime>, store: &PostgresStore, other: impl AsyncFnOnce()) -> Vec<f64> {
    let (auth, ended) = (auth(store.clone()), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> =
        (0..TASKS).map(|task| log_in_until(runtime, auth.clone(), task, Arc::clone(&ended))).collect();
    runtime.block_on(other());
    ended.store(true, Ordering::Relaxed);
    tasks.into_iter().flat_map(|task| expect_ok(runtime.block_on(task))).collect()
}

fn log_in_until(
    runtime: &Arc<Runtime>,
    auth: Auth,
    task: usize,
    ended: Arc<AtomicBool>,
) -> JoinHandle<Vec<f64>> {
    runtime.spawn(async move {
        let mut times = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let start = Instant::now();
            let _ = expect_ok(auth.login(login(task * 10_000 + times.len() % 10_000)).await);
            times.push(start.elapsed().as_nanos() as f64);
        }
        times
    })
}

fn p99(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}

/// A store that counts purged sessions.
#[derive(Debug)]
struct Watched {
    store: PostgresStore,
    removed: Arc<AtomicUsize>,
}

#[async_trait]
impl SessionStore for Watched {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        self.store.insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.store.load(id).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        self.store.replace(record, expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.store.remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.store.list(subject).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.store.remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        let purged = self.store.purge_expired(now, limit).await?;
        self.removed.fetch_add(purged.removed, Ordering::Relaxed);
        Ok(purged)
    }
}
