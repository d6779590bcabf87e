//! PostgreSQL.

use super::{Dialect, Placeholders, REMOVE_ALL};
use crate::url::{Parameter, Rules, Takes, Tls};

pub(crate) const DIALECT: Dialect = Dialect {
    quote: '"',
    placeholders: Placeholders::Numbered,
    least: "LEAST",
    remove_all: REMOVE_ALL,
    // An array, so that the rows are looked for once only: with `IN` the planner may look again for every
    // row. By their places, which is twice as fast as by their ids. A table in parts has each place several
    // times, and is refused; should it be taken apart later, the end that is looked at once more keeps
    // whoever is logged in.
    purge: "DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                SELECT place FROM (
                    SELECT ctid AS place, {least}(idle_expires_at, expires_at) AS ends_at FROM {table}
                    WHERE purge_at <= ? ORDER BY purge_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due
                WHERE ends_at <= ?)) AND {least}(idle_expires_at, expires_at) <= $1",
    // Locks none but those that it puts off: as a rule there are few or none.
    postpone: "UPDATE {table} SET purge_at = {least}(idle_expires_at, expires_at) WHERE id = ANY (ARRAY(
                SELECT id FROM {table} WHERE id = ANY (ARRAY(
                    SELECT id FROM (
                        SELECT id, {least}(idle_expires_at, expires_at) AS ends_at FROM {table}
                        WHERE purge_at <= ? ORDER BY purge_at LIMIT ?) AS due
                    WHERE ends_at > ?))
                FOR UPDATE SKIP LOCKED))",
    before_bulk: None,
    requirements: &[
        (
            "SELECT (NOT pg_is_in_recovery())::int::int8",
            "this PostgreSQL is a replica, which may lag and cannot be written to",
        ),
        (
            "SELECT (current_setting('transaction_read_only') = 'off')::int::int8",
            "this PostgreSQL database is read-only",
        ),
        (
            "SELECT (current_setting('server_encoding') = 'UTF8')::int::int8",
            "this PostgreSQL database does not keep text as UTF-8",
        ),
        (
            "SELECT (NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = to_regclass('{table}')))::int::int8",
            "the table of sessions is partitioned, or inherited from",
        ),
    ],
    // By a statement that locks a relation: `to_regclass` alone would not notice what others committed during
    // this transaction.
    is_there: [
        "SELECT count(*) FROM pg_class WHERE oid = to_regclass('{table}')",
        "SELECT count(*) FROM pg_class WHERE oid = to_regclass('{history}')",
    ],
    // Whether it may be made is asked only if it must be.
    create_schema: Some(
        "DO $$ BEGIN IF to_regnamespace('{schema}') IS NULL THEN CREATE SCHEMA {schema}; END IF; END $$",
    ),
    begin: Some("BEGIN"),
    lock: Some("SELECT 1::int8 FROM pg_advisory_xact_lock(hashtextextended('authcore {history}', 0))"),
    short_waits: Some("SET LOCAL lock_timeout = '2s'"),
    unlock: "COMMIT",
    give_up: "ROLLBACK",
    migrations: &[
        include_str!("../../migrations/postgres/0001_sessions.sql"),
        include_str!("../../migrations/postgres/0002_realms.sql"),
    ],
};

/// As sqlx's `PgConnectOptions` reads them.
pub(crate) const URL: Rules = Rules {
    schemes: &["postgres", "postgresql"],
    parameters: &[
        Parameter {
            names: &["sslmode", "ssl-mode"],
            takes: Takes::OneOf(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
        },
        Parameter { names: &["sslrootcert", "ssl-root-cert", "ssl-ca"], takes: Takes::Text },
        Parameter { names: &["sslcert", "ssl-cert"], takes: Takes::Text },
        Parameter { names: &["sslkey", "ssl-key"], takes: Takes::Text },
        Parameter { names: &[STATEMENT_CACHE], takes: Takes::Number },
        Parameter { names: &["host"], takes: Takes::Text },
        Parameter { names: &["hostaddr"], takes: Takes::Address },
        Parameter { names: &["port"], takes: Takes::Port },
        Parameter { names: &["dbname"], takes: Takes::Text },
        Parameter { names: &["user"], takes: Takes::Text },
        Parameter { names: &["password"], takes: Takes::Text },
        Parameter { names: &["application_name"], takes: Takes::Text },
        Parameter { names: &["options"], takes: Takes::Texts },
    ],
    tls: Tls {
        mode: "sslmode",
        without_tls: "disable",
        required: "require",
        verifying: ["verify-ca", "verify-full"],
        ineffective: Some("allow"),
        authority: "sslrootcert",
        identity: &["sslcert", "sslkey"],
    },
};

/// The parameter of the URL for the number of prepared statements that a connection keeps.
pub(crate) const STATEMENT_CACHE: &str = "statement-cache-capacity";
