//! The contract of stores and the strategies over it, on each database.

use authcore_testkit::Fixture;

use authcore_sql::SqliteStore;

use super::sqlite_store;

mod sqlite_file {
    use super::*;

    async fn factory() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
        Fixture::new(sqlite_store(&url).await).second_handle(sqlite_store(&url).await).guarded_by(folder)
    }

    /// In two tables of one file.
    async fn apart() -> (SqliteStore, SqliteStore) {
        let folder = tempfile::tempdir().unwrap().keep();
        let url = format!("sqlite:{}", folder.join("sessions.db").display());
        let builder = || SqliteStore::builder(&url);
        let one = builder().connect_unmigrated().await.unwrap();
        one.migrate().await.unwrap();
        let two = builder().table("others").connect_unmigrated().await.unwrap();
        two.migrate().await.unwrap();
        (one, two)
    }

    mod store {
        use super::*;

        authcore_testkit::store_contract!(factory, apart = apart);
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}

mod sqlite_memory {
    use super::*;

    async fn factory() -> Fixture {
        Fixture::new(sqlite_store("sqlite::memory:").await)
    }

    mod store {
        use super::*;

        authcore_testkit::store_contract!(
            factory,
            apart =
                || async { (sqlite_store("sqlite::memory:").await, sqlite_store("sqlite::memory:").await) },
        );
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}
