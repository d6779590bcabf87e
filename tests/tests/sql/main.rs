//! `authcore-sql` on real databases: its contract, what it leaves in them and what it says of them.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod connect;
mod contract;
mod hosts;
mod migrate;
mod pooler;
mod purge;
mod round_trips;
mod stored;

use std::sync::OnceLock;

use authcore::store::{StoreError, StoreErrorKind};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{mysql, postgres};

/// A server for all tests that leave it as it is, or the user's.
fn postgres_url() -> String {
    static SERVER: OnceLock<postgres::Server> = OnceLock::new();
    std::env::var("AUTHCORE_TEST_POSTGRES_URL")
        .unwrap_or_else(|_| SERVER.get_or_init(|| postgres::Server::start(&[])).url())
}

/// A server for all tests that leave it as it is, or the user's.
fn mysql_url() -> String {
    static SERVER: OnceLock<mysql::Server> = OnceLock::new();
    std::env::var("AUTHCORE_TEST_MYSQL_URL")
        .unwrap_or_else(|_| SERVER.get_or_init(|| mysql::Server::start(&[])).url())
}

/// A store on this table, which is made if it is not there.
async fn postgres_store(table: &str) -> PostgresStore {
    let store = PostgresStore::builder(&postgres_url()).table(table).connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A store on this table, which is made if it is not there.
async fn mysql_store(table: &str) -> MySqlStore {
    let store = MySqlStore::builder(&mysql_url()).table(table).connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A store on this database, which is made if it is not there.
async fn sqlite_store(url: &str) -> SqliteStore {
    let store = SqliteStore::builder(url).connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A folder, and the URL of a database in it.
fn sqlite_file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    (folder, url)
}

/// That it failed by this kind of error, which says this.
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
