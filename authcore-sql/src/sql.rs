//! One SQL statement, ready to run, and the values that are bound to it.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

/// How long a connection keeps its session of the server, in the words of PgBouncer's `pool_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoolMode {
    /// A connection has one session of the server for all of its calls.
    Session,
    /// A connection pooler may give each transaction a different session of the server.
    Transaction,
}

/// One statement with its table names and placeholders filled in.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    text: Arc<str>,
    is_persistent: bool,
}

impl Sql {
    /// Creates a statement from a text that holds no input except names that were checked (rule S12).
    pub(crate) fn new(text: String, pool_mode: PoolMode) -> Self {
        Self { text: text.into(), is_persistent: pool_mode == PoolMode::Session }
    }

    /// Returns the statement with `{ids}` replaced by this many placeholders.
    pub(crate) fn with_ids(&self, count: usize) -> Self {
        let text = self.text.replace("{ids}", &vec!["?"; count].join(", "));
        Self { text: text.into(), is_persistent: self.is_persistent }
    }

    /// Returns the text, which sqlx may run because no unchecked input is part of it (rule S12).
    pub(crate) fn text(&self) -> SqlStr {
        AssertSqlSafe(Arc::clone(&self.text)).into_sql_str()
    }

    /// Returns whether the server keeps the prepared statement, under a name, for later calls. Behind a
    /// pooler in transaction mode those calls get other sessions, which do not know the name.
    pub(crate) const fn is_persistent(&self) -> bool {
        self.is_persistent
    }
}

/// A value that is bound to a placeholder. It has no `Debug`, as it may be a digest or a claim (rule S10).
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Int(i64),
    OptionalInt(Option<i64>),
    Bytes(&'a [u8]),
    OptionalBytes(Option<&'a [u8]>),
    Text(&'a str),
    OptionalText(Option<&'a str>),
}
