//! The reference store and the strategies over it, against the contract.

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
