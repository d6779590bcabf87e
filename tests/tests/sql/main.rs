//! `authcore-sql` on real databases: its contract, what it leaves in them and what it says of them.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod contract;

use authcore_sql::SqliteStore;

/// A store on this database, which is made if it is not there.
async fn sqlite_store(url: &str) -> SqliteStore {
    let store = SqliteStore::builder(url).connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    store
}
