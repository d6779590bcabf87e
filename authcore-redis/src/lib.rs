#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cluster;
mod command;
mod connect;
mod connection;
mod error;
mod keys;
mod script;
mod server_info;
mod single_node;
mod store;
mod url;

pub use builder::RedisStoreBuilder;
/// The driver, in the release that [`RedisStore::with_connection_manager`] and
/// [`RedisStore::with_cluster_connection`] take connections of.
pub use redis;
pub use store::RedisStore;
