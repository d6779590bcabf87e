//! What the drivers of the three databases have in common, for the store that is written once.

use std::pin::Pin;

use sqlx::error::DatabaseError;
use sqlx::query::Query;
use sqlx::{Executor as _, Row as _};

use crate::dialect::{Dialect, Sql};
use crate::error::Fault;

/// A value of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Int(i64),
    OptionalInt(Option<i64>),
    Bytes(&'a [u8]),
    OptionalBytes(Option<&'a [u8]>),
    Text(&'a str),
    OptionalText(Option<&'a str>),
}

/// What the driver answers, some day.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'a>>;

/// A database of sqlx's that a store can be on.
pub(crate) trait Driver: sqlx::Database {
    const DIALECT: Dialect;
    /// Whether a connection is closed when a call over it was not waited for. It may still be busy with that,
    /// in a transaction, or hang; but SQLite's may be all that there is of a database in memory.
    const CLOSES_UNFINISHED: bool;

    /// Whether only one of all connections can write at a time. Then writers queue before they take one:
    /// those that wait for the lock would keep all connections from those that read.
    const ONE_WRITER: bool;

    /// Runs a statement; gives how many rows it touched.
    fn execute<'c>(connection: &'c mut Self::Connection, sql: &Sql, values: &[Value<'_>]) -> Answer<'c, u64>;
    fn one_row<'c>(
        connection: &'c mut Self::Connection,
        sql: &Sql,
        values: &[Value<'_>],
    ) -> Answer<'c, Option<Self::Row>>;
    fn all_rows<'c>(
        connection: &'c mut Self::Connection,
        sql: &Sql,
        values: &[Value<'_>],
    ) -> Answer<'c, Vec<Self::Row>>;
    /// Runs a file of statements.
    fn script<'c>(connection: &'c mut Self::Connection, sql: &Sql) -> Answer<'c, ()>;

    // Without asking for a column's type each time: the tables have types, and were looked at when the store
    // was built.
    fn int(row: &Self::Row, column: usize) -> Result<Option<i64>, sqlx::Error>;
    fn bytes(row: &Self::Row, column: usize) -> Result<Option<&[u8]>, sqlx::Error>;
    fn text(row: &Self::Row, column: usize) -> Result<Option<&str>, sqlx::Error>;

    /// What an error of the database means.
    fn judge(error: &dyn DatabaseError) -> Fault;
}

/// sqlx has these for each database apart: written once here, and made for each.
macro_rules! driver {
    (
        $database:ty,
        $feature:literal,
        $dialect:path,
        closes unfinished: $closes:literal,
        one writer: $one_writer:literal,
        judge: $judge:path,
        arguments: $arguments:ty,
        text as: $as_text:path
    ) => {
        #[cfg(feature = $feature)]
        const _: () = {
            fn query(sql: &Sql, values: &[Value<'_>]) -> Query<'static, $database, $arguments> {
                let query = sqlx::query(sql.text()).persistent(sql.is_kept());
                values.iter().fold(query, |query, value| match *value {
                    Value::Int(number) => query.bind(number),
                    Value::OptionalInt(number) => query.bind(number),
                    Value::Bytes(bytes) => query.bind(bytes),
                    Value::OptionalBytes(bytes) => query.bind(bytes),
                    Value::Text(text) => query.bind($as_text(text)),
                    Value::OptionalText(text) => query.bind(text.map($as_text)),
                })
            }

            impl Driver for $database {
                const DIALECT: Dialect = $dialect;
                const CLOSES_UNFINISHED: bool = $closes;
                const ONE_WRITER: bool = $one_writer;

                fn execute<'c>(
                    connection: &'c mut Self::Connection,
                    sql: &Sql,
                    values: &[Value<'_>],
                ) -> Answer<'c, u64> {
                    let query = query(sql, values);
                    Box::pin(async move { Ok(connection.execute(query).await?.rows_affected()) })
                }

                fn one_row<'c>(
                    connection: &'c mut Self::Connection,
                    sql: &Sql,
                    values: &[Value<'_>],
                ) -> Answer<'c, Option<Self::Row>> {
                    connection.fetch_optional(query(sql, values))
                }

                fn all_rows<'c>(
                    connection: &'c mut Self::Connection,
                    sql: &Sql,
                    values: &[Value<'_>],
                ) -> Answer<'c, Vec<Self::Row>> {
                    connection.fetch_all(query(sql, values))
                }

                fn script<'c>(connection: &'c mut Self::Connection, sql: &Sql) -> Answer<'c, ()> {
                    let script = sqlx::raw_sql(sql.text());
                    Box::pin(async move { connection.execute(script).await.map(drop) })
                }

                fn int(row: &Self::Row, column: usize) -> Result<Option<i64>, sqlx::Error> {
                    row.try_get_unchecked(column)
                }

                fn bytes(row: &Self::Row, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
                    row.try_get_unchecked(column)
                }

                fn text(row: &Self::Row, column: usize) -> Result<Option<&str>, sqlx::Error> {
                    row.try_get_unchecked(column)
                }

                fn judge(error: &dyn DatabaseError) -> Fault {
                    $judge(error)
                }
            }
        };
    };
}

driver!(
    sqlx::Postgres,
    "postgres",
    crate::dialect::postgres::DIALECT,
    closes unfinished: true,
    one writer: false,
    judge: crate::error::judge_postgres,
    arguments: sqlx::postgres::PgArguments,
    text as: std::convert::identity
);

// Texts are sent as the bytes that they are, so that no character set of a connection changes them.
driver!(
    sqlx::MySql,
    "mysql",
    crate::dialect::mysql::DIALECT,
    closes unfinished: true,
    one writer: false,
    judge: crate::error::judge_mysql,
    arguments: sqlx::mysql::MySqlArguments,
    text as: str::as_bytes
);

driver!(
    sqlx::Sqlite,
    "sqlite",
    crate::dialect::sqlite::DIALECT,
    closes unfinished: false,
    one writer: true,
    judge: crate::error::judge_sqlite,
    arguments: sqlx::sqlite::SqliteArguments,
    text as: std::convert::identity
);
