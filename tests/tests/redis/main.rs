//! `RedisStore` on real servers: its contract, its faults and what it leaves in them.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod connect;
mod contract;
mod stored;

use std::sync::OnceLock;

use authcore_redis::RedisStore;
use authcore_tests::redis::{Cluster, Server, fresh_prefix};

/// A single node for all tests that leave it as it is, or the user's.
fn node_url() -> String {
    static NODE: OnceLock<Server> = OnceLock::new();
    std::env::var("AUTHCORE_TEST_REDIS_URL").unwrap_or_else(|_| NODE.get_or_init(|| Server::start(&[])).url())
}

/// A Cluster for all tests that leave it as it is.
fn cluster_urls() -> String {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(0)).urls()
}

/// A store of its own, with nothing in it.
async fn fresh(urls: &str) -> RedisStore {
    RedisStore::builder(urls).prefix(&fresh_prefix()).connect().await.unwrap()
}
