//! Sessions in SQL databases: authcore's store beside the bare `SELECT` of the same row by its primary key and
//! tower-sessions' store.
//!
//! The floor and authcore share one pool, with as many connections as authcore's store has by default. Its options are
//! those that the store takes for a pool of its own: connections are not asked whether they still work before each call,
//! which would double the round trips of all sides, and a file of SQLite has a write-ahead log and waits for the disk.
//! The floor decodes nothing of what it is answered.
//!
//! tower-sessions' store is on an older sqlx, whose pools are of another type: it has one of its own on the same database,
//! of the same size and with the same options, and as many sessions to look past. It compares the expiry in the statement.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::measure::Row;
use crate::remote::{Call, TASKS, in_turn, runtime, side, single};
use crate::report::Finding;
use crate::tokens::must;
use authcore::store::SessionStore;
use authcore::{Auth, Login, ServerSessions};
use authcore_sql::{MySqlStoreBuilder, PostgresStoreBuilder, SqliteStoreBuilder};
use authcore_tests::{mysql, postgres};
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::json;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{MySqlPool, PgPool, SqlitePool};
use tokio::runtime::Runtime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Session, SessionStore as TowerSessionStore};
use tower_sessions_sqlx_store::sqlx as older;
use tower_sessions_sqlx_store::{PostgresStore as TowerPostgres, SqliteStore as TowerSqlite};

pub(crate) mod crowd;
mod list;
mod purge;

/// How many connections a pool has: as authcore's store by default, on a server and on a file.
const CONNECTIONS: u32 = 10;
const CONNECTIONS_TO_FILE: u32 = 4;
/// How long a call may wait for a connection, as in authcore's store.
const PATIENCE: Duration = Duration::from_secs(5);
/// Among how many sessions one is looked for: so many that a database uses its index.
const CROWD: usize = 100_000;

/// The statement of the floor: what authcore's store reads.
macro_rules! select {
    ($id:literal) => {
        concat!("SELECT record FROM authcore_sessions WHERE id = ", $id)
    };
}

#[derive(Deserialize)]
struct Role<'a> {
    role: &'a str,
}

/// A login with a 10-byte subject and 40 bytes of claims.
fn login(number: usize) -> Login {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    must(must(Login::new(format!("user{number:06}"))).claims(&claims))
}

fn auth(store: impl SessionStore) -> Auth {
    Auth::with_sessions(must(ServerSessions::builder(store).build()))
}

async fn verify(auth: &Auth, credential: &str) {
    let principal = must(auth.authenticate(credential).await);
    assert_eq!(must(principal.claims::<Role<'_>>()).role, "admin");
}

/// authcore's side: a session for every task.
struct Ours {
    auth: Auth,
    credentials: Arc<[String]>,
    /// The same sessions' ids, for the floor.
    ids: Arc<[[u8; 16]]>,
}

impl Ours {
    async fn new(store: impl SessionStore) -> Self {
        let auth = auth(store);
        let issued = must(try_join_all((0..TASKS).map(|number| auth.login(login(number)))).await);
        let credentials: Arc<[String]> =
            issued.iter().map(|issued| issued.credential().expose().to_owned()).collect();
        let principals =
            must(try_join_all(credentials.iter().map(|credential| auth.authenticate(credential))).await);
        let ids = principals.iter().map(|principal| {
            let id = principal.session_id().unwrap_or_else(|| unreachable!("a session has an id"));
            *id.as_bytes()
        });
        Self { ids: ids.collect(), auth, credentials }
    }

    fn call(&self) -> impl Fn(usize) -> Boxed + Clone + Send + Sync + 'static {
        let (auth, credentials) = (self.auth.clone(), Arc::clone(&self.credentials));
        move |task| {
            let (auth, credentials) = (auth.clone(), Arc::clone(&credentials));
            Box::pin(async move { verify(&auth, &credentials[task]).await })
        }
    }
}

/// A call of one side. Boxed for all sides alike.
type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Written once for the pools of all databases, which share no trait that a statement could be written with.
macro_rules! floor {
    ($pool:expr, $select:expr, $ids:expr) => {{
        let (pool, ids) = ($pool.clone(), Arc::clone(&$ids));
        move |task: usize| -> Boxed {
            let (pool, id) = (pool.clone(), ids[task]);
            Box::pin(async move {
                let row = must(sqlx::query($select).bind(&id[..]).fetch_optional(&pool).await);
                assert!(row.is_some());
            })
        }
    }};
}

/// tower-sessions' side, with a session for every task.
async fn tower<S: TowerSessionStore>(store: S) -> impl Fn(usize) -> Boxed + Clone + Send + Sync + 'static {
    let store = Arc::new(store);
    let mut ids: Vec<Id> = Vec::new();
    for _ in 0..TASKS {
        let mut record = Record {
            id: Id::default(),
            data: HashMap::from([
                ("role".to_owned(), json!("admin")),
                ("tenant".to_owned(), json!("acme-1")),
                ("n".to_owned(), json!(7)),
            ]),
            expiry_date: tower_sessions::cookie::time::OffsetDateTime::now_utc()
                + Duration::from_secs(86_400),
        };
        must(store.create(&mut record).await);
        ids.push(record.id);
    }
    move |task| {
        let session = Session::new(Some(ids[task]), Arc::<S>::clone(&store), None);
        Box::pin(async move {
            assert_eq!(must(session.get::<String>("role").await).as_deref(), Some("admin"));
        })
    }
}

/// A row that is being made.
struct Contest {
    row: Row,
    calls: Vec<Call>,
    runtime: Arc<Runtime>,
}

impl Contest {
    /// Ours and the floor; `database` runs for as long as it is measured.
    fn new(
        name: &'static str,
        runtime: Arc<Runtime>,
        ours: impl Fn(usize) -> Boxed + Clone + Send + Sync + 'static,
        floor: impl Fn(usize) -> Boxed + Clone + Send + Sync + 'static,
        database: impl Send + Sync + 'static,
    ) -> Self {
        let database = Arc::new(database);
        let ours = move |task| {
            let _ = &database;
            ours(task)
        };
        let calls = vec![single(ours.clone()), single(floor.clone())];
        let row = Row::new(name, side("authcore", &runtime, ours)).floor(side("SELECT", &runtime, floor));
        Self { row, calls, runtime }
    }

    fn peer(mut self, tower: impl Fn(usize) -> Boxed + Clone + Send + Sync + 'static) -> Self {
        self.calls.push(single(tower.clone()));
        self.row = self.row.peer(side("tower-sessions", &self.runtime, tower));
        self
    }

    fn row(mut self, bytes: i64) -> Row {
        self.row.p50s = Some(in_turn(&self.runtime, self.calls));
        (self.row.bytes, self.row.tasks) = (Some(bytes as f64 / (CROWD + TASKS) as f64), TASKS);
        self.row
    }
}

/// A pool as authcore's store makes it.
fn pool_options<D: sqlx::Database>(connections: u32) -> PoolOptions<D> {
    PoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE).test_before_acquire(false)
}

/// The same of the sqlx that tower-sessions' store is on.
fn older_pool_options<D: older::Database>(connections: u32) -> older::pool::PoolOptions<D> {
    older::pool::PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
}

/// A server whose memory holds what is measured.
fn postgres_server() -> postgres::Server {
    postgres::Server::start(&["-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB"])
}

/// A pool of `connections` on a server, and a store on it.
async fn postgres_store(
    server: &postgres::Server,
    table: &str,
    connections: u32,
) -> (PgPool, authcore_sql::PostgresStore) {
    let pool = must(pool_options(connections).connect(&server.url()).await);
    let store = must(PostgresStoreBuilder::from(pool.clone()).table(table).connect_unmigrated().await);
    must(store.migrate().await);
    (pool, store)
}

fn postgres_row() -> Row {
    let (runtime, server) = (runtime(), postgres_server());
    let (ours, pool, bytes, tower) = runtime.block_on(async {
        let (pool, store) = postgres_store(&server, "authcore_sessions", CONNECTIONS).await;
        let ours = Ours::new(store).await;
        let bytes = crowd::fill_postgres(&pool, "authcore_sessions", CROWD, crowd::Life::Alive).await;
        let older = older_pool_options::<older::Postgres>(CONNECTIONS).connect(&server.url()).await;
        let older = must(older);
        let store = TowerPostgres::new(older.clone());
        must(store.migrate().await);
        let tower = tower(store).await;
        crowd::fill_tower_postgres(&older, CROWD).await;
        (ours, pool, bytes, tower)
    });
    let floor = floor!(pool, select!("$1"), ours.ids);
    Contest::new("session.postgres", runtime, ours.call(), floor, server).peer(tower).row(bytes)
}

fn mysql_row() -> Row {
    let (runtime, server) = (runtime(), mysql::Server::start(&["--innodb-buffer-pool-size=256M"]));
    let (ours, pool, bytes) = runtime.block_on(async {
        let pool: MySqlPool = must(pool_options(CONNECTIONS).connect(&server.url()).await);
        let store = must(MySqlStoreBuilder::from(pool.clone()).connect_unmigrated().await);
        must(store.migrate().await);
        let ours = Ours::new(store).await;
        let bytes = crowd::fill_mysql(&pool, CROWD).await;
        (ours, pool, bytes)
    });
    let floor = floor!(pool, select!("?"), ours.ids);
    Contest::new("session.mysql", runtime, ours.call(), floor, server).row(bytes)
}

fn sqlite_row() -> Row {
    let (runtime, folder) = (runtime(), must(tempfile::tempdir()));
    let (ours, pool, bytes, tower) = runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("sessions.db"))
            .create_if_missing(true)
            .busy_timeout(PATIENCE)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool: SqlitePool = must(pool_options(CONNECTIONS_TO_FILE).connect_with(options).await);
        let store = must(SqliteStoreBuilder::from(pool.clone()).connect_unmigrated().await);
        must(store.migrate().await);
        let ours = Ours::new(store).await;
        let bytes = crowd::fill_sqlite(&pool, CROWD).await;

        let options = older::sqlite::SqliteConnectOptions::new()
            // A file of its own, so that no side has the other's pages to go through.
            .filename(folder.path().join("tower.db"))
            .create_if_missing(true)
            .busy_timeout(PATIENCE)
            .journal_mode(older::sqlite::SqliteJournalMode::Wal)
            .synchronous(older::sqlite::SqliteSynchronous::Full);
        let older = older_pool_options::<older::Sqlite>(CONNECTIONS_TO_FILE).connect_with(options).await;
        let older = must(older);
        let store = TowerSqlite::new(older.clone());
        must(store.migrate().await);
        let tower = tower(store).await;
        crowd::fill_tower_sqlite(&older, CROWD).await;
        (ours, pool, bytes, tower)
    });
    let floor = floor!(pool, select!("?"), ours.ids);
    Contest::new("session.sqlite", runtime, ours.call(), floor, folder).peer(tower).row(bytes)
}

/// How a row is made, or what is missing for it.
pub type Maker = fn() -> Result<Row, String>;

/// How the rows are made, by name.
pub fn makers() -> [(&'static str, Maker); 3] {
    [
        ("session.postgres", || on_postgres(postgres_row)),
        ("session.mysql", || {
            if mysql::is_installed() {
                Ok(mysql_row())
            } else {
                Err(format!("mariadbd is not installed (apt-get install {})", mysql::PACKAGE))
            }
        }),
        ("session.sqlite", || Ok(sqlite_row())),
    ]
}

fn on_postgres<T>(make: fn() -> T) -> Result<T, String> {
    if postgres::is_installed() {
        Ok(make())
    } else {
        Err(format!("postgres is not installed (apt-get install {})", postgres::PACKAGE))
    }
}

/// How something is found out, or what is missing for it.
pub type Finder = fn() -> Result<Finding, String>;

/// What else is found out about many sessions, by name.
pub fn finders() -> [(&'static str, Finder); 2] {
    [
        ("session.postgres.list", || on_postgres(list::find)),
        ("session.postgres.purge", || on_postgres(purge::find)),
    ]
}
