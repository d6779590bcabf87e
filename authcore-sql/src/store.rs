//! The methods of a session store, written once for all databases.

use std::sync::{Arc, Mutex};

use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};
use tokio::time::Instant;

use crate::columns::{self, EncodedRecord, ReadColumn};
use crate::connections::{Connections, Effect, Failure};
use crate::dialect::{RemoveAll, Statements};
use crate::driver::Driver;
use crate::names::Names;
use crate::operations::{Execute, FetchAll, FetchOne, SelectThenDelete};
use crate::record_rows;
use crate::sql::{PoolMode, Sql, Value};

/// The maximum number of records that one purge removes, as it holds their locks until it ends.
const MAX_PURGED: usize = 10_000;

/// A store on any of the databases. Clones share its connections.
pub(crate) struct Store<D: Driver>(Arc<Inner<D>>);

pub(crate) struct Inner<D: Driver> {
    pub(crate) connections: Connections<D>,
    pub(crate) names: Names,
    pub(crate) statements: Statements,
    /// An unused connection: a database in memory ends with its last one.
    _keeps_memory: Option<Mutex<D::Connection>>,
}

impl<D: Driver> Clone for Store<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Driver> Store<D> {
    pub(crate) fn new(
        connections: Connections<D>,
        names: Names,
        keeps_memory: Option<D::Connection>,
    ) -> Self {
        let statements = D::DIALECT.statements(&names, connections.reporting.access.pool_mode);
        let keeps_memory = keeps_memory.map(Mutex::new);
        Self(Arc::new(Inner { connections, names, statements, _keeps_memory: keeps_memory }))
    }

    pub(crate) fn inner(&self) -> &Inner<D> {
        &self.0
    }

    /// Returns a statement with the store's names filled in.
    pub(crate) fn sql(&self, template: &str) -> Sql {
        D::DIALECT.sql(&self.0.names, self.pool_mode(), template)
    }

    pub(crate) fn pool_mode(&self) -> PoolMode {
        self.0.connections.reporting.access.pool_mode
    }

    pub(crate) async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        let (encoded, deadline) = (EncodedRecord::from(record), self.deadline());
        match self.execute(deadline, &self.0.statements.insert, &encoded.insert_values()).await {
            Ok(_) => Ok(InsertOutcome::Inserted),
            // A unique index that the host added refused the record: another id would not help (rule S1).
            Err(Failure::Taken) if !self.exists(deadline, record.id()).await? => Err(Failure::Taken.into()),
            Err(Failure::Taken) => Ok(InsertOutcome::Conflict),
            Err(Failure::Store(error)) => Err(error),
        }
    }

    pub(crate) async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let values = [Value::Bytes(id.as_bytes())];
        let found = self.fetch_one(self.deadline(), &self.0.statements.load, &values).await?;
        found.map(|row| record_rows::record::<D>(&row, id)).transpose()
    }

    pub(crate) async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let (encoded, deadline) = (EncodedRecord::from(record), self.deadline());
        let values = encoded.replace_values(expected);
        if self.execute(deadline, &self.0.statements.replace, &values).await? > 0 {
            return Ok(ReplaceOutcome::Replaced);
        }
        // Nothing was written, and ids are never used again, so this needs no transaction.
        let exists = self.exists(deadline, record.id()).await?;
        Ok(if exists { ReplaceOutcome::Stale } else { ReplaceOutcome::Missing })
    }

    pub(crate) async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        let values = [Value::Bytes(id.as_bytes())];
        Ok(self.execute(self.deadline(), &self.0.statements.remove, &values).await? > 0)
    }

    pub(crate) async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        let text = columns::subject_text(subject);
        let values = [Value::Text(&text), Value::Text(subject.realm_name())];
        let rows = self.fetch_all(&self.0.statements.list, &values, Effect::Reads).await?;
        let id = |row: &D::Row| record_rows::id::<D>(row, ReadColumn::Id.index());
        rows.iter().map(|row| record_rows::record::<D>(row, id(row)?)).collect()
    }

    pub(crate) async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        // No id is empty, so comparing with an empty one keeps none.
        let keep = keep.as_ref().map_or(&[][..], |id| id.as_bytes());
        let text = columns::subject_text(subject);
        let values = [Value::Text(&text), Value::Text(subject.realm_name()), Value::Bytes(keep)];
        let rows = match &self.0.statements.remove_all {
            RemoveAll::DeleteReturning(delete) => self.fetch_all(delete, &values, Effect::Writes).await?,
            RemoveAll::SelectThenDelete { select, delete } => {
                let before = self.0.statements.before_bulk.as_ref();
                let removal = SelectThenDelete { before, select, delete, values: &values };
                self.0.connections.call(self.deadline(), Effect::Writes, &removal).await?
            }
        };
        // Both statements return the id only.
        rows.iter().map(|row| record_rows::id::<D>(row, 0)).collect()
    }

    /// Reads at most as many of the due rows as it may remove, so it is short however many are due.
    pub(crate) async fn purge_expired(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<PurgeOutcome, StoreError> {
        let (limit, deadline) = (limit.min(MAX_PURGED), self.deadline());
        let now = Value::Int(now.as_millis().cast_signed());
        let values = [now, Value::Int(limit as i64), now];
        let removed = self.execute_bulk(deadline, &self.0.statements.purge, &values).await?;
        // Rows that were read and not removed belong to sessions that were used since. Postponing them
        // makes room for others.
        let postponed = if removed < limit as u64 {
            self.execute_bulk(deadline, &self.0.statements.postpone, &values).await?
        } else {
            0
        };
        // If nothing changed, the due rows are locked by others, and trying again at once would not help.
        let more = removed + postponed > 0
            && self.fetch_one(deadline, &self.0.statements.due, &[now]).await?.is_some();
        Ok(PurgeOutcome { removed: removed as usize, more })
    }

    async fn exists(&self, deadline: Instant, id: SessionId) -> Result<bool, StoreError> {
        let values = [Value::Bytes(id.as_bytes())];
        Ok(self.fetch_one(deadline, &self.0.statements.exists, &values).await?.is_some())
    }

    async fn execute_bulk(
        &self,
        deadline: Instant,
        sql: &Sql,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let before = self.0.statements.before_bulk.as_ref();
        Ok(self.0.connections.call(deadline, Effect::Writes, &Execute { before, sql, values }).await?)
    }

    async fn execute(&self, deadline: Instant, sql: &Sql, values: &[Value<'_>]) -> Result<u64, Failure> {
        self.0.connections.call(deadline, Effect::Writes, &Execute { before: None, sql, values }).await
    }

    async fn fetch_one(
        &self,
        deadline: Instant,
        sql: &Sql,
        values: &[Value<'_>],
    ) -> Result<Option<D::Row>, StoreError> {
        Ok(self.0.connections.call(deadline, Effect::Reads, &FetchOne { sql, values }).await?)
    }

    async fn fetch_all(
        &self,
        sql: &Sql,
        values: &[Value<'_>],
        effect: Effect,
    ) -> Result<Vec<D::Row>, StoreError> {
        Ok(self.0.connections.call(self.deadline(), effect, &FetchAll { sql, values }).await?)
    }

    fn deadline(&self) -> Instant {
        self.0.connections.deadline()
    }
}
