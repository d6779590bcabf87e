//! What is said of URLs. `hunter2` stands in them for what must not be shown (rule S10).

use std::str::FromStr as _;

use super::*;
use crate::dialect::{mysql, postgres, sqlite};

#[track_caller]
fn refused<T: fmt::Debug>(checked: Result<T, UrlError>, url: &str, says: &str) {
    let Err(error) = checked else { panic!("{url} was taken") };
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
        ("http://app:hunter2@h/app", "has to be `postgres://` or `postgresql://`"),
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
        ("postgres://app:hunter2@h/app", "has to be `mysql://` or `mariadb://`"),
        ("mysql://app:hunt/er2@h/app", "%2F"),
    ] {
        refused(check_server(url, &mysql::URL), url, says);
    }
    for (url, says) in [
        ("", "is empty"),
        (" sqlite:a", "white space"),
        ("sessions.db", "has to begin with `sqlite:`"),
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
            "`sslmode` has to be one of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        ("sslmode=", "`sslmode` has to be one of"),
        ("sslmode=true", "`sslmode` has to be one of"),
        ("sslmode=allow", "`sslmode=allow` the driver never uses TLS"),
        ("sslrootcert=/ca.pem", "`sslrootcert` has an effect only with `sslmode=verify-ca`"),
        ("sslmode=require&ssl-ca=/ca.pem", "`sslrootcert` has an effect only with"),
        ("sslmode=disable&sslcert=/a.pem", "`sslcert` has no effect with `sslmode=disable`"),
        ("sslmode=require&sslmode=disable", "`sslmode` is given twice"),
        ("sslmode=require&ssl-mode=disable", "`ssl-mode` is given twice"),
        ("port=x", "`port` has to be a number from 1 to 65535"),
        ("hostaddr=hunter2", "`hostaddr` has to be an IP address"),
        ("statement-cache-capacity=many", "`statement-cache-capacity` has to be a number"),
    ] {
        let url = format!("postgres://app:hunter2@h/app?{query}");
        refused(check_server(&url, &postgres::URL), &url, says);
    }
    for (query, says) in [
        ("ssl=true", "write `ssl-mode=REQUIRED` or `ssl-mode=VERIFY_IDENTITY`"),
        ("useSSL=true", "the URL parameter `useSSL`; to ask for TLS"),
        ("ssl-mode=hunter2", "has to be one of DISABLED"),
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
        ("mode=hunter2", "`mode` has to be one of ro, rw, rwc, memory"),
        ("cache=hunter2", "`cache` has to be one of"),
        ("journal_mode=wal", "does not know the URL parameter `journal_mode`"),
        ("mode=ro&mode=rw", "`mode` is given twice"),
    ] {
        let url = format!("sqlite:sessions.db?{query}");
        refused(check_file(&url, "sqlite", sqlite::PARAMETERS), &url, says);
    }
}

#[test]
fn urls_that_the_driver_reads_as_they_are_meant_are_taken() {
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
        "mariadb://h/app?charset=utf8mb4&collation=utf8mb4_bin&time-zone=%2B00:00&socket=/run/a",
    ] {
        assert!(check_server(url, &mysql::URL).is_ok(), "{url}: {:?}", check_server(url, &mysql::URL));
        assert!(sqlx::mysql::MySqlConnectOptions::from_str(url).is_ok(), "{url}");
    }
    for url in ["sqlite::memory:", "sqlite:a.db", "sqlite://a b.db?mode=ro&cache=shared&immutable=1&vfs=unix"]
    {
        assert!(check_file(url, "sqlite", sqlite::PARAMETERS).is_ok(), "{url}");
    }
}

/// A password is the one that was meant, also where `@` was not escaped.
#[test]
fn an_at_sign_in_the_password_belongs_to_it() {
    let url = "postgres://app:p@ss@h/app";
    check_server(url, &postgres::URL).unwrap();
    let options = sqlx::postgres::PgConnectOptions::from_str(url).unwrap();
    let expected = sqlx::postgres::PgConnectOptions::from_str("postgres://app:p%40ss@h/app").unwrap();
    assert_eq!(format!("{options:?}"), format!("{expected:?}"));
}
