//! The errors of URLs. `hunter2` in them stands for a secret that must not be shown (rule S10).

use std::str::FromStr as _;

use super::*;
use crate::dialect::{mysql, postgres, sqlite};

#[track_caller]
fn refused<T: fmt::Debug>(checked: Result<T, UrlError>, url: &str, says: &str) {
    let Err(error) = checked else { panic!("{url} was accepted") };
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(says), "{url}: '{shown}' does not say '{says}'");
    for secret in ["hunter2", "hunt", "er2"] {
        assert!(!shown.contains(secret), "S10: {url}: {shown}");
    }
}

#[test]
fn s18_each_malformed_url_has_an_error_of_its_own() {
    for (url, says) in [
        ("", "is empty"),
        (" ", "begins or ends with white space"),
        (" postgres://app:hunter2@h/app", "begins or ends with white space"),
        ("postgres://app:hunter2@h/app\n", "begins or ends with white space"),
        ("postgres://app:hunt er2@h/app", "a space as %20"),
        ("postgres://app:hunt\ner2@h/app", "control character"),
        ("app:hunter2@h/app", "has no scheme"),
        ("hunter2", "has no scheme"),
        ("postgres:app:hunter2@h", "has no scheme"),
        ("app:hunter2://h", "has no scheme"),
        ("mysql://app:hunter2@h/app", "the scheme of the URL is `mysql`"),
        ("http://app:hunter2@h/app", "must be `postgres://` or `postgresql://`"),
        ("postgres://app:hunt#er2@h/app", "`#` in the password as %23"),
        ("postgres://app:hunt/er2@h/app", "`/` in the password as %2F"),
        ("postgres://app:/hunter2@h/app", "`/` in the password as %2F"),
        ("postgres://app:hunt@/er2@h/app", "`/` in the password as %2F"),
        ("postgres://app:hunt?er2@h/app", "`?` in the password as %3F"),
        ("postgres://app:12?hunter2@h/app", "`?` in the password as %3F"),
        ("postgres://app:12?hunt=er2@h/app", "`?` in the password as %3F"),
        ("postgres://app:hunt%er2@h/app", "write a `%` as %25"),
        ("postgres://app:hunter2%@h/app", "write a `%` as %25"),
        ("postgres://app:hunter2%ff@h/app", "write a `%` as %25"),
        ("postgres://app:hunter2@h/100%", "write a `%` as %25"),
        ("postgres://app:hunter2@h/app?user=100%", "write a `%` as %25"),
        ("postgres://app:hunter2@h:x/app", "port is not a number from 1 to 65535"),
        ("postgres://app:hunter2@h:0/app", "port is not a number from 1 to 65535"),
        ("postgres://app:hunter2@h:65536/app", "port is not a number from 1 to 65535"),
        ("postgres://app:hunter2@[::1]:x/app", "port is not a number from 1 to 65535"),
        ("postgres://app:hunter2", "no `@` and no host follow"),
        ("postgres://", "names no host"),
        ("postgres://app:hunter2@/app", "names no host"),
        ("postgres://app:hunter2@:5432/app", "names no host"),
        ("postgres://:5432/app", "names no host"),
        ("postgres://app:hunter2@a,b/app", "several hosts"),
        ("postgres://app:hunter2@a:1,b:2/app", "several hosts"),
    ] {
        refused(check_server(url, &postgres::URL), url, says);
    }
    for (url, says) in [
        ("mysql://app:hunter2@h:x/app", "port"),
        ("postgres://app:hunter2@h/app", "must be `mysql://` or `mariadb://`"),
        ("mysql://app:hunt/er2@h/app", "%2F"),
    ] {
        refused(check_server(url, &mysql::URL), url, says);
    }
    for (url, says) in [
        ("", "is empty"),
        (" sqlite:a", "white space"),
        ("sessions.db", "must begin with `sqlite:`"),
        ("http://a", "the scheme of the URL is `http`"),
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:?mode=memory", "names no file"),
        ("sqlite:100%.db", "write a `%` as %25"),
    ] {
        refused(check_file(url, "sqlite", sqlite::PARAMETERS), url, says);
    }
}

#[test]
fn s18_parameters_that_have_no_effect_are_refused_by_name() {
    let of_tls = "write `sslmode=require` or `sslmode=verify-full`";
    for (query, says) in [
        ("ssl=true", "the URL parameter `ssl`"),
        ("ssl=true", of_tls),
        ("tls=1", of_tls),
        ("SSLMODE=require", of_tls),
        ("requiressl=1", of_tls),
        ("sslnegotiation=direct", "`sslnegotiation`"),
        ("connect_timeout=5", "does not know the URL parameter `connect_timeout`"),
        ("a=hunter2", "`a`"),
        ("a%20b=hunter2", "unusual name"),
        (
            "sslmode=hunter2",
            "`sslmode` must be one of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        ("sslmode=", "`sslmode` must be one of"),
        ("sslmode=true", "`sslmode` must be one of"),
        ("sslmode=allow", "`sslmode=allow` the driver never uses TLS"),
        ("sslrootcert=/ca.pem", "`sslrootcert` has an effect only with `sslmode=verify-ca`"),
        ("sslmode=require&ssl-ca=/ca.pem", "`sslrootcert` has an effect only with"),
        ("sslmode=disable&sslcert=/a.pem", "`sslcert` has no effect with `sslmode=disable`"),
        ("sslmode=require&sslmode=disable", "`sslmode` occurs twice"),
        ("sslmode=require&ssl-mode=disable", "`ssl-mode` occurs twice"),
        ("port=x", "`port` must be a number from 1 to 65535"),
        ("hostaddr=hunter2", "`hostaddr` must be an IP address"),
        ("statement-cache-capacity=many", "`statement-cache-capacity` must be a number"),
    ] {
        let url = format!("postgres://app:hunter2@h/app?{query}");
        refused(check_server(&url, &postgres::URL), &url, says);
    }
    for (query, says) in [
        ("ssl=true", "write `ssl-mode=REQUIRED` or `ssl-mode=VERIFY_IDENTITY`"),
        ("useSSL=true", "the URL parameter `useSSL`; to ask for TLS"),
        ("ssl-mode=hunter2", "must be one of DISABLED"),
        (
            "ssl-ca=/ca.pem",
            "`ssl-ca` has an effect only with `ssl-mode=VERIFY_CA` or `ssl-mode=VERIFY_IDENTITY`",
        ),
        ("ssl-mode=required&sslca=/ca.pem", "`ssl-ca` has an effect only with"),
        ("ssl-mode=disabled&ssl-key=/a.pem", "`ssl-key` has no effect"),
        ("allowPublicKeyRetrieval=true", "`allowPublicKeyRetrieval`"),
    ] {
        let url = format!("mysql://app:hunter2@h/app?{query}");
        refused(check_server(&url, &mysql::URL), &url, says);
    }
    for (query, says) in [
        ("mode=hunter2", "`mode` must be one of ro, rw, rwc, memory"),
        ("cache=hunter2", "`cache` must be one of"),
        ("journal_mode=wal", "does not know the URL parameter `journal_mode`"),
        ("mode=ro&mode=rw", "`mode` occurs twice"),
    ] {
        let url = format!("sqlite:sessions.db?{query}");
        refused(check_file(&url, "sqlite", sqlite::PARAMETERS), &url, says);
    }
}

/// What follows an unescaped `&` in a password looks like another parameter, and is part of the secret.
#[test]
fn s10_s18_no_name_after_a_password_is_shown() {
    for query in [
        "user=a&password=hunt&er2",
        "user=a&password=hunt&er2=1",
        "password=&hunter2",
        "p%61ssword=hunt&er2&sslmode=require",
        "password=hunt&sslmode=er2",
        "password=hunt&host=a&host=b",
        "password=hunt&password=er2",
    ] {
        let url = format!("postgres:///app?{query}");
        let checked = check_server(&url, &postgres::URL);
        refused(checked, &url, "after `password` (write a `&` in the password as %26)");
    }
    // Before the password, the name helps.
    let url = "postgres:///app?usr=a&password=hunter2";
    refused(check_server(url, &postgres::URL), url, "does not know the URL parameter `usr`");
}

/// The driver would connect to one server and ignore the other.
#[test]
fn s18_a_url_names_one_server() {
    for (url, says) in [
        ("postgres://h/app?host=/run/postgresql", "as the host before the path and as `host`"),
        ("postgres://%2Frun%2Fpostgresql/app?host=h", "as the host before the path and as `host`"),
        ("postgres://app:hunter2@h/app?hostaddr=127.0.0.1", "as the host before the path and as `hostaddr`"),
        ("postgres:///app?host=h&hostaddr=127.0.0.1", "as `host` and as `hostaddr`"),
    ] {
        refused(check_server(url, &postgres::URL), url, says);
    }
    for url in [
        "postgres://app:hunter2@localhost/app?host=/run/postgresql",
        "postgres://app:hunter2@localhost:5433/app?hostaddr=127.0.0.1",
        "postgres:///app?host=/run/postgresql",
    ] {
        assert!(check_server(url, &postgres::URL).is_ok(), "{url}");
    }
    for url in [
        "mysql://db/app?socket=/run/x",
        "mysql://app:hunter2@db:3306/app?socket=/run/x",
        "mysql://app:hunter2@localhost:3306/app?socket=/run/x",
    ] {
        refused(check_server(url, &mysql::URL), url, "ignores the host and port of a URL with `socket`");
    }
}

/// SQLite's driver compares values exactly, and its error for others is misleading.
#[test]
fn s18_values_of_sqlite_are_in_lower_case() {
    for (query, says) in [
        ("mode=RW", "`mode` must be one of ro, rw, rwc, memory, in lower case"),
        ("cache=Shared", "`cache` must be one of private, shared, in lower case"),
        ("immutable=TRUE", "`immutable` must be one of true, 1, false, 0, in lower case"),
    ] {
        let url = format!("sqlite:a.db?{query}");
        refused(check_file(&url, "sqlite", sqlite::PARAMETERS), &url, says);
        assert!(sqlx::sqlite::SqliteConnectOptions::from_str(&url).is_err(), "{url}");
    }
}

#[test]
fn urls_that_the_driver_reads_as_intended_are_accepted() {
    for url in [
        "postgres://h",
        "postgresql://h:5432/app",
        "postgres://app@h/app",
        "postgres://app:p@ss@h/app",
        "postgres://app:%2F%3F%23%25%40%C3%BC@h/app",
        "postgres://app@[::1]:5432/app",
        "postgres://%2Fvar%2Frun%2Fpostgresql/app",
        "postgres:///app?host=/var/run/postgresql",
        "postgres://?host=h&user=app@tenant&password=a@b",
        "postgres://h/app?user=app@tenant",
        "postgres://h:5432?user=app@tenant",
        "postgres://h/app?",
        "postgres://h/app?sslmode=Verify-Full&sslrootcert=/ca.pem&sslcert=/a.pem&sslkey=/a.key",
        "postgres://h/app?sslmode=disable&application_name=my+app&statement-cache-capacity=10",
        "postgres://h/app?options=-c%20a%3Db&options=-c%20c%3Dd&options[search_path]=x&options[a.b]=y",
        "postgres:///?hostaddr=127.0.0.1&port=5432&dbname=app",
    ] {
        assert!(check_server(url, &postgres::URL).is_ok(), "{url}: {:?}", check_server(url, &postgres::URL));
        assert!(sqlx::postgres::PgConnectOptions::from_str(url).is_ok(), "{url}");
    }
    for url in [
        "mysql://app:secret@h/app?ssl-mode=VERIFY_CA&ssl-ca=/ca.pem",
        "mariadb://h/app?charset=utf8mb4&collation=utf8mb4_bin&time-zone=%2B00:00",
        "mysql:///app?socket=/run/mysqld.sock",
        "mysql://localhost/app?socket=/run/mysqld.sock",
        "mysql://app:secret@localhost/app?socket=/run/mysqld.sock",
    ] {
        assert!(check_server(url, &mysql::URL).is_ok(), "{url}: {:?}", check_server(url, &mysql::URL));
        assert!(sqlx::mysql::MySqlConnectOptions::from_str(url).is_ok(), "{url}");
    }
    for url in ["sqlite::memory:", "sqlite:a.db", "sqlite://a b.db?mode=ro&cache=shared&immutable=1&vfs=unix"]
    {
        assert!(check_file(url, "sqlite", sqlite::PARAMETERS).is_ok(), "{url}");
    }
}

/// The driver finds the whole password, even if an `@` in it is not escaped.
#[test]
fn an_at_sign_in_the_password_belongs_to_it() {
    let url = "postgres://app:p@ss@h/app";
    check_server(url, &postgres::URL).unwrap();
    let options = sqlx::postgres::PgConnectOptions::from_str(url).unwrap();
    let expected = sqlx::postgres::PgConnectOptions::from_str("postgres://app:p%40ss@h/app").unwrap();
    assert_eq!(format!("{options:?}"), format!("{expected:?}"));
}
