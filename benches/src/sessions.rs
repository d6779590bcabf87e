//! Sessions in memory: authcore's memory store and that of tower-sessions.
//!
//! Every side looks up a session by the client's credential and returns `role` as a typed value. authcore
//! also checks a secret against its digest, both expiries, and whether the use must be written.
//! tower-sessions' memory store checks the expiry.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use authcore::{Auth, Device, Login, MemoryStore, ServerSessions};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{MemoryStore as TowerStore, Session, SessionStore as _};

use crate::measure::{Row, Side};
use crate::tokens::{expect_ok, ready};

/// The number of tasks that share the two threads of a throughput measurement, each with its own session.
const TASKS: usize = 16;
const MILLION: usize = 1_000_000;

#[derive(Debug, Deserialize)]
struct Role<'a> {
    role: &'a str,
}

fn auth() -> Auth {
    Auth::with_sessions(expect_ok(ServerSessions::builder(MemoryStore::new()).build()))
}

/// Logs in with a 10-byte subject and 40 bytes of claims, and returns the session token.
fn log_in(auth: &Auth, number: usize) -> String {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    debug_assert_eq!(claims.to_string().len(), 40);
    let login = expect_ok(expect_ok(Login::new(format!("user{number:06}"))).claims(&claims))
        .device(Device::unknown());
    expect_ok(ready(auth.login(login))).credential().expose().to_owned()
}

fn verify(auth: &Auth, credential: &str) {
    let principal = expect_ok(ready(auth.authenticate(black_box(credential))));
    black_box(expect_ok(principal.claims::<Role<'_>>()).role.len());
}

fn tower_record(store: &TowerStore) -> Id {
    let mut record = Record {
        id: Id::default(),
        data: HashMap::from([
            ("role".to_owned(), json!("admin")),
            ("tenant".to_owned(), json!("acme-1")),
            ("n".to_owned(), json!(7)),
        ]),
        expiry_date: tower_sessions::cookie::time::OffsetDateTime::now_utc() + Duration::from_secs(86_400),
    };
    expect_ok(ready(store.create(&mut record)));
    record.id
}

fn tower_verify(store: &Arc<TowerStore>, id: Id) {
    let session = Session::new(Some(black_box(id)), Arc::<TowerStore>::clone(store), None);
    black_box(expect_ok(ready(session.get::<String>("role"))));
}

/// A bare map from ids to digests, with the default hasher of std.
type Bare = HashMap<[u8; 16], [u8; 32]>;
/// The credential of a client of the bare map: an id and a secret.
type BareToken = ([u8; 16], [u8; 32]);

fn bare(count: usize) -> (Bare, Vec<BareToken>) {
    let secrets: Vec<_> =
        (0..count as u64).map(|n| (half(n), Sha256::digest(n.to_le_bytes()).into())).collect();
    let map = secrets.iter().map(|(id, secret)| (*id, Sha256::digest(secret).into())).collect();
    (map, secrets)
}

/// Returns 16 bytes derived from a number.
fn half(number: u64) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
    std::array::from_fn(|index| digest[index])
}

fn bare_verify(map: &Bare, (id, secret): &BareToken) {
    let digest: [u8; 32] = Sha256::digest(black_box(secret)).into();
    assert!(map.get(black_box(id)) == Some(&digest));
}

/// A cheap sequence of indexes that defeats prefetching.
struct Indexes(u64);

impl Indexes {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Returns the calls per second of this many tasks on two threads; `work(task)` is one call.
fn throughput(runtime: &Arc<Runtime>, tasks: usize, work: impl Fn(usize) + Send + Sync + 'static) -> f64 {
    const TURNS: usize = 4_000;
    let work = Arc::new(work);
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let work = Arc::clone(&work);
            runtime.spawn(tokio::task::unconstrained(async move {
                for turn in 0..TURNS {
                    work(task);
                    if turn % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }))
        })
        .collect();
    for task in running {
        expect_ok(ready_on(runtime, task));
    }
    (tasks * TURNS) as f64 / start.elapsed().as_secs_f64()
}

fn ready_on<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    runtime.block_on(future)
}

fn memory_row() -> Row {
    let runtime = Arc::new(expect_ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()));
    let auth = auth();
    let credentials: Arc<[String]> = (0..TASKS).map(|number| log_in(&auth, number)).collect();
    let ours = Side::new("authcore", {
        let (auth, credential) = (auth.clone(), credentials[0].clone());
        move || verify(&auth, &credential)
    })
    .with_throughput({
        let runtime = Arc::clone(&runtime);
        move || {
            let (auth, credentials) = (auth.clone(), Arc::clone(&credentials));
            throughput(&runtime, TASKS, move |task| verify(&auth, &credentials[task]))
        }
    });

    let (map, secrets) = bare(TASKS);
    let shared = Arc::new((map.clone(), secrets.clone()));
    let floor = Side::new("map and SHA-256", move || bare_verify(&map, &secrets[0])).with_throughput({
        let runtime = Arc::clone(&runtime);
        move || {
            let shared = Arc::clone(&shared);
            throughput(&runtime, TASKS, move |task| bare_verify(&shared.0, &shared.1[task]))
        }
    });

    let store = Arc::new(TowerStore::default());
    let ids: Vec<_> = (0..TASKS).map(|_| tower_record(&store)).collect();
    let tower = Side::new("tower-sessions", {
        let (store, id) = (Arc::clone(&store), ids[0]);
        move || tower_verify(&store, id)
    })
    .with_throughput(move || {
        let (store, ids) = (Arc::clone(&store), ids.clone());
        throughput(&runtime, TASKS, move |task| tower_verify(&store, ids[task]))
    });
    Row::new("session.memory", ours).floor(floor).peer(tower)
}

/// Returns the resident memory of this process in bytes, or 0 if unknown.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0);
    pages * 4096.0
}

/// Returns authcore's side, which reads random sessions out of `count`, and the store's memory per session.
fn crowd(count: usize) -> (Side, f64) {
    let auth = auth();
    // Allocate and touch the memory of the clients first, so that it does not count as the store's.
    let mut credentials = vec![[1_u8; 68]; count];
    let before = resident();
    for (number, credential) in credentials.iter_mut().enumerate() {
        credential.copy_from_slice(log_in(&auth, number).as_bytes());
    }
    let bytes = (resident() - before) / count as f64;
    let mut indexes = Indexes(0x9E37_79B9_7F4A_7C15);
    let side = Side::new("authcore", move || {
        let credential = &credentials[indexes.below(count)];
        verify(&auth, expect_ok(std::str::from_utf8(credential)));
    });
    (side, bytes)
}

fn million_row() -> Row {
    let (ours, bytes) = crowd(MILLION);
    let (map, secrets) = bare(MILLION);
    let mut indexes = Indexes(0x9E37_79B9_7F4A_7C15);
    let floor = Side::new("map and SHA-256", move || bare_verify(&map, &secrets[indexes.below(MILLION)]));

    let store = Arc::new(TowerStore::default());
    let ids: Vec<_> = (0..MILLION).map(|_| tower_record(&store)).collect();
    let mut indexes = Indexes(0x9E37_79B9_7F4A_7C15);
    let tower = Side::new("tower-sessions", move || tower_verify(&store, ids[indexes.below(MILLION)]));
    let mut row = Row::new("session.memory.1m", ours).floor(floor).peer(tower);
    row.bytes = Some(bytes);
    row
}

fn login_row() -> Row {
    let auth = auth();
    let mut number = 0;
    Row::new(
        "session.memory.login",
        Side::new("authcore", move || {
            number += 1;
            black_box(log_in(&auth, number % MILLION));
        }),
    )
}

/// Returns the time of verification by number of sessions: name and nanoseconds.
pub fn growth() -> Vec<(String, f64)> {
    let counts = [1, 1_000, 10_000, 100_000, MILLION];
    counts
        .map(|count| {
            (format!("one of {count} sessions"), Row::new("growth", crowd(count).0).measure().ours.ns)
        })
        .into()
}

/// Returns the throughput by number of tasks on two threads: name and calls per second.
pub fn task_growth() -> Vec<(String, f64)> {
    let runtime = Arc::new(expect_ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()));
    let auth = auth();
    let credentials: Arc<[String]> = (0..64).map(|number| log_in(&auth, number)).collect();
    let rate = |tasks: usize| {
        let mut rates: Vec<_> = (0..9)
            .map(|_| {
                let (auth, credentials) = (auth.clone(), Arc::clone(&credentials));
                throughput(&runtime, tasks, move |task| verify(&auth, &credentials[task]))
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    [1, 2, 4, 16, 64].map(|tasks| (format!("{tasks} tasks"), rate(tasks))).into()
}

/// A function that creates a row.
pub type Maker = fn() -> Row;

/// Returns the functions that create the rows, by name, so that a million sessions are created only on
/// request.
pub fn makers() -> [(&'static str, Maker); 3] {
    [("session.memory", memory_row), ("session.memory.login", login_row), ("session.memory.1m", million_row)]
}
