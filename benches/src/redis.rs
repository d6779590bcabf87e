//! Sessions in Redis: authcore's store, a bare `GET` of the same bytes and tower-sessions' store.
//!
//! The floor uses one multiplexed connection of redis-rs, like authcore's store, with the timeout of the
//! driver. tower-sessions' store uses a pool of four fred connections, as in the first example of its
//! documentation.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use authcore::{Auth, Login, ServerSessions};
use authcore_redis::RedisStore;
use authcore_tests::redis::{Cluster, PACKAGE, Server, is_installed};
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Runtime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Session, SessionStore as _};
use tower_sessions_redis_store::RedisStore as TowerStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

use crate::measure::Row;
use crate::remote::{TASKS, in_turn, runtime, side, single};
use crate::tokens::expect_ok;

/// The number of sessions over which the memory per session is averaged.
const CROWD: usize = 100_000;

#[derive(Deserialize)]
struct Role<'a> {
    role: &'a str,
}

/// Returns a login with a 10-byte subject and 40 bytes of claims.
fn login(number: usize) -> Login {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    expect_ok(expect_ok(Login::new(format!("user{number:06}"))).claims(&claims))
}

async fn log_in(auth: &Auth, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut credentials = Vec::with_capacity(numbers.len());
    let numbers: Vec<usize> = numbers.collect();
    for numbers in numbers.chunks(256) {
        let issued = expect_ok(try_join_all(numbers.iter().map(|number| auth.login(login(*number)))).await);
        credentials.extend(issued.iter().map(|issued| issued.credential().expose().to_owned()));
    }
    credentials
}

async fn verify(auth: &Auth, credential: &str) {
    let principal = expect_ok(auth.authenticate(credential).await);
    assert_eq!(expect_ok(principal.claims::<Role<'_>>()).role, "admin");
}

async fn get(mut connection: impl redis::aio::ConnectionLike, key: &str) {
    let bytes: Option<Vec<u8>> = expect_ok(redis::cmd("GET").arg(key).query_async(&mut connection).await);
    assert!(bytes.is_some_and(|bytes| bytes.len() > 100));
}

async fn tower_verify(store: Arc<TowerStore<Pool>>, id: Id) {
    let session = Session::new(Some(id), store, None);
    assert_eq!(expect_ok(session.get::<String>("role").await).as_deref(), Some("admin"));
}

async fn tower_store(url: &str) -> (Arc<TowerStore<Pool>>, Vec<Id>) {
    let pool = expect_ok(Pool::new(expect_ok(Config::from_url(url)), None, None, None, 4));
    let _driver = expect_ok(pool.init().await);
    let store = TowerStore::new(pool);
    let mut ids = Vec::new();
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
    (Arc::new(store), ids)
}

/// Returns the keys of these sessions, for the floor.
fn keys(credentials: &[String], auth: &Auth, runtime: &tokio::runtime::Runtime) -> Arc<[String]> {
    let key = |credential: &String| {
        let principal = expect_ok(runtime.block_on(auth.authenticate(credential)));
        let id = principal.session_id().unwrap_or_else(|| unreachable!("a session has an id"));
        format!("authcore:{{{:04x}}}{id}", id.partition())
    };
    credentials.iter().map(key).collect()
}

/// Returns the row of a deployment, whose servers run as long as it is measured.
fn row(
    name: &'static str,
    [urls, tower_url]: [&str; 2],
    connect: impl AsyncFnOnce() -> Link,
    memory: impl Fn() -> u64,
    servers: impl Send + Sync + 'static,
) -> Row {
    let runtime = runtime();
    let auth = runtime.block_on(async {
        let store = expect_ok(RedisStore::connect(urls).await);
        Auth::with_sessions(expect_ok(ServerSessions::builder(store).build()))
    });
    // The first sessions also allocate what the server keeps once: scripts and buffers.
    let credentials: Arc<[String]> = runtime.block_on(log_in(&auth, CROWD..CROWD + TASKS)).into();
    let before = memory();
    drop(runtime.block_on(log_in(&auth, 0..CROWD)));
    let bytes = (memory() - before) as f64 / CROWD as f64;

    let keys = keys(&credentials, &auth, &runtime);
    let servers = Arc::new(servers);
    let ours = move |task: usize| {
        let _ = &servers;
        let (auth, credentials) = (auth.clone(), Arc::clone(&credentials));
        async move { verify(&auth, &credentials[task]).await }
    };
    let (store, ids) = runtime.block_on(tower_store(tower_url));
    let tower = move |task: usize| tower_verify(Arc::clone(&store), ids[task]);
    let mut row = match runtime.block_on(connect()) {
        Link::Node(node) => measured(name, &runtime, ours, getter(node, keys), tower),
        Link::Cluster(cluster) => measured(name, &runtime, ours, getter(cluster, keys), tower),
    };
    (row.bytes, row.tasks) = (Some(bytes), TASKS);
    row
}

fn getter(
    connection: impl redis::aio::ConnectionLike + Clone + Send + Sync + 'static,
    keys: Arc<[String]>,
) -> impl Fn(usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Clone + Send + Sync + 'static {
    move |task| {
        let (connection, keys) = (connection.clone(), Arc::clone(&keys));
        Box::pin(async move { get(connection, &keys[task]).await })
    }
}

fn measured<A, B, C>(
    name: &'static str,
    runtime: &Arc<Runtime>,
    ours: impl Fn(usize) -> A + Clone + Send + Sync + 'static,
    floor: impl Fn(usize) -> B + Clone + Send + Sync + 'static,
    tower: impl Fn(usize) -> C + Clone + Send + Sync + 'static,
) -> Row
where
    A: Future<Output = ()> + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
    C: Future<Output = ()> + Send + 'static,
{
    let calls = vec![single(ours.clone()), single(floor.clone()), single(tower.clone())];
    let mut row = Row::new(name, side("authcore", runtime, ours))
        .floor(side("GET", runtime, floor))
        .peer(side("tower-sessions", runtime, tower));
    row.p50s = Some(in_turn(runtime, calls));
    row
}

enum Link {
    Node(redis::aio::ConnectionManager),
    Cluster(redis::cluster_async::ClusterConnection),
}

fn node_row() -> Row {
    // Without persistence, like most caches: writing to disk is another measurement.
    let server = Arc::new(Server::start(&["--appendonly", "no"]));
    let url = server.url();
    let connect =
        async || Link::Node(expect_ok(expect_ok(redis::Client::open(&*url)).get_connection_manager().await));
    row("session.redis", [&url, &url], connect, || server.info("used_memory"), Arc::clone(&server))
}

fn cluster_row() -> Row {
    let cluster = Arc::new(Cluster::start(0));
    let nodes: Vec<_> = cluster.nodes().iter().map(Server::url).collect();
    let tower_url = nodes[0].replace("redis://", "redis-cluster://");
    let connect = async || {
        let client = expect_ok(redis::cluster::ClusterClient::new(nodes.clone()));
        Link::Cluster(expect_ok(client.get_async_connection().await))
    };
    let memory = || cluster.nodes().iter().map(|node| node.info("used_memory")).sum();
    let urls = [&*cluster.urls(), &*tower_url];
    row("session.redis_cluster", urls, connect, memory, Arc::clone(&cluster))
}

/// A function that creates a row, or says what is missing for it.
pub type Maker = fn() -> Result<Row, String>;

/// Returns the functions that create the rows, by name.
pub fn makers() -> [(&'static str, Maker); 2] {
    fn installed(make: fn() -> Row) -> Result<Row, String> {
        if is_installed() {
            Ok(make())
        } else {
            Err(format!("redis-server is not installed (apt-get install {PACKAGE})"))
        }
    }
    [("session.redis", || installed(node_row)), ("session.redis_cluster", || installed(cluster_row))]
}
