//! SQLite.

use super::{Dialect, Placeholders, RemoveAll};
use crate::url::{Parameter, Takes};

pub(crate) const DIALECT: Dialect = Dialect {
    quote: '"',
    placeholders: Placeholders::QuestionMark,
    least: "min",
    // The realm is always compared too (rule A12).
    remove_all: RemoveAll::DeleteReturning(
        "DELETE FROM {table} WHERE subject = ? AND realm = ? AND id <> ? RETURNING id",
    ),
    purge: "DELETE FROM {table} WHERE id IN (
                SELECT id FROM (
                    SELECT id, {least}(idle_expires_at, expires_at) AS ends_at FROM {table}
                    WHERE purge_at <= ? ORDER BY purge_at LIMIT ?)
                WHERE ends_at <= ?)",
    postpone: "UPDATE {table} SET purge_at = {least}(idle_expires_at, expires_at) WHERE id IN (
                SELECT id FROM (
                    SELECT id, {least}(idle_expires_at, expires_at) AS ends_at FROM {table}
                    WHERE purge_at <= ? ORDER BY purge_at LIMIT ?)
                WHERE ends_at > ?)",
    before_bulk: None,
    requirements: &[
        (
            "SELECT query_only = 0 FROM pragma_query_only",
            "the SQLite connection allows queries only: turn off the pragma `query_only`",
        ),
        (
            "SELECT encoding = 'UTF-8' FROM pragma_encoding",
            "the SQLite database does not store text as UTF-8",
        ),
    ],
    table_exists: "SELECT count(*) FROM sqlite_master WHERE name = '{bare_table}' COLLATE NOCASE",
    history_exists: "SELECT count(*) FROM sqlite_master WHERE name = '{bare_history}' COLLATE NOCASE",
    create_schema: None,
    begin_migration: Some("BEGIN IMMEDIATE"),
    migration_lock: None,
    short_lock_timeout: None,
    end_migration: "COMMIT",
    abort_migration: "ROLLBACK",
    migrations: &[
        include_str!("../../migrations/sqlite/0001_sessions.sql"),
        include_str!("../../migrations/sqlite/0002_realms.sql"),
    ],
};

/// The URL parameters that sqlx's `SqliteConnectOptions` reads. It compares their values exactly.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter { names: &["mode"], takes: Takes::ExactlyOneOf(&["ro", "rw", "rwc", "memory"]) },
    Parameter { names: &["cache"], takes: Takes::ExactlyOneOf(&["private", "shared"]) },
    Parameter { names: &["immutable"], takes: Takes::ExactlyOneOf(&["true", "1", "false", "0"]) },
    Parameter { names: &["vfs"], takes: Takes::Text },
];
