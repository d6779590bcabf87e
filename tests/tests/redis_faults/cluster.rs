//! Failures of a Cluster.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authcore::Subject;
use authcore::store::SessionStore as _;
use authcore_redis::RedisStore;
use authcore_tests::Signal;
use authcore_tests::load::Load;
use authcore_tests::redis::{Cluster, Server};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{SLACK, TIMEOUT, alone, sleep_ms, store};

/// Returns the slot of a subject's keys.
fn slot(subject: &str) -> u16 {
    let tag = format!("{:04x}", subject.parse::<Subject>().unwrap().partition());
    let crc = tag.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % 16384
}

/// Returns subjects whose keys are in these slots.
fn subjects_in(slots: &HashSet<u16>, count: usize) -> Vec<String> {
    (0..)
        .map(|number| format!("s{number}"))
        .filter(|subject| slots.contains(&slot(subject)))
        .take(count)
        .collect()
}

/// Moves a slot from one master to another, one key at a time; returns how many keys it had.
fn migrate(cluster: &Cluster, slot: u16, from: &Server, to: &Server, pause: Duration) -> usize {
    let (slot, from_id, to_id) = (slot.to_string(), from.cluster_id(), to.cluster_id());
    to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    let mut moved = 0;
    loop {
        let keys = from.keys_in_slot(&slot);
        if keys.is_empty() {
            break;
        }
        for key in keys {
            from.ask(&["MIGRATE", "127.0.0.1", &to.port().to_string(), &key, "0", "5000"]);
            moved += 1;
            std::thread::sleep(pause);
        }
    }
    for node in cluster.nodes() {
        node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    moved
}

/// While a slot moves, a subject's keys are on two nodes. A list must still be complete, a revocation must
/// reach all sessions, and no write may take effect twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s4_s5_s16_slots_are_migrated() {
    let _alone = alone().await;
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(0)).await.unwrap();
    // The first master has the first third of the slots.
    let slots: HashSet<u16> = (100..110).collect();
    let subjects = subjects_in(&slots, 300);
    let load = Load::start_with(store(&cluster.urls()).await, move |task, turn| {
        let alone = task;
        let shared = 50 + (task * 31 + turn) % (subjects.len() - 50);
        subjects[if turn % 4 == 1 { alone } else { shared }].clone()
    });
    load.wait_for_answers(100).await;
    let (cluster, moved) = tokio::task::spawn_blocking(move || {
        let mut moved = 0;
        for (from, to) in [(0, 1), (1, 0)] {
            for slot in &slots {
                let (from, to) = (&cluster.nodes()[from], &cluster.nodes()[to]);
                moved += migrate(&cluster, *slot, from, to, Duration::from_millis(1));
            }
        }
        (cluster, moved)
    })
    .await
    .unwrap();
    let account = load.finish(&format!("ten slots migrated there and back, {moved} keys"), |_| false).await;
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
    assert!(moved > 300, "only {moved} keys moved");
    drop(cluster);
}

/// When a replica takes over, the sessions on the other masters are not affected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_master_fails_over_to_its_replica() {
    let _alone = alone().await;
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::start(1)).await.unwrap();
    let load = Load::start(store(&cluster.urls()).await);
    load.wait_for_answers(20).await;
    let victim = cluster.nodes().iter().position(Server::is_master).unwrap();
    cluster.nodes()[victim].signal(Signal::Kill);
    let masters =
        || cluster.nodes().iter().enumerate().filter(|(node, server)| *node != victim && server.is_master());
    let start = Instant::now();
    while masters().count() < 3 {
        assert!(start.elapsed() < Duration::from_secs(120), "no replica took over");
        sleep_ms(50).await;
    }
    let took_over = start.elapsed();
    load.wait_for_answers(20).await;
    let lost_with_it = |subject: &str| slot(subject) < 5461;
    let name = format!("a master killed, its replica in charge after {} ms", took_over.as_millis());
    let account = load.finish(&name, lost_with_it).await;
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
    assert!(account.unavailable > 0, "nobody noticed");

    // The killed node comes back as a replica.
    tokio::task::spawn_blocking(move || {
        cluster.nodes_mut()[victim].restart();
        cluster.wait_until_whole();
    })
    .await
    .unwrap();
}

/// A read that reaches no node waits for as long as the configured timeouts allow, not for a fixed time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_read_outlasts_many_attempts_to_reconnect() {
    /// Longer than the test takes.
    const LONG: Duration = Duration::from_secs(240);
    /// So many that a second or more goes by: the driver pauses between its attempts.
    const ATTEMPTS: u64 = 60;

    let _alone = alone().await;
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::start(0)).await.unwrap();
    let builder = RedisStore::builder(&cluster.urls()).timeout(2 * LONG).connect_timeout(LONG);
    let store = builder.connect().await.unwrap();
    let subject: Subject = "ada".parse().unwrap();
    store.list(&subject).await.unwrap();
    let attempts = Arc::new(AtomicU64::new(0));
    let mut dropping = JoinSet::new();
    for node in cluster.nodes() {
        node.signal(Signal::Kill);
        dropping.spawn(drop_connections(node.port(), Arc::clone(&attempts)));
    }
    let read = tokio::spawn(async move { store.list(&subject).await });
    while attempts.load(Ordering::SeqCst) < ATTEMPTS {
        assert!(!read.is_finished(), "it ended with {:?}", read.await);
        sleep_ms(5).await;
    }
    dropping.shutdown().await;
    let cluster = tokio::task::spawn_blocking(move || {
        for node in cluster.nodes_mut() {
            node.restart();
        }
        cluster.wait_until_whole();
        cluster
    });
    let cluster = cluster.await.unwrap();
    assert!(read.await.unwrap().unwrap().is_empty());
    drop(cluster);
}

/// Accepts and drops connections to the port of a node that was killed, and counts them.
async fn drop_connections(port: u16, count: Arc<AtomicU64>) {
    let listener = loop {
        // The killed process may not have closed its sockets yet.
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => break listener,
            Err(_) => sleep_ms(5).await,
        }
    };
    while listener.accept().await.is_ok() {
        count.fetch_add(1, Ordering::SeqCst);
    }
}
