//! `RedisStore` on real servers: its contract, its errors and the keys that it writes.

#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod connect;
mod contract;
mod stored;

use std::sync::OnceLock;

use authcore_redis::RedisStore;
use authcore_tests::redis::{Cluster, Server, fresh_prefix};

/// Returns the URL of a single node for the tests that do not change it: the user's if one is given.
fn node_url() -> String {
    static NODE: OnceLock<Server> = OnceLock::new();
    std::env::var("AUTHCORE_TEST_REDIS_URL").unwrap_or_else(|_| NODE.get_or_init(|| Server::start(&[])).url())
}

/// Returns the URLs of a Cluster for the tests that do not change it.
fn cluster_urls() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(0)).urls()
}

/// Returns an empty store that no other test uses.
async fn fresh(urls: &str) -> RedisStore {
    RedisStore::builder(urls).prefix(&fresh_prefix()).connect().await.unwrap()
}
