//! Inserts many sessions with one statement: copies of a real session under other ids and subjects.
//!
//! They fill the table, and can be purged and counted. They cannot be loaded, since their ids do not match
//! their subjects.

use sqlx::{AssertSqlSafe, MySqlPool, PgPool, SqlitePool};
use tower_sessions_sqlx_store::sqlx as older;

use crate::tokens::expect_ok;

/// The columns that they copy from the real session.
const COPIED: &str = "version, epoch, kind, secret_digest, mac_key, generation, rotated_at, created_at, \
                      authenticated_at, last_seen_at, device_label, device_user_agent, device_ip, claims";
const ENDS: &str = "idle_expires_at, expires_at, purge_at";

/// Whether the sessions have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Expired,
}

/// Returns the statement, given the SQL for an id and a subject of the number `n` and for the range of
/// numbers.
fn statement(table: &str, id: &str, subject: &str, numbers: &str, life: Life) -> String {
    // Spread the expiry times: real sessions do not all expire in the same millisecond.
    let ends = match life {
        Life::Alive => ENDS,
        Life::Expired => "1 + n, 1 + n, 1 + n",
    };
    format!(
        "INSERT INTO {table} (id, subject, {COPIED}, {ENDS})
         SELECT {id}, {subject}, {COPIED}, {ends}
         FROM (SELECT * FROM {table} LIMIT 1) AS template, {numbers}"
    )
}

/// Adds `count` sessions and returns the size of the table with its indexes in bytes.
pub(crate) async fn fill_postgres(pool: &PgPool, table: &str, count: usize, life: Life) -> i64 {
    let numbers = format!("generate_series(1, {count}) AS n");
    let id = "decode(md5(n::text), 'hex')";
    let insert = statement(table, id, "'crowd' || lpad(n::text, 7, '0')", &numbers, life);
    expect_ok(sqlx::query(AssertSqlSafe(insert)).execute(pool).await);
    // The server would do so by itself within a minute; this keeps it out of the measurement.
    expect_ok(sqlx::query(AssertSqlSafe(format!("VACUUM (ANALYZE) {table}"))).execute(pool).await);
    expect_ok(
        sqlx::query_scalar("SELECT pg_total_relation_size($1::regclass)").bind(table).fetch_one(pool).await,
    )
}

/// Like [`fill_postgres`], in MariaDB, for live sessions.
pub(crate) async fn fill_mysql(pool: &MySqlPool, count: usize) -> i64 {
    let numbers = format!("(SELECT seq AS n FROM seq_1_to_{count}) AS numbers");
    let subject = "CONCAT('crowd', LPAD(n, 7, '0'))";
    let insert = statement("authcore_sessions", "UNHEX(MD5(n))", subject, &numbers, Life::Alive);
    expect_ok(sqlx::query(AssertSqlSafe(insert)).execute(pool).await);
    expect_ok(sqlx::query("ANALYZE TABLE authcore_sessions").fetch_all(pool).await);
    let bytes = "SELECT CAST(data_length + index_length AS SIGNED) FROM information_schema.tables
                 WHERE table_schema = DATABASE() AND table_name = 'authcore_sessions'";
    expect_ok(sqlx::query_scalar(bytes).fetch_one(pool).await)
}

/// Like [`fill_postgres`], in SQLite, for live sessions.
pub(crate) async fn fill_sqlite(pool: &SqlitePool, count: usize) -> i64 {
    let numbers = format!(
        "(WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
          SELECT n FROM number)"
    );
    let subject = "printf('crowd%07d', n)";
    let insert = statement("authcore_sessions", "randomblob(16)", subject, &numbers, Life::Alive);
    expect_ok(sqlx::query(AssertSqlSafe(insert)).execute(pool).await);
    expect_ok(sqlx::query("ANALYZE").execute(pool).await);
    // Move the log into the file, or every read would search the log first.
    expect_ok(sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await);
    let bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    expect_ok(sqlx::query_scalar(bytes).fetch_one(pool).await)
}

/// Adds as many sessions for tower-sessions' store in PostgreSQL, so that its table is not smaller.
pub(crate) async fn fill_tower_postgres(pool: &older::PgPool, count: usize) {
    let table = "tower_sessions.session";
    let insert = format!(
        "INSERT INTO {table} (id, data, expiry_date)
         SELECT left(md5(n::text), 22), data, expiry_date
         FROM (SELECT * FROM {table} LIMIT 1) AS template, generate_series(1, {count}) AS n"
    );
    expect_ok(older::query(&insert).execute(pool).await);
    expect_ok(older::query(&format!("VACUUM (ANALYZE) {table}")).execute(pool).await);
}

/// Like [`fill_tower_postgres`], in SQLite.
pub(crate) async fn fill_tower_sqlite(pool: &older::SqlitePool, count: usize) {
    let insert = format!(
        "INSERT INTO tower_sessions (id, data, expiry_date)
         SELECT substr(hex(randomblob(11)), 1, 22), data, expiry_date
         FROM (SELECT * FROM tower_sessions LIMIT 1) AS template,
              (WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
               SELECT n FROM number)"
    );
    expect_ok(older::query(&insert).execute(pool).await);
    expect_ok(older::query("ANALYZE").execute(pool).await);
    expect_ok(older::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await);
}
