//! MySQL and MariaDB.

use super::{Dialect, Placeholders, RemoveAll};
use crate::url::{Parameter, Rules, ServerParameters, Takes, Tls};

pub(crate) const DIALECT: Dialect = Dialect {
    quote: '`',
    placeholders: Placeholders::QuestionMark,
    least: "LEAST",
    // MySQL has no `RETURNING`. The realm is always compared too (rule A12).
    remove_all: RemoveAll::SelectThenDelete {
        select: "SELECT id FROM {table} WHERE subject = ? AND realm = ? AND id <> ? FOR UPDATE",
        delete: "DELETE FROM {table} WHERE id IN ({ids})",
    },
    // Both statements join the table with the rows that the subquery found: MySQL allows no `LIMIT` in
    // `IN`, and without STRAIGHT_JOIN its planner prefers to begin with all rows.
    purge: "DELETE expired FROM (
                SELECT id, {least}(idle_expires_at, expires_at) AS ends_at
                FROM {table} FORCE INDEX (by_purge_at)
                WHERE purge_at <= ? ORDER BY purge_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due
                STRAIGHT_JOIN {table} AS expired ON expired.id = due.id
                WHERE due.ends_at <= ?",
    postpone: "UPDATE (
                SELECT id, {least}(idle_expires_at, expires_at) AS ends_at
                FROM {table} FORCE INDEX (by_purge_at)
                WHERE purge_at <= ? ORDER BY purge_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due
                STRAIGHT_JOIN {table} AS alive ON alive.id = due.id
                SET alive.purge_at = due.ends_at
                WHERE due.ends_at > ?",
    // A stricter level also locks the gaps between rows, into which others insert when they log in.
    before_bulk: Some("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    requirements: &[
        (
            "SELECT CAST(SUBSTRING_INDEX(VERSION(), '.', 1) AS SIGNED) * 100
                  + CAST(SUBSTRING_INDEX(SUBSTRING_INDEX(VERSION(), '.', 2), '.', -1) AS SIGNED)
                  >= IF(VERSION() LIKE '%MariaDB%', 1006, 800)",
            "the server is older than MySQL 8.0 or MariaDB 10.6",
        ),
        (
            "SELECT CAST(@@global.read_only AS CHAR) IN ('0', 'OFF')",
            "the MySQL server is read-only, as a replica is: connect to the primary",
        ),
        (
            "SELECT @@sql_mode NOT LIKE '%EMPTY_STRING_IS_NULL%'",
            "the connections store empty texts as null: remove EMPTY_STRING_IS_NULL from `sql_mode`",
        ),
        ("SELECT @@autocommit = 1", "`autocommit` is off for the connections: turn it on"),
        (
            "SELECT @@character_set_client = 'utf8mb4' AND @@character_set_results = 'utf8mb4'",
            "the connections' character set is not utf8mb4: set `charset=utf8mb4`",
        ),
    ],
    table_exists: "SELECT COUNT(*) FROM information_schema.tables
         WHERE table_schema = COALESCE(NULLIF('{bare_schema}', ''), DATABASE())
         AND table_name = '{bare_table}'",
    history_exists: "SELECT COUNT(*) FROM information_schema.tables
         WHERE table_schema = COALESCE(NULLIF('{bare_schema}', ''), DATABASE())
         AND table_name = '{bare_history}'",
    create_schema: Some("CREATE SCHEMA IF NOT EXISTS {schema}"),
    begin_migration: None,
    // The name includes the database, as such locks are shared by all databases of a server.
    migration_lock: Some(
        "SELECT GET_LOCK(SHA1(CONCAT(
             'authcore ', COALESCE(NULLIF('{bare_schema}', ''), DATABASE()), '.{bare_history}')), 110)",
    ),
    short_lock_timeout: Some("SET SESSION lock_wait_timeout = 2"),
    end_migration: END_MIGRATION,
    abort_migration: END_MIGRATION,
    migrations: &[
        include_str!("../../migrations/mysql/0001_sessions.sql"),
        include_str!("../../migrations/mysql/0002_realms.sql"),
    ],
};

const END_MIGRATION: &str = "SET SESSION lock_wait_timeout = DEFAULT; SELECT RELEASE_LOCK(SHA1(CONCAT(
    'authcore ', COALESCE(NULLIF('{bare_schema}', ''), DATABASE()), '.{bare_history}')))";

/// The URLs that sqlx's `MySqlConnectOptions` reads.
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
    server: ServerParameters { names: &["socket"], placeholder: Some("localhost") },
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
