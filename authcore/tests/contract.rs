//! Runs the contract on the reference store and on the strategies over it.

mod store {
    use authcore::MemoryStore;

    authcore_testkit::store_contract!(
        || async { MemoryStore::new() },
        apart = || async { (MemoryStore::new(), MemoryStore::new()) },
    );
}

mod strategy {
    use authcore::MemoryStore;

    authcore_testkit::strategy_contract!(|| async { MemoryStore::new() });
}
