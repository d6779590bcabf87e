//! Names of schemas and tables, checked before they become part of a statement (rule S12).

use authcore::store::{StoreError, StoreErrorKind};

/// The table's name if the host sets none.
pub(crate) const DEFAULT_TABLE: &str = "authcore_sessions";
/// The maximum length of a name. PostgreSQL truncates names at 63 bytes, and suffixes are added to these.
const MAX_LENGTH: usize = 40;

/// The schema and the table of a store.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    schema: Option<String>,
    table: String,
}

impl Names {
    pub(crate) fn new(schema: Option<&str>, table: &str) -> Result<Self, StoreError> {
        // A double underscore separates the table's name from the suffix of what belongs to the table.
        if !is_name(table) || table.contains("__") {
            let context = "the table's name must be 1 to 40 characters of a-z, 0-9 and single underscores, \
                and must not begin with a digit";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        if schema.is_some_and(|schema| !is_name(schema)) {
            let context = "the schema's name must be 1 to 40 characters of a-z, 0-9 and underscores, and \
                must not begin with a digit";
            return Err(StoreError::new(StoreErrorKind::Misconfigured, context));
        }
        Ok(Self { schema: schema.map(str::to_owned), table: table.to_owned() })
    }

    /// Returns a statement with these names filled in: quoted for `{table}`, `{history}` and `{schema}`, and
    /// without quotes, for string literals, for `{bare_table}`, `{bare_history}` and `{bare_schema}`.
    pub(crate) fn fill_in(&self, template: &str, quote: char) -> String {
        let schema = self.schema.as_deref().unwrap_or_default();
        template
            .replace("{table}", &self.qualified(quote, ""))
            .replace("{history}", &self.qualified(quote, "__migrations"))
            .replace("{schema}", &format!("{quote}{schema}{quote}"))
            .replace("{bare_table}", &self.table)
            .replace("{bare_history}", &format!("{}__migrations", self.table))
            .replace("{bare_schema}", schema)
    }

    /// Returns a migration file with these names in place of the default ones.
    pub(crate) fn fill_in_migration(&self, migration: &str, quote: char) -> String {
        let name = |table: &str, suffix: &str| format!("{quote}{table}{suffix}{quote}");
        let mut sql = migration.to_owned();
        for suffix in ["", "__migrations"] {
            sql = sql.replace(&name(DEFAULT_TABLE, suffix), &self.qualified(quote, suffix));
        }
        for suffix in ["__by_subject", "__by_expires_at", "__by_purge_at"] {
            sql = sql.replace(&name(DEFAULT_TABLE, suffix), &name(&self.table, suffix));
        }
        sql
    }

    pub(crate) const fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    fn qualified(&self, quote: char, suffix: &str) -> String {
        let table = format!("{quote}{}{suffix}{quote}", self.table);
        match &self.schema {
            Some(schema) => format!("{quote}{schema}{quote}.{table}"),
            None => table,
        }
    }
}

/// Allows lower case only, as some databases treat names that differ by case as the same name.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_LENGTH
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
        assert!(Names::new(None, "a__migrations").is_err(), "the history table of another store");
    }

    #[test]
    fn s12_names_are_quoted() {
        let names = Names::new(Some("auth"), "select").unwrap();
        assert_eq!(names.fill_in("FROM {table}", '"'), r#"FROM "auth"."select""#);
        assert_eq!(names.fill_in("FROM {history}", '`'), "FROM `auth`.`select__migrations`");
        let migration = r#"CREATE INDEX "authcore_sessions__by_subject" ON "authcore_sessions" (subject)"#;
        assert_eq!(
            names.fill_in_migration(migration, '"'),
            r#"CREATE INDEX "select__by_subject" ON "auth"."select" (subject)"#
        );
    }
}
