//! Databases with triggers, indexes, modes and tables that the host added.

use std::time::Duration;

use authcore::store::{InsertOutcome, SessionRecord, SessionStore, StoreErrorKind};
use authcore::{Auth, Device, Error, Login, MemoryStore, ServerSessions, SessionId, Timestamp};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{fresh_table, mysql, postgres};
use tokio::task::JoinSet;

use super::{PATIENCE, postgres_url, refuses, sqlite_file, sqlite_store};

const SHIBBOLETH: &str = "shibboleth";

async fn record(subject: &str) -> SessionRecord {
    let memory = MemoryStore::new();
    let auth = Auth::with_sessions(ServerSessions::builder(memory.clone()).build().unwrap());
    let claims = serde_json::json!({ "x": SHIBBOLETH });
    let issued = auth.login(Login::new(subject.to_owned()).unwrap().claims(&claims).unwrap()).await.unwrap();
    memory.load(issued.principal().session_id().unwrap()).await.unwrap().unwrap()
}

/// Asserts that a login is refused, and that no error shows its claims.
async fn refused_in_silence(store: &impl SessionStore) {
    let error = store.insert(&record("ada").await).await.unwrap_err();
    let mut text = format!("{error:?} {error}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text += &format!(" {cause:?} {cause}");
        source = cause.source();
    }
    assert!(!text.contains(SHIBBOLETH), "S10: {text}");
}

/// Rule S10: the message of a trigger may quote anything, under any code.
#[tokio::test]
async fn s10_what_triggers_say_is_withheld() {
    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    server.execute("ALTER TABLE authcore_sessions ADD CONSTRAINT short CHECK (length(claims) < 5) NOT VALID");
    refused_in_silence(&store).await;
    for code in ["P0001", "UE001", "42501", "57014", "55000", "40001", "22023"] {
        server.execute(&format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'no: %', NEW.claims USING ERRCODE = '{code}', DETAIL = NEW.claims; END $$;
             CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON authcore_sessions
                 FOR EACH ROW EXECUTE FUNCTION refuse()"
        ));
        refused_in_silence(&store).await;
    }
    let server = mysql::Server::start(&[]);
    let store = MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    for code in ["45000", "77777", "42000", "40001", "99999"] {
        server.execute(&format!(
            "USE authcore; CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON authcore_sessions FOR EACH ROW
                 SIGNAL SQLSTATE '{code}' SET MESSAGE_TEXT = NEW.claims"
        ));
        refused_in_silence(&store).await;
    }
    let (_folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let host = sqlx::SqlitePool::connect(&url).await.unwrap();
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON authcore_sessions BEGIN
                       SELECT RAISE(ABORT, 'no: ' || NEW.claims); END";
    // Older releases of SQLite accept only a literal as the message.
    if sqlx::raw_sql(trigger).execute(&host).await.is_err() {
        let literal = trigger.replace("'no: ' || NEW.claims", "'no'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(literal)).execute(&host).await.unwrap();
    }
    refused_in_silence(&store).await;
}

/// Rule S1: `Conflict` is about the id. If an index of the host refuses a record, another id would not help.
#[tokio::test]
async fn s1_an_index_of_the_hosts_is_no_conflict_of_ids() {
    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    server.execute("CREATE UNIQUE INDEX ON authcore_sessions (subject)");
    one_session_only(&store).await;

    let server = mysql::Server::start(&[]);
    let store = MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    server.execute("USE authcore; CREATE UNIQUE INDEX one ON authcore_sessions (subject)");
    one_session_only(&store).await;

    let (_folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let host = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("CREATE UNIQUE INDEX one ON authcore_sessions (subject)").execute(&host).await.unwrap();
    one_session_only(&store).await;
}

async fn one_session_only(store: &impl SessionStore) {
    let first = record("ada").await;
    assert_eq!(store.insert(&first).await.unwrap(), InsertOutcome::Inserted);
    assert_eq!(store.insert(&first).await.unwrap(), InsertOutcome::Conflict);
    refuses(store.insert(&record("ada").await).await, StoreErrorKind::Misconfigured, "index");
}

/// Bulk statements have an isolation level of their own, which the host's next transaction must not inherit.
#[tokio::test]
async fn a_failed_purge_leaves_the_hosts_connections_as_they_were() {
    let server = mysql::Server::start(&[]);
    MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    let pool = sqlx::mysql::MySqlPoolOptions::new().max_connections(1).connect(&server.url()).await.unwrap();
    let store = MySqlStore::with_pool(pool.clone()).connect().await.unwrap();
    server.execute("USE authcore; CREATE TABLE x (n INT); RENAME TABLE authcore_sessions TO hidden");
    refuses(store.purge_expired(Timestamp::UNIX_EPOCH, 5).await, StoreErrorKind::Misconfigured, "migrate");
    let mut transaction = pool.begin().await.unwrap();
    let count = "SELECT count(*) FROM x";
    let before: i64 = sqlx::query_scalar(count).fetch_one(&mut *transaction).await.unwrap();
    server.execute("USE authcore; INSERT INTO x VALUES (1)");
    let after: i64 = sqlx::query_scalar(count).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!((before, after), (0, 0), "its reads are no longer repeatable");
}

/// Rules S5 and S7 hold in every SQL mode.
#[tokio::test]
async fn s7_modes_of_mysql_change_nothing() {
    let modes =
        ["ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH", "", "TRADITIONAL,ANSI", "ORACLE"];
    for mode in modes {
        let server = mysql::Server::start(&[
            &format!("--sql-mode={mode}"),
            "--lower-case-table-names=1",
            "--character-set-server=latin1",
            "--collation-server=latin1_swedish_ci",
        ]);
        let store = MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
        let auth = Auth::with_sessions(ServerSessions::builder(store.clone()).build().unwrap());
        let subject = "ä\\'\"  \u{1F600} ";
        let device = Device::unknown().with_label(&"\u{1F600}".repeat(63)).with_user_agent("\\x'\"`?{table}");
        let claims = serde_json::json!({ "a": "\\'\"\u{1F600}\u{0}" });
        let login = Login::new(subject).unwrap().device(device.clone()).claims(&claims).unwrap();
        let issued = auth.login(login).await.unwrap();
        assert_eq!(
            auth.authenticate(issued.credential().expose()).await.unwrap().subject(),
            subject,
            "{mode}"
        );
        let bare = auth.login(Login::new("ada").unwrap()).await.unwrap();
        assert_eq!(auth.authenticate(bare.credential().expose()).await.unwrap().subject(), "ada", "{mode}");
        let listed = store.list(&subject.parse().unwrap()).await.unwrap();
        assert_eq!((listed.len(), listed[0].device()), (1, device), "{mode}");
        assert!(store.list(&subject.trim_end().parse().unwrap()).await.unwrap().is_empty(), "{mode}");
        assert_eq!(store.purge_expired(Timestamp::UNIX_EPOCH, 5).await.unwrap().removed, 0, "{mode}");
        assert_eq!(store.remove_all(&subject.parse().unwrap(), None).await.unwrap().len(), 1, "{mode}");
    }
}

/// In that mode an empty text is null, and a comparison with null is never true: a logout everywhere would
/// end nothing.
#[tokio::test]
async fn s4_a_mode_of_mysql_without_empty_texts_is_misconfigured() {
    let server = mysql::Server::start(&["--sql-mode=EMPTY_STRING_IS_NULL"]);
    let outcome = MySqlStore::builder(&server.url()).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "EMPTY_STRING_IS_NULL");
}

#[tokio::test]
async fn a_binary_log_of_statements_is_misconfigured() {
    let server = mysql::Server::start(&["--log-bin=bin", "--binlog-format=STATEMENT", "--server-id=1"]);
    let store = MySqlStore::builder(&server.url()).connect_unmigrated().await.unwrap();
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "binlog_format");
    refuses(MySqlStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "binlog_format");
}

#[tokio::test]
async fn the_error_of_a_lost_table_does_not_ask_for_a_migration() {
    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    server.execute("DROP TABLE authcore_sessions");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "restore");
    refuses(PostgresStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "restore");
    server.execute("DROP TABLE authcore_sessions__migrations");
    store.migrate().await.unwrap();
    server.execute("ALTER TABLE authcore_sessions__migrations RENAME number TO no");
    let outcome = PostgresStore::builder(&server.url()).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "not authcore's");
    refuses(store.migrate().await, StoreErrorKind::Misconfigured, "not authcore's");
}

#[tokio::test]
async fn a_path_of_sqlite_is_needed_and_a_file_that_is_gone_stays_so() {
    for url in ["sqlite:", "sqlite://", "sqlite:///", "sqlite:?mode=rwc"] {
        let outcome = SqliteStore::builder(url).connect_unmigrated().await;
        refuses(outcome, StoreErrorKind::Misconfigured, "URL");
    }
    for url in ["sqlite::memory:", "sqlite::memory:?cache=private", "sqlite:x?mode=memory"] {
        let store = sqlite_store(url).await;
        let auth = Auth::with_sessions(ServerSessions::builder(store).build().unwrap());
        let login = |number: usize| auth.login(Login::new(format!("user-{number}")).unwrap());
        for outcome in futures_util::future::join_all((0..16).map(login)).await {
            let _ = outcome.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        }
    }
    let (folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let auth = Auth::with_sessions(ServerSessions::builder(store).build().unwrap());
    std::fs::remove_file(folder.path().join("sessions.db")).unwrap();
    let login = |number: usize| auth.login(Login::new(format!("user-{number}")).unwrap());
    for outcome in futures_util::future::join_all((0..16).map(login)).await {
        // A connection that still has the file open may succeed.
        if let Err(Error::Store(error)) = outcome {
            assert!(!error.to_string().contains("run `migrate`"), "{error:?}");
        }
    }
    assert!(!folder.path().join("sessions.db").exists(), "a new and empty file took its place");
}

/// Rule S11: a purge is short however many sessions are due and still in use, and a run reaches all of them.
#[tokio::test]
async fn s11_a_crowd_of_used_sessions_holds_up_no_purge() {
    const CROWD: usize = 60_000;
    let now: Timestamp = std::time::SystemTime::now().into();
    let millis = now.as_millis();
    let columns = "id, version, epoch, subject, kind, secret_digest, created_at, authenticated_at, \
        last_seen_at, idle_expires_at, expires_at, purge_at, claims";
    let times = format!("{millis}, {millis}, {millis}, {millis} + 1000000, {millis} + 2000000");

    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    server.execute(&format!(
        "INSERT INTO authcore_sessions ({columns}) SELECT decode(md5(i::text), 'hex'), 1, 0, 'u' || i,
         'session', decode(md5(i::text), 'hex'), {times}, {millis} - i, '{{}}'
         FROM generate_series(1, {CROWD}) i"
    ));
    gets_through(&store, now, CROWD).await;

    let server = mysql::Server::start(&[]);
    let store = MySqlStore::builder(&server.url()).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    server.execute(&format!(
        "USE authcore; INSERT INTO authcore_sessions ({columns}) SELECT unhex(md5(seq)), 1, 0,
         concat('u', seq), 'session', unhex(md5(seq)), {times}, {millis} - seq, '{{}}' FROM seq_1_to_{CROWD}"
    ));
    gets_through(&store, now, CROWD).await;

    let (_folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let host = sqlx::SqlitePool::connect(&url).await.unwrap();
    let fill = format!(
        "INSERT INTO authcore_sessions ({columns}) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL
         SELECT i + 1 FROM c WHERE i < {CROWD})
         SELECT randomblob(16), 1, 0, 'u' || i, 'session', randomblob(32), {times},
         {millis} - i, '{{}}' FROM c"
    );
    sqlx::query(sqlx::AssertSqlSafe(fill)).execute(&host).await.unwrap();
    gets_through(&store, now, CROWD).await;
}

async fn gets_through(store: &impl SessionStore, now: Timestamp, crowd: usize) {
    // The expired session is due last.
    let mut parts = record("ada").await.to_parts();
    (parts.idle_expires_at, parts.expires_at) = (now, now.plus(Duration::from_secs(60)));
    let expired = SessionRecord::from_parts(&parts).unwrap();
    assert_eq!(store.insert(&expired).await.unwrap(), InsertOutcome::Inserted);
    assert_eq!(store.purge_expired(now, 0).await.unwrap(), authcore::store::PurgeOutcome::default());
    let (mut calls, mut removed) = (0, 0);
    loop {
        let purged = store.purge_expired(now, 5000).await.unwrap();
        (calls, removed) = (calls + 1, removed + purged.removed);
        if !purged.more {
            break;
        }
    }
    assert_eq!(removed, 1);
    // Each call gets through as many as it may look at: counted, not timed, on a machine with neighbours.
    assert!(calls <= crowd / 5000 + 2, "{calls} calls");
}

/// A store on a pool with one connection, a session in it, and tasks that load the session continuously.
struct Busy {
    pool: sqlx::PgPool,
    store: PostgresStore,
    id: SessionId,
    tasks: JoinSet<()>,
}

async fn busy(table: &str, tasks: usize) -> Busy {
    let pool =
        sqlx::postgres::PgPoolOptions::new().max_connections(1).connect(&postgres_url()).await.unwrap();
    let store = PostgresStore::with_pool(pool.clone()).table(table).connect_and_migrate().await.unwrap();
    let session = record("ada").await;
    assert_eq!(store.insert(&session).await.unwrap(), InsertOutcome::Inserted);
    let mut busy = Busy { pool, store, id: session.id(), tasks: JoinSet::new() };
    for _ in 0..tasks {
        let (store, id) = (busy.store.clone(), busy.id);
        busy.tasks.spawn(async move { while store.load(id).await.is_ok() {} });
    }
    busy
}

/// However many calls hand the connection over, the host's queries get it in between.
#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_own_queries_get_their_turn() {
    let busy = busy(&fresh_table(), 16).await;
    for _ in 0..20 {
        let query = sqlx::query("SELECT 1").execute(&busy.pool);
        tokio::time::timeout(PATIENCE, query).await.expect("the host starved").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_can_be_closed_under_load() {
    let mut busy = busy(&fresh_table(), 16).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    tokio::time::timeout(PATIENCE, busy.pool.close()).await.expect("the pool does not close");
    let ended = async { while busy.tasks.join_next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("they wait for a closed pool");
    refuses(busy.store.load(busy.id).await, StoreErrorKind::Unavailable, "");
}

/// A call that is dropped while a connection is handed over to it loses no connection.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_calls_lose_no_connection() {
    let busy = busy(&fresh_table(), 4).await;
    let mut tasks = JoinSet::new();
    for number in 0..64 {
        let (store, id) = (busy.store.clone(), busy.id);
        tasks.spawn(async move {
            let mut given_up = 0;
            for turn in 0..40_u64 {
                let patience = Duration::from_micros(50 * ((number + 7 * turn) % 40));
                given_up += u32::from(tokio::time::timeout(patience, store.load(id)).await.is_err());
            }
            given_up
        });
    }
    let given_up: u32 = tasks.join_all().await.into_iter().sum();
    assert!(given_up > 100, "{given_up} gave up");
    for _ in 0..20 {
        let load = tokio::time::timeout(PATIENCE, busy.store.load(busy.id));
        assert!(load.await.expect("no connection is left").unwrap().is_some());
    }
    assert_eq!(busy.pool.size(), 1);
}

/// Rows of two partitions can have the same `ctid`, by which a purge finds them.
#[tokio::test]
async fn s11_a_partitioned_table_is_misconfigured() {
    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    server.execute(
        "ALTER TABLE authcore_sessions RENAME TO whole;
         CREATE TABLE authcore_sessions (LIKE whole INCLUDING ALL) PARTITION BY HASH (id);
         CREATE TABLE part_0 PARTITION OF authcore_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE part_1 PARTITION OF authcore_sessions FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         GRANT ALL ON authcore_sessions TO PUBLIC",
    );
    refuses(PostgresStore::connect(&server.url()).await, StoreErrorKind::Misconfigured, "partitioned");
    // A purge by a store that was connected before removes no live session.
    let auth = Auth::with_sessions(ServerSessions::builder(store.clone()).build().unwrap());
    for number in 0..100 {
        let _ = auth.login(Login::new(format!("user-{number}")).unwrap()).await.unwrap();
    }
    server.execute("UPDATE authcore_sessions SET idle_expires_at = 1, purge_at = 1 WHERE subject LIKE '%0'");
    assert_eq!(store.purge_expired(Timestamp::from_millis(2), 1000).await.unwrap().removed, 10);
    assert_eq!(server.ask("SELECT count(*) FROM authcore_sessions"), [[Some("90".to_owned())]]);
}
