//! Faults of SQLite: others that lock it, and a disk that is full.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{PATIENCE, TIMEOUT, alone, is_unavailable, login, no_call_hung, sessions, sleep_ms};
use authcore::store::SessionStore as _;
use authcore_sql::{SqliteStore, SqliteStoreBuilder};
use authcore_tests::load::Load;

/// A store whose calls may take this long.
async fn store(timeout: Duration) -> (tempfile::TempDir, String, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db").display().to_string();
    let builder = SqliteStore::builder(&format!("sqlite:{file}")).timeout(timeout);
    let store = builder.connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    (folder, file, store)
}

/// Another process that keeps a file locked until it is told to go.
struct Holder(Child);

impl Holder {
    fn of(file: &str) -> Self {
        let mut other = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(["hold", file])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(other.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self(other)
    }

    fn let_go(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_another_process_locks_the_file() {
    let _alone = alone().await;
    let (_folder, file, store) = store(TIMEOUT).await;
    let auth = sessions(store.clone());
    let issued = auth.login(login("ada")).await.unwrap();
    let load = Load::start(store);
    load.is_answered(10).await;
    let other = Holder::of(&file);
    // Who is logged in stays so; what must write waits, and not for long.
    auth.authenticate(issued.credential().expose()).await.unwrap();
    is_unavailable(auth.login(login("bob")), "").await;
    is_unavailable(auth.logout(issued.credential().expose()), "").await;
    auth.authenticate(issued.credential().expose()).await.unwrap();
    load.is_refused(1).await;
    other.let_go();
    load.is_answered(10).await;
    let account =
        load.settle("SQLite locked by another process until each task was refused", |_| false).await;
    no_call_hung(&account);
    assert!(account.unavailable > 0, "nobody noticed");
    assert_eq!(auth.logout(issued.credential().expose()).await.unwrap().sessions.len(), 1);
}

/// Short locks are waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_short_locks_of_others_are_waited_for() {
    let _alone = alone().await;
    let (_folder, file, store) = store(PATIENCE).await;
    let auth = sessions(store);
    for round in 0..5 {
        let other = Holder::of(&file);
        let waits = {
            let auth = auth.clone();
            tokio::spawn(async move { auth.login(login(&format!("user-{round}"))).await })
        };
        sleep_ms(200).await;
        assert!(!waits.is_finished(), "the lock was not noticed");
        other.let_go();
        let issued = waits.await.unwrap().unwrap();
        auth.authenticate(issued.credential().expose()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_the_disk_is_full() {
    let _alone = alone().await;
    let (_folder, file, first) = store(PATIENCE).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let small =
        sqlx::SqlitePool::connect_with(options.clone().pragma("max_page_count", "150")).await.unwrap();
    let store = SqliteStoreBuilder::from(small.clone()).timeout(PATIENCE).connect().await.unwrap();
    let auth = sessions(store.clone());
    let before = auth.login(login("before")).await.unwrap();
    let load = Load::start(store.clone());
    let start = Instant::now();
    let refused = loop {
        match auth.login(login("many")).await {
            Ok(_) => assert!(start.elapsed().as_secs() < 120, "it was never full"),
            Err(error) => break error,
        }
    };
    is_unavailable(async { Err::<(), _>(refused) }, "disk is full").await;
    load.is_refused(1).await;
    // Who is logged in stays so and may leave.
    auth.authenticate(before.credential().expose()).await.unwrap();
    assert_eq!(auth.logout(before.credential().expose()).await.unwrap().sessions.len(), 1);
    // There is room again.
    let later = authcore::clock::Clock::now(&authcore::clock::SystemClock);
    assert_eq!(store.purge_expired(later, 1000).await.unwrap().removed, 0);
    small.set_connect_options(options);
    let mut held = Vec::new();
    for _ in 0..small.options().get_max_connections() {
        let mut connection = small.acquire().await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1000000").execute(&mut *connection).await.unwrap();
        held.push(connection);
    }
    drop(held);
    let account = load.settle("SQLite's disk full", |_| false).await;
    assert!(account.unavailable > 0, "nobody noticed");
    sessions(first).login(login("after")).await.unwrap();
}
