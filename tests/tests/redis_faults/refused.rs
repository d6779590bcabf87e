//! Servers that refuse connections, or accept and drop them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use authcore::Subject;
use authcore::store::{SessionStore as _, StoreErrorKind};
use authcore_redis::RedisStore;
use authcore_tests::Signal;
use authcore_tests::redis::{Cluster, Server};

use super::{alone, sleep_ms};

/// A timeout that is longer than any test takes. A call that waits for it is noticed, however busy the
/// machine is.
const TIMEOUT: Duration = Duration::from_secs(30);

fn subject() -> Subject {
    "ada".parse().unwrap()
}

async fn connect(urls: &str) -> RedisStore {
    RedisStore::builder(urls).timeout(TIMEOUT).connect().await.unwrap()
}

/// Makes calls that all fail, and together take less time than one that waits for its timeout.
async fn assert_calls_fail_at_once(store: &RedisStore) {
    let start = Instant::now();
    for _ in 0..20 {
        let error = store.list(&subject()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
        let error = store.remove_all(&subject(), None).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    }
    assert!(start.elapsed() < TIMEOUT, "40 calls took {:?}", start.elapsed());
}

async fn until_it_works(store: &RedisStore) {
    let start = Instant::now();
    while let Err(error) = store.list(&subject()).await {
        assert!(start.elapsed() < 2 * TIMEOUT, "it never works again: {error:?}");
        sleep_ms(5).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_calls_fail_at_once_while_a_server_refuses_connections() {
    let _alone = alone().await;
    let mut server = Server::start(&[]);
    let store = connect(&server.url()).await;
    store.list(&subject()).await.unwrap();
    server.signal(Signal::Kill);
    // The first call may find out that the connection is lost.
    let _ = store.list(&subject()).await;
    assert_calls_fail_at_once(&store).await;
    let error = store.list(&subject()).await.unwrap_err();
    assert!(error.to_string().contains("refuses connections"), "{error:?}");
    tokio::task::block_in_place(|| server.restart());
    until_it_works(&store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_calls_fail_at_once_while_a_cluster_refuses_connections() {
    let _alone = alone().await;
    let mut cluster = tokio::task::spawn_blocking(|| Cluster::start(0)).await.unwrap();
    let store = connect(&cluster.urls()).await;
    store.list(&subject()).await.unwrap();
    for node in cluster.nodes() {
        node.signal(Signal::Kill);
    }
    let _ = store.list(&subject()).await;
    assert_calls_fail_at_once(&store).await;
    tokio::task::block_in_place(|| {
        for node in cluster.nodes_mut() {
            node.restart();
        }
        cluster.wait_until_whole();
    });
    until_it_works(&store).await;
}

/// The store reconnects by itself, not when a call comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_connection_is_made_again_without_calls() {
    let _alone = alone().await;
    let mut server = Server::start(&[]);
    let store = connect(&server.url()).await;
    server.signal(Signal::Kill);
    let _ = store.list(&subject()).await;
    assert_calls_fail_at_once(&store).await;
    tokio::task::block_in_place(|| server.restart());
    let start = Instant::now();
    // One is that of `info`.
    while server.info("connected_clients") < 2 {
        assert!(start.elapsed() < TIMEOUT, "it does not connect again");
        sleep_ms(20).await;
    }
    until_it_works(&store).await;
}

/// A server that accepts connections and drops them, as a balancer without servers does, gets attempts with
/// delays between them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_that_are_dropped_are_made_again_with_delays() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let (drops, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let port = server.port();
    let accepting = tokio::spawn({
        let (drops, accepted) = (Arc::clone(&drops), Arc::clone(&accepted));
        async move {
            loop {
                let (mut client, _) = proxy.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                if drops.load(Ordering::SeqCst) {
                    continue;
                }
                tokio::spawn(async move {
                    let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }
    });
    for protocol in ["resp2", "resp3"] {
        drops.store(false, Ordering::SeqCst);
        let store = connect(&format!("redis://{address}?protocol={protocol}")).await;
        store.list(&subject()).await.unwrap();
        drops.store(true, Ordering::SeqCst);
        let (start, before) = (Instant::now(), accepted.load(Ordering::SeqCst));
        server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        let _ = store.list(&subject()).await;
        while accepted.load(Ordering::SeqCst) < before + 4 {
            assert!(start.elapsed() < TIMEOUT, "it does not connect again");
            assert!(store.list(&subject()).await.is_err(), "{protocol}");
            tokio::task::yield_now().await;
        }
        let made = accepted.load(Ordering::SeqCst) - before;
        // There is at least half of the first delay between two attempts.
        let most = start.elapsed().as_millis() / 25 + 2;
        assert!(u128::from(made) <= most, "{protocol}: {made} connections in {:?}", start.elapsed());
        drops.store(false, Ordering::SeqCst);
        until_it_works(&store).await;
    }
    accepting.abort();
}

/// The attempts to reconnect end with the runtime of the call that began them. The first call on another
/// runtime starts them again and waits for the first attempt, whatever the last error was.
#[test]
fn s14_a_call_on_a_new_runtime_waits_for_its_own_attempt() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let _alone = first.block_on(alone());
    let mut server = Server::start(&[]);
    // Of the second runtime's attempts, the first has to succeed, however busy the machine is.
    let builder = RedisStore::builder(&server.url()).timeout(TIMEOUT).connect_timeout(TIMEOUT);
    let store = first.block_on(builder.connect()).unwrap();
    server.signal(Signal::Kill);
    first.block_on(async {
        let _ = store.list(&subject()).await;
        assert_calls_fail_at_once(&store).await;
    });
    drop(first);
    server.restart();
    let served = runtime().block_on(store.list(&subject()));
    assert!(served.unwrap().is_empty());
}
