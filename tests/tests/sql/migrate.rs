//! Migrations create the tables once, and change no other tables.

use std::time::{Duration, Instant};

use authcore::store::{
    InsertOutcome, RecordParts, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreErrorKind,
    StoredCredential,
};
use authcore::{
    Auth, Device, Login, Realm, ServerSessions, SessionId, SessionKind, SessionPolicy, Subject, Timestamp,
};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{fresh_table, mysql, postgres};
use futures_util::future::join_all;
use sqlx::Connection as _;

use super::{PATIENCE, mysql_store, postgres_store, refuses, sqlite_file, sqlite_store};

/// Asserts that a login and a verification succeed.
async fn works(store: impl SessionStore) {
    let auth = Auth::with_sessions(ServerSessions::builder(store).build().unwrap());
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    assert_eq!(auth.authenticate(issued.credential().expose()).await.unwrap().subject(), "user-42");
}

#[tokio::test]
async fn a_missing_migration_is_reported() {
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

/// The host's history of sqlx migrations and the store's own do not affect each other.
#[tokio::test]
async fn the_hosts_migrations_are_not_changed() {
    let server = postgres::Server::start(&[]);
    server.execute("CREATE TABLE _sqlx_migrations (version BIGINT); INSERT INTO _sqlx_migrations VALUES (7)");
    drop(PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap());
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
        builder.connect_and_migrate().await.unwrap()
    };
    let (one, two) = (store("one").await, store("two").await);
    // A schema that exists needs no privilege to create schemas.
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
    let store = MySqlStore::builder(&url).schema("elsewhere").connect_and_migrate().await.unwrap();
    works(store).await;
    let count = "SELECT count(*) FROM elsewhere.authcore_sessions";
    assert_eq!(server.ask(count), [[Some("1".to_owned())]]);
    refuses(MySqlStore::connect(&url).await, StoreErrorKind::Misconfigured, "run `migrate`");
}

#[tokio::test]
async fn a_missing_privilege_is_reported() {
    let server = postgres::Server::start(&[]);
    server.execute("CREATE ROLE clerk LOGIN PASSWORD 'secret'");
    let url = server.url_of("clerk", "secret", "authcore");
    let store = PostgresStore::builder(&url).connect_unmigrated().await.unwrap();
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "lacks a privilege");
    // That user may not read another user's tables either.
    PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    refuses(PostgresStore::connect(&url).await, StoreErrorKind::Misconfigured, "lacks a privilege");
    server.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON authcore_sessions TO clerk;
         GRANT SELECT ON authcore_sessions__migrations TO clerk",
    );
    works(PostgresStore::connect(&url).await.unwrap()).await;

    let server = mysql::Server::start(&[]);
    server.execute("CREATE USER clerk@'%' IDENTIFIED BY 'secret'; GRANT SELECT ON authcore.* TO clerk@'%'");
    let url = server.url_of("clerk", "secret", "authcore");
    let store = MySqlStore::builder(&url).connect_unmigrated().await.unwrap();
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "lacks a privilege");
    MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    refuses(MySqlStore::connect(&url).await, StoreErrorKind::Misconfigured, "lacks a privilege");
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
    refuses(connect().await, StoreErrorKind::Misconfigured, "not those that `migrate` creates");
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
    refuses(connect().await, StoreErrorKind::Misconfigured, "not those that `migrate` creates");
    server.execute(&format!("USE authcore; {newer}"));
    refuses(connect().await, StoreErrorKind::Misconfigured, "newer release");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "newer release");

    let (_folder, url) = sqlite_file();
    // Over a new connection each time: an older one may have cached the tables.
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
    refuses(connect().await, StoreErrorKind::Misconfigured, "not those that `migrate` creates");
    run(newer).await;
    refuses(connect().await, StoreErrorKind::Misconfigured, "newer release");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "newer release");
}

/// The migration files of a database, in order.
macro_rules! files {
    ($database:literal) => {
        [
            include_str!(concat!("../../../authcore-sql/migrations/", $database, "/0001_sessions.sql")),
            include_str!(concat!("../../../authcore-sql/migrations/", $database, "/0002_realms.sql")),
        ]
    };
}

/// Running the files by other means replaces `migrate`.
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

/// MySQL commits after each statement of a migration. Wherever a process stops, the next one continues.
#[tokio::test]
async fn an_interrupted_migration_is_completed_by_the_next() {
    let all = files!("mysql").concat();
    let statements: Vec<_> = all.split_inclusive(';').filter(|part| !part.trim().is_empty()).collect();
    assert_eq!(statements.len(), 3 + 5);
    for done in 0..=statements.len() {
        let server = mysql::Server::start(&[]);
        server.execute(&format!("USE authcore; {}", statements[..done].concat()));
        let store = MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
        works(store).await;
    }
}

/// The statements of the release without realms, on SQLite and MySQL. PostgreSQL's have numbers in place of
/// the question marks.
const OLD_INSERT: &str = "INSERT INTO authcore_sessions (id, version, epoch, subject, kind, secret_digest, \
    mac_key, generation, rotated_at, created_at, authenticated_at, last_seen_at, idle_expires_at, \
    expires_at, device_label, device_user_agent, device_ip, claims, purge_at) VALUES (?, 1, 0, ?, \
    'session', ?, NULL, NULL, NULL, 10, 11, 12, 13, 14, 'phone', NULL, NULL, '{}', 13)";
const OLD_REPLACE: &str = "UPDATE authcore_sessions SET version = 2, epoch = 1, secret_digest = ?, \
    mac_key = NULL, generation = NULL, rotated_at = NULL, authenticated_at = 11, last_seen_at = 15, \
    idle_expires_at = 16, device_label = 'phone', device_user_agent = NULL, device_ip = NULL, \
    claims = '{}', purge_at = 13 WHERE id = ? AND version = 1";
const OLD_LOAD: &str = "SELECT record FROM authcore_sessions WHERE id = ?";
const OLD_LIST: &str = "SELECT record, id FROM authcore_sessions WHERE subject = ?";
const OLD_REMOVE: &str = "DELETE FROM authcore_sessions WHERE id = ?";
const OLD_REMOVE_ALL: &str = "DELETE FROM authcore_sessions WHERE subject = ? AND id <> ?";

fn numbered(statement: &str) -> String {
    let mut parts = statement.split('?');
    let first = parts.next().unwrap().to_owned();
    parts.enumerate().fold(first, |sql, (index, part)| format!("{sql}${}{part}", index + 1))
}

/// Returns a session of a subject as this release writes it.
fn record(subject: &Subject, kind: SessionKind) -> SessionRecord {
    let at = Timestamp::from_millis;
    let mut parts = RecordParts {
        id: SessionId::generate(subject).unwrap(),
        version: RecordVersion::FIRST,
        epoch: 0,
        subject: subject.clone(),
        credential: StoredCredential::Session { secret_digest: [7; 32].into() },
        created_at: at(10),
        authenticated_at: at(11),
        last_seen_at: at(12),
        idle_expires_at: at(13),
        expires_at: at(14),
        device: Device::unknown().with_label("phone"),
        details: authcore::store::SessionDetails::default(),
        claims: "{}".into(),
    };
    parts.details.kind = kind;
    SessionRecord::from_parts(&parts).unwrap()
}

/// Runs the first migration, then both releases on one table: the old one by its statements, over a
/// connection that used the table before the second migration, as a process does that was not restarted
/// yet.
macro_rules! both_releases_share_a_table {
    ($test:ident, $host:expr, $sql:expr, $files:expr, $store:expr, $bytes:ty) => {
        #[tokio::test]
        async fn $test() {
            let (_guard, mut host, url) = $host.await;
            let sql = |statement: &str| sqlx::AssertSqlSafe($sql(statement));
            sqlx::raw_sql($files[0]).execute(&mut host).await.unwrap();
            let (ada, digest) = (Subject::new("ada").unwrap(), [7_u8; 32].to_vec());
            let old_insert = async |host: &mut _, owner: &Subject| {
                let id = SessionId::generate(owner).unwrap();
                sqlx::query(sql(OLD_INSERT))
                    .bind(id.as_bytes().to_vec())
                    .bind(owner.as_str())
                    .bind(digest.clone())
                    .execute(host)
                    .await
                    .unwrap();
                id
            };
            let old_list = async |host: &mut _, owner: &str| -> usize {
                sqlx::query(sql(OLD_LIST)).bind(owner.to_owned()).fetch_all(host).await.unwrap().len()
            };
            let old_load = async |host: &mut _, id: SessionId| -> String {
                let row =
                    sqlx::query(sql(OLD_LOAD)).bind(id.as_bytes().to_vec()).fetch_one(host).await.unwrap();
                String::from_utf8(sqlx::Row::get_unchecked::<$bytes, _>(&row, 0).into()).unwrap()
            };
            // Before the migration, so that the connection has prepared all statements.
            let first = old_insert(&mut host, &ada).await;
            assert_eq!(old_list(&mut host, "ada").await, 1);
            let as_written = old_load(&mut host, first).await;

            let store = $store(&url).await;
            store.migrate().await.unwrap();
            let second = old_insert(&mut host, &ada).await;
            let mut listed: Vec<_> = store.list(&ada).await.unwrap().iter().map(SessionRecord::id).collect();
            listed.sort_unstable();
            let mut both = vec![first, second];
            both.sort_unstable();
            assert_eq!(listed, both);
            let loaded = store.load(second).await.unwrap().unwrap();
            assert_eq!(loaded.as_bytes()[0], 1, "what the old release wrote needs no new format");
            assert_eq!(old_load(&mut host, first).await, as_written);

            // The old release reads what this one writes for the unnamed realm as its own.
            let plain = record(&ada, SessionKind::DEFAULT);
            assert_eq!(store.insert(&plain).await.unwrap(), InsertOutcome::Inserted);
            assert_eq!(old_load(&mut host, plain.id()).await.len(), as_written.len());
            assert_eq!(old_list(&mut host, "ada").await, 3);
            // It does not find the rows of a named realm by subject. It can load them by id, but not read
            // them as a session.
            let named = ada.in_realm(&Realm::new("t1").unwrap());
            let hidden = record(&named, SessionKind::DEFAULT);
            assert_eq!(store.insert(&hidden).await.unwrap(), InsertOutcome::Inserted);
            assert_eq!(old_list(&mut host, "ada").await, 3);
            assert!(old_load(&mut host, hidden.id()).await.contains(" realm_session "));

            // It preserves the details of a session that it slides or renews, though it does not know them.
            let kiosk = record(&ada, SessionKind::KIOSK);
            assert_eq!(store.insert(&kiosk).await.unwrap(), InsertOutcome::Inserted);
            for id in [kiosk.id(), first] {
                let replaced = sqlx::query(sql(OLD_REPLACE))
                    .bind(digest.clone())
                    .bind(id.as_bytes().to_vec())
                    .execute(&mut host)
                    .await
                    .unwrap();
                assert_eq!(replaced.rows_affected(), 1);
            }
            let slid = store.load(kiosk.id()).await.unwrap().unwrap();
            assert_eq!((slid.version().number(), slid.epoch()), (2, 1));
            assert_eq!(slid.details().kind, SessionKind::KIOSK);
            // This release continues from what the old one wrote.
            let mut parts = store.load(first).await.unwrap().unwrap().to_parts();
            parts.version = parts.version.next();
            let next = SessionRecord::from_parts(&parts).unwrap();
            assert_eq!(
                store.replace(&next, RecordVersion::from_number(2)).await.unwrap(),
                ReplaceOutcome::Replaced
            );

            let removed = sqlx::query(sql(OLD_REMOVE))
                .bind(second.as_bytes().to_vec())
                .execute(&mut host)
                .await
                .unwrap();
            assert_eq!(removed.rows_affected(), 1);
            let removed = sqlx::query(sql(OLD_REMOVE_ALL))
                .bind("ada")
                .bind(first.as_bytes().to_vec())
                .execute(&mut host)
                .await
                .unwrap();
            assert_eq!(removed.rows_affected(), 2, "all of the unnamed realm but one");
            let ids = async |owner: &Subject| -> Vec<SessionId> {
                store.list(owner).await.unwrap().iter().map(SessionRecord::id).collect()
            };
            assert_eq!(ids(&ada).await, [first]);
            assert_eq!(ids(&named).await, [hidden.id()]);
        }
    };
}

async fn old_sqlite() -> (tempfile::TempDir, sqlx::SqliteConnection, String) {
    let (folder, url) = sqlite_file();
    let host = sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
    (folder, host, url)
}

async fn old_postgres() -> (postgres::Server, sqlx::PgConnection, String) {
    let server = postgres::Server::start(&[]);
    let (url, host) = (server.url(), sqlx::PgConnection::connect(&server.url()).await.unwrap());
    (server, host, url)
}

async fn old_mysql() -> (mysql::Server, sqlx::MySqlConnection, String) {
    let server = mysql::Server::start(&[]);
    let (url, host) = (server.url(), sqlx::MySqlConnection::connect(&server.url()).await.unwrap());
    (server, host, url)
}

async fn unmigrated_sqlite(url: &str) -> SqliteStore {
    SqliteStore::builder(url).connect_unmigrated().await.unwrap()
}

async fn unmigrated_postgres(url: &str) -> PostgresStore {
    PostgresStore::builder(url).connect_unmigrated().await.unwrap()
}

async fn unmigrated_mysql(url: &str) -> MySqlStore {
    MySqlStore::builder(url).connect_unmigrated().await.unwrap()
}

both_releases_share_a_table!(
    s9_a12_sqlite_serves_both_releases,
    old_sqlite(),
    str::to_owned,
    files!("sqlite"),
    unmigrated_sqlite,
    String
);
both_releases_share_a_table!(
    s9_a12_postgres_serves_both_releases,
    old_postgres(),
    numbered,
    files!("postgres"),
    unmigrated_postgres,
    String
);
both_releases_share_a_table!(
    s9_a12_mysql_serves_both_releases,
    old_mysql(),
    str::to_owned,
    files!("mysql"),
    unmigrated_mysql,
    Vec<u8>
);

/// The error names the older release, and `migrate` brings its table to this one.
#[tokio::test]
async fn a_table_of_an_older_release_is_reported() {
    let (_guard, mut host, url) = old_sqlite().await;
    sqlx::raw_sql(files!("sqlite")[0]).execute(&mut host).await.unwrap();
    refuses(SqliteStore::connect(&url).await, StoreErrorKind::Misconfigured, "older release");
    unmigrated_sqlite(&url).await.migrate().await.unwrap();
    let policy = SessionPolicy::kiosk();
    let sessions = ServerSessions::builder(SqliteStore::connect(&url).await.unwrap());
    let auth = Auth::with_sessions(sessions.kind(SessionKind::KIOSK, policy).build().unwrap());
    let auth = auth.in_realm(&Realm::new("t1").unwrap());
    let issued = auth.login(Login::new("ada").unwrap().kind(SessionKind::KIOSK)).await.unwrap();
    assert_eq!(auth.authenticate(issued.credential().expose()).await.unwrap().kind(), SessionKind::KIOSK);
}

/// A transaction that holds the table, such as a backup's, delays the migration only: other calls get the
/// table between its attempts.
#[tokio::test(flavor = "multi_thread")]
async fn s13_a_migration_that_waits_for_the_table_delays_no_reader() {
    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).connect_unmigrated().await.unwrap();
    let first = include_str!("../../../authcore-sql/migrations/postgres/0001_sessions.sql");
    let mut backup = sqlx::PgConnection::connect(&server.url()).await.unwrap();
    sqlx::raw_sql(first).execute(&mut backup).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM authcore_sessions").execute(&mut backup).await.unwrap();
    let migration = tokio::spawn(async move { store.migrate().await.map(|()| store) });

    // Reads are answered while the migration waits.
    let mut reader = sqlx::PgConnection::connect(&server.url()).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'";
    let start = Instant::now();
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut reader).await.unwrap() == 0 {
        assert!(start.elapsed() < PATIENCE, "the migration never waited for the table");
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        sqlx::raw_sql("SELECT record FROM authcore_sessions").execute(&mut reader).await.unwrap();
    }
    assert!(!migration.is_finished());
    sqlx::raw_sql("COMMIT").execute(&mut backup).await.unwrap();
    works(migration.await.unwrap().unwrap()).await;
}

/// The same on MariaDB, whose messages depend on the server's language: the wait for a lock is recognised
/// by its number. Otherwise the migration would be repeated without pauses, and would fail after eight
/// attempts.
#[tokio::test(flavor = "multi_thread")]
async fn s13_a_migration_on_a_german_server_waits_for_the_table() {
    const ATTEMPTS: i64 = 9;
    let server = mysql::Server::start(&["--lc-messages=de_DE"]);
    let store = MySqlStore::builder(&server.url()).connect_unmigrated().await.unwrap();
    let mut backup = sqlx::MySqlConnection::connect(&server.url()).await.unwrap();
    sqlx::raw_sql(files!("mysql")[0]).execute(&mut backup).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM authcore_sessions").execute(&mut backup).await.unwrap();
    let migration = tokio::spawn(async move { store.migrate().await.map(|()| store) });

    // Each attempt executes one prepared statement: `ALTER TABLE`.
    let attempts = || {
        let status = server.ask("SHOW GLOBAL STATUS LIKE 'Com_execute_sql'");
        status[0][1].as_deref().unwrap().parse::<i64>().unwrap()
    };
    let mut reader = sqlx::MySqlConnection::connect(&server.url()).await.unwrap();
    let start = Instant::now();
    while attempts() < ATTEMPTS {
        assert!(start.elapsed() < PATIENCE, "only {} attempts", attempts());
        assert!(!migration.is_finished(), "{:?}", migration.await);
        sqlx::raw_sql("SELECT record FROM authcore_sessions").execute(&mut reader).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut backup).await.unwrap();
    works(migration.await.unwrap().unwrap()).await;
}
