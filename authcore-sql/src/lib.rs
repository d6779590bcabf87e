#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql", feature = "sqlite")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "what is written once is not all used by each database"
    )
)]

mod builder;
mod call;
mod dialect;
mod driver;
mod error;
mod migrate;
mod names;
mod purge;
mod relay;
mod row;
mod store;
mod stores;
mod url;

pub use purge::{Purger, PurgerBuilder};
#[cfg(feature = "mysql")]
pub use stores::{MySqlStore, MySqlStoreBuilder};
#[cfg(feature = "postgres")]
pub use stores::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use stores::{SqliteStore, SqliteStoreBuilder};
