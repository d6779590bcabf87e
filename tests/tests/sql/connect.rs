//! A store that is built reports what is wrong with its URL, its options or its database.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use authcore::store::{SessionStore as _, StoreErrorKind};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{ClosedPort, mysql, postgres};

use super::{mysql_store, mysql_url, postgres_store, postgres_url, refuses, sqlite_file, sqlite_store};

const SECOND: Duration = Duration::from_secs(1);

/// A server that sends these bytes to each client, and then nothing.
fn impostor(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.write_all(greeting);
                while stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {}
            });
        }
    });
    port
}

#[tokio::test]
async fn a_url_of_another_database_is_misconfigured() {
    for url in ["", "localhost", "http://127.0.0.1", "mysql://127.0.0.1", "postgres://127.0.0.1:x"] {
        refuses(PostgresStore::connect(url).await, StoreErrorKind::Misconfigured, "URL");
    }
    for url in ["", "localhost", "http://127.0.0.1", "postgres://127.0.0.1", "mysql://127.0.0.1:x"] {
        refuses(MySqlStore::connect(url).await, StoreErrorKind::Misconfigured, "URL");
    }
    for url in ["", "sessions.db", "http://127.0.0.1", "sqlite:a?mode=secret", "sqlite:a?what=secret"] {
        refuses(SqliteStore::connect(url).await, StoreErrorKind::Misconfigured, "URL");
    }
}

/// Returns the texts of an error and of its causes.
#[track_caller]
fn cause_of<T: std::fmt::Debug>(outcome: Result<T, authcore::store::StoreError>) -> String {
    use std::error::Error as _;

    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error:?}");
    let (mut chain, mut next) = (error.to_string(), error.source());
    while let Some(cause) = next {
        chain = format!("{chain}: {cause} {cause:?}");
        next = cause.source();
    }
    assert!(!chain.contains("secret") && !format!("{error:?}").contains("secret"), "S10: {chain}");
    chain
}

/// With a server to which the store would connect if it accepted the URL.
#[tokio::test]
async fn s18_a_url_that_requests_tls_without_effect_is_refused() {
    for (url, says) in [
        (format!("{}?ssl=true", postgres_url()), "`sslmode=require`"),
        (format!("{}?sslmode=yes", postgres_url()), "`sslmode` must be one of disable"),
        (format!("{}?sslmode=allow", postgres_url()), "never uses TLS"),
        (format!("{}?sslrootcert=/ca.pem", postgres_url()), "`sslrootcert`"),
    ] {
        let chain = cause_of(PostgresStore::builder(&url).connect_unmigrated().await);
        assert!(chain.contains(says), "'{chain}' does not say '{says}'");
    }
    // The error itself names the parameter, not just its cause.
    let refused = PostgresStore::connect(&format!("{}?ssl=true", postgres_url())).await.unwrap_err();
    assert!(refused.to_string().contains("`ssl`"), "{refused}");
    for (url, says) in [
        (format!("{}?ssl=true", mysql_url()), "`ssl-mode=REQUIRED`"),
        (format!("{}?useSSL=true", mysql_url()), "`useSSL`"),
        (format!("{}?ssl-ca=/ca.pem", mysql_url()), "`ssl-ca`"),
    ] {
        let chain = cause_of(MySqlStore::builder(&url).connect_unmigrated().await);
        assert!(chain.contains(says), "'{chain}' does not say '{says}'");
    }
}

#[tokio::test]
async fn s18_the_error_says_what_is_wrong_with_a_url() {
    for (url, says) in [
        ("", "empty"),
        (" postgres://app:secret@127.0.0.1/app", "white space"),
        ("postgres://app:secret/x@127.0.0.1/app", "%2F"),
        ("postgres://app:secret#x@127.0.0.1/app", "%23"),
        ("postgres://app:secret?x@127.0.0.1/app", "%3F"),
        ("postgres://app:secret%@127.0.0.1/app", "%25"),
        ("postgres://app:secret@127.0.0.1:x/app", "port"),
        ("postgres://app:secret@/app", "no host"),
        ("postgres://app:secret@a b/app", "%20"),
        ("postgres://app:secret@a|b<>/app", "host is not valid"),
        ("redis://app:secret@127.0.0.1/app", "`redis`"),
    ] {
        let chain = cause_of(PostgresStore::connect(url).await);
        assert!(chain.contains(says), "'{chain}' does not say '{says}'");
    }
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_unavailable() {
    let closed = ClosedPort::new();
    for host in [format!("127.0.0.1:{}", closed.number()), "no-such-host.invalid".to_owned()] {
        let start = Instant::now();
        let postgres = PostgresStore::builder(&format!("postgres://a:secret@{host}/a")).timeout(600 * SECOND);
        refuses(postgres.connect().await, StoreErrorKind::Unavailable, "could not be reached");
        let mysql = MySqlStore::builder(&format!("mysql://a:secret@{host}/a")).timeout(600 * SECOND);
        refuses(mysql.connect().await, StoreErrorKind::Unavailable, "could not be reached");
        assert!(start.elapsed() < 300 * SECOND, "it waited until its timeout: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn s13_a_host_that_does_not_answer_is_unavailable() {
    let port = impostor(b"");
    let start = Instant::now();
    let postgres = PostgresStore::builder(&format!("postgres://a@127.0.0.1:{port}/a")).timeout(SECOND);
    refuses(postgres.connect().await, StoreErrorKind::Unavailable, "in time");
    let mysql = MySqlStore::builder(&format!("mysql://a@127.0.0.1:{port}/a")).timeout(SECOND);
    refuses(mysql.connect().await, StoreErrorKind::Unavailable, "in time");
    assert!(start.elapsed() < 60 * SECOND, "S13: {:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_of_another_kind_is_misconfigured() {
    for greeting in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH\r\n", b"220 mail ESMTP\r\n"]
    {
        let port = impostor(greeting);
        let postgres = PostgresStore::builder(&format!("postgres://a@127.0.0.1:{port}/a"));
        refuses(postgres.timeout(SECOND).connect().await, StoreErrorKind::Misconfigured, "speak");
    }
    // MySQL's driver reads these bytes as the length of a packet of megabytes, and waits for the packet.
    let port = impostor(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let mysql = MySqlStore::builder(&format!("mysql://a@127.0.0.1:{port}/a")).timeout(SECOND);
    refuses(mysql.connect().await, StoreErrorKind::Unavailable, "in time");

    let (folder, url) = sqlite_file();
    std::fs::write(folder.path().join("sessions.db"), "a text, and no database ".repeat(100)).unwrap();
    let sqlite = SqliteStore::builder(&url);
    refuses(sqlite.connect_unmigrated().await, StoreErrorKind::Misconfigured, "not a SQLite database");
    let (_folder, url) = sqlite_file();
    refuses(SqliteStore::connect(&url).await, StoreErrorKind::Misconfigured, "cannot be opened");
    refuses(
        SqliteStore::connect("sqlite:/no/such/folder/x.db").await,
        StoreErrorKind::Misconfigured,
        "folder",
    );
}

#[tokio::test]
async fn a_wrong_user_password_or_database_is_misconfigured() {
    let server = postgres::Server::start(&[]);
    for (user, password, database, says) in [
        ("authcore", "secret2", "authcore", "user or password"),
        ("nobody", "secret", "authcore", "user or password"),
        ("authcore", "secret", "nothing", "no database"),
    ] {
        let url = server.url_of(user, password, database);
        refuses(PostgresStore::connect(&url).await, StoreErrorKind::Misconfigured, says);
    }
    let server = mysql::Server::start(&[]);
    for (user, password, database, says) in [
        ("authcore", "secret2", "authcore", "user or password"),
        ("nobody", "secret", "authcore", "user or password"),
        ("root", "secret", "nothing", "no database"),
    ] {
        let url = server.url_of(user, password, database);
        refuses(MySqlStore::connect(&url).await, StoreErrorKind::Misconfigured, says);
    }
}

#[tokio::test]
async fn a_read_only_database_is_misconfigured() {
    let server = postgres::Server::start(&[]);
    server.execute("ALTER DATABASE authcore SET default_transaction_read_only = on");
    let outcome = PostgresStore::builder(&server.url()).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "read-only");

    let server = mysql::Server::start(&[]);
    server.execute("SET GLOBAL read_only = 1");
    let outcome = MySqlStore::builder(&server.url()).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "read-only");

    let (_folder, url) = sqlite_file();
    drop(sqlite_store(&url).await);
    let outcome = SqliteStore::connect(&format!("{url}?mode=ro")).await;
    refuses(outcome, StoreErrorKind::Misconfigured, "cannot be written to");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(url.trim_start_matches("sqlite:"));
    let pool = sqlx::SqlitePool::connect_with(options.pragma("query_only", "1")).await.unwrap();
    let outcome = SqliteStore::with_pool(pool).connect().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "queries only");
}

/// Rule S7: a database that cannot store every subject and claim is refused before it loses one.
#[tokio::test]
async fn s7_a_database_or_connection_that_cannot_store_all_texts_is_misconfigured() {
    let server = postgres::Server::start(&[]);
    server.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    let url = server.url_of("postgres", "secret", "latin");
    let outcome = PostgresStore::builder(&url).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "UTF-8");

    let options: sqlx::mysql::MySqlConnectOptions = mysql_url().parse().unwrap();
    let pool = sqlx::MySqlPool::connect_with(options.charset("latin1")).await.unwrap();
    let outcome = MySqlStore::with_pool(pool).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "character set");

    let (_folder, url) = sqlite_file();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(url.trim_start_matches("sqlite:"));
    let options = options.create_if_missing(true).pragma("encoding", "'UTF-16le'");
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE x (n INTEGER)").execute(&pool).await.unwrap();
    let outcome = SqliteStore::with_pool(pool).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "UTF-8");
}

#[tokio::test]
async fn connections_that_do_not_commit_are_misconfigured() {
    let pool = sqlx::mysql::MySqlPoolOptions::new().after_connect(|connection, _| {
        Box::pin(async move {
            sqlx::query("SET autocommit = 0").execute(connection).await?;
            Ok(())
        })
    });
    let pool = pool.connect(&mysql_url()).await.unwrap();
    let outcome = MySqlStore::with_pool(pool).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "autocommit");
}

#[tokio::test]
async fn s12_names_and_numbers_are_checked() {
    let builder = || SqliteStore::builder("sqlite::memory:");
    for name in ["", "a b", "a;drop", "a\"b", "a`b", "Sessions", "a__b", "1a", "ü"] {
        refuses(
            builder().table(name).connect_unmigrated().await,
            StoreErrorKind::Misconfigured,
            "table's name",
        );
    }
    let outcome = PostgresStore::builder(&postgres_url()).schema("a\"b").connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "schema's name");
    for duration in [Duration::ZERO, Duration::MAX, Duration::from_secs(100_000)] {
        let outcome = builder().timeout(duration).connect_unmigrated().await;
        refuses(outcome, StoreErrorKind::Misconfigured, "timeout");
    }
    let outcome = builder().max_connections(0).connect_unmigrated().await;
    refuses(outcome, StoreErrorKind::Misconfigured, "pool");
}

#[tokio::test]
async fn a_pool_of_the_host_is_used() {
    let subject = "user-42".parse().unwrap();
    let table = authcore_tests::fresh_table();
    drop(postgres_store(&table).await);
    let pool = sqlx::PgPool::connect(&postgres_url()).await.unwrap();
    let store = PostgresStore::with_pool(pool).table(&table).connect().await.unwrap();
    assert!(store.list(&subject).await.unwrap().is_empty());

    drop(mysql_store(&table).await);
    let pool = sqlx::MySqlPool::connect(&mysql_url()).await.unwrap();
    let store = MySqlStore::with_pool(pool).table(&table).connect().await.unwrap();
    assert!(store.list(&subject).await.unwrap().is_empty());

    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect("sqlite::memory:").await.unwrap();
    let store = SqliteStore::with_pool(pool).connect_and_migrate().await.unwrap();
    assert!(store.list(&subject).await.unwrap().is_empty());
}

#[tokio::test]
async fn s10_nothing_shows_the_password() {
    let builder = PostgresStore::builder("postgres://app:secret@localhost/app");
    assert!(!format!("{builder:?}").contains("secret"), "{builder:?}");
    let store = postgres_store("shown").await;
    assert!(!format!("{store:?}").contains("secret"), "{store:?}");
}
