//! The stored rows, and how a store treats rows that were changed by hand.

use authcore::clock::ManualClock;
use authcore::jwt::{Jwt, Key, KeyRing};
use authcore::store::{InsertOutcome, SessionStore, StoreErrorKind};
use authcore::{Auth, Device, Error, Login, MemoryStore, RefreshTokens, ServerSessions, SessionPolicy};
use authcore_sql::SqliteStore;
use authcore_tests::{fresh_table, mysql, postgres};
use sqlx::Row as _;

use super::{mysql_store, mysql_url, postgres_store, postgres_url, sqlite_file, sqlite_store};

fn sessions(store: impl SessionStore) -> Auth {
    Auth::with_sessions(ServerSessions::builder(store).build().unwrap())
}

fn hybrid(store: impl SessionStore) -> Auth {
    let key = Key::generate("k1", authcore::jwt::Algorithm::HS256).unwrap();
    let jwt = Jwt::builder(KeyRing::new(key)).issuer("https://auth.example.com").audience("api").build();
    Auth::with_hybrid(jwt.unwrap(), RefreshTokens::builder(store).build().unwrap()).unwrap()
}

fn login(subject: &str) -> Login {
    let device = Device::unknown().with_label("Ada's phone").with_ip("192.0.2.7".parse().unwrap());
    Login::new(subject).unwrap().claims(&serde_json::json!({ "role": "admin" })).unwrap().device(device)
}

/// The columns can be read and queried by people.
#[tokio::test]
async fn a_person_can_read_the_columns() {
    let query = "SELECT subject, kind, version, generation, device_label, device_ip, claims, \
                 expires_at - created_at, length(id), length(secret_digest), length(mac_key) FROM";
    let expected = |kind: &str, generation: Option<&str>, mac_key: Option<&str>| {
        [Some("Ada Ü "), Some(kind), Some("1"), generation, Some("Ada's phone"), Some("192.0.2.7")]
            .into_iter()
            .chain([Some(r#"{"role":"admin"}"#), Some("2592000000"), Some("16"), Some("32"), mac_key])
            .map(|text| text.map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let both = [expected("refresh", Some("0"), Some("32")), expected("session", None, None)];

    let server = postgres::Server::start(&[]);
    let store = authcore_sql::PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    let _ = sessions(store.clone()).login(login("Ada Ü ")).await.unwrap();
    let _ = hybrid(store).login(login("Ada Ü ")).await.unwrap();
    assert_eq!(
        server.ask(&format!("{query} authcore_sessions WHERE subject = 'Ada Ü ' ORDER BY kind")),
        both
    );

    let server = mysql::Server::start(&[]);
    let store = authcore_sql::MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    let _ = sessions(store.clone()).login(login("Ada Ü ")).await.unwrap();
    let _ = hybrid(store).login(login("Ada Ü ")).await.unwrap();
    let rows =
        server.ask(&format!("{query} authcore.authcore_sessions WHERE subject = 'Ada Ü ' ORDER BY kind"));
    assert_eq!(rows, both);
}

/// Rule S9: corrupts each column of one session in turn. Other sessions are not affected.
#[tokio::test]
async fn s9_a_row_changed_into_nonsense_is_corrupt() {
    let nonsense = |bytes: fn(&str) -> String| {
        vec![
            ("version", "-1".to_owned(), false),
            ("epoch", "-1".to_owned(), true),
            ("epoch", "4294967296".to_owned(), true),
            ("kind", "'nonsense'".to_owned(), true),
            ("kind", "'refresh'".to_owned(), true),
            ("secret_digest", bytes("0011"), true),
            ("created_at", "-1".to_owned(), true),
            ("authenticated_at", "-5".to_owned(), true),
            ("idle_expires_at", "-9223372036854775808".to_owned(), true),
            ("device_ip", "'nowhere'".to_owned(), true),
            ("claims", "'{'".to_owned(), true),
            ("claims", "'{\"sub\":\"eve\"}'".to_owned(), true),
            ("claims", "'[]'".to_owned(), true),
            ("realm", "'t1'".to_owned(), true),
            ("details", "'{'".to_owned(), true),
            ("details", "'{\"kind\":\"\"}'".to_owned(), true),
            ("details", "'{\"login\":false}'".to_owned(), true),
            ("subject", "'eve'".to_owned(), true),
            ("subject", "''".to_owned(), true),
        ]
    };
    let table = fresh_table();
    let store = postgres_store(&table).await;
    let pool = sqlx::PgPool::connect(&postgres_url()).await.unwrap();
    for (column, value, is_corrupt) in nonsense(|hex| format!("'\\x{hex}'")) {
        let change = format!("UPDATE {table} SET {column} = {value} WHERE id = $1");
        corrupt(&store, column, is_corrupt, async |id| {
            sqlx::query(sqlx::AssertSqlSafe(&*change)).bind(id).execute(&pool).await.unwrap();
        })
        .await;
    }
    let store = mysql_store(&table).await;
    let pool = sqlx::MySqlPool::connect(&mysql_url()).await.unwrap();
    for (column, value, is_corrupt) in nonsense(|hex| format!("x'{hex}'")) {
        let change = format!("UPDATE {table} SET {column} = {value} WHERE id = ?");
        corrupt(&store, column, is_corrupt, async |id| {
            sqlx::query(sqlx::AssertSqlSafe(&*change)).bind(id).execute(&pool).await.unwrap();
        })
        .await;
    }
    let (_folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for (column, value, is_corrupt) in nonsense(|hex| format!("x'{hex}'")) {
        let change = format!("UPDATE authcore_sessions SET {column} = {value} WHERE id = ?");
        corrupt(&store, column, is_corrupt, async |id| {
            sqlx::query(sqlx::AssertSqlSafe(&*change)).bind(id).execute(&pool).await.unwrap();
        })
        .await;
    }
}

/// Changes one of three sessions. `is_corrupt` states whether the session can then no longer be read.
async fn corrupt(store: &impl SessionStore, column: &str, is_corrupt: bool, change: impl AsyncFn(Vec<u8>)) {
    let record = async |subject: &str| {
        let memory = MemoryStore::new();
        let issued = sessions(memory.clone()).login(login(subject)).await.unwrap();
        let record = memory.load(issued.principal().session_id().unwrap()).await.unwrap().unwrap();
        assert_eq!(store.insert(&record).await.unwrap(), InsertOutcome::Inserted);
        record
    };
    let (one, two, other) = (record("ada").await, record("ada").await, record("bob").await);
    let (ada, bob) = ("ada".parse().unwrap(), "bob".parse().unwrap());
    change(one.id().as_bytes().to_vec()).await;
    match store.load(one.id()).await {
        Err(error) if is_corrupt => {
            assert_eq!(error.kind(), StoreErrorKind::Corrupt, "S9: {column}: {error:?}");
            assert!(!format!("{error:?}").contains("role"), "S10: {error:?}");
        }
        Ok(Some(_)) if !is_corrupt => {}
        outcome => panic!("S9: {column}: {outcome:?}"),
    }
    // Other sessions are not affected.
    assert!(store.load(two.id()).await.unwrap().is_some(), "{column}");
    assert_eq!(store.list(&bob).await.unwrap().len(), 1, "{column}");
    if is_corrupt && column != "subject" && column != "realm" {
        assert_eq!(store.list(&ada).await.unwrap_err().kind(), StoreErrorKind::Corrupt, "S9: {column}");
    }
    // A corrupt session can be removed.
    assert!(store.remove(one.id()).await.unwrap(), "{column}");
    assert_eq!(store.list(&ada).await.unwrap().len(), 1, "{column}");
    assert_eq!(store.remove_all(&ada, None).await.unwrap(), [two.id()], "{column}");
    assert_eq!(store.remove_all(&bob, None).await.unwrap(), [other.id()], "{column}");
}

/// A corrupt session is an error of the store, not a client that is not logged in.
#[tokio::test]
async fn s9_a_corrupt_session_authenticates_no_client() {
    let (_folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let auth = sessions(store);
    let issued = auth.login(login("ada")).await.unwrap();
    sqlx::query("UPDATE authcore_sessions SET claims = '{'").execute(&pool).await.unwrap();
    let error = auth.authenticate(issued.credential().expose()).await.unwrap_err();
    assert!(matches!(&error, Error::Store(error) if error.kind() == StoreErrorKind::Corrupt), "{error:?}");
}

/// Sliding the idle timeout changes no index: PostgreSQL performs a HOT update.
#[tokio::test]
async fn sliding_touches_no_index() {
    let server = postgres::Server::start(&["-c", "autovacuum=off"]);
    let store = authcore_sql::PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    let clock = ManualClock::new(std::time::SystemTime::now().into());
    let policy = SessionPolicy::new().with_idle_timeout(std::time::Duration::from_secs(1000));
    let sessions = ServerSessions::builder(store).policy(policy).build().unwrap();
    let auth = Auth::with_sessions(sessions).with_clock(clock.clone());
    let mut credentials = Vec::new();
    for number in 0..400 {
        let issued = auth.login(login(&format!("user-{number}"))).await.unwrap();
        credentials.push(issued.credential().expose().to_owned());
    }
    for _ in 0..8 {
        clock.advance(std::time::Duration::from_secs(400));
        for credential in &credentials {
            auth.authenticate(credential).await.unwrap();
        }
    }
    server.execute("SELECT pg_stat_force_next_flush()");
    let query =
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'authcore_sessions'";
    let start = std::time::Instant::now();
    let (updates, hot) = loop {
        let number = |text: &Option<String>| text.as_deref().unwrap().parse::<u64>().unwrap();
        let row = &server.ask(query)[0];
        let (updates, hot) = (number(&row[0]), number(&row[1]));
        if updates >= 3200 {
            break (updates, hot);
        }
        assert!(start.elapsed().as_secs() < 120, "{updates} updates counted");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    eprintln!("{hot} of {updates} updates were HOT");
    assert!(hot * 10 >= updates * 9, "{hot} of {updates} updates were HOT");
}

/// A session is in the file once the login is acknowledged, so the next process finds it.
#[tokio::test]
async fn sqlite_survives_the_process() {
    let (_folder, url) = sqlite_file();
    let issued = sessions(sqlite_store(&url).await).login(login("ada")).await.unwrap();
    let store = SqliteStore::connect(&url).await.unwrap();
    assert_eq!(sessions(store).authenticate(issued.credential().expose()).await.unwrap().subject(), "ada");
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let mode = sqlx::query("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();
    assert_eq!(mode.get::<String, _>(0), "wal");
}
