//! Many sessions at once, by one statement: a session that was logged in, again and again under other ids and subjects.
//!
//! They are there to be looked past, purged and counted. No store loads them: their ids are not those of their subjects.

use sqlx::{AssertSqlSafe, MySqlPool, PgPool, SqlitePool};
use tower_sessions_sqlx_store::sqlx as older;

use crate::tokens::must;

/// What they have in common with the session that they are copied from.
const COPIED: &str = "version, epoch, kind, secret_digest, mac_key, generation, rotated_at, created_at, authenticated_at, \
                      last_seen_at, device_label, device_user_agent, device_ip, claims";
const ENDS: &str = "idle_expires_at, expires_at, purge_at";

/// Whether they have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Expired,
}

/// The statement, for what makes an id and a subject of the number `n`, and what gives the numbers.
fn statement(table: &str, id: &str, subject: &str, numbers: &str, life: Life) -> String {
    // Not all in the same millisecond, as they did not come in one.
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

/// Adds so many sessions; gives the bytes that the table takes then, with its indexes.
pub(crate) async fn fill_postgres(pool: &PgPool, table: &str, count: usize, life: Life) -> i64 {
    let numbers = format!("generate_series(1, {count}) AS n");
    let id = "decode(md5(n::text), 'hex')";
    let insert = statement(table, id, "'crowd' || lpad(n::text, 7, '0')", &numbers, life);
    must(sqlx::query(AssertSqlSafe(insert)).execute(pool).await);
    // As the server would by itself within a minute; the pages are written now rather than while something is measured.
    must(sqlx::query(AssertSqlSafe(format!("VACUUM (ANALYZE) {table}"))).execute(pool).await);
    must(sqlx::query_scalar("SELECT pg_total_relation_size($1::regclass)").bind(table).fetch_one(pool).await)
}

/// As [`fill_postgres`], in MariaDB, for sessions that live.
pub(crate) async fn fill_mysql(pool: &MySqlPool, count: usize) -> i64 {
    let numbers = format!("(SELECT seq AS n FROM seq_1_to_{count}) AS numbers");
    let subject = "CONCAT('crowd', LPAD(n, 7, '0'))";
    let insert = statement("authcore_sessions", "UNHEX(MD5(n))", subject, &numbers, Life::Alive);
    must(sqlx::query(AssertSqlSafe(insert)).execute(pool).await);
    must(sqlx::query("ANALYZE TABLE authcore_sessions").fetch_all(pool).await);
    let bytes = "SELECT CAST(data_length + index_length AS SIGNED) FROM information_schema.tables
                 WHERE table_schema = DATABASE() AND table_name = 'authcore_sessions'";
    must(sqlx::query_scalar(bytes).fetch_one(pool).await)
}

/// As [`fill_postgres`], in SQLite, for sessions that live.
pub(crate) async fn fill_sqlite(pool: &SqlitePool, count: usize) -> i64 {
    let numbers = format!(
        "(WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
          SELECT n FROM number)"
    );
    let subject = "printf('crowd%07d', n)";
    let insert = statement("authcore_sessions", "randomblob(16)", subject, &numbers, Life::Alive);
    must(sqlx::query(AssertSqlSafe(insert)).execute(pool).await);
    must(sqlx::query("ANALYZE").execute(pool).await);
    // The log is written into the file, or every read would look there first.
    must(sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await);
    let bytes = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    must(sqlx::query_scalar(bytes).fetch_one(pool).await)
}

/// As many for tower-sessions' store in PostgreSQL, so that it has no smaller table to look in.
pub(crate) async fn fill_tower_postgres(pool: &older::PgPool, count: usize) {
    let table = "tower_sessions.session";
    let insert = format!(
        "INSERT INTO {table} (id, data, expiry_date)
         SELECT left(md5(n::text), 22), data, expiry_date
         FROM (SELECT * FROM {table} LIMIT 1) AS template, generate_series(1, {count}) AS n"
    );
    must(older::query(&insert).execute(pool).await);
    must(older::query(&format!("VACUUM (ANALYZE) {table}")).execute(pool).await);
}

/// As [`fill_tower_postgres`], in SQLite.
pub(crate) async fn fill_tower_sqlite(pool: &older::SqlitePool, count: usize) {
    let insert = format!(
        "INSERT INTO tower_sessions (id, data, expiry_date)
         SELECT substr(hex(randomblob(11)), 1, 22), data, expiry_date
         FROM (SELECT * FROM tower_sessions LIMIT 1) AS template,
              (WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
               SELECT n FROM number)"
    );
    must(older::query(&insert).execute(pool).await);
    must(older::query("ANALYZE").execute(pool).await);
    must(older::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await);
}
