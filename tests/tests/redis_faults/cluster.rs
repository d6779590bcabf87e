//! Faults of a Cluster.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{SLACK, TIMEOUT, alone, sleep_ms, store};
use authcore::Subject;
use authcore_tests::Signal;
use authcore_tests::load::Load;
use authcore_tests::redis::{Cluster, Server};

/// The slot of a subject's keys.
fn slot(subject: &str) -> u16 {
    let tag = format!("{:04x}", subject.parse::<Subject>().unwrap().partition());
    let crc = tag.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    });
    crc % 16384
}

/// Some subjects whose keys are in these slots.
fn subjects_in(slots: &HashSet<u16>, count: usize) -> Vec<String> {
    (0..)
        .map(|number| format!("s{number}"))
        .filter(|subject| slots.contains(&slot(subject)))
        .take(count)
        .collect()
}

/// Moves a slot from one master to the other, a key at a time.
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

/// While a slot moves, some keys of a subject are here and some there: a list must be whole, a revocation
/// must reach all, and no write may be done twice.
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
    load.is_answered(100).await;
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
    let account = load.settle(&format!("ten slots migrated there and back, {moved} keys"), |_| false).await;
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
    assert!(moved > 300, "only {moved} keys moved");
    drop(cluster);
}

/// Its replica takes over; what the other masters have is not touched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_master_fails_over_to_its_replica() {
    let _alone = alone().await;
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::start(1)).await.unwrap();
    let load = Load::start(store(&cluster.urls()).await);
    load.is_answered(20).await;
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
    load.is_answered(20).await;
    let lost_with_it = |subject: &str| slot(subject) < 5461;
    let name = format!("a master killed, its replica in charge after {} ms", took_over.as_millis());
    let account = load.settle(&name, lost_with_it).await;
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
    assert!(account.unavailable > 0, "nobody noticed");

    // And back again, as a replica.
    tokio::task::spawn_blocking(move || {
        cluster.nodes_mut()[victim].restart();
        cluster.wait_until_whole();
    })
    .await
    .unwrap();
}
