//! The names of the tables, checked before any statement is made of them (rule S12).

use crate::call::Route;
use authcore::store::{StoreError, StoreErrorKind};

/// What the table is called unless the host says otherwise.
pub(crate) const DEFAULT_TABLE: &str = "authcore_sessions";
/// PostgreSQL cuts names at 63 bytes, and ours grow by what is put behind them.
const LONGEST: usize = 40;

/// Where the sessions are.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    schema: Option<String>,
    table: String,
    route: Route,
}

impl Names {
    pub(crate) fn new(schema: Option<&str>, table: &str) -> Result<Self, StoreError> {
        // Two underscores are ours: they stand before the names of what belongs to a table.
        if !is_name(table) || table.contains("__") {
            let context = "the table's name must be 1 to 40 of a-z, 0-9 and single underscores, and begin with no digit";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        if schema.is_some_and(|schema| !is_name(schema)) {
            let context =
                "the schema's name must be 1 to 40 of a-z, 0-9 and underscores, and begin with no digit";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        Ok(Self { schema: schema.map(str::to_owned), table: table.to_owned(), route: Route::Session })
    }

    /// The same names in a database that is reached on this route.
    pub(crate) fn reached_by(self, route: Route) -> Self {
        Self { route, ..self }
    }

    /// The route to the database.
    pub(crate) const fn route(&self) -> Route {
        self.route
    }

    /// The statement with these names in it: quoted as `{table}`, `{history}`, `{schema}`, and bare as
    /// `{bare_table}`, `{bare_history}` and `{bare_schema}`, for strings.
    pub(crate) fn put_into(&self, statement: &str, quote: char) -> String {
        let schema = self.schema.as_deref().unwrap_or_default();
        statement
            .replace("{table}", &self.qualified(quote, ""))
            .replace("{history}", &self.qualified(quote, "__migrations"))
            .replace("{schema}", &format!("{quote}{schema}{quote}"))
            .replace("{bare_table}", &self.table)
            .replace("{bare_history}", &format!("{}__migrations", self.table))
            .replace("{bare_schema}", schema)
    }

    /// A migration as it stands in its file, for these names instead of the default ones.
    pub(crate) fn put_into_migration(&self, migration: &str, quote: char) -> String {
        let name = |of: &str, behind: &str| format!("{quote}{of}{behind}{quote}");
        let mut sql = migration.to_owned();
        for behind in ["", "__migrations"] {
            sql = sql.replace(&name(DEFAULT_TABLE, behind), &self.qualified(quote, behind));
        }
        for behind in ["__by_subject", "__by_expires_at", "__by_purge_at"] {
            sql = sql.replace(&name(DEFAULT_TABLE, behind), &name(&self.table, behind));
        }
        sql
    }

    pub(crate) const fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    fn qualified(&self, quote: char, behind: &str) -> String {
        let table = format!("{quote}{}{behind}{quote}", self.table);
        match &self.schema {
            Some(schema) => format!("{quote}{schema}{quote}.{table}"),
            None => table,
        }
    }
}

/// In small letters only: some databases take names that differ by case for the same.
fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s12_names_are_checked() {
        for good in ["sessions", "a", "_x9", &"a".repeat(40)] {
            assert!(Names::new(Some(good), good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "a\"b", "a`b", "a;b", "A", "a.b", "é", "a\0b", &"a".repeat(41)] {
            assert!(Names::new(None, bad).is_err(), "{bad}");
            assert!(Names::new(Some(bad), "a").is_err(), "{bad}");
        }
        assert!(Names::new(None, "a__migrations").is_err(), "the history of another store");
    }

    #[test]
    fn s12_names_are_quoted() {
        let names = Names::new(Some("auth"), "select").unwrap();
        assert_eq!(names.put_into("FROM {table}", '"'), r#"FROM "auth"."select""#);
        assert_eq!(names.put_into("FROM {history}", '`'), "FROM `auth`.`select__migrations`");
        let migration = r#"CREATE INDEX "authcore_sessions__by_subject" ON "authcore_sessions" (subject)"#;
        assert_eq!(
            names.put_into_migration(migration, '"'),
            r#"CREATE INDEX "select__by_subject" ON "auth"."select" (subject)"#
        );
    }
}
