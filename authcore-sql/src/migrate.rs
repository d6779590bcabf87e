//! From no tables, or those of an older release, to those of this one.

use std::time::Duration;

use crate::call::{Connections, Effect, Operation};
use crate::dialect::Statements;
use crate::driver::{Driver, Value};
use crate::error::{Fault, OTHER_TABLE, RUN_MIGRATE, Words};
use crate::store::{Execute, OneRow, Store};
use authcore::store::{StoreError, StoreErrorKind};
use tokio::time::Instant;

/// How long a migration may take, with the waiting for another process that does the same.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long others have the table to themselves while a migration waits for it.
const PAUSE: Duration = Duration::from_secs(1);

/// What an attempt to migrate came to.
pub(crate) enum Migrated {
    /// This is there now.
    Found(Schema),
    /// Another process migrates, and does not end.
    Elsewhere,
    /// Another transaction holds the table: nothing was changed, or on MySQL what can be done again.
    TableInUse,
}

/// What there is of our tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    Missing,
    /// The number of the last migration that was run.
    At(i64),
    /// There is a table of the sessions' name, and not by our migrations.
    Foreign,
    /// There is a table of the migrations' name, and it is of another shape.
    ForeignHistory,
    /// What was migrated is written down, and the table of the sessions is gone.
    Torn,
}

impl<D: Driver> Store<D> {
    /// Runs the migrations that are missing.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let store = self.clone();
        // By itself, so that it comes to its end even if nobody waits for it: half a migration is nobody's
        // wish.
        let running = tokio::spawn(async move {
            let connections = store.candid(PATIENCE);
            let deadline = connections.deadline();
            let run = Migrate { store: &store };
            while Instant::now() < deadline {
                match connections.call(deadline, Effect::Writes, &run).await? {
                    Migrated::Found(found) => {
                        refuse(found, D::DIALECT.migrations.len())?;
                        return store.check_tables(&connections, deadline).await;
                    }
                    Migrated::Elsewhere => break,
                    // Those who waited behind the migration have their turn.
                    Migrated::TableInUse => tokio::time::sleep(PAUSE).await,
                }
            }
            Err(StoreError::unavailable(
                "another process has not ended its migration, or a transaction holds the table of sessions",
            ))
        });
        running.await.unwrap_or_else(|error| {
            Err(StoreError::unavailable("the migration was ended with its runtime").with_source(error))
        })
    }

    /// Looks whether the server can be used, and whether the tables are there, ours and of this release;
    /// `may_miss` if a migration is still to be run.
    pub(crate) async fn check(&self, may_miss: bool, deadline: Instant) -> Result<(), StoreError> {
        let connections = self.candid(Duration::ZERO);
        for (requirement, otherwise) in D::DIALECT.requirements {
            let sql = D::DIALECT.sql(&self.inner().names, requirement);
            let row = connections.call(deadline, Effect::Reads, &OneRow { sql: &sql, values: &[] }).await?;
            let holds = first_int::<D>(row.as_ref())
                .map_err(|error| Fault::of(&error, D::judge).into_error(error, Words::Quoted))?;
            if holds != Some(1) {
                return Err(StoreError::new(StoreErrorKind::Misconfigured, otherwise));
            }
        }
        let found = connections.call(deadline, Effect::Reads, &Look { store: self }).await?;
        let known = D::DIALECT.migrations.len();
        refuse(found, known)?;
        match found {
            Schema::At(number) if number == known as i64 => self.check_tables(&connections, deadline).await,
            _ if may_miss => Ok(()),
            Schema::At(_) => Err(StoreError::new(
                StoreErrorKind::Misconfigured,
                "the table of sessions is that of an older release: run `migrate` of a store that was built by \
                 `connect_unmigrated`",
            )),
            _ => Err(StoreError::new(StoreErrorKind::Misconfigured, RUN_MIGRATE)),
        }
    }

    /// Reads and writes no session, by statements that are refused unless all columns are there and may be
    /// used.
    async fn check_tables(&self, connections: &Connections<D>, deadline: Instant) -> Result<(), StoreError> {
        let Statements { load, remove, purge, before_bulk, .. } = &self.inner().statements;
        let nothing = [Value::Bytes(&[])];
        connections.call(deadline, Effect::Reads, &OneRow { sql: load, values: &nothing }).await?;
        let remove = Execute { before: None, sql: remove, values: &nothing };
        connections.call(deadline, Effect::Writes, &remove).await?;
        let none = [Value::Int(0), Value::Int(0), Value::Int(0)];
        let purge = Execute { before: before_bulk.as_ref(), sql: purge, values: &none };
        connections.call(deadline, Effect::Writes, &purge).await?;
        Ok(())
    }

    /// The same connections, for what no session is in: so that errors say all that is known.
    fn candid(&self, patience: Duration) -> Connections<D> {
        let Connections { pool, route, timeout, relay, doubt, writers, .. } = &self.inner().connections;
        Connections {
            pool: pool.clone(),
            route: *route,
            timeout: patience.max(*timeout),
            relay: relay.clone(),
            doubt: doubt.clone(),
            words: Words::Quoted,
            writers: writers.clone(),
        }
    }
}

/// What no migration can help.
fn refuse(found: Schema, known: usize) -> Result<(), StoreError> {
    let context = match found {
        Schema::Foreign => "there is a table of the sessions' name already, and it is not authcore's",
        Schema::ForeignHistory => {
            "there is a table of the migrations' name already, and it is not authcore's"
        }
        Schema::Torn => {
            "the table of sessions is gone, and that of the migrations is there: restore the one or drop the other"
        }
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
        match self.glance(connection).await? {
            // Or did somebody migrate between one question and the next? Then not twice.
            Schema::Foreign | Schema::Torn => self.glance(connection).await,
            found => Ok(found),
        }
    }
}

impl<D: Driver> Look<'_, D> {
    async fn glance(&self, connection: &mut D::Connection) -> Result<Schema, sqlx::Error> {
        let names = &self.store.inner().names;
        let mut is_there = [false; 2];
        for (is_there, question) in is_there.iter_mut().zip(D::DIALECT.is_there) {
            let row = D::one_row(connection, &D::DIALECT.sql(names, question), &[]).await?;
            *is_there = first_int::<D>(row.as_ref())?.is_some_and(|count| count > 0);
        }
        match is_there {
            [false, false] => Ok(Schema::Missing),
            [true, false] => Ok(Schema::Foreign),
            [is_there, true] => self.last_migration(connection, is_there).await,
        }
    }

    async fn last_migration(
        &self,
        connection: &mut D::Connection,
        is_there: bool,
    ) -> Result<Schema, sqlx::Error> {
        let sql = "SELECT COALESCE(MAX(number), 0) FROM {history}";
        let last = D::DIALECT.sql(&self.store.inner().names, sql);
        match D::one_row(connection, &last, &[]).await {
            Ok(row) => match first_int::<D>(row.as_ref())?.unwrap_or_default() {
                1.. if !is_there => Ok(Schema::Torn),
                number => Ok(Schema::At(number)),
            },
            Err(error) if Fault::of(&error, D::judge) == OTHER_TABLE => Ok(Schema::ForeignHistory),
            Err(error) => Err(error),
        }
    }
}

/// Runs what is missing, one process at a time.
struct Migrate<'a, D: Driver> {
    store: &'a Store<D>,
}

impl<D: Driver> Operation<D> for Migrate<'_, D> {
    type Output = Migrated;

    fn leaves_traces(&self) -> bool {
        true
    }

    fn is_transaction(&self) -> bool {
        D::DIALECT.begin.is_some()
    }

    async fn run(&self, connection: &mut D::Connection) -> Result<Migrated, sqlx::Error> {
        let names = &self.store.inner().names;
        let outcome = match self.locked(connection).await {
            Ok(Some(found)) => Ok(Migrated::Found(found)),
            Ok(None) => Ok(Migrated::Elsewhere),
            Err(error) if waited_for_a_lock(&error) => {
                D::script(connection, &D::DIALECT.sql(names, D::DIALECT.give_up)).await?;
                return Ok(Migrated::TableInUse);
            }
            Err(error) => Err(error),
        };
        let end = if outcome.is_ok() { D::DIALECT.unlock } else { D::DIALECT.give_up };
        let ended = D::script(connection, &D::DIALECT.sql(names, end)).await;
        // What went wrong first says more.
        let found = outcome?;
        ended?;
        Ok(found)
    }
}

/// Whether the database gave up waiting for a lock: `lock_not_available` of PostgreSQL, 1205 of MySQL.
fn waited_for_a_lock(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().is_some_and(|code| code == "55P03")
            || error.message().starts_with("Lock wait timeout exceeded")
    })
}

impl<D: Driver> Migrate<'_, D> {
    async fn locked(&self, connection: &mut D::Connection) -> Result<Option<Schema>, sqlx::Error> {
        let (dialect, names) = (D::DIALECT, &self.store.inner().names);
        if let Some(begin) = dialect.begin {
            // In one message: a pooler has no session for this connection before it.
            D::script(connection, &dialect.sql(names, begin)).await?;
        }
        if let Some(lock) = dialect.lock {
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
            Schema::Foreign | Schema::ForeignHistory | Schema::Torn => return Ok(Some(found)),
        };
        if done >= dialect.migrations.len() {
            return Ok(Some(found));
        }
        if let Some(create) = dialect.create_schema.filter(|_| names.has_schema()) {
            D::script(connection, &dialect.sql(names, create)).await?;
        }
        if let Some(short_waits) = dialect.short_waits {
            D::script(connection, &dialect.sql(names, short_waits)).await?;
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
