//! PostgreSQL.

use super::{Dialect, Placeholders, RemoveAll};
use crate::url::{Parameter, Rules, ServerParameters, Takes, Tls};

pub(crate) const DIALECT: Dialect = Dialect {
    quote: '"',
    placeholders: Placeholders::Numbered,
    least: "LEAST",
    // The realm is always compared too (rule A12).
    remove_all: RemoveAll::DeleteReturning(
        "DELETE FROM {table} WHERE subject = ? AND realm = ? AND id <> ? RETURNING id",
    ),
    // With an array the rows are looked up once; with `IN` the planner may look them up again for every
    // row. By `ctid`, which is twice as fast as by id. In a partitioned table each `ctid` occurs several
    // times, so such tables are refused; comparing the end again protects live sessions if the table is
    // partitioned later.
    purge: "DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                SELECT place FROM (
                    SELECT ctid AS place, {least}(idle_expires_at, expires_at) AS ends_at FROM {table}
                    WHERE purge_at <= ? ORDER BY purge_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due
                WHERE ends_at <= ?)) AND {least}(idle_expires_at, expires_at) <= $1",
    // Locks only the rows that it postpones: usually few or none.
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
            "the PostgreSQL server is a replica, which may lag: connect to the primary",
        ),
        (
            "SELECT (current_setting('transaction_read_only') = 'off')::int::int8",
            "the PostgreSQL database is read-only",
        ),
        (
            "SELECT (current_setting('server_encoding') = 'UTF8')::int::int8",
            "the PostgreSQL database does not store text as UTF-8",
        ),
        (
            "SELECT (NOT EXISTS (
                SELECT FROM pg_inherits WHERE inhparent = to_regclass('{table}')))::int::int8",
            "the sessions table is partitioned or has child tables, which is not supported",
        ),
    ],
    // Reads a table, as `to_regclass` alone does not see what others have committed during this transaction.
    table_exists: "SELECT count(*) FROM pg_class WHERE oid = to_regclass('{table}')",
    history_exists: "SELECT count(*) FROM pg_class WHERE oid = to_regclass('{history}')",
    // Needs the privilege to create schemas only if the schema does not exist.
    create_schema: Some(
        "DO $$ BEGIN IF to_regnamespace('{schema}') IS NULL THEN CREATE SCHEMA {schema}; END IF; END $$",
    ),
    begin_migration: Some("BEGIN"),
    migration_lock: Some(
        "SELECT 1::int8 FROM pg_advisory_xact_lock(hashtextextended('authcore {history}', 0))",
    ),
    short_lock_timeout: Some("SET LOCAL lock_timeout = '2s'"),
    end_migration: "COMMIT",
    abort_migration: "ROLLBACK",
    migrations: &[
        include_str!("../../migrations/postgres/0001_sessions.sql"),
        include_str!("../../migrations/postgres/0002_realms.sql"),
    ],
};

/// The URLs that sqlx's `PgConnectOptions` reads.
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
    server: ServerParameters { names: &["host", "hostaddr"], placeholder: None },
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

/// The URL parameter for the number of prepared statements that a connection keeps.
pub(crate) const STATEMENT_CACHE: &str = "statement-cache-capacity";
