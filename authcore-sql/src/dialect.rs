//! What the three databases are told. Whatever they take alike stands here, the rest in a file each.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use crate::call::Route;
use crate::names::Names;

/// The statements of one database. In all of them, `{table}` and `{history}` stand for those tables, and `?`
/// for a value.
pub(crate) struct Dialect {
    pub(crate) quote: char,
    pub(crate) placeholders: Placeholders,
    /// The function that gives the least of its arguments, `{least}` in statements.
    pub(crate) least: &'static str,
    pub(crate) remove_all: RemoveAll<&'static str>,
    /// Of the first rows that are due, removes those that are over. Values: now, how many, now.
    pub(crate) purge: &'static str,
    /// Of the first rows that are due, puts off those that are not over. Values: now, how many, now.
    pub(crate) postpone: &'static str,
    /// Goes before what touches many rows, on the same connection.
    pub(crate) before_bulk: Option<&'static str>,
    /// What must hold on the server: statements that give 1, with what is wrong if they give 0.
    pub(crate) requirements: &'static [(&'static str, &'static str)],
    /// Gives 1 if there is such a table: of the sessions, of the history.
    pub(crate) is_there: [&'static str; 2],
    pub(crate) create_schema: Option<&'static str>,
    /// Begins the transaction of a migration, where a migration can be in one.
    pub(crate) begin: Option<&'static str>,
    /// Lets one process at a time migrate, where `begin` does not; gives 0 if another one does not end.
    pub(crate) lock: Option<&'static str>,
    /// Lets a migration wait for a lock of the table for two seconds at most: all who ask for the table wait
    /// behind it.
    pub(crate) short_waits: Option<&'static str>,
    pub(crate) unlock: &'static str,
    /// Goes in the place of `unlock` after a failure.
    pub(crate) give_up: &'static str,
    /// The files, in order. The first has the number 1.
    pub(crate) migrations: &'static [&'static str],
}

/// How a statement names its values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholders {
    /// `?`
    Plain,
    /// `$1`
    Numbered,
}

/// How all sessions of a subject are removed.
pub(crate) enum RemoveAll<S> {
    /// By a statement that gives the ids of what it removed.
    AtOnce(S),
    /// By one that locks rows and gives their ids, and one that removes those. `{ids}` in the second stands
    /// for as many values as there are.
    InTwoSteps(S, S),
}

/// One statement, ready to be run.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    text: Arc<str>,
    route: Route,
}

impl Sql {
    fn new(names: &Names, text: String) -> Self {
        Self { text: text.into(), route: names.route() }
    }

    /// Of `{ids}`, as many as there are.
    pub(crate) fn with_ids(&self, count: usize) -> Self {
        Self { text: self.text.replace("{ids}", &vec!["?"; count].join(", ")).into(), route: self.route }
    }

    /// Safe, as it has only names in it that were checked (rule S12).
    pub(crate) fn text(&self) -> SqlStr {
        AssertSqlSafe(Arc::clone(&self.text)).into_sql_str()
    }

    /// Whether the server is to keep the prepared statement, under a name, for later calls. A pooler gives
    /// those calls other sessions, which do not have it.
    pub(crate) fn is_kept(&self) -> bool {
        self.route == Route::Session
    }
}

/// The statements of one store.
pub(crate) struct Statements {
    pub(crate) insert: Sql,
    pub(crate) load: Sql,
    pub(crate) replace: Sql,
    pub(crate) exists: Sql,
    pub(crate) remove: Sql,
    pub(crate) list: Sql,
    pub(crate) remove_all: RemoveAll<Sql>,
    pub(crate) purge: Sql,
    pub(crate) postpone: Sql,
    pub(crate) due: Sql,
    pub(crate) before_bulk: Option<Sql>,
}

/// Every column that a record is written to, in the order in which it is written.
const COLUMNS: &str = "id, version, epoch, subject, kind, secret_digest, mac_key, generation, rotated_at, created_at, \
                       authenticated_at, last_seen_at, idle_expires_at, expires_at, device_label, device_user_agent, \
                       device_ip, realm, details, claims";

/// Only what may change (rule S17). Of what has an index, `purge_at` alone is there, and a later end leaves
/// it as it is: so the indexes stay as they are when a session is used.
const REPLACE: &str = "UPDATE {table} SET version = ?, epoch = ?, secret_digest = ?, mac_key = ?, generation = ?, \
                       rotated_at = ?, authenticated_at = ?, last_seen_at = ?, idle_expires_at = ?, device_label = ?, \
                       device_user_agent = ?, device_ip = ?, details = ?, claims = ?, purge_at = {least}(purge_at, ?) \
                       WHERE id = ? AND version = ?";

impl Dialect {
    /// The statements for these tables.
    pub(crate) fn statements(&self, names: &Names) -> Statements {
        let sql = |statement: &str| self.sql(names, statement);
        Statements {
            insert: sql(&format!(
                "INSERT INTO {{table}} ({COLUMNS}, purge_at) VALUES ({}?)",
                "?, ".repeat(COLUMNS.split(',').count())
            )),
            load: sql("SELECT record, details, realm FROM {table} WHERE id = ?"),
            replace: sql(REPLACE),
            exists: sql("SELECT version FROM {table} WHERE id = ?"),
            remove: sql("DELETE FROM {table} WHERE id = ?"),
            list: sql("SELECT record, details, realm, id FROM {table} WHERE subject = ? AND realm = ?"),
            remove_all: match self.remove_all {
                RemoveAll::AtOnce(delete) => RemoveAll::AtOnce(sql(delete)),
                RemoveAll::InTwoSteps(select, delete) => RemoveAll::InTwoSteps(sql(select), sql(delete)),
            },
            purge: sql(self.purge),
            postpone: sql(self.postpone),
            due: sql("SELECT version FROM {table} WHERE purge_at <= ? LIMIT 1"),
            before_bulk: self.before_bulk.map(sql),
        }
    }

    /// One statement with its names, and with its values named as the database wants it.
    pub(crate) fn sql(&self, names: &Names, statement: &str) -> Sql {
        let statement = names.put_into(statement, self.quote).replace("{least}", self.least);
        if self.placeholders == Placeholders::Plain {
            return Sql::new(names, statement);
        }
        let mut numbered = String::with_capacity(statement.len() + 32);
        for (number, part) in statement.split('?').enumerate() {
            if number > 0 {
                numbered.push_str(&format!("${number}"));
            }
            numbered.push_str(part);
        }
        Sql::new(names, numbered)
    }

    /// A file of migrations for these tables.
    pub(crate) fn migration(&self, names: &Names, file: &str) -> Sql {
        Sql::new(names, names.put_into_migration(file, self.quote))
    }
}

/// Removes what a subject has, but one. The realm is compared too, wherever subjects are looked for (rule
/// A12).
const REMOVE_ALL: RemoveAll<&str> =
    RemoveAll::AtOnce("DELETE FROM {table} WHERE subject = ? AND realm = ? AND id <> ? RETURNING id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_named_as_the_database_wants_it() {
        let names = Names::new(None, "t").unwrap();
        let dialect = Dialect { placeholders: Placeholders::Numbered, ..EXAMPLE };
        let sql = dialect.sql(&names, "UPDATE {table} SET a = ? WHERE b = ?");
        assert_eq!(sql.text().as_str(), "UPDATE \"t\" SET a = $1 WHERE b = $2");
        let insert = dialect.statements(&names).insert;
        assert!(insert.text().as_str().ends_with("$20, $21)"), "{insert:?}");
    }

    const EXAMPLE: Dialect = Dialect {
        quote: '"',
        placeholders: Placeholders::Plain,
        least: "LEAST",
        remove_all: REMOVE_ALL,
        purge: "",
        postpone: "",
        before_bulk: None,
        requirements: &[],
        is_there: ["", ""],
        create_schema: None,
        begin: None,
        lock: None,
        short_waits: None,
        unlock: "",
        give_up: "",
        migrations: &[],
    };
}
