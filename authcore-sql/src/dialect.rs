//! What differs in the SQL of the three databases, and the statements of a store.

#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use crate::columns;
use crate::names::Names;
use crate::sql::{PoolMode, Sql};

/// The SQL of one database. In all statements, `{table}` and `{history}` stand for the tables, and `?` for a
/// value.
pub(crate) struct Dialect {
    /// Surrounds a name.
    pub(crate) quote: char,
    pub(crate) placeholders: Placeholders,
    /// The function that returns the smallest of its arguments; `{least}` in statements.
    pub(crate) least: &'static str,
    pub(crate) remove_all: RemoveAll<&'static str>,
    /// Of the first rows that are due, removes the expired ones. Values: now, the number of rows, now.
    pub(crate) purge: &'static str,
    /// Of the first rows that are due, postpones those that have not expired. Values: as for `purge`.
    pub(crate) postpone: &'static str,
    /// Runs before a statement that changes many rows, on the same connection.
    pub(crate) before_bulk: Option<&'static str>,
    /// What the server must fulfil: statements that return 1, each with the error if it returns 0.
    pub(crate) requirements: &'static [(&'static str, &'static str)],
    /// Returns 1 if the table of sessions exists.
    pub(crate) table_exists: &'static str,
    /// Returns 1 if the table with the history of migrations exists.
    pub(crate) history_exists: &'static str,
    pub(crate) create_schema: Option<&'static str>,
    /// Begins the transaction of a migration, in a database whose migrations can be in a transaction.
    pub(crate) begin_migration: Option<&'static str>,
    /// Waits until no other process migrates, if `begin_migration` does not. Returns 0 after waiting in vain.
    pub(crate) migration_lock: Option<&'static str>,
    /// Limits the time for which a migration waits for a lock of the table to two seconds, as everyone who
    /// uses the table waits behind it.
    pub(crate) short_lock_timeout: Option<&'static str>,
    /// Ends a migration that succeeded.
    pub(crate) end_migration: &'static str,
    /// Ends a migration that failed.
    pub(crate) abort_migration: &'static str,
    /// The migration files, in order. The first has the number 1.
    pub(crate) migrations: &'static [&'static str],
}

/// How statements name their values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholders {
    /// `?`
    QuestionMark,
    /// `$1`
    Numbered,
}

/// How all sessions of a subject are removed.
pub(crate) enum RemoveAll<S> {
    /// By one statement that returns the ids of the removed rows.
    DeleteReturning(S),
    /// By a statement that locks rows and returns their ids, and one that removes these. In the second,
    /// `{ids}` stands for as many values as there are ids.
    SelectThenDelete { select: S, delete: S },
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

impl Dialect {
    /// Returns the statements of a store with these names.
    pub(crate) fn statements(&self, names: &Names, pool_mode: PoolMode) -> Statements {
        let sql = |template: &str| self.sql(names, pool_mode, template);
        Statements {
            insert: sql(&columns::insert_statement()),
            load: sql(&columns::load_statement()),
            replace: sql(&columns::replace_statement()),
            exists: sql("SELECT version FROM {table} WHERE id = ?"),
            remove: sql("DELETE FROM {table} WHERE id = ?"),
            list: sql(&columns::list_statement()),
            remove_all: match self.remove_all {
                RemoveAll::DeleteReturning(delete) => RemoveAll::DeleteReturning(sql(delete)),
                RemoveAll::SelectThenDelete { select, delete } => {
                    RemoveAll::SelectThenDelete { select: sql(select), delete: sql(delete) }
                }
            },
            purge: sql(self.purge),
            postpone: sql(self.postpone),
            due: sql("SELECT version FROM {table} WHERE purge_at <= ? LIMIT 1"),
            before_bulk: self.before_bulk.map(sql),
        }
    }

    /// Returns one statement with its names filled in and its values in this database's notation.
    pub(crate) fn sql(&self, names: &Names, pool_mode: PoolMode, template: &str) -> Sql {
        let statement = names.fill_in(template, self.quote).replace("{least}", self.least);
        if self.placeholders == Placeholders::QuestionMark {
            return Sql::new(statement, pool_mode);
        }
        let mut numbered = String::with_capacity(statement.len() + 32);
        for (number, part) in statement.split('?').enumerate() {
            if number > 0 {
                numbered.push_str(&format!("${number}"));
            }
            numbered.push_str(part);
        }
        Sql::new(numbered, pool_mode)
    }

    /// Returns a migration file with its names filled in.
    pub(crate) fn migration(&self, names: &Names, pool_mode: PoolMode, file: &str) -> Sql {
        Sql::new(names.fill_in_migration(file, self.quote), pool_mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_notation_of_the_database() {
        let names = Names::new(None, "t").unwrap();
        let sql = EXAMPLE.sql(&names, PoolMode::Session, "UPDATE {table} SET a = ? WHERE b = ?");
        assert_eq!(sql.text().as_str(), "UPDATE \"t\" SET a = $1 WHERE b = $2");
        let statements = EXAMPLE.statements(&names, PoolMode::Session);
        assert!(statements.insert.text().as_str().ends_with("$20, $21)"), "{:?}", statements.insert);
        let replace = statements.replace.text();
        assert!(replace.as_str().contains("purge_at = LEAST(purge_at, $15)"), "{replace:?}");
        assert!(replace.as_str().ends_with(" WHERE id = $16 AND version = $17"), "{replace:?}");
    }

    const EXAMPLE: Dialect = Dialect {
        quote: '"',
        placeholders: Placeholders::Numbered,
        least: "LEAST",
        remove_all: RemoveAll::DeleteReturning(""),
        purge: "",
        postpone: "",
        before_bulk: None,
        requirements: &[],
        table_exists: "",
        history_exists: "",
        create_schema: None,
        begin_migration: None,
        migration_lock: None,
        short_lock_timeout: None,
        end_migration: "",
        abort_migration: "",
        migrations: &[],
    };
}
