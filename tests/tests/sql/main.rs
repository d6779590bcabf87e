//! `authcore-sql` on real databases: its contract, what it stores in them, and its errors.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod connect;
mod contract;
mod hosts;
mod migrate;
mod pooler;
mod purge;
mod round_trips;
mod stored;

use std::sync::OnceLock;
use std::time::Duration;

use authcore::store::{StoreError, StoreErrorKind};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{mysql, postgres};

/// How long a call, or a wait for an event, may take: only what hangs takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The URL of a server for the tests that do not change it: one of the tests', or the user's.
fn postgres_url() -> String {
    static SERVER: OnceLock<postgres::Server> = OnceLock::new();
    std::env::var("AUTHCORE_TEST_POSTGRES_URL")
        .unwrap_or_else(|_| SERVER.get_or_init(|| postgres::Server::start(&[])).url())
}

/// The URL of a server for the tests that do not change it: one of the tests', or the user's.
fn mysql_url() -> String {
    static SERVER: OnceLock<mysql::Server> = OnceLock::new();
    std::env::var("AUTHCORE_TEST_MYSQL_URL")
        .unwrap_or_else(|_| SERVER.get_or_init(|| mysql::Server::start(&[])).url())
}

/// Returns a store on a table, which is created if it does not exist.
async fn postgres_store(table: &str) -> PostgresStore {
    PostgresStore::builder(&postgres_url())
        .table(table)
        .timeout(PATIENCE)
        .connect_and_migrate()
        .await
        .unwrap()
}

/// Returns a store on a table, which is created if it does not exist.
async fn mysql_store(table: &str) -> MySqlStore {
    MySqlStore::builder(&mysql_url()).table(table).timeout(PATIENCE).connect_and_migrate().await.unwrap()
}

/// Returns a store on a file, which is created if it does not exist.
async fn sqlite_store(url: &str) -> SqliteStore {
    SqliteStore::builder(url).timeout(PATIENCE).connect_and_migrate().await.unwrap()
}

/// Returns a folder and the URL of a database in it.
fn sqlite_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    (folder, url)
}

/// Asserts that a call failed with an error of this kind and text.
#[track_caller]
fn refuses<T: std::fmt::Debug>(outcome: Result<T, StoreError>, kind: StoreErrorKind, says: &str) {
    let error = match outcome {
        Err(error) => error,
        Ok(done) => panic!("{done:?} and not an error that says '{says}'"),
    };
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(says), "'{error}' does not say '{says}'");
    assert!(!format!("{error:?}").contains("secret"), "S10: {error:?}");
}
