//! The contract of stores and the strategies over it, on both set-ups.

use authcore_testkit::Fixture;
use authcore_tests::redis::fresh_prefix;

use super::{RedisStore, cluster_urls, fresh, node_url};

/// Two stores on the same sessions, with a connection each.
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
