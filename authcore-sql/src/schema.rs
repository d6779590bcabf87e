//! Inspection of what a database already holds: the server's settings, and the tables.

use std::time::Duration;

use authcore::store::{StoreError, StoreErrorKind};
use tokio::time::Instant;

use crate::connections::{Connections, Effect, Operation};
use crate::dialect::Statements;
use crate::driver::Driver;
use crate::error::{OTHER_TABLE, RUN_MIGRATE};
use crate::operations::{Execute, FetchOne};
use crate::sql::Value;
use crate::store::Store;

/// The tables that a database holds under the names of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// None.
    Absent,
    /// Those of the migrations up to this number.
    MigratedTo(i64),
    /// There is a table with the name of the sessions table, but no history of migrations.
    ForeignTable,
    /// There is a table with the name of the history, but with other columns.
    ForeignHistory,
    /// The history lists migrations, but the sessions table does not exist.
    TableLost,
}

impl SchemaState {
    /// Refuses tables that no migration brings to the current release, which has the migrations up to
    /// `latest`.
    pub(crate) fn check_migratable(self, latest: usize) -> Result<(), StoreError> {
        let context = match self {
            Self::Absent => return Ok(()),
            Self::MigratedTo(number) if number <= latest as i64 => return Ok(()),
            Self::MigratedTo(_) => {
                "the sessions table was migrated by a newer release of authcore-sql: update this one"
            }
            Self::ForeignTable => {
                "the database has a table with the name of the sessions table that is not authcore's: choose \
                 another table name"
            }
            Self::ForeignHistory => {
                "the database has a table with the name of the migrations table that is not authcore's: \
                 choose another table name"
            }
            Self::TableLost => {
                "the sessions table does not exist, but its migrations table does: restore the first or \
                 drop the second"
            }
        };
        Err(StoreError::new(StoreErrorKind::Misconfigured, context))
    }
}

impl<D: Driver> Store<D> {
    /// Checks that the server can be used, and that the tables are authcore's and of this release. If
    /// `may_need_migration`, they may also be missing or of an older release.
    pub(crate) async fn check(&self, may_need_migration: bool, deadline: Instant) -> Result<(), StoreError> {
        let connections = self.inner().connections.with_detailed_errors(Duration::ZERO);
        for (requirement, otherwise) in D::DIALECT.requirements {
            let sql = self.sql(requirement);
            let row = connections.call(deadline, Effect::Reads, &FetchOne { sql: &sql, values: &[] }).await?;
            let result = D::first_int(row.as_ref())
                .map_err(|error| D::classify(&error).into_error(error, connections.reporting))?;
            if result != Some(1) {
                return Err(StoreError::new(StoreErrorKind::Misconfigured, otherwise));
            }
        }
        let state = connections.call(deadline, Effect::Reads, &InspectSchema { store: self }).await?;
        let latest = D::DIALECT.migrations.len();
        state.check_migratable(latest)?;
        match state {
            SchemaState::MigratedTo(number) if number == latest as i64 => {
                self.check_columns(&connections, deadline).await
            }
            _ if may_need_migration => Ok(()),
            SchemaState::MigratedTo(_) => Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "the sessions table is that of an older release: run `migrate`, or build the store with \
                 `connect_and_migrate`",
            )),
            _ => Err(StoreError::new(StoreErrorKind::Misconfigured, RUN_MIGRATE)),
        }
    }

    /// Runs statements that affect no session, and that fail unless all columns exist and may be used.
    pub(crate) async fn check_columns(
        &self,
        connections: &Connections<D>,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Statements { load, remove, purge, before_bulk, .. } = &self.inner().statements;
        let no_id = [Value::Bytes(&[])];
        connections.call(deadline, Effect::Reads, &FetchOne { sql: load, values: &no_id }).await?;
        let remove = Execute { before: None, sql: remove, values: &no_id };
        connections.call(deadline, Effect::Writes, &remove).await?;
        let no_rows = [Value::Int(0), Value::Int(0), Value::Int(0)];
        let purge = Execute { before: before_bulk.as_ref(), sql: purge, values: &no_rows };
        connections.call(deadline, Effect::Writes, &purge).await?;
        Ok(())
    }
}

/// Finds out which tables exist.
pub(crate) struct InspectSchema<'a, D: Driver> {
    pub(crate) store: &'a Store<D>,
}

impl<D: Driver> Operation<D> for InspectSchema<'_, D> {
    type Output = SchemaState;

    async fn run(&self, connection: &mut D::Connection) -> Result<SchemaState, sqlx::Error> {
        match self.inspect(connection).await? {
            // Another process may have migrated between two of the queries. The second time it has not.
            SchemaState::ForeignTable | SchemaState::TableLost => self.inspect(connection).await,
            state => Ok(state),
        }
    }
}

impl<D: Driver> InspectSchema<'_, D> {
    async fn inspect(&self, connection: &mut D::Connection) -> Result<SchemaState, sqlx::Error> {
        let table_exists = self.exists(connection, D::DIALECT.table_exists).await?;
        let history_exists = self.exists(connection, D::DIALECT.history_exists).await?;
        match (table_exists, history_exists) {
            (false, false) => Ok(SchemaState::Absent),
            (true, false) => Ok(SchemaState::ForeignTable),
            (_, true) => self.read_history(connection, table_exists).await,
        }
    }

    async fn exists(&self, connection: &mut D::Connection, query: &str) -> Result<bool, sqlx::Error> {
        let row = D::one_row(connection, &self.store.sql(query), &[]).await?;
        Ok(D::first_int(row.as_ref())?.is_some_and(|count| count > 0))
    }

    async fn read_history(
        &self,
        connection: &mut D::Connection,
        table_exists: bool,
    ) -> Result<SchemaState, sqlx::Error> {
        let last = self.store.sql("SELECT COALESCE(MAX(number), 0) FROM {history}");
        match D::one_row(connection, &last, &[]).await {
            Ok(row) => match D::first_int(row.as_ref())?.unwrap_or_default() {
                1.. if !table_exists => Ok(SchemaState::TableLost),
                number => Ok(SchemaState::MigratedTo(number)),
            },
            Err(error) if D::classify(&error) == OTHER_TABLE => Ok(SchemaState::ForeignHistory),
            Err(error) => Err(error),
        }
    }
}
