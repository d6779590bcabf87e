//! Failures of a single node.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use authcore::store::{SessionStore as _, StoreErrorKind};
use authcore::{Auth, Error, Login, ServerSessions};
use authcore_redis::RedisStore;
use authcore_tests::Signal;
use authcore_tests::load::{Account, Load};
use authcore_tests::redis::Server;

use super::{SLACK, TIMEOUT, alone, patient_store, sleep_ms, store};

/// How many attempts to connect are refused before one succeeds.
const REFUSALS: u64 = 12;

fn no_call_hung(account: &Account) {
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_the_server_is_killed_and_restarted() {
    let _alone = alone().await;
    let mut server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    for _ in 0..2 {
        load.wait_for_answers(40).await;
        server.signal(Signal::Kill);
        load.wait_for_failures(1).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    load.wait_for_answers(40).await;
    let account = load.finish("killed and restarted, twice", |_| false).await;
    no_call_hung(&account);
    assert!(account.unavailable > 0, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_the_server_is_stopped() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    load.wait_for_answers(40).await;
    server.signal(Signal::Stop);
    load.wait_for_failures(3).await;
    server.signal(Signal::Continue);
    load.wait_for_answers(40).await;
    let account = load.finish("stopped until each task was refused three times", |_| false).await;
    no_call_hung(&account);
    assert!(account.slowest >= TIMEOUT, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_are_cut() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    for _ in 0..10 {
        load.wait_for_answers(20).await;
        server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    }
    load.wait_for_answers(20).await;
    no_call_hung(&load.finish("connections cut, ten times", |_| false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_scripts_are_forgotten() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(patient_store(&server.url()).await);
    for _ in 0..50 {
        load.wait_for_answers(3).await;
        server.ask(&["SCRIPT", "FLUSH"]);
    }
    let account = load.finish("scripts flushed, fifty times", |_| false).await;
    assert_eq!(account.unavailable, 0, "that a script is not known is no reason to fail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_the_memory_is_full() {
    let _alone = alone().await;
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let load = Load::start(store(&server.url()).await);
    load.wait_for_answers(10).await;
    let limit = server.info("used_memory") + 500_000;
    server.ask(&["CONFIG", "SET", "maxmemory", &limit.to_string()]);
    let start = Instant::now();
    while server.info("used_memory") < limit {
        assert!(start.elapsed() < Duration::from_secs(120), "it was never full");
        sleep_ms(20).await;
    }
    load.wait_for_failures(1).await;

    // Existing sessions stay valid and can be ended; only writes that need memory fail.
    let auth =
        Auth::with_sessions(ServerSessions::builder(patient_store(&server.url()).await).build().unwrap());
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let issued = auth.login(Login::new("before").unwrap()).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = auth.login(Login::new("after").unwrap()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Store(error) if error.kind() == StoreErrorKind::Unavailable),
        "{refused:?}"
    );
    assert!(refused_because(&refused).contains("out of memory"), "{refused:?}");
    auth.authenticate(issued.credential().expose()).await.unwrap();
    assert_eq!(auth.logout(issued.credential().expose()).await.unwrap().sessions.len(), 1);
    assert!(matches!(auth.authenticate(issued.credential().expose()).await, Err(Error::Unauthenticated(_))));

    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let account = load.finish("memory full", |_| false).await;
    assert!(account.unavailable > 0, "nobody noticed");
}

fn refused_because(error: &Error) -> String {
    match error {
        Error::Store(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Waits until the store works again; returns how long that took.
async fn works_again(store: &RedisStore) -> Duration {
    let start = Instant::now();
    loop {
        let subject = "after".parse().unwrap();
        match store.list(&subject).await {
            Ok(_) if logged_in(store).await => return start.elapsed(),
            outcome => {
                assert!(start.elapsed() < Duration::from_secs(120), "it never works again: {outcome:?}")
            }
        }
        sleep_ms(20).await;
    }
}

async fn logged_in(store: &RedisStore) -> bool {
    let auth = Auth::with_sessions(ServerSessions::builder(store.clone()).build().unwrap());
    auth.login(Login::new("after").unwrap()).await.is_ok()
}

/// Returns how often the server has refused the password of a new connection.
fn refused_logins(server: &Server) -> u64 {
    let redis::Value::Array(entries) = server.ask(&["ACL", "LOG"]) else { panic!("ACL LOG gave no list") };
    let counts = entries.into_iter().map(|entry| {
        let mut fields: HashMap<String, redis::Value> = redis::from_redis_value(entry).unwrap();
        redis::from_redis_value::<u64>(fields.remove("count").unwrap()).unwrap()
    });
    counts.sum()
}

/// Unlike the driver's connection manager, the store goes on reconnecting after a server has refused it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_new_connections_are_refused_for_a_while() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    server.ask(&["ACL", "SETUSER", "app", "on", ">right", "~*", "+@all"]);
    let store = patient_store(&format!("redis://app:right@127.0.0.1:{}", server.port())).await;
    assert!(logged_in(&store).await);
    server.ask(&["ACL", "SETUSER", "app", "resetpass", ">wrong"]);
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    let start = Instant::now();
    while refused_logins(&server) < REFUSALS {
        assert!(!logged_in(&store).await);
        assert!(start.elapsed() < Duration::from_secs(120), "it no longer tries to connect");
        sleep_ms(50).await;
    }
    server.ask(&["ACL", "SETUSER", "app", "resetpass", ">right"]);
    let after = works_again(&store).await;
    let _ = writeln!(
        std::io::stderr(),
        "password withdrawn for {REFUSALS} attempts to connect: works again after {} ms",
        after.as_millis()
    );
}

/// The store leaves a master that has become a replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s15_a_master_becomes_a_replica() {
    let _alone = alone().await;
    let (old, new) = (Server::start(&[]), Server::start(&[]));
    // A proxy stands for a host name that is given to another server.
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", proxy.local_addr().unwrap());
    let target = Arc::new(AtomicU16::new(old.port()));
    let proxy = tokio::spawn({
        let target = Arc::clone(&target);
        async move {
            loop {
                let (mut client, _) = proxy.accept().await.unwrap();
                let server = ("127.0.0.1", target.load(Ordering::SeqCst));
                tokio::spawn(async move {
                    let mut server = tokio::net::TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }
    });
    let store = patient_store(&url).await;
    assert!(logged_in(&store).await);
    old.ask(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]);
    target.store(new.port(), Ordering::SeqCst);
    assert!(!logged_in(&store).await, "the old master accepts no writes");
    let after = works_again(&store).await;
    let _ =
        writeln!(std::io::stderr(), "master became a replica: works again after {} ms", after.as_millis());
    proxy.abort();
}

/// The store replaces a connection that the server closes because it is idle, before a call needs it: the
/// first write after a quiet time succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_idle_connections_are_closed() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    server.ask(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all"]);
    let store = patient_store(&format!("redis://app:secret@127.0.0.1:{}", server.port())).await;
    for turn in 0..3 {
        assert!(logged_in(&store).await, "turn {turn}");
        let idle = connection_of_app(&server).unwrap();
        server.ask(&["CONFIG", "SET", "timeout", "1"]);
        let start = Instant::now();
        while connection_of_app(&server).is_none_or(|connection| connection == idle) {
            assert!(start.elapsed() < Duration::from_secs(120), "turn {turn}: it does not connect again");
            sleep_ms(20).await;
        }
        // The new connection stays: from here on the server closes none, and what it closed before is
        // replaced.
        server.ask(&["CONFIG", "SET", "timeout", "0"]);
        while connection_of_app(&server).is_none() {
            assert!(start.elapsed() < Duration::from_secs(120), "turn {turn}: it does not connect again");
            sleep_ms(20).await;
        }
    }
    assert!(logged_in(&store).await);
}

/// Returns the id of the connection that the user `app` has to the server.
fn connection_of_app(server: &Server) -> Option<String> {
    let list = server.ask(&["CLIENT", "LIST"]);
    let list: String = redis::from_redis_value(list).unwrap();
    let line = list.lines().find(|line| line.split(' ').any(|field| field == "user=app"))?;
    line.split(' ').find_map(|field| field.strip_prefix("id=")).map(str::to_owned)
}
