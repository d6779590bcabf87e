//! The contract of stores, and the strategies on top of it, on a single node and on a Cluster.

use authcore_testkit::Fixture;
use authcore_tests::redis::fresh_prefix;

use super::{RedisStore, cluster_urls, fresh, node_url};

/// Returns a fixture of two stores on the same sessions, each with its own connection.
async fn two_nodes_of_an_application(urls: &str) -> Fixture {
    let prefix = fresh_prefix();
    let store = || async { RedisStore::builder(urls).prefix(&prefix).connect().await.unwrap() };
    Fixture::new(store().await).second_handle(store().await).expires_by_itself()
}

mod node {
    use super::*;

    async fn factory() -> Fixture {
        two_nodes_of_an_application(&node_url()).await
    }

    mod store {
        use super::*;

        authcore_testkit::store_contract!(
            factory,
            apart = || async { (fresh(&node_url()).await, fresh(&node_url()).await) },
        );
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}

mod cluster {
    use super::*;

    async fn factory() -> Fixture {
        two_nodes_of_an_application(&cluster_urls()).await
    }

    mod store {
        use super::*;

        authcore_testkit::store_contract!(
            factory,
            apart = || async { (fresh(&cluster_urls()).await, fresh(&cluster_urls()).await) },
        );
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}
