//! The round trips of calls, measured by how much longer calls take over a slow network.

use std::time::{Duration, Instant};

use authcore::store::SessionStore;
use authcore::{Auth, Login, ServerSessions};
use authcore_sql::{MySqlStore, PostgresStore};
use authcore_tests::slow::DelayProxy;
use authcore_tests::{mysql, postgres};
use futures_util::future::join_all;

use super::PATIENCE;

/// The delay that the network adds to a round trip.
const DELAY: Duration = Duration::from_millis(100);
/// How often a call that took too long is repeated. A busy machine makes a call longer, but never shorter:
/// one with too many round trips never passes.
const TRIES: u32 = 30;

/// Returns the round trips of a call: the fewest of several attempts, which end once the number is as
/// expected.
async fn trips<T, F: Future<Output = Result<T, authcore::Error>>>(
    expected: u128,
    call: impl Fn() -> F,
) -> u128 {
    let mut fewest = u128::MAX;
    for _ in 0..TRIES {
        let start = Instant::now();
        call().await.unwrap();
        fewest = fewest.min(start.elapsed().as_millis() / DELAY.as_millis());
        // Meanwhile the pool pings the connections that return to it.
        tokio::time::sleep(DELAY * 3).await;
        if fewest <= expected {
            break;
        }
    }
    fewest
}

async fn round_trips_are_few(store: impl SessionStore, way: &DelayProxy) {
    let auth = Auth::with_sessions(ServerSessions::builder(store).build().unwrap());
    let login = |subject: &str| auth.login(Login::new(subject.to_owned()).unwrap());
    // Until each connection of the pool is open and has prepared the statements.
    for _ in 0..8 {
        for issued in join_all((0..8).map(|_| login("warm"))).await {
            let issued = issued.unwrap();
            auth.authenticate(issued.credential().expose()).await.unwrap();
            let renewed = auth.renew(issued.principal()).await.unwrap();
            let _ = auth.logout(renewed.credential().expose()).await.unwrap();
        }
    }
    let issued = login("user-42").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    way.delay_by(DELAY);
    assert_eq!(trips(1, || auth.authenticate(issued.credential().expose())).await, 1, "a verification");
    assert_eq!(
        trips(2, || login("user-43")).await,
        2,
        "a login: one to write, one to see the limit of sessions"
    );
    assert_eq!(
        trips(2, || auth.sessions_of(issued.principal())).await,
        2,
        "the devices: the caller's session, then all"
    );
    assert_eq!(
        trips(2, || auth.update_claims(issued.principal(), |_| Ok(()))).await,
        2,
        "a change of claims"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn round_trips_to_postgres_are_few() {
    let server = postgres::Server::start(&[]);
    let way = DelayProxy::to(server.port());
    let url = server.url().replace(&server.port().to_string(), &way.port().to_string());
    let store = PostgresStore::builder(&url)
        .max_connections(3)
        .timeout(PATIENCE)
        .connect_and_migrate()
        .await
        .unwrap();
    round_trips_are_few(store, &way).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn round_trips_to_mysql_are_few() {
    let server = mysql::Server::start(&[]);
    let way = DelayProxy::to(server.port());
    let url = server.url().replace(&server.port().to_string(), &way.port().to_string());
    let store =
        MySqlStore::builder(&url).max_connections(3).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    round_trips_are_few(store, &way).await;
}

/// While other calls wait, a connection is handed over without a ping, which would be a second round trip.
async fn a_connection_is_handed_on(store: impl SessionStore + Clone, way: &DelayProxy) {
    let auth = Auth::with_sessions(ServerSessions::builder(store.clone()).build().unwrap());
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    let id = issued.principal().session_id().unwrap();
    assert!(store.load(id).await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(200)).await;
    way.delay_by(DELAY);
    let mut fewest = u128::MAX;
    for _ in 0..TRIES {
        let start = Instant::now();
        for found in join_all((0..10).map(|_| store.load(id))).await {
            assert!(found.unwrap().is_some());
        }
        fewest = fewest.min(start.elapsed().as_millis() / DELAY.as_millis());
        if fewest < 15 {
            break;
        }
    }
    assert!((10..15).contains(&fewest), "{fewest} round trips for 10 calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_postgres_is_handed_on() {
    let server = postgres::Server::start(&[]);
    let way = DelayProxy::to(server.port());
    let url = server.url().replace(&server.port().to_string(), &way.port().to_string());
    let store = PostgresStore::builder(&url)
        .max_connections(1)
        .timeout(PATIENCE)
        .connect_and_migrate()
        .await
        .unwrap();
    a_connection_is_handed_on(store, &way).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_mysql_is_handed_on() {
    let server = mysql::Server::start(&[]);
    let way = DelayProxy::to(server.port());
    let url = server.url().replace(&server.port().to_string(), &way.port().to_string());
    let store =
        MySqlStore::builder(&url).max_connections(1).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    a_connection_is_handed_on(store, &way).await;
}
