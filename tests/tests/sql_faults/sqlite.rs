//! Faults of SQLite: a file that another process locks, and a full disk.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use authcore::store::SessionStore as _;
use authcore_sql::SqliteStore;
use authcore_tests::load::Load;

use super::{PATIENCE, TIMEOUT, alone, eventually, is_unavailable, login, no_call_hung, sessions, sleep_ms};

/// Returns a store whose calls are to succeed, and its file.
async fn patient_store() -> (tempfile::TempDir, String, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db").display().to_string();
    let builder = SqliteStore::builder(&format!("sqlite:{file}")).timeout(PATIENCE);
    let store = builder.connect_and_migrate().await.unwrap();
    (folder, file, store)
}

/// Another process that keeps a file locked until it is released.
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
    let (_folder, file, patient) = patient_store().await;
    let patient = sessions(patient);
    let issued = patient.login(login("ada")).await.unwrap();
    let builder = || SqliteStore::builder(&format!("sqlite:{file}")).timeout(TIMEOUT);
    let store = eventually("a connection", || builder().connect()).await;
    let auth = sessions(store.clone());
    let verified =
        async || eventually("a verification", || auth.authenticate(issued.credential().expose())).await;
    let load = Load::start(store);
    load.wait_for_answers(10).await;
    let other = Holder::of(&file);
    // Reading works. Writing waits until the timeout.
    verified().await;
    is_unavailable(auth.login(login("bob")), "").await;
    is_unavailable(auth.logout(issued.credential().expose()), "").await;
    verified().await;
    load.wait_for_failures(1).await;
    other.let_go();
    load.wait_for_answers(10).await;
    let account =
        load.finish("SQLite locked by another process until each task was refused", |_| false).await;
    no_call_hung(&account);
    assert!(account.unavailable > 0, "no call failed");
    assert_eq!(patient.logout(issued.credential().expose()).await.unwrap().sessions.len(), 1);
}

/// A call waits for a short lock of another process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_short_locks_of_others_are_waited_for() {
    let _alone = alone().await;
    let (_folder, file, store) = patient_store().await;
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
    let (_folder, file, first) = patient_store().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let small =
        sqlx::SqlitePool::connect_with(options.clone().pragma("max_page_count", "150")).await.unwrap();
    let store = SqliteStore::with_pool(small.clone()).timeout(PATIENCE).connect().await.unwrap();
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
    load.wait_for_failures(1).await;
    // Verifications and logouts work.
    auth.authenticate(before.credential().expose()).await.unwrap();
    assert_eq!(auth.logout(before.credential().expose()).await.unwrap().sessions.len(), 1);
    // There is free space again.
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
    let account = load.finish("SQLite's disk full", |_| false).await;
    assert!(account.unavailable > 0, "no call failed");
    let _ = sessions(first).login(login("after")).await.unwrap();
}
