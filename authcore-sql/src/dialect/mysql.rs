//! MySQL and MariaDB.

use super::{Dialect, Placeholders, RemoveAll};
use crate::url::{Parameter, Rules, Takes, Tls};

pub(crate) const DIALECT: Dialect = Dialect {
    quote: '`',
    placeholders: Placeholders::Plain,
    least: "LEAST",
    // MySQL has no `RETURNING`.
    remove_all: RemoveAll::InTwoSteps(
        "SELECT id FROM {table} WHERE subject = ? AND realm = ? AND id <> ? FOR UPDATE",
        "DELETE FROM {table} WHERE id IN ({ids})",
    ),
    // Joined with what was found first, since MySQL takes no limit in `IN`, and both would rather begin with
    // all rows.
    purge: "DELETE expired FROM (
                SELECT id, {least}(idle_expires_at, expires_at) AS ends_at FROM {table} FORCE INDEX (by_purge_at)
                WHERE purge_at <= ? ORDER BY purge_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due
                STRAIGHT_JOIN {table} AS expired ON expired.id = due.id
                WHERE due.ends_at <= ?",
    postpone: "UPDATE (
                SELECT id, {least}(idle_expires_at, expires_at) AS ends_at FROM {table} FORCE INDEX (by_purge_at)
                WHERE purge_at <= ? ORDER BY purge_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due
                STRAIGHT_JOIN {table} AS alive ON alive.id = due.id
                SET alive.purge_at = due.ends_at
                WHERE due.ends_at > ?",
    // Otherwise the gaps between rows are locked too, where others want to log in.
    before_bulk: Some("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    requirements: &[
        (
            "SELECT CAST(SUBSTRING_INDEX(VERSION(), '.', 1) AS SIGNED) * 100
                  + CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(VERSION(), '.', 2), '.', -1) AS SIGNED)
                  >= IF(VERSION() LIKE '%MariaDB%', 1006, 800)",
            "MySQL 8.0 or MariaDB 10.6 is the oldest that can be used",
        ),
        (
            "SELECT CAST(@@global.read_only AS CHAR) IN ('0', 'OFF')",
            "this MySQL is read-only, as replicas are",
        ),
        (
            "SELECT @@sql_mode NOT LIKE '%EMPTY_STRING_IS_NULL%'",
            "the connections take empty texts for null: the mode EMPTY_STRING_IS_NULL is on",
        ),
        ("SELECT @@autocommit = 1", "the connections do not commit by themselves: `autocommit` is off"),
        (
            "SELECT @@character_set_client = 'utf8mb4' AND @@character_set_results = 'utf8mb4'",
            "the connections' character set is not utf8mb4",
        ),
    ],
    is_there: [
        "SELECT COUNT(*) FROM information_schema.tables
         WHERE table_schema = COALESCE(NULLIF('{bare_schema}', ''), DATABASE()) AND table_name = '{bare_table}'",
        "SELECT COUNT(*) FROM information_schema.tables
         WHERE table_schema = COALESCE(NULLIF('{bare_schema}', ''), DATABASE()) AND table_name = '{bare_history}'",
    ],
    create_schema: Some("CREATE SCHEMA IF NOT EXISTS {schema}"),
    // Of the database too, since such a lock is one for all of them.
    begin: None,
    lock: Some(
        "SELECT GET_LOCK(SHA1(CONCAT('authcore ', COALESCE(NULLIF('{bare_schema}', ''), DATABASE()), '.{bare_history}')), 110)",
    ),
    short_waits: Some("SET SESSION lock_wait_timeout = 2"),
    unlock: UNLOCK,
    give_up: UNLOCK,
    migrations: &[
        include_str!("../../migrations/mysql/0001_sessions.sql"),
        include_str!("../../migrations/mysql/0002_realms.sql"),
    ],
};

const UNLOCK: &str = "SET SESSION lock_wait_timeout = DEFAULT; SELECT RELEASE_LOCK(SHA1(CONCAT(
    'authcore ', COALESCE(NULLIF('{bare_schema}', ''), DATABASE()), '.{bare_history}')))";

/// As sqlx's `MySqlConnectOptions` reads them.
pub(crate) const URL: Rules = Rules {
    schemes: &["mysql", "mariadb"],
    parameters: &[
        Parameter {
            names: &["ssl-mode", "sslmode"],
            takes: Takes::OneOf(&["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"]),
        },
        Parameter { names: &["ssl-ca", "sslca"], takes: Takes::Text },
        Parameter { names: &["ssl-cert", "sslcert"], takes: Takes::Text },
        Parameter { names: &["ssl-key", "sslkey"], takes: Takes::Text },
        Parameter { names: &["charset"], takes: Takes::Text },
        Parameter { names: &["collation"], takes: Takes::Text },
        Parameter { names: &["statement-cache-capacity"], takes: Takes::Number },
        Parameter { names: &["socket"], takes: Takes::Text },
        Parameter { names: &["timezone", "time-zone"], takes: Takes::Text },
    ],
    tls: Tls {
        mode: "ssl-mode",
        without_tls: "DISABLED",
        required: "REQUIRED",
        verifying: ["VERIFY_CA", "VERIFY_IDENTITY"],
        ineffective: None,
        authority: "ssl-ca",
        identity: &["ssl-cert", "ssl-key"],
    },
};
