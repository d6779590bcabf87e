//! Tables are made once, by whoever comes first, and nobody else's are touched.

use authcore::{Auth, Login, ServerSessions, SessionStore, StoreErrorKind};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{fresh_table, mysql, postgres};
use futures_util::future::join_all;
use sqlx::Connection as _;

use super::{mysql_store, postgres_store, refuses, sqlite_file, sqlite_store};

/// That somebody can log in, and is then known.
async fn works(store: impl SessionStore) {
    let auth = Auth::sessions(ServerSessions::builder(store).build().unwrap());
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    assert_eq!(auth.authenticate(issued.credential()).await.unwrap().subject(), "user-42");
}

#[tokio::test]
async fn a_missing_migration_is_said_by_its_name() {
    let subject = "user-42".parse().unwrap();
    let server = postgres::Server::start(&[]);
    refuses(PostgresStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "run `migrate`");
    let store = PostgresStore::builder(&server.url()).connect_unmigrated().await.unwrap();
    refuses(store.list(&subject).await, StoreErrorKind::Misconfigured, "run `migrate`");
    store.migrate().await.unwrap();
    works(store).await;
    works(PostgresStore::connect(&server.url()).await.unwrap()).await;

    let server = mysql::Server::start(&[]);
    refuses(MySqlStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "run `migrate`");
    let store = MySqlStore::builder(&server.url()).connect_unmigrated().await.unwrap();
    refuses(store.list(&subject).await, StoreErrorKind::Misconfigured, "run `migrate`");
    store.migrate().await.unwrap();
    works(store).await;
    works(MySqlStore::connect(&server.url()).await.unwrap()).await;

    let (_folder, url) = sqlite_file();
    let store = SqliteStore::builder(&url).connect_unmigrated().await.unwrap();
    refuses(SqliteStore::connect(&url).await, StoreErrorKind::Misconfigured, "run `migrate`");
    refuses(store.list(&subject).await, StoreErrorKind::Misconfigured, "run `migrate`");
    store.migrate().await.unwrap();
    works(store).await;
    works(SqliteStore::connect(&url).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_migrate_at_once_and_again() {
    for _ in 0..3 {
        let table = fresh_table();
        for store in join_all((0..8).map(|_| postgres_store(&table))).await {
            store.migrate().await.unwrap();
            works(store).await;
        }
        for store in join_all((0..8).map(|_| mysql_store(&table))).await {
            store.migrate().await.unwrap();
            works(store).await;
        }
        let (_folder, url) = sqlite_file();
        for store in join_all((0..8).map(|_| sqlite_store(&url))).await {
            store.migrate().await.unwrap();
            works(store).await;
        }
    }
}

/// What the host keeps account of by sqlx's own migrations stays as it is, and so does ours.
#[tokio::test]
async fn the_hosts_own_migrations_are_left_alone() {
    let server = postgres::Server::start(&[]);
    server.execute("CREATE TABLE _sqlx_migrations (version BIGINT); INSERT INTO _sqlx_migrations VALUES (7)");
    let store = PostgresStore::builder(&server.url()).connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    let count = "SELECT count(*), max(version) FROM _sqlx_migrations";
    assert_eq!(server.ask(count), [[Some("1".to_owned()), Some("7".to_owned())]]);
    let ours = "SELECT number FROM authcore_sessions__migrations";
    assert_eq!(server.ask(ours), [[Some("1".to_owned())], [Some("2".to_owned())]]);
}

#[tokio::test]
async fn s12_schemas_keep_stores_apart() {
    let server = postgres::Server::start(&[]);
    let store = async |schema: &str| {
        let builder = PostgresStore::builder(&server.url()).schema(schema);
        let store = builder.connect_unmigrated().await.unwrap();
        store.migrate().await.unwrap();
        store
    };
    let (one, two) = (store("one").await, store("two").await);
    // That it is there already is no reason to need the right to make it.
    server.execute(
        "REVOKE CREATE ON DATABASE authcore FROM authcore, PUBLIC; ALTER DATABASE authcore OWNER TO postgres",
    );
    let again = PostgresStore::builder(&server.url()).schema("one").table("more").connect_unmigrated().await;
    again.unwrap().migrate().await.unwrap();
    works(one.clone()).await;
    let subject = "user-42".parse().unwrap();
    assert_eq!(one.list(&subject).await.unwrap().len(), 1);
    assert!(two.list(&subject).await.unwrap().is_empty());
    let count = "SELECT count(*) FROM one.authcore_sessions";
    assert_eq!(server.ask(count), [[Some("1".to_owned())]]);

    let server = mysql::Server::start(&[]);
    let url = server.url_of("root", "secret", "authcore");
    let store = MySqlStore::builder(&url).schema("elsewhere").connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    works(store).await;
    let count = "SELECT count(*) FROM elsewhere.authcore_sessions";
    assert_eq!(server.ask(count), [[Some("1".to_owned())]]);
    refuses(MySqlStore::connect(&url).await, StoreErrorKind::Misconfigured, "run `migrate`");
}

#[tokio::test]
async fn who_may_not_make_tables_is_told_so() {
    let server = postgres::Server::start(&[]);
    server.execute("CREATE ROLE clerk LOGIN PASSWORD 'secret'");
    let url = server.url_of("clerk", "secret", "authcore");
    let store = PostgresStore::builder(&url).connect_unmigrated().await.unwrap();
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "does not let this user");
    // Nor may that user read the tables of another.
    PostgresStore::builder(&server.url()).connect_unmigrated().await.unwrap().migrate().await.unwrap();
    refuses(PostgresStore::connect(&url).await, StoreErrorKind::Misconfigured, "does not let this user");
    server.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON authcore_sessions TO clerk;
         GRANT SELECT ON authcore_sessions__migrations TO clerk",
    );
    works(PostgresStore::connect(&url).await.unwrap()).await;

    let server = mysql::Server::start(&[]);
    server.execute("CREATE USER clerk@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON authcore.* TO clerk@'%'");
    let url = server.url_of("clerk", "secret", "authcore");
    let store = MySqlStore::builder(&url).connect_unmigrated().await.unwrap();
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "does not let this user");
    MySqlStore::builder(&server.url()).connect_unmigrated().await.unwrap().migrate().await.unwrap();
    refuses(MySqlStore::connect(&url).await, StoreErrorKind::Misconfigured, "does not let this user");
    server.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON authcore.authcore_sessions TO clerk@'%'");
    works(MySqlStore::connect(&url).await.unwrap()).await;
}

#[tokio::test]
async fn a_newer_release_and_the_tables_of_others_are_refused() {
    let newer = "INSERT INTO authcore_sessions__migrations VALUES (99, 0)";
    let other = "CREATE TABLE authcore_sessions (id INTEGER, data TEXT)";
    let server = postgres::Server::start(&[]);
    let connect = async || PostgresStore::builder(&server.url()).connect_unmigrated().await;
    let store = connect().await.unwrap();
    server.execute(other);
    refuses(connect().await, StoreErrorKind::Misconfigured, "not authcore's");
    refuses(PostgresStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "not authcore's");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "not authcore's");
    server.execute("DROP TABLE authcore_sessions");
    store.migrate().await.unwrap();
    server.execute("ALTER TABLE authcore_sessions DROP COLUMN claims CASCADE");
    refuses(connect().await, StoreErrorKind::Misconfigured, "not as `migrate` makes it");
    server.execute("ALTER TABLE authcore_sessions ADD COLUMN claims INTEGER, ADD COLUMN record TEXT");
    server.execute(newer);
    refuses(connect().await, StoreErrorKind::Misconfigured, "newer release");
    refuses(PostgresStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "newer release");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "newer release");

    let server = mysql::Server::start(&[]);
    let connect = async || MySqlStore::builder(&server.url()).connect_unmigrated().await;
    let store = connect().await.unwrap();
    server.execute(&format!("USE authcore; {other}"));
    refuses(connect().await, StoreErrorKind::Misconfigured, "not authcore's");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "not authcore's");
    server.execute("USE authcore; DROP TABLE authcore_sessions");
    store.migrate().await.unwrap();
    server.execute("USE authcore; ALTER TABLE authcore_sessions DROP COLUMN record, DROP COLUMN claims");
    refuses(connect().await, StoreErrorKind::Misconfigured, "not as `migrate` makes it");
    server.execute(&format!("USE authcore; {newer}"));
    refuses(connect().await, StoreErrorKind::Misconfigured, "newer release");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "newer release");

    let (_folder, url) = sqlite_file();
    // By a connection of its own each time: one that knows the tables from before may not see that they are others.
    let run = async |sql: &'static str| {
        let mut host = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
        sqlx::query(sql).execute(&mut host).await.unwrap();
        host.close().await.unwrap();
    };
    let connect = async || SqliteStore::builder(&url).connect_unmigrated().await;
    let store = connect().await.unwrap();
    run(other).await;
    refuses(connect().await, StoreErrorKind::Misconfigured, "not authcore's");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "not authcore's");
    run("DROP TABLE authcore_sessions").await;
    store.migrate().await.unwrap();
    run("ALTER TABLE authcore_sessions DROP COLUMN record").await;
    run("ALTER TABLE authcore_sessions DROP COLUMN claims").await;
    refuses(connect().await, StoreErrorKind::Misconfigured, "not as `migrate` makes it");
    run(newer).await;
    refuses(connect().await, StoreErrorKind::Misconfigured, "newer release");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "newer release");
}

/// The files of the migrations of a database, in order.
macro_rules! files {
    ($database:literal) => {
        [
            include_str!(concat!("../../../authcore-sql/migrations/", $database, "/0001_sessions.sql")),
            include_str!(concat!("../../../authcore-sql/migrations/", $database, "/0002_realms.sql")),
        ]
    };
}

/// Who runs the files by other means needs no `migrate`.
#[tokio::test]
async fn the_files_can_be_run_by_hand() {
    let server = postgres::Server::start(&[]);
    server.execute(&format!("SET ROLE authcore; {}", files!("postgres").concat()));
    works(PostgresStore::connect(&server.url()).await.unwrap()).await;

    let server = mysql::Server::start(&[]);
    server.execute(&format!("USE authcore; {}", files!("mysql").concat()));
    works(MySqlStore::connect(&server.url()).await.unwrap()).await;

    let (_folder, url) = sqlite_file();
    let host = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    for file in files!("sqlite") {
        sqlx::raw_sql(file).execute(&host).await.unwrap();
    }
    works(SqliteStore::connect(&url).await.unwrap()).await;
}

/// MySQL commits after each statement of a migration: wherever the process that runs it ends, the next one goes on.
#[tokio::test]
async fn a_migration_that_was_cut_short_is_ended_by_the_next() {
    let all = files!("mysql").concat();
    let statements: Vec<_> = all.split_inclusive(';').filter(|part| !part.trim().is_empty()).collect();
    assert_eq!(statements.len(), 3 + 5);
    for done in 0..=statements.len() {
        let server = mysql::Server::start(&[]);
        server.execute(&format!("USE authcore; {}", statements[..done].concat()));
        let store = MySqlStore::builder(&server.url()).connect_unmigrated().await.unwrap();
        store.migrate().await.unwrap();
        works(store).await;
    }
}
