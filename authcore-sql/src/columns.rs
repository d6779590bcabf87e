//! The columns of the table of sessions, and the values that a record has in them.
//!
//! [`COLUMNS`] is the one place with the order of the columns. The statements that write records and the
//! values that are bound to them are both generated from it, and [`ReadColumn`] does the same for reading.

use std::borrow::Cow;

use authcore::store::{RecordParts, RecordVersion, SecretBytes, SessionRecord, StoredCredential};
use authcore::{Subject, Timestamp};

use crate::sql::Value;

pub(crate) const SESSION: &str = "session";
pub(crate) const REFRESH: &str = "refresh";
pub(crate) const API_KEY: &str = "api_key";
/// The prefix of the kind of a session that does not represent a login. The previous release would take such
/// a session for a login; it refuses an unknown kind.
pub(crate) const NO_LOGIN: &str = "nologin_";
/// The prefix of the kind in a named realm. The previous release would take the subjects there for its own;
/// it refuses an unknown kind.
pub(crate) const IN_REALM: &str = "realm_";
/// Separates realm and subject. The name of a realm cannot contain it, so the first one is the separator.
pub(crate) const REALM_SEPARATOR: char = '\u{1f}';

/// A column that records are written to.
struct Column {
    name: &'static str,
    on_replace: OnReplace,
    value: for<'r> fn(&'r EncodedRecord) -> Value<'r>,
}

/// What `replace` does to a column (rule S17).
#[derive(Clone, Copy)]
enum OnReplace {
    /// Nothing.
    Keeps,
    /// Writes the new value.
    Writes,
    /// Writes the new value if it is smaller. A column with an index is left alone when a session's end moves
    /// later, so using a session changes no index.
    Lowers,
}

impl Column {
    /// A column that `replace` does not change.
    const fn fixed(name: &'static str, value: fn(&EncodedRecord) -> Value<'_>) -> Self {
        Self { name, on_replace: OnReplace::Keeps, value }
    }

    /// A column that `replace` writes.
    const fn changing(name: &'static str, value: fn(&EncodedRecord) -> Value<'_>) -> Self {
        Self { name, on_replace: OnReplace::Writes, value }
    }
}

/// Every column that a record is written to, in the order in which it is written.
const COLUMNS: &[Column] = &[
    Column::fixed("id", |record| Value::Bytes(record.parts.id.as_bytes())),
    Column::changing("version", |record| number(record.parts.version.number())),
    Column::changing("epoch", |record| number(record.parts.epoch.into())),
    Column::fixed("subject", |record| Value::Text(&record.subject)),
    Column::fixed("kind", |record| Value::Text(&record.kind)),
    Column::changing("secret_digest", |record| Value::Bytes(record.secret_digest().expose())),
    Column::changing("mac_key", |record| {
        Value::OptionalBytes(record.refresh().map(|(mac_key, ..)| &mac_key.expose()[..]))
    }),
    Column::changing("generation", |record| {
        Value::OptionalInt(record.refresh().map(|(_, generation, _)| generation.cast_signed()))
    }),
    Column::changing("rotated_at", |record| {
        Value::OptionalInt(record.refresh().map(|(.., rotated_at)| rotated_at.as_millis().cast_signed()))
    }),
    Column::fixed("created_at", |record| time(record.parts.created_at)),
    Column::changing("authenticated_at", |record| time(record.parts.authenticated_at)),
    Column::changing("last_seen_at", |record| time(record.parts.last_seen_at)),
    Column::changing("idle_expires_at", |record| time(record.parts.idle_expires_at)),
    Column::fixed("expires_at", |record| time(record.parts.expires_at)),
    Column::changing("device_label", |record| Value::OptionalText(record.parts.device.label())),
    Column::changing("device_user_agent", |record| Value::OptionalText(record.parts.device.user_agent())),
    Column::changing("device_ip", |record| Value::OptionalText(record.ip.as_deref())),
    Column::fixed("realm", |record| Value::Text(record.parts.subject.realm_name())),
    Column::changing("details", |record| Value::OptionalText(record.details.as_deref())),
    Column::changing("claims", |record| Value::Text(&record.parts.claims)),
    Column { name: "purge_at", on_replace: OnReplace::Lowers, value: |record| time(record.purge_at) },
];

/// The number of values of the statement that replaces: the changed columns, the id and the expected version.
const REPLACE_VALUES: usize = {
    let (mut values, mut index) = (2, 0);
    while index < COLUMNS.len() {
        if !matches!(COLUMNS[index].on_replace, OnReplace::Keeps) {
            values += 1;
        }
        index += 1;
    }
    values
};

/// Returns the statement that inserts a record. Its values are those of [`EncodedRecord::insert_values`].
pub(crate) fn insert_statement() -> String {
    let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    format!("INSERT INTO {{table}} ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", "))
}

/// Returns the statement that replaces a record if it has the expected version. Its values are those of
/// [`EncodedRecord::replace_values`].
pub(crate) fn replace_statement() -> String {
    let assignments = COLUMNS.iter().filter_map(|column| match column.on_replace {
        OnReplace::Keeps => None,
        OnReplace::Writes => Some(format!("{} = ?", column.name)),
        OnReplace::Lowers => Some(format!("{0} = {{least}}({0}, ?)", column.name)),
    });
    let assignments: Vec<_> = assignments.collect();
    format!("UPDATE {{table}} SET {} WHERE id = ? AND version = ?", assignments.join(", "))
}

/// A column that a record is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadColumn {
    /// The generated column, with most of the others in it.
    Record,
    Details,
    Realm,
    Id,
}

impl ReadColumn {
    /// All columns, each at its index in a row.
    const ALL: [Self; 4] = [Self::Record, Self::Details, Self::Realm, Self::Id];

    /// Returns the column's index in a row.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Details => "details",
            Self::Realm => "realm",
            Self::Id => "id",
        }
    }
}

/// Returns the statement that reads the record of an id. The row has every [`ReadColumn`] except the id.
pub(crate) fn load_statement() -> String {
    let columns = ReadColumn::ALL.into_iter().filter(|column| *column != ReadColumn::Id);
    format!("SELECT {} FROM {{table}} WHERE id = ?", select_list(columns))
}

/// Returns the statement that reads the records of a subject and a realm. A row has every [`ReadColumn`].
pub(crate) fn list_statement() -> String {
    format!("SELECT {} FROM {{table}} WHERE subject = ? AND realm = ?", select_list(ReadColumn::ALL))
}

fn select_list(columns: impl IntoIterator<Item = ReadColumn>) -> String {
    columns.into_iter().map(ReadColumn::name).collect::<Vec<_>>().join(", ")
}

/// A record's parts, with what its values borrow from.
pub(crate) struct EncodedRecord {
    parts: RecordParts,
    kind: Cow<'static, str>,
    subject: String,
    details: Option<String>,
    ip: Option<String>,
    purge_at: Timestamp,
}

impl From<&SessionRecord> for EncodedRecord {
    fn from(record: &SessionRecord) -> Self {
        let parts = record.to_parts();
        Self {
            kind: kind_text(&parts),
            subject: subject_text(&parts.subject).into_owned(),
            details: parts.details.to_json(),
            ip: parts.device.ip().map(|ip| ip.to_string()),
            parts,
            purge_at: record.ends_at(),
        }
    }
}

impl EncodedRecord {
    /// Returns the values of [`insert_statement`].
    pub(crate) fn insert_values(&self) -> [Value<'_>; COLUMNS.len()] {
        std::array::from_fn(|index| (COLUMNS[index].value)(self))
    }

    /// Returns the values of [`replace_statement`].
    pub(crate) fn replace_values(&self, expected: RecordVersion) -> [Value<'_>; REPLACE_VALUES] {
        let changed = COLUMNS.iter().filter(|column| !matches!(column.on_replace, OnReplace::Keeps));
        let condition = [Value::Bytes(self.parts.id.as_bytes()), number(expected.number())];
        let mut values = [Value::Int(0); REPLACE_VALUES];
        let all = changed.map(|column| (column.value)(self)).chain(condition);
        for (slot, value) in values.iter_mut().zip(all) {
            *slot = value;
        }
        values
    }

    const fn secret_digest(&self) -> &SecretBytes<32> {
        match &self.parts.credential {
            StoredCredential::Session { secret_digest }
            | StoredCredential::ApiKey { secret_digest }
            | StoredCredential::Refresh { secret_digest, .. } => secret_digest,
        }
    }

    /// Returns what only a refresh token has: its MAC key, its generation, and the time of its last rotation.
    const fn refresh(&self) -> Option<(&SecretBytes<32>, u64, Timestamp)> {
        match &self.parts.credential {
            StoredCredential::Refresh { mac_key, generation, rotated_at, .. } => {
                Some((mac_key, *generation, *rotated_at))
            }
            StoredCredential::Session { .. } | StoredCredential::ApiKey { .. } => None,
        }
    }
}

/// Returns the value of the column `kind`.
pub(crate) fn kind_text(parts: &RecordParts) -> Cow<'static, str> {
    let credential = match parts.credential {
        StoredCredential::Session { .. } => SESSION,
        StoredCredential::Refresh { .. } => REFRESH,
        StoredCredential::ApiKey { .. } => API_KEY,
    };
    let prefix = if !parts.subject.realm_name().is_empty() {
        IN_REALM
    } else if !parts.details.is_login && credential != API_KEY {
        NO_LOGIN
    } else {
        return credential.into();
    };
    [prefix, credential].concat().into()
}

/// Returns the value of the column `subject`.
///
/// In a named realm it includes the realm, so that one index separates the subjects of all realms and the
/// previous release does not find them (rule A12). A subject of the unnamed realm may have the same text, so
/// statements always compare the column `realm` too.
pub(crate) fn subject_text(subject: &Subject) -> Cow<'_, str> {
    match subject.realm_name() {
        "" => subject.as_str().into(),
        realm => format!("{realm}{REALM_SEPARATOR}{}", subject.as_str()).into(),
    }
}

/// Keeps the bits, as databases have signed numbers only.
const fn number(number: u64) -> Value<'static> {
    Value::Int(number.cast_signed())
}

const fn time(time: Timestamp) -> Value<'static> {
    number(time.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s17_a_replacement_changes_no_fixed_column() {
        let statement = replace_statement();
        for column in COLUMNS {
            let is_changed = statement.contains(&format!(" {} = ", column.name)) && column.name != "id";
            let is_fixed =
                ["id", "subject", "kind", "created_at", "expires_at", "realm"].contains(&column.name);
            assert_eq!(is_changed, !is_fixed, "{}: {statement}", column.name);
        }
        assert_eq!(statement.matches('?').count(), REPLACE_VALUES, "{statement}");
        assert!(statement.contains("purge_at = {least}(purge_at, ?)"), "{statement}");
    }

    #[test]
    fn each_column_has_a_placeholder() {
        let statement = insert_statement();
        assert!(statement.starts_with("INSERT INTO {table} (id, version, "), "{statement}");
        assert_eq!(statement.matches('?').count(), COLUMNS.len(), "{statement}");
    }

    #[test]
    fn a_read_column_is_found_at_its_index() {
        for (index, column) in ReadColumn::ALL.into_iter().enumerate() {
            assert_eq!(column.index(), index, "{column:?}");
        }
        assert_eq!(load_statement(), "SELECT record, details, realm FROM {table} WHERE id = ?");
        assert!(list_statement().starts_with("SELECT record, details, realm, id FROM {table} "));
    }
}
