//! SQLite.

use super::{Dialect, Placeholders, REMOVE_ALL};
use crate::url::{Parameter, Takes};

pub(crate) const DIALECT: Dialect = Dialect {
    quote: '"',
    placeholders: Placeholders::Plain,
    least: "min",
    remove_all: REMOVE_ALL,
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
        ("SELECT query_only = 0 FROM pragma_query_only", "this SQLite connection is for queries only"),
        (
            "SELECT encoding = 'UTF-8' FROM pragma_encoding",
            "this SQLite database does not keep text as UTF-8",
        ),
    ],
    is_there: [
        "SELECT count(*) FROM sqlite_master WHERE name = '{bare_table}' COLLATE NOCASE",
        "SELECT count(*) FROM sqlite_master WHERE name = '{bare_history}' COLLATE NOCASE",
    ],
    create_schema: None,
    begin: Some("BEGIN IMMEDIATE"),
    lock: None,
    short_waits: None,
    unlock: "COMMIT",
    give_up: "ROLLBACK",
    migrations: &[
        include_str!("../../migrations/sqlite/0001_sessions.sql"),
        include_str!("../../migrations/sqlite/0002_realms.sql"),
    ],
};

/// The parameters of a URL, as sqlx's `SqliteConnectOptions` reads them.
pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter { names: &["mode"], takes: Takes::OneOf(&["ro", "rw", "rwc", "memory"]) },
    Parameter { names: &["cache"], takes: Takes::OneOf(&["private", "shared"]) },
    Parameter { names: &["immutable"], takes: Takes::OneOf(&["true", "1", "false", "0"]) },
    Parameter { names: &["vfs"], takes: Takes::Text },
];
