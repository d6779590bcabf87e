//! Migrations: they create the tables, or bring those of an older release to this one.

use std::time::Duration;

use authcore::store::StoreError;
use tokio::time::Instant;

use crate::connections::{Effect, Operation};
use crate::driver::Driver;
use crate::error::LOCK_TIMEOUT;
use crate::schema::{InspectSchema, SchemaState};
use crate::store::Store;

/// The time that a migration may take, with the time for which it waits for other processes.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How long others can use the table between two attempts of a migration to lock it.
const PAUSE: Duration = Duration::from_secs(1);

const OTHER_PROCESS_MIGRATES: &str = "another process has been migrating the sessions table for almost two \
    minutes: wait for its end and run `migrate` again";

const TABLE_IN_USE: &str = "a long transaction, such as a backup, kept the sessions table locked for two \
    minutes: wait for its end and run `migrate` again";

/// The result of one attempt to migrate.
pub(crate) enum Attempt {
    /// These tables exist now.
    Found(SchemaState),
    /// Another process is migrating and did not end in time.
    OtherProcess,
    /// Another transaction holds a lock of the table. Nothing was changed, or, on MySQL, nothing that the
    /// next attempt does not expect.
    TableInUse,
}

impl<D: Driver> Store<D> {
    /// Runs the migrations that have not been run yet.
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        let store = self.clone();
        // In a task, so that a migration comes to its end even if the caller stops waiting for it.
        let running = tokio::spawn(async move { store.migrate_to_the_end().await });
        running.await.unwrap_or_else(|error| {
            Err(StoreError::unavailable("the runtime ended during the migration").with_source(error))
        })
    }

    async fn migrate_to_the_end(&self) -> Result<(), StoreError> {
        let connections = self.inner().connections.with_detailed_errors(TIMEOUT);
        let deadline = connections.deadline();
        let migrate = Migrate { store: self };
        while Instant::now() < deadline {
            match connections.call(deadline, Effect::Writes, &migrate).await? {
                Attempt::Found(state) => {
                    state.check_migratable(D::DIALECT.migrations.len())?;
                    return self.check_columns(&connections, deadline).await;
                }
                Attempt::OtherProcess => return Err(StoreError::unavailable(OTHER_PROCESS_MIGRATES)),
                // Lets the calls that queued behind the migration use the table.
                Attempt::TableInUse => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(StoreError::unavailable(TABLE_IN_USE))
    }
}

/// Runs the missing migrations, in one process at a time.
struct Migrate<'a, D: Driver> {
    store: &'a Store<D>,
}

impl<D: Driver> Operation<D> for Migrate<'_, D> {
    type Output = Attempt;

    fn leaves_traces(&self) -> bool {
        true
    }

    fn is_transaction(&self) -> bool {
        D::DIALECT.begin_migration.is_some()
    }

    async fn run(&self, connection: &mut D::Connection) -> Result<Attempt, sqlx::Error> {
        let outcome = match self.run_missing(connection).await {
            Err(error) if D::classify(&error) == LOCK_TIMEOUT => {
                D::script(connection, &self.store.sql(D::DIALECT.abort_migration)).await?;
                return Ok(Attempt::TableInUse);
            }
            outcome => outcome,
        };
        let end = if outcome.is_ok() { D::DIALECT.end_migration } else { D::DIALECT.abort_migration };
        let ended = D::script(connection, &self.store.sql(end)).await;
        // The first error is the cause.
        let attempt = outcome?;
        ended?;
        Ok(attempt)
    }
}

impl<D: Driver> Migrate<'_, D> {
    async fn run_missing(&self, connection: &mut D::Connection) -> Result<Attempt, sqlx::Error> {
        let (dialect, store) = (D::DIALECT, self.store);
        let names = &store.inner().names;
        if let Some(begin) = dialect.begin_migration {
            // As a script, which is one message: before a transaction, a pooler reserves no session.
            D::script(connection, &store.sql(begin)).await?;
        }
        if let Some(lock) = dialect.migration_lock {
            let row = D::one_row(connection, &store.sql(lock), &[]).await?;
            if D::first_int(row.as_ref())? == Some(0) {
                return Ok(Attempt::OtherProcess);
            }
        }
        let inspection = InspectSchema { store };
        let state = inspection.run(connection).await?;
        let done = match state {
            SchemaState::Absent => 0,
            SchemaState::MigratedTo(number) => usize::try_from(number).unwrap_or_default(),
            SchemaState::ForeignTable | SchemaState::ForeignHistory | SchemaState::TableLost => {
                return Ok(Attempt::Found(state));
            }
        };
        if done >= dialect.migrations.len() {
            return Ok(Attempt::Found(state));
        }
        if let Some(create) = dialect.create_schema.filter(|_| names.has_schema()) {
            D::script(connection, &store.sql(create)).await?;
        }
        if let Some(short_timeout) = dialect.short_lock_timeout {
            D::script(connection, &store.sql(short_timeout)).await?;
        }
        for file in dialect.migrations.iter().skip(done) {
            D::script(connection, &dialect.migration(names, store.pool_mode(), file)).await?;
        }
        inspection.run(connection).await.map(Attempt::Found)
    }
}
