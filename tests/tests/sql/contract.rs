//! The contract of stores and the strategies over it, on each database.

use authcore_sql::SqliteStore;
use authcore_testkit::Fixture;
use authcore_tests::fresh_table;

use super::{mysql_store, postgres_store, sqlite_store};

mod postgres {
    use super::*;

    /// Two stores on the same sessions, with a pool each, as two nodes of an application have them.
    async fn factory() -> Fixture {
        let table = fresh_table();
        Fixture::new(postgres_store(&table).await).second_handle(postgres_store(&table).await)
    }

    mod store {
        use super::*;

        authcore_testkit::store_contract!(
            factory,
            apart = || async { (postgres_store(&fresh_table()).await, postgres_store(&fresh_table()).await) },
        );
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}

mod mysql {
    use super::*;

    async fn factory() -> Fixture {
        let table = fresh_table();
        Fixture::new(mysql_store(&table).await).second_handle(mysql_store(&table).await)
    }

    mod store {
        use super::*;

        authcore_testkit::store_contract!(
            factory,
            apart = || async { (mysql_store(&fresh_table()).await, mysql_store(&fresh_table()).await) },
        );
    }

    mod strategy {
        use super::factory;

        authcore_testkit::strategy_contract!(factory);
    }
}

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
        let one = builder().connect_and_migrate().await.unwrap();
        let two = builder().table("others").connect_and_migrate().await.unwrap();
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
