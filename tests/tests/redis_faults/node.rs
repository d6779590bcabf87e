//! Faults of a single node.

use authcore::{Auth, Error, Login, ServerSessions, StoreErrorKind};
use authcore_tests::Signal;
use authcore_tests::load::{Account, Load};
use authcore_tests::redis::Server;

use super::{SLACK, TIMEOUT, alone, sleep_ms, store};

fn no_call_hung(account: &Account) {
    assert!(account.slowest < TIMEOUT + SLACK, "S13: a call took {:?}", account.slowest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_the_server_is_killed_and_restarted() {
    let _alone = alone().await;
    let mut server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    for _ in 0..2 {
        sleep_ms(800).await;
        server.signal(Signal::Kill);
        sleep_ms(700).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    sleep_ms(1500).await;
    let account = load.settle("killed and restarted, twice", |_| false).await;
    no_call_hung(&account);
    assert!(account.unavailable > 0, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_the_server_is_stopped() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    sleep_ms(500).await;
    server.signal(Signal::Stop);
    sleep_ms(2000).await;
    server.signal(Signal::Continue);
    sleep_ms(1000).await;
    let account = load.settle("stopped for two seconds", |_| false).await;
    no_call_hung(&account);
    assert!(account.slowest >= TIMEOUT, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_are_cut() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    for _ in 0..10 {
        sleep_ms(200).await;
        server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    }
    sleep_ms(500).await;
    no_call_hung(&load.settle("connections cut, ten times", |_| false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_scripts_are_forgotten() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server.url()).await);
    for _ in 0..50 {
        sleep_ms(30).await;
        server.ask(&["SCRIPT", "FLUSH"]);
    }
    let account = load.settle("scripts flushed, fifty times", |_| false).await;
    assert_eq!(account.unavailable, 0, "that a script is not known is no reason to fail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_the_memory_is_full() {
    let _alone = alone().await;
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let load = Load::start(store(&server.url()).await);
    sleep_ms(500).await;
    let limit = server.info("used_memory") + 500_000;
    server.ask(&["CONFIG", "SET", "maxmemory", &limit.to_string()]);
    let mut full = 0;
    for _ in 0..40 {
        sleep_ms(50).await;
        full += u64::from(server.info("used_memory") >= limit);
    }
    assert!(full > 0, "it was never full");

    // Who is logged in stays so and may leave; only what needs room fails.
    let auth = Auth::sessions(ServerSessions::builder(store(&server.url()).await).build().unwrap());
    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let issued = auth.login(Login::new("before").unwrap()).await.unwrap();
    server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let refused = auth.login(Login::new("after").unwrap()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Store(error) if error.kind() == StoreErrorKind::Unavailable),
        "{refused:?}"
    );
    assert!(refused_because(&refused).contains("out of memory"), "{refused:?}");
    auth.authenticate(issued.credential()).await.unwrap();
    assert_eq!(auth.logout(issued.credential()).await.unwrap().sessions.len(), 1);
    assert!(matches!(auth.authenticate(issued.credential()).await, Err(Error::Unauthenticated(_))));

    server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    let account = load.settle("memory full", |_| false).await;
    assert!(account.unavailable > 0, "nobody noticed");
}

fn refused_because(error: &Error) -> String {
    match error {
        Error::Store(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}
