//! Sessions in memory: authcore's memory store beside tower-sessions'.
//!
//! Every side looks a session up by what the client sent and yields `role` as a typed value. authcore also checks a
//! secret against its digest, both expiries, and whether the use is worth a write; tower-sessions' memory store
//! looks at the expiry.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::measure::{Row, Side};
use crate::tokens::{must, ready};
use authcore::{Auth, Device, Login, MemoryStore, ServerSessions};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{MemoryStore as TowerStore, Session, SessionStore as _};

/// How many tasks share the two threads of a throughput measurement, each with a session of its own.
const TASKS: usize = 16;
const MILLION: usize = 1_000_000;

#[derive(Debug, Deserialize)]
struct Role<'a> {
    role: &'a str,
}

fn auth() -> Auth {
    Auth::with_sessions(must(ServerSessions::builder(MemoryStore::new()).build()))
}

/// The session token of a login with a 10-byte subject and 40 bytes of claims.
fn login(auth: &Auth, number: usize) -> String {
    let claims = json!({ "role": "admin", "tenant": "acme-1", "n": 7 });
    debug_assert_eq!(claims.to_string().len(), 40);
    let login = must(must(Login::new(format!("user{number:06}"))).claims(&claims)).device(Device::unknown());
    must(ready(auth.login(login))).credential().expose().to_owned()
}

fn verify(auth: &Auth, credential: &str) {
    let principal = must(ready(auth.authenticate(black_box(credential))));
    black_box(must(principal.claims::<Role<'_>>()).role.len());
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
    must(ready(store.create(&mut record)));
    record.id
}

fn tower_verify(store: &Arc<TowerStore>, id: Id) {
    let session = Session::new(Some(black_box(id)), Arc::<TowerStore>::clone(store), None);
    black_box(must(ready(session.get::<String>("role"))));
}

/// The bare map, keyed as std does by default, and what is stored of a secret.
type Bare = HashMap<[u8; 16], [u8; 32]>;
/// What a client of the bare map holds: an id and a secret.
type BareToken = ([u8; 16], [u8; 32]);

fn bare(count: usize) -> (Bare, Vec<BareToken>) {
    let secrets: Vec<_> =
        (0..count as u64).map(|n| (half(n), Sha256::digest(n.to_le_bytes()).into())).collect();
    let map = secrets.iter().map(|(id, secret)| (*id, Sha256::digest(secret).into())).collect();
    (map, secrets)
}

/// Spreads a number over an id.
fn half(number: u64) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
    std::array::from_fn(|index| digest[index])
}

fn bare_verify(map: &Bare, (id, secret): &BareToken) {
    let digest: [u8; 32] = Sha256::digest(black_box(secret)).into();
    assert!(map.get(black_box(id)) == Some(&digest));
}

/// A cheap sequence of indexes that no prefetcher guesses.
struct Indexes(u64);

impl Indexes {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Calls a second of this many tasks on two threads, `work(task)` being one call.
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
        must(ready_on(runtime, task));
    }
    (tasks * TURNS) as f64 / start.elapsed().as_secs_f64()
}

fn ready_on<F: Future>(runtime: &Runtime, future: F) -> F::Output {
    runtime.block_on(future)
}

fn memory_row() -> Row {
    let runtime = Arc::new(must(tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()));
    let auth = auth();
    let credentials: Arc<[String]> = (0..TASKS).map(|number| login(&auth, number)).collect();
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

/// Resident memory of this process, in bytes; 0 where the system does not tell.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0);
    pages * 4096.0
}

/// authcore's side among `count` sessions, read at random; and the store's resident memory a session.
fn crowd(count: usize) -> (Side, f64) {
    let auth = auth();
    // Room for the clients' side first, written to, so that it does not count as the store's.
    let mut credentials = vec![[1_u8; 68]; count];
    let before = resident();
    for (number, credential) in credentials.iter_mut().enumerate() {
        credential.copy_from_slice(login(&auth, number).as_bytes());
    }
    let bytes = (resident() - before) / count as f64;
    let mut indexes = Indexes(0x9E37_79B9_7F4A_7C15);
    let side = Side::new("authcore", move || {
        let credential = &credentials[indexes.below(count)];
        verify(&auth, must(std::str::from_utf8(credential)));
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
            black_box(login(&auth, number % MILLION));
        }),
    )
}

/// How verification grows with the number of sessions: name and nanoseconds.
pub fn growth() -> Vec<(String, f64)> {
    let counts = [1, 1_000, 10_000, 100_000, MILLION];
    counts
        .map(|count| {
            (format!("one of {count} sessions"), Row::new("growth", crowd(count).0).measure().ours.ns)
        })
        .into()
}

/// How throughput grows with the number of tasks on two threads: name and calls a second.
pub fn task_growth() -> Vec<(String, f64)> {
    let runtime = Arc::new(must(tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()));
    let auth = auth();
    let credentials: Arc<[String]> = (0..64).map(|number| login(&auth, number)).collect();
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

/// How a row is made.
pub type Maker = fn() -> Row;

/// How rows of sessions are made, by name, so that a million sessions are only made for who asks for them.
pub fn makers() -> [(&'static str, Maker); 3] {
    [("session.memory", memory_row), ("session.memory.login", login_row), ("session.memory.1m", million_row)]
}
