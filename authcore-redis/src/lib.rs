#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]

mod builder;
mod connection;
mod error;
mod keys;
mod node;
mod script;
mod server;
mod store;
mod url;

pub use builder::RedisStoreBuilder;
pub use store::RedisStore;
