//! The seven methods, once for all databases.

use std::sync::{Arc, Mutex};

use crate::call::{Connections, Effect, Failure, Operation};
use crate::dialect::{RemoveAll, Sql, Statements};
use crate::driver::{Driver, Value};
use crate::names::Names;
use crate::row::{self, Columns};
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};
use sqlx::{Connection as _, SqlStr};
use tokio::time::Instant;

/// A store on a database of sqlx's.
pub(crate) struct Store<D: Driver>(Arc<Inner<D>>);

pub(crate) struct Inner<D: Driver> {
    pub(crate) connections: Connections<D>,
    pub(crate) names: Names,
    pub(crate) statements: Statements,
    /// A database in memory ends with its last connection: this one is never used.
    pub(crate) _keeps_memory: Option<Mutex<D::Connection>>,
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
        let statements = D::DIALECT.statements(&names);
        let keeps_memory = keeps_memory.map(Mutex::new);
        Self(Arc::new(Inner { connections, names, statements, _keeps_memory: keeps_memory }))
    }

    pub(crate) fn inner(&self) -> &Inner<D> {
        &self.0
    }

    pub(crate) async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        let (columns, deadline) = (Columns::of(record), self.deadline());
        match self.execute(deadline, &self.0.statements.insert, &columns.to_insert()).await {
            Ok(_) => Ok(InsertOutcome::Inserted),
            // Or is it an index of the host's that refuses it? Then another id is no way out.
            Err(Failure::Taken) if !self.exists(deadline, record.id()).await? => Err(Failure::Taken.into()),
            Err(Failure::Taken) => Ok(InsertOutcome::Conflict),
            Err(Failure::Store(error)) => Err(error),
        }
    }

    pub(crate) async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let values = [Value::Bytes(id.as_bytes())];
        let found = self.one_row(self.deadline(), &self.0.statements.load, &values).await?;
        found.map(|row| row::record::<D>(&row, id)).transpose()
    }

    pub(crate) async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let (columns, deadline) = (Columns::of(record), self.deadline());
        if self.execute(deadline, &self.0.statements.replace, &columns.to_replace(expected)).await? > 0 {
            return Ok(ReplaceOutcome::Replaced);
        }
        // Nothing was written, so this can be asked in peace: ids do not come twice.
        let exists = self.exists(deadline, record.id()).await?;
        Ok(if exists { ReplaceOutcome::Stale } else { ReplaceOutcome::Missing })
    }

    pub(crate) async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        let values = [Value::Bytes(id.as_bytes())];
        Ok(self.execute(self.deadline(), &self.0.statements.remove, &values).await? > 0)
    }

    pub(crate) async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        let text = row::subject_text(subject);
        let values = [Value::Text(&text), Value::Text(subject.realm_name())];
        let rows = self.all_rows(&self.0.statements.list, &values, Effect::Reads).await?;
        rows.iter().map(|row| row::record::<D>(row, row::id::<D>(row, 3)?)).collect()
    }

    pub(crate) async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        // No id is empty: then all go.
        let keep = keep.as_ref().map_or(&[][..], |id| id.as_bytes());
        let text = row::subject_text(subject);
        let values = [Value::Text(&text), Value::Text(subject.realm_name()), Value::Bytes(keep)];
        let rows = match &self.0.statements.remove_all {
            RemoveAll::AtOnce(delete) => self.all_rows(delete, &values, Effect::Writes).await?,
            RemoveAll::InTwoSteps(select, delete) => {
                let before = self.0.statements.before_bulk.as_ref();
                let removal = InTwoSteps { before, select, delete, values: &values };
                self.0.connections.call(self.deadline(), Effect::Writes, &removal).await?
            }
        };
        rows.iter().map(|row| row::id::<D>(row, 0)).collect()
    }

    /// Looks at as many of the rows that are due as it may remove, and at no more: so it is short, however
    /// many there are.
    pub(crate) async fn purge_expired(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<PurgeOutcome, StoreError> {
        let (limit, deadline) = (limit.min(MOST_AT_ONCE), self.deadline());
        let now = Value::Int(now.as_millis().cast_signed());
        let values = [now, Value::Int(limit as i64), now];
        let removed = self.in_bulk(deadline, &self.0.statements.purge, &values).await?;
        // If not all of those that it looked at went, some were used since: put off, they make room for the
        // next.
        let postponed = if removed < limit as u64 {
            self.in_bulk(deadline, &self.0.statements.postpone, &values).await?
        } else {
            0
        };
        // What others have locked they are looking at themselves: to try that again and again would help
        // nobody.
        let more = removed + postponed > 0
            && self.one_row(deadline, &self.0.statements.due, &[now]).await?.is_some();
        Ok(PurgeOutcome { removed: removed as usize, more })
    }

    async fn exists(&self, deadline: Instant, id: SessionId) -> Result<bool, StoreError> {
        let values = [Value::Bytes(id.as_bytes())];
        Ok(self.one_row(deadline, &self.0.statements.exists, &values).await?.is_some())
    }

    async fn in_bulk(&self, deadline: Instant, sql: &Sql, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let before = self.0.statements.before_bulk.as_ref();
        Ok(self.0.connections.call(deadline, Effect::Writes, &Execute { before, sql, values }).await?)
    }

    async fn execute(&self, deadline: Instant, sql: &Sql, values: &[Value<'_>]) -> Result<u64, Failure> {
        self.0.connections.call(deadline, Effect::Writes, &Execute { before: None, sql, values }).await
    }

    async fn one_row(
        &self,
        deadline: Instant,
        sql: &Sql,
        values: &[Value<'_>],
    ) -> Result<Option<D::Row>, StoreError> {
        Ok(self.0.connections.call(deadline, Effect::Reads, &OneRow { sql, values }).await?)
    }

    async fn all_rows(
        &self,
        sql: &Sql,
        values: &[Value<'_>],
        effect: Effect,
    ) -> Result<Vec<D::Row>, StoreError> {
        Ok(self.0.connections.call(self.deadline(), effect, &AllRows { sql, values }).await?)
    }

    fn deadline(&self) -> Instant {
        self.0.connections.deadline()
    }
}

/// How many records a purge removes at most, so that it is short: locks are held that long.
const MOST_AT_ONCE: usize = 10_000;

pub(crate) struct Execute<'a> {
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

pub(crate) struct OneRow<'a> {
    pub(crate) sql: &'a Sql,
    pub(crate) values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for OneRow<'_> {
    type Output = Option<D::Row>;

    async fn run(&self, connection: &mut D::Connection) -> Result<Option<D::Row>, sqlx::Error> {
        D::one_row(connection, self.sql, self.values).await
    }
}

struct AllRows<'a> {
    sql: &'a Sql,
    values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for AllRows<'_> {
    type Output = Vec<D::Row>;

    async fn run(&self, connection: &mut D::Connection) -> Result<Vec<D::Row>, sqlx::Error> {
        D::all_rows(connection, self.sql, self.values).await
    }
}

/// Removes in a transaction what a first statement found and locked.
struct InTwoSteps<'a> {
    before: Option<&'a Sql>,
    select: &'a Sql,
    delete: &'a Sql,
    values: &'a [Value<'a>],
}

impl<D: Driver> Operation<D> for InTwoSteps<'_> {
    type Output = Vec<D::Row>;

    fn leaves_traces(&self) -> bool {
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
