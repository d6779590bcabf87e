//! The operations of a store on one connection.

use sqlx::{Connection as _, SqlStr};

use crate::connections::Operation;
use crate::driver::Driver;
use crate::sql::{Sql, Value};

/// Runs a statement and returns the number of affected rows.
pub(crate) struct Execute<'a> {
    /// Settings for the statement's transaction.
    pub(crate) before: Option<&'a Sql>,
    pub(crate) sql: &'a Sql,
    pub(crate) values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for Execute<'_> {
    type Output = u64;

    fn leaves_traces(&self) -> bool {
        self.before.is_some()
    }

    async fn run(&self, connection: &mut D::Connection) -> Result<u64, sqlx::Error> {
        if let Some(before) = self.before {
            D::script(connection, before).await?;
        }
        D::execute(connection, self.sql, self.values).await
    }
}

/// Runs a query that returns at most one row.
pub(crate) struct FetchOne<'a> {
    pub(crate) sql: &'a Sql,
    pub(crate) values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for FetchOne<'_> {
    type Output = Option<D::Row>;

    async fn run(&self, connection: &mut D::Connection) -> Result<Option<D::Row>, sqlx::Error> {
        D::one_row(connection, self.sql, self.values).await
    }
}

/// Runs a statement that returns any number of rows.
pub(crate) struct FetchAll<'a> {
    pub(crate) sql: &'a Sql,
    pub(crate) values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for FetchAll<'_> {
    type Output = Vec<D::Row>;

    async fn run(&self, connection: &mut D::Connection) -> Result<Vec<D::Row>, sqlx::Error> {
        D::all_rows(connection, self.sql, self.values).await
    }
}

/// Locks rows with one statement, removes them with another in the same transaction, and returns them.
pub(crate) struct SelectThenDelete<'a> {
    /// Settings for the transaction.
    pub(crate) before: Option<&'a Sql>,
    pub(crate) select: &'a Sql,
    pub(crate) delete: &'a Sql,
    pub(crate) values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for SelectThenDelete<'_> {
    type Output = Vec<D::Row>;

    fn leaves_traces(&self) -> bool {
        true
    }

    fn is_transaction(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut D::Connection) -> Result<Vec<D::Row>, sqlx::Error> {
        if let Some(before) = self.before {
            D::script(connection, before).await?;
        }
        let mut transaction = connection.begin_with(SqlStr::from_static("START TRANSACTION")).await?;
        let rows = D::all_rows(&mut transaction, self.select, self.values).await?;
        if !rows.is_empty() {
            let ids = rows.iter().map(|row| D::bytes(row, 0)).collect::<Result<Vec<_>, _>>()?;
            let ids: Vec<_> = ids.into_iter().map(|id| Value::Bytes(id.unwrap_or_default())).collect();
            D::execute(&mut transaction, &self.delete.with_ids(ids.len()), &ids).await?;
        }
        transaction.commit().await?;
        Ok(rows)
    }
}
