#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql", feature = "sqlite")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "not every database uses all of the code that they share"
    )
)]

mod builder;
mod columns;
mod connection_handoff;
mod connections;
mod dialect;
mod driver;
mod error;
mod jitter;
mod migrate;
mod names;
mod operations;
mod purge;
mod record_rows;
mod schema;
mod sql;
mod store;
mod stores;
mod url;

pub use purge::{Purger, PurgerBuilder};
/// The sqlx release whose pools the stores accept.
///
/// Only the features that this crate needs are enabled. An application that uses sqlx itself depends on the
/// same release, and enables its own features there.
pub use sqlx;
#[cfg(feature = "mysql")]
pub use stores::mysql::{MySqlStore, MySqlStoreBuilder};
#[cfg(feature = "postgres")]
pub use stores::postgres::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use stores::sqlite::{SqliteStore, SqliteStoreBuilder};
