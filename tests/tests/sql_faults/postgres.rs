//! Faults of PostgreSQL.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{PATIENCE, TIMEOUT, alone, is_unavailable, login, no_call_hung, sessions, sleep_ms, until};
use authcore::store::SessionStore as _;
use authcore_sql::{PostgresStore, PostgresStoreBuilder};
use authcore_tests::Signal;
use authcore_tests::load::Load;
use authcore_tests::postgres::Server;
use authcore_tests::slow::SlowWay;

async fn store(server: &Server) -> PostgresStore {
    store_with(&server.url(), TIMEOUT).await
}

/// A store whose calls may take this long.
async fn store_with(url: &str, timeout: Duration) -> PostgresStore {
    let store = PostgresStore::builder(url).timeout(timeout).connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A number that the server answers.
fn number(server: &Server, sql: &str) -> usize {
    server.ask(sql)[0][0].as_deref().unwrap().parse().unwrap()
}

/// Ends server processes and waits until they have ended: to be told is not enough.
async fn terminate(server: &Server, processes: &str) {
    let told = server.ask(&format!("SELECT pid, pg_terminate_backend(pid) FROM ({processes}) AS processes"));
    let told: Vec<_> = told.iter().filter_map(|row| row[0].clone()).collect();
    assert!(!told.is_empty(), "nobody was connected");
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid IN ({})", told.join(", "));
    until("the end of server processes", || number(server, &left), |left| *left == 0).await;
}

/// The server processes of stores.
const OF_STORES: &str = "SELECT pid FROM pg_stat_activity WHERE usename = 'authcore'";

/// Waits until a call of a store waits for a lock.
async fn a_store_waits_for_a_lock(server: &Server) {
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'authcore' AND wait_event_type = 'Lock'";
    until("a call to wait for a lock", || number(server, waiting), |waiting| *waiting > 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_the_server_is_killed_and_restarted() {
    let _alone = alone().await;
    let mut server = Server::start(&[]);
    let load = Load::start(store(&server).await);
    for _ in 0..2 {
        load.is_answered(20).await;
        server.signal(Signal::Kill);
        load.is_refused(1).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    load.is_answered(20).await;
    let account = load.settle("PostgreSQL killed and restarted, twice", |_| false).await;
    no_call_hung(&account);
    assert!(account.unavailable > 0, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_the_server_is_stopped() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server).await);
    load.is_answered(20).await;
    server.signal(Signal::Stop);
    load.is_refused(3).await;
    server.signal(Signal::Continue);
    load.is_answered(20).await;
    let account = load.settle("PostgreSQL stopped until each task was refused three times", |_| false).await;
    no_call_hung(&account);
    assert!(account.slowest >= TIMEOUT, "nobody noticed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_are_cut() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server).await);
    for _ in 0..10 {
        load.is_answered(10).await;
        terminate(&server, OF_STORES).await;
    }
    load.is_answered(10).await;
    no_call_hung(&load.settle("PostgreSQL's connections cut, ten times", |_| false).await);
}

/// What was idle when the connections were cut costs one failed write, not one for each connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_one_failure_is_enough_to_doubt_all_connections() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let auth = sessions(store_with(&server.url(), PATIENCE).await);
    let logins = (0..20).map(|_| auth.login(login("before")));
    let issued = futures_util::future::try_join_all(logins).await.unwrap();
    terminate(&server, OF_STORES).await;
    // What reads is asked again by another connection.
    auth.authenticate(issued[0].credential().expose()).await.unwrap();
    for _ in 0..20 {
        auth.login(login("after")).await.unwrap();
    }
}

fn by_way(server: &Server, way: &SlowWay) -> String {
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{}/", way.port()));
    format!("{url}?sslmode=disable")
}

const SECOND: Duration = Duration::from_secs(1);
/// How many connections are idle.
const IDLE: usize = 5;

/// Idle connections that a firewall has forgotten: one call may fail, and not one for each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_idle_connections_are_forgotten_by_the_network() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let way = SlowWay::to(server.port());
    let builder =
        PostgresStore::builder(&by_way(&server, &way)).timeout(5 * SECOND).max_connections(IDLE as u32);
    let store = builder.connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    let auth = sessions(store);
    let connected = || number(&server, &format!("SELECT count(*) FROM ({OF_STORES}) AS connected"));
    while connected() < IDLE {
        let logins = (0..4 * IDLE).map(|_| auth.login(login("before")));
        futures_util::future::try_join_all(logins).await.unwrap();
    }
    way.forget();
    let mut failed = 0;
    while let Err(error) = auth.login(login("after")).await {
        failed += 1;
        assert!(failed < IDLE, "{failed} connections cost a login each: {error:?}");
    }
    let _ = writeln!(
        std::io::stderr(),
        "PostgreSQL, {IDLE} idle connections forgotten: the login after {failed} that failed succeeds"
    );
    for _ in 0..20 {
        auth.login(login("after")).await.unwrap();
    }
}

/// Again and again, in the middle of a load and on a pool of the host's: none of them keeps its place in the
/// pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_in_use_are_forgotten_by_the_network() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    drop(store(&server).await);
    let way = SlowWay::to(server.port());
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(4);
    let pool = pool.connect(&by_way(&server, &way)).await.unwrap();
    let store = PostgresStoreBuilder::from(pool.clone()).timeout(TIMEOUT).connect().await.unwrap();
    let auth = sessions(store);
    let issued = auth.login(login("ada")).await.unwrap();
    for _ in 0..8 {
        let (calls, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let (auth, token) = (auth.clone(), issued.credential().expose().to_owned());
                let (calls, lost) = (Arc::clone(&calls), Arc::clone(&lost));
                // Still at it when the connections are lost, and until a call that began after that is
                // answered.
                tokio::spawn(async move {
                    loop {
                        let after = lost.load(Ordering::SeqCst);
                        let answered = auth.authenticate(&token).await.is_ok();
                        calls.fetch_add(1, Ordering::SeqCst);
                        if after && answered {
                            return;
                        }
                    }
                })
            })
            .collect();
        until("a load", || calls.load(Ordering::SeqCst), |calls| *calls >= 48).await;
        way.forget();
        lost.store(true, Ordering::SeqCst);
        let all = futures_util::future::try_join_all(tasks);
        tokio::time::timeout(120 * SECOND, all).await.expect("the pool never works again").unwrap();
    }
    let all = futures_util::future::join_all((0..4).map(|_| pool.acquire())).await;
    assert!(all.iter().all(Result::is_ok), "places in the pool were lost");
}

/// While calls hand the connections on that are left, those that were lost are made anew, and each of them
/// once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_pool_that_lost_connections_is_full_again() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    drop(store(&server).await);
    let way = SlowWay::to(server.port());
    // To connect takes several of these, so that others hand their connections on meanwhile.
    way.delay_by(std::time::Duration::from_millis(10));
    let auth = sessions(PostgresStore::builder(&by_way(&server, &way)).connect().await.unwrap());
    let issued = auth.login(login("ada")).await.unwrap();
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (auth, token) = (auth.clone(), issued.credential().expose().to_owned());
        load.spawn(async move {
            loop {
                let _ = auth.authenticate(&token).await;
            }
        });
    }
    let reads = "usename = 'authcore' AND query LIKE 'SELECT record%'";
    let connections = || number(&server, &format!("SELECT count(*) FROM pg_stat_activity WHERE {reads}"));
    let full = async |when: &str| {
        until(&format!("10 connections {when}"), &connections, |connections| *connections >= 10).await;
    };
    full("at first").await;
    for round in 1..=3 {
        let before = way.connections();
        terminate(&server, &format!("SELECT pid FROM pg_stat_activity WHERE {reads} LIMIT 8")).await;
        full(&format!("after {round} losses")).await;
        let made = way.connections() - before;
        let _ = writeln!(std::io::stderr(), "PostgreSQL, 8 connections lost: {made} were made anew");
        assert!(made <= 16, "{made} connections were made for 8 that were lost");
    }
}

/// However many statements a call has, it ends in its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_all_of_a_call_is_in_its_time() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let way = SlowWay::to(server.port());
    let builder = PostgresStore::builder(&by_way(&server, &way)).timeout(TIMEOUT);
    let store = builder.connect_unmigrated().await.unwrap();
    store.migrate().await.unwrap();
    sessions(store.clone()).login(login("ada")).await.unwrap();
    let record = store.list(&"ada".parse().unwrap()).await.unwrap().remove(0);
    let stale = authcore::store::RecordVersion::from_number(77);
    assert_eq!(store.replace(&record, stale).await.unwrap(), authcore::store::ReplaceOutcome::Stale);
    sleep_ms(200).await;
    // Each of the two statements is fast enough, and both together are not.
    way.delay_by(TIMEOUT.mul_f64(0.7));
    for call in ["replace", "purge"] {
        let start = std::time::Instant::now();
        let failed = match call {
            "replace" => store.replace(&record, stale).await.is_err(),
            _ => store.purge_expired(authcore::Timestamp::UNIX_EPOCH, 10).await.is_err(),
        };
        // With a time for each of its statements it would be answered.
        assert!(failed, "{call} was answered after {:?}", start.elapsed());
        sleep_ms(2000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_the_pool_is_exhausted() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    drop(store(&server).await);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(2).connect(&server.url()).await.unwrap();
    let store = PostgresStoreBuilder::from(pool.clone()).timeout(TIMEOUT).connect().await.unwrap();
    let auth = sessions(store);
    let issued = auth.login(login("ada")).await.unwrap();
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    is_unavailable(auth.authenticate(issued.credential().expose()), "in time").await;
    is_unavailable(auth.login(login("bob")), "in time").await;
    drop(held);
    auth.authenticate(issued.credential().expose()).await.unwrap();
    auth.login(login("bob")).await.unwrap();
}

/// Two who lock the same rows the other way round: PostgreSQL ends one of them, which is ours, and it is done
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_a_deadlock_is_tried_again() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    server.execute("ALTER ROLE authcore SET deadlock_timeout = '1s'");
    let auth = sessions(store_with(&server.url(), 3 * PATIENCE).await);
    let url = server.url_of("postgres", "secret", "authcore");
    let other = sqlx::PgPool::connect(&url).await.unwrap();
    let mut deadlocks = 0;
    for round in 0..20 {
        let subject = format!("user-{round}");
        auth.login(login(&subject)).await.unwrap();
        auth.login(login(&subject)).await.unwrap();
        let mut rival = other.begin().await.unwrap();
        // Never the one that is ended: it looks for deadlocks only after a long while, and ours a second
        // after it waits. If that second is over before both wait, there is none in this round, and the rival
        // gives way.
        let settings = "SET LOCAL deadlock_timeout = '60s'; SET LOCAL lock_timeout = '10s'";
        sqlx::raw_sql(settings).execute(&mut *rival).await.unwrap();
        let lock = |which: &str| {
            let sql = format!(
                "SELECT 1 FROM authcore_sessions WHERE ctid = (SELECT {which}(ctid) FROM authcore_sessions \
                 WHERE subject = '{subject}') FOR UPDATE"
            );
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        };
        lock("max").execute(&mut *rival).await.unwrap();
        let ours = {
            let (auth, subject) = (auth.clone(), subject.parse().unwrap());
            tokio::spawn(async move { auth.admin().revoke_all(&subject).await })
        };
        a_store_waits_for_a_lock(&server).await;
        deadlocks += usize::from(lock("min").execute(&mut *rival).await.is_ok());
        rival.rollback().await.unwrap();
        assert_eq!(ours.await.unwrap().unwrap().sessions.len(), 2, "S4: all at once, and told");
        if deadlocks == 5 {
            break;
        }
    }
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'authcore'";
    until("five deadlocks", || number(&server, counted), |deadlocks| *deadlocks >= 5).await;
    let _ = writeln!(std::io::stderr(), "PostgreSQL ended {deadlocks} deadlocks, nobody noticed");
}

/// Where the host has made every transaction serializable, those that could not be are done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_serialization_failures_are_tried_again() {
    let _alone = alone().await;
    let server = Server::start(&["-c", "log_min_messages=error"]);
    server.execute("ALTER ROLE authcore SET default_transaction_isolation = 'serializable'");
    let store = store_with(&server.url(), PATIENCE).await;
    let auth = sessions(store.clone());
    let other = sqlx::PgPool::connect(&server.url()).await.unwrap();
    for round in 0..5 {
        let subject = format!("user-{round}");
        let issued = auth.login(login(&subject)).await.unwrap();
        let mut rival = other.begin().await.unwrap();
        let change = format!("UPDATE authcore_sessions SET epoch = epoch WHERE subject = '{subject}'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut *rival).await.unwrap();
        let ours = {
            let (auth, token) = (auth.clone(), issued.credential().expose().to_owned());
            tokio::spawn(async move { auth.logout(&token).await })
        };
        a_store_waits_for_a_lock(&server).await;
        // Now ours cannot be, as if it had come first.
        rival.commit().await.unwrap();
        assert_eq!(ours.await.unwrap().unwrap().sessions.len(), 1);
    }
    let load = Load::start(store);
    load.is_answered(20).await;
    let account = load.settle("PostgreSQL with serializable transactions", |_| false).await;
    let rollbacks = "SELECT xact_rollback FROM pg_stat_database WHERE datname = 'authcore'";
    until("five serialization failures", || number(&server, rollbacks), |failures| *failures >= 5).await;
    let (failures, unavailable) = (number(&server, rollbacks), account.unavailable);
    let _ = writeln!(std::io::stderr(), "{failures} serialization failures, {unavailable} unavailable");
}
