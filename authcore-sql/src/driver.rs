//! The common interface of sqlx's three drivers, on which the store is written once.

use std::pin::Pin;

use sqlx::error::DatabaseError;
use sqlx::query::Query;
use sqlx::{Executor as _, Row as _};

use crate::dialect::Dialect;
use crate::error::Fault;
use crate::sql::{Sql, Value};

/// The driver's pending answer.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'a>>;

/// A database of sqlx that a store can use.
pub(crate) trait Driver: sqlx::Database {
    const DIALECT: Dialect;
    /// Whether a connection is closed if a call over it was dropped before its end. The connection may
    /// hang, be busy or be in a transaction. SQLite's connections stay open, as one of them may be all that
    /// keeps a database in memory.
    const CLOSES_UNFINISHED: bool;

    /// Whether only one connection can write at a time. Writers then queue before they take a connection;
    /// otherwise those that wait for the lock would hold every connection, and readers would wait too.
    const ONE_WRITER: bool;

    /// Runs a statement and returns the number of affected rows.
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
    /// Runs several statements.
    fn script<'c>(connection: &'c mut Self::Connection, sql: &Sql) -> Answer<'c, ()>;

    // These do not check a column's type each time: the tables were checked when the store was built.
    fn int(row: &Self::Row, column: usize) -> Result<Option<i64>, sqlx::Error>;
    fn bytes(row: &Self::Row, column: usize) -> Result<Option<&[u8]>, sqlx::Error>;
    fn text(row: &Self::Row, column: usize) -> Result<Option<&str>, sqlx::Error>;

    /// Classifies an error that the database reported.
    fn classify_database_error(error: &dyn DatabaseError) -> Fault;

    /// Classifies any error of the driver.
    fn classify(error: &sqlx::Error) -> Fault {
        Fault::classify(error, Self::classify_database_error)
    }

    /// Returns the number in the first column of a row, or `None` if it is null or there is no row.
    fn first_int(row: Option<&Self::Row>) -> Result<Option<i64>, sqlx::Error> {
        row.map_or(Ok(None), |row| Self::int(row, 0))
    }
}

/// Implements [`Driver`] for one database: sqlx's traits do not cover all of them at once.
macro_rules! driver {
    (
        $database:ty,
        $feature:literal,
        $dialect:path,
        closes unfinished: $closes:literal,
        one writer: $one_writer:literal,
        classify: $classify:path,
        arguments: $arguments:ty,
        text as: $as_text:path
    ) => {
        #[cfg(feature = $feature)]
        const _: () = {
            fn query(sql: &Sql, values: &[Value<'_>]) -> Query<'static, $database, $arguments> {
                let query = sqlx::query(sql.text()).persistent(sql.is_persistent());
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

                fn classify_database_error(error: &dyn DatabaseError) -> Fault {
                    $classify(error)
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
    classify: crate::error::postgres::classify,
    arguments: sqlx::postgres::PgArguments,
    text as: std::convert::identity
);

// Texts are sent as bytes, so that the character set of the connection cannot change them.
driver!(
    sqlx::MySql,
    "mysql",
    crate::dialect::mysql::DIALECT,
    closes unfinished: true,
    one writer: false,
    classify: crate::error::mysql::classify,
    arguments: sqlx::mysql::MySqlArguments,
    text as: str::as_bytes
);

driver!(
    sqlx::Sqlite,
    "sqlite",
    crate::dialect::sqlite::DIALECT,
    closes unfinished: false,
    one writer: true,
    classify: crate::error::sqlite::classify,
    arguments: sqlx::sqlite::SqliteArguments,
    text as: std::convert::identity
);
