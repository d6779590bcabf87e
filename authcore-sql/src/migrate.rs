//! From no tables, or those of an older release, to those of this one.

use authcore::{StoreError, StoreErrorKind};

use crate::call::{Connections, Effect, Operation};
use crate::dialect::{Sql, Statements};
use crate::driver::{Driver, Value};
use crate::error::{Fault, RUN_MIGRATE};
use crate::store::{Execute, OneRow, Store};

/// How long a migration may take, with the waiting for another process that does the same.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// What there is of our tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    Missing,
    /// The number of the last migration that was run.
    At(i64),
    /// There is a table of that name, and not by our migrations.
    Foreign,
}

impl<D: Driver> Store<D> {
    /// Runs the migrations that are missing.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let store = self.clone();
        // By itself, so that it comes to its end even if nobody waits for it: half a migration is nobody's wish.
        let running = tokio::spawn(async move {
            let inner = store.inner();
            let connections = Connections {
                pool: inner.connections.pool.clone(),
                timeout: PATIENCE.max(inner.connections.timeout),
                doubt: inner.connections.doubt.clone(),
            };
            let run = Migrate { store: &store };
            let Some(found) = connections.call(Effect::Writes, &run).await? else {
                return Err(StoreError::unavailable("another process has not ended its migration"));
            };
            refuse(found, D::DIALECT.migrations.len())?;
            store.check_tables().await
        });
        running.await.unwrap_or_else(|error| {
            Err(StoreError::unavailable("the migration was ended with its runtime").with_source(error))
        })
    }

    /// Looks whether the server can be used.
    pub(crate) async fn check_server(&self) -> Result<(), StoreError> {
        for (requirement, otherwise) in D::DIALECT.requirements {
            let sql = D::DIALECT.sql(&self.inner().names, requirement);
            if self.ask(&sql).await? != Some(1) {
                return Err(StoreError::new(StoreErrorKind::Misconfigured, otherwise));
            }
        }
        Ok(())
    }

    /// Looks whether the tables are there, ours and of this release; `may_miss` if a migration is still to be run.
    pub(crate) async fn check_schema(&self, may_miss: bool) -> Result<(), StoreError> {
        let found = self.inner().connections.call(Effect::Reads, &Look { store: self }).await?;
        let known = D::DIALECT.migrations.len();
        refuse(found, known)?;
        match found {
            Schema::At(number) if number == known as i64 => self.check_tables().await,
            _ if may_miss => Ok(()),
            Schema::At(_) => Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "the table of sessions is that of an older release: run `migrate` of a store that was built by \
                 `connect_unmigrated`",
            )),
            _ => Err(StoreError::new(StoreErrorKind::Misconfigured, RUN_MIGRATE)),
        }
    }

    /// Reads and writes no session, by statements that are refused unless all columns are there and may be used.
    async fn check_tables(&self) -> Result<(), StoreError> {
        let Statements { load, remove, .. } = &self.inner().statements;
        let nothing = [Value::Bytes(&[])];
        self.inner().connections.call(Effect::Reads, &OneRow { sql: load, values: &nothing }).await?;
        let remove = Execute { before: None, sql: remove, values: &nothing };
        self.inner().connections.call(Effect::Writes, &remove).await?;
        Ok(())
    }

    async fn ask(&self, sql: &Sql) -> Result<Option<i64>, StoreError> {
        let row = self.inner().connections.call(Effect::Reads, &OneRow { sql, values: &[] }).await?;
        first_int::<D>(row.as_ref()).map_err(|error| Fault::of(&error, D::judge).into_error(error))
    }
}

/// What no migration can help.
fn refuse(found: Schema, known: usize) -> Result<(), StoreError> {
    let context = match found {
        Schema::Foreign => "there is a table of that name already, and it is not authcore's",
        Schema::At(number) if number > known as i64 => {
            "the table of sessions is that of a newer release of authcore-sql"
        }
        _ => return Ok(()),
    };
    Err(StoreError::new(StoreErrorKind::Misconfigured, context))
}

/// Tells what is there.
struct Look<'a, D: Driver> {
    store: &'a Store<D>,
}

impl<D: Driver> Operation<D> for Look<'_, D> {
    type Output = Schema;

    async fn run(&self, connection: &mut D::Connection) -> Result<Schema, sqlx::Error> {
        let names = &self.store.inner().names;
        let mut is_there = [false; 2];
        for (is_there, question) in is_there.iter_mut().zip(D::DIALECT.is_there) {
            let row = D::one_row(connection, &D::DIALECT.sql(names, question), &[]).await?;
            *is_there = first_int::<D>(row.as_ref())?.is_some_and(|count| count > 0);
        }
        match is_there {
            [false, false] => Ok(Schema::Missing),
            [true, false] => Ok(Schema::Foreign),
            [_, true] => {
                let last = D::DIALECT.sql(names, "SELECT COALESCE(MAX(number), 0) FROM {history}");
                let row = D::one_row(connection, &last, &[]).await?;
                Ok(Schema::At(first_int::<D>(row.as_ref())?.unwrap_or_default()))
            }
        }
    }
}

/// Runs what is missing, one process at a time; gives what is there then, or nothing if another process does not end.
struct Migrate<'a, D: Driver> {
    store: &'a Store<D>,
}

impl<D: Driver> Operation<D> for Migrate<'_, D> {
    type Output = Option<Schema>;

    async fn run(&self, connection: &mut D::Connection) -> Result<Option<Schema>, sqlx::Error> {
        let names = &self.store.inner().names;
        let outcome = self.locked(connection).await;
        let end = if outcome.is_ok() { D::DIALECT.unlock } else { D::DIALECT.give_up };
        let ended = D::one_row(connection, &D::DIALECT.sql(names, end), &[]).await;
        // What went wrong first says more.
        let found = outcome?;
        ended?;
        Ok(found)
    }
}

impl<D: Driver> Migrate<'_, D> {
    async fn locked(&self, connection: &mut D::Connection) -> Result<Option<Schema>, sqlx::Error> {
        let (dialect, names) = (D::DIALECT, &self.store.inner().names);
        for lock in dialect.lock {
            let row = D::one_row(connection, &dialect.sql(names, lock), &[]).await?;
            if first_int::<D>(row.as_ref())? == Some(0) {
                return Ok(None);
            }
        }
        let look = Look { store: self.store };
        let found = look.run(connection).await?;
        let done = match found {
            Schema::Missing => 0,
            Schema::At(number) => usize::try_from(number).unwrap_or_default(),
            Schema::Foreign => return Ok(Some(found)),
        };
        if done >= dialect.migrations.len() {
            return Ok(Some(found));
        }
        if let Some(create) = dialect.create_schema.filter(|_| names.has_schema()) {
            D::script(connection, &dialect.sql(names, create)).await?;
        }
        for file in dialect.migrations.iter().skip(done) {
            D::script(connection, &dialect.migration(names, file)).await?;
        }
        look.run(connection).await.map(Some)
    }
}

fn first_int<D: Driver>(row: Option<&D::Row>) -> Result<Option<i64>, sqlx::Error> {
    row.map_or(Ok(None), |row| D::int(row, 0))
}
