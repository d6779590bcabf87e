//! Sessions in SQL databases: authcore's store, a bare `SELECT` of the same row by its primary key, and
//! tower-sessions' store.
//!
//! The floor and authcore share one pool with the size and options of the store's default pool. Connections
//! are not pinged before each call, which would double the round trips of all sides. SQLite uses a
//! write-ahead log and waits for the disk. The floor does not decode the row.
//!
//! tower-sessions' store needs an older sqlx with a different pool type. It has its own pool on the same
//! database, with the same size and options, and its table holds as many sessions. It compares the expiry in
//! the statement.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use authcore::store::SessionStore;
use authcore::{Auth, Login, ServerSessions};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
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

use crate::measure::Row;
use crate::remote::{Call, TASKS, in_turn, runtime, side, single};
use crate::report::Finding;
use crate::tokens::expect_ok;

pub(crate) mod crowd;
mod list;
mod purge;

/// The number of connections of a pool: the default of authcore's store, for a server and for a file.
const CONNECTIONS: u32 = 10;
const CONNECTIONS_TO_FILE: u32 = 4;
/// Time limit for acquiring a connection, as in authcore's store.
const PATIENCE: Duration = Duration::from_secs(5);
/// The number of sessions in the table: enough that a database uses its index.
const CROWD: usize = 100_000;

/// The statement of the floor, which reads the column that authcore's store reads.
macro_rules! select {
    ($id:literal) => {
        concat!("SELECT record FROM authcore_sessions WHERE id = ", $id)
    };
}

#[derive(Deserialize)]
struct Role<'a> {
    role: &'a str,
}

/// Returns a login with a 10-byte subject and 40 bytes of claims.
fn login(number: usize) -> Login {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    expect_ok(expect_ok(Login::new(format!("user{number:06}"))).claims(&claims))
}

fn auth(store: impl SessionStore) -> Auth {
    Auth::with_sessions(expect_ok(ServerSessions::builder(store).build()))
}

async fn verify(auth: &Auth, credential: &str) {
    let principal = expect_ok(auth.authenticate(credential).await);
    assert_eq!(expect_ok(principal.claims::<Role<'_>>()).role, "admin");
}

/// authcore's side, with a session for every task.
struct Ours {
    auth: Auth,
    credentials: Arc<[String]>,
    /// The ids of the same sessions, for the floor.
    ids: Arc<[[u8; 16]]>,
}

impl Ours {
    async fn new(store: impl SessionStore) -> Self {
        let auth = auth(store);
        let issued = expect_ok(try_join_all((0..TASKS).map(|number| auth.login(login(number)))).await);
        let credentials: Arc<[String]> =
            issued.iter().map(|issued| issued.credential().expose().to_owned()).collect();
        let principals =
            expect_ok(try_join_all(credentials.iter().map(|credential| auth.authenticate(credential))).await);
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

/// A call of one side, boxed in the same way for all sides.
type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The call of the floor. It is a macro because the pools of the databases share no trait for statements.
macro_rules! floor {
    ($pool:expr, $select:expr, $ids:expr) => {{
        let (pool, ids) = ($pool.clone(), Arc::clone(&$ids));
        move |task: usize| -> Boxed {
            let (pool, id) = (pool.clone(), ids[task]);
            Box::pin(async move {
                let row = expect_ok(sqlx::query($select).bind(&id[..]).fetch_optional(&pool).await);
                assert!(row.is_some());
            })
        }
    }};
}

/// Returns the call of tower-sessions' side, with a session for every task.
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
        expect_ok(store.create(&mut record).await);
        ids.push(record.id);
    }
    move |task| {
        let session = Session::new(Some(ids[task]), Arc::<S>::clone(&store), None);
        Box::pin(async move {
            assert_eq!(expect_ok(session.get::<String>("role").await).as_deref(), Some("admin"));
        })
    }
}

/// A row under construction.
struct Contest {
    row: Row,
    calls: Vec<Call>,
    runtime: Arc<Runtime>,
}

impl Contest {
    /// Creates a row of authcore and the floor; `database` runs as long as the row is measured.
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

/// Returns the pool options of authcore's store.
fn pool_options<D: sqlx::Database>(connections: u32) -> PoolOptions<D> {
    PoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE).test_before_acquire(false)
}

/// Returns the same options for the sqlx release that tower-sessions' store uses.
fn older_pool_options<D: older::Database>(connections: u32) -> older::pool::PoolOptions<D> {
    older::pool::PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
}

/// Starts a server whose memory holds the measured tables.
fn postgres_server() -> postgres::Server {
    postgres::Server::start(&["-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB"])
}

/// A pool of `connections` on a server, and a store on it.
async fn postgres_store(server: &postgres::Server, table: &str, connections: u32) -> (PgPool, PostgresStore) {
    let pool = expect_ok(pool_options(connections).connect(&server.url()).await);
    let store = expect_ok(PostgresStore::with_pool(pool.clone()).table(table).connect_and_migrate().await);
    (pool, store)
}

fn postgres_row() -> Row {
    let (runtime, server) = (runtime(), postgres_server());
    let (ours, pool, bytes, tower) = runtime.block_on(async {
        let (pool, store) = postgres_store(&server, "authcore_sessions", CONNECTIONS).await;
        let ours = Ours::new(store).await;
        let bytes = crowd::fill_postgres(&pool, "authcore_sessions", CROWD, crowd::Life::Alive).await;
        let older = older_pool_options::<older::Postgres>(CONNECTIONS).connect(&server.url()).await;
        let older = expect_ok(older);
        let store = TowerPostgres::new(older.clone());
        expect_ok(store.migrate().await);
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
        let pool: MySqlPool = expect_ok(pool_options(CONNECTIONS).connect(&server.url()).await);
        let store = expect_ok(MySqlStore::with_pool(pool.clone()).connect_and_migrate().await);
        let ours = Ours::new(store).await;
        let bytes = crowd::fill_mysql(&pool, CROWD).await;
        (ours, pool, bytes)
    });
    let floor = floor!(pool, select!("?"), ours.ids);
    Contest::new("session.mysql", runtime, ours.call(), floor, server).row(bytes)
}

fn sqlite_row() -> Row {
    let (runtime, folder) = (runtime(), expect_ok(tempfile::tempdir()));
    let (ours, pool, bytes, tower) = runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("sessions.db"))
            .create_if_missing(true)
            .busy_timeout(PATIENCE)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool: SqlitePool = expect_ok(pool_options(CONNECTIONS_TO_FILE).connect_with(options).await);
        let store = expect_ok(SqliteStore::with_pool(pool.clone()).connect_and_migrate().await);
        let ours = Ours::new(store).await;
        let bytes = crowd::fill_sqlite(&pool, CROWD).await;

        let options = older::sqlite::SqliteConnectOptions::new()
            // Separate files, so that no side has to skip the pages of another.
            .filename(folder.path().join("tower.db"))
            .create_if_missing(true)
            .busy_timeout(PATIENCE)
            .journal_mode(older::sqlite::SqliteJournalMode::Wal)
            .synchronous(older::sqlite::SqliteSynchronous::Full);
        let older = older_pool_options::<older::Sqlite>(CONNECTIONS_TO_FILE).connect_with(options).await;
        let older = expect_ok(older);
        let store = TowerSqlite::new(older.clone());
        expect_ok(store.migrate().await);
        let tower = tower(store).await;
        crowd::fill_tower_sqlite(&older, CROWD).await;
        (ours, pool, bytes, tower)
    });
    let floor = floor!(pool, select!("?"), ours.ids);
    Contest::new("session.sqlite", runtime, ours.call(), floor, folder).peer(tower).row(bytes)
}

/// A function that creates a row, or says what is missing for it.
pub type Maker = fn() -> Result<Row, String>;

/// Returns the functions that create the rows, by name.
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

/// A function that makes a finding, or says what is missing for it.
pub type Finder = fn() -> Result<Finding, String>;

/// Returns the functions that make the findings about many sessions, by name.
pub fn finders() -> [(&'static str, Finder); 2] {
    [
        ("session.postgres.list", || on_postgres(list::find)),
        ("session.postgres.purge", || on_postgres(purge::find)),
    ]
}
