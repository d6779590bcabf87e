//! Faults of PostgreSQL.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use authcore::store::SessionStore as _;
use authcore_sql::PostgresStore;
use authcore_tests::Signal;
use authcore_tests::load::Load;
use authcore_tests::postgres::Server;
use authcore_tests::slow::DelayProxy;

use super::{
    PATIENCE, TIMEOUT, alone, eventually, is_unavailable, login, no_call_hung, sessions, sleep_ms, until,
};

/// Returns a store on a migrated database, whose calls end after [`TIMEOUT`].
async fn store(server: &Server) -> PostgresStore {
    drop(patient_store(server).await);
    let builder = || PostgresStore::builder(&server.url()).timeout(TIMEOUT);
    eventually("a connection", || builder().connect()).await
}

/// Returns a store whose calls are to succeed.
async fn patient_store(server: &Server) -> PostgresStore {
    PostgresStore::builder(&server.url()).timeout(PATIENCE).connect_and_migrate().await.unwrap()
}

/// Creates the tables, and waits until no connection is left.
async fn migrate(server: &Server) {
    drop(patient_store(server).await);
    let left = format!("SELECT count(*) FROM ({OF_STORES}) AS connected");
    until("the end of the connections", || number(server, &left), |left| *left == 0).await;
}

/// Returns a number from the server.
fn number(server: &Server, sql: &str) -> usize {
    server.ask(sql)[0][0].as_deref().unwrap().parse().unwrap()
}

/// Ends server processes and waits until they have ended: the command returns before they have.
async fn terminate(server: &Server, processes: &str) {
    let ended = server.ask(&format!("SELECT pid, pg_terminate_backend(pid) FROM ({processes}) AS processes"));
    let ended: Vec<_> = ended.iter().filter_map(|row| row[0].clone()).collect();
    assert!(!ended.is_empty(), "no store was connected");
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE pid IN ({})", ended.join(", "));
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
        load.wait_for_answers(20).await;
        server.signal(Signal::Kill);
        load.wait_for_failures(1).await;
        server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        })
        .await
        .unwrap();
    }
    load.wait_for_answers(20).await;
    let account = load.finish("PostgreSQL killed and restarted, twice", |_| false).await;
    no_call_hung(&account);
    assert!(account.unavailable > 0, "no call failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_the_server_is_stopped() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server).await);
    load.wait_for_answers(20).await;
    server.signal(Signal::Stop);
    load.wait_for_failures(3).await;
    server.signal(Signal::Continue);
    load.wait_for_answers(20).await;
    let account = load.finish("PostgreSQL stopped until each task was refused three times", |_| false).await;
    no_call_hung(&account);
    assert!(account.slowest >= TIMEOUT, "no call waited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_are_cut() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let load = Load::start(store(&server).await);
    for _ in 0..10 {
        load.wait_for_answers(10).await;
        terminate(&server, OF_STORES).await;
    }
    load.wait_for_answers(10).await;
    no_call_hung(&load.finish("PostgreSQL's connections cut, ten times", |_| false).await);
}

/// Connections that were idle when they were cut cost one failed write, not one each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_after_one_failure_all_idle_connections_are_pinged() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let auth = sessions(patient_store(&server).await);
    let logins = (0..20).map(|_| auth.login(login("before")));
    let issued = futures_util::future::try_join_all(logins).await.unwrap();
    terminate(&server, OF_STORES).await;
    // A call that only reads is repeated over another connection.
    auth.authenticate(issued[0].credential().expose()).await.unwrap();
    for _ in 0..20 {
        let _ = auth.login(login("after")).await.unwrap();
    }
}

fn by_way(server: &Server, way: &DelayProxy) -> String {
    let url = server.url().replace(&format!(":{}/", server.port()), &format!(":{}/", way.port()));
    format!("{url}?sslmode=disable")
}

const SECOND: Duration = Duration::from_secs(1);
/// How many connections are idle.
const IDLE: usize = 5;

/// If a firewall has forgotten idle connections, fewer calls fail than there were connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_idle_connections_are_forgotten_by_the_network() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let way = DelayProxy::to(server.port());
    migrate(&server).await;
    let url = by_way(&server, &way);
    let builder = || PostgresStore::builder(&url).timeout(5 * SECOND).max_connections(IDLE as u32);
    let auth = sessions(eventually("a connection", || builder().connect()).await);
    let connected = || number(&server, &format!("SELECT count(*) FROM ({OF_STORES}) AS connected"));
    let start = Instant::now();
    while connected() < IDLE {
        assert!(start.elapsed() < PATIENCE, "only {} of {IDLE} connections were opened", connected());
        let logins = (0..4 * IDLE).map(|_| auth.login(login("before")));
        futures_util::future::join_all(logins).await;
    }
    way.blackhole_connections();
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
        let _ = auth.login(login("after")).await.unwrap();
    }
}

/// Repeatedly, under load and on a pool of the host: no forgotten connection keeps its place in the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_connections_in_use_are_forgotten_by_the_network() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let patient = sessions(patient_store(&server).await);
    let way = DelayProxy::to(server.port());
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(4);
    let pool = pool.connect(&by_way(&server, &way)).await.unwrap();
    let builder = || PostgresStore::with_pool(pool.clone()).timeout(TIMEOUT);
    let auth = sessions(eventually("a connection", || builder().connect()).await);
    let issued = patient.login(login("ada")).await.unwrap();
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
        way.blackhole_connections();
        lost.store(true, Ordering::SeqCst);
        let all = futures_util::future::try_join_all(tasks);
        tokio::time::timeout(PATIENCE, all).await.expect("the pool never works again").unwrap();
    }
    let all = futures_util::future::join_all((0..4).map(|_| pool.acquire())).await;
    assert!(all.iter().all(Result::is_ok), "places in the pool were lost");
}

/// While calls hand over the remaining connections, each lost connection is replaced once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_a_pool_that_lost_connections_is_full_again() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    migrate(&server).await;
    let way = DelayProxy::to(server.port());
    // Connecting takes several of these delays, so other calls hand over their connections meanwhile.
    way.delay_by(std::time::Duration::from_millis(10));
    let url = by_way(&server, &way);
    let auth = sessions(eventually("a connection", || PostgresStore::connect(&url)).await);
    let issued = eventually("a login", || auth.login(login("ada"))).await;
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

/// A call ends at its timeout, however many statements it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_all_of_a_call_is_in_its_time() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let way = DelayProxy::to(server.port());
    let patient = patient_store(&server).await;
    let _ = sessions(patient.clone()).login(login("ada")).await.unwrap();
    let record = patient.list(&"ada".parse().unwrap()).await.unwrap().remove(0);
    let url = by_way(&server, &way);
    let builder = || PostgresStore::builder(&url).timeout(TIMEOUT);
    let store = eventually("a connection", || builder().connect()).await;
    let stale = authcore::store::RecordVersion::from_number(77);
    // Until a connection has prepared the statements.
    let outcome = eventually("an answer", || store.replace(&record, stale)).await;
    assert_eq!(outcome, authcore::store::ReplaceOutcome::Stale);
    sleep_ms(200).await;
    // Each of the two statements is fast enough, but both together are not.
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
    let patient = sessions(patient_store(&server).await);
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(2).connect(&server.url()).await.unwrap();
    let builder = || PostgresStore::with_pool(pool.clone()).timeout(TIMEOUT);
    let auth = sessions(eventually("a connection", || builder().connect()).await);
    let issued = patient.login(login("ada")).await.unwrap();
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    is_unavailable(auth.authenticate(issued.credential().expose()), "in time").await;
    is_unavailable(auth.login(login("bob")), "in time").await;
    drop(held);
    eventually("a verification", || auth.authenticate(issued.credential().expose())).await;
    let _ = eventually("a login", || auth.login(login("bob"))).await;
}

/// Two transactions lock the same rows in opposite order. PostgreSQL ends one of them, which is the
/// store's, and the store repeats it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_a_deadlock_is_repeated() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    server.execute("ALTER ROLE authcore SET deadlock_timeout = '1s'");
    let auth = sessions(patient_store(&server).await);
    let url = server.url_of("postgres", "secret", "authcore");
    let other = sqlx::PgPool::connect(&url).await.unwrap();
    let mut deadlocks = 0;
    for round in 0..20 {
        let subject = format!("user-{round}");
        let _ = auth.login(login(&subject)).await.unwrap();
        let _ = auth.login(login(&subject)).await.unwrap();
        let mut rival = other.begin().await.unwrap();
        // PostgreSQL ends the transaction that detects the deadlock. The store looks for one after a
        // second, the rival only after a minute. If that second is over before both wait, there is no
        // deadlock in this round, and the rival gives up.
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
        assert_eq!(ours.await.unwrap().unwrap().sessions.len(), 2, "S4: all at once, and reported");
        if deadlocks == 5 {
            break;
        }
    }
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'authcore'";
    until("five deadlocks", || number(&server, counted), |deadlocks| *deadlocks >= 5).await;
    let _ = writeln!(std::io::stderr(), "PostgreSQL ended {deadlocks} deadlocks, no call failed");
}

/// If the host makes every transaction serializable, the store repeats those that fail to serialize.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_serialization_failures_are_repeated() {
    let _alone = alone().await;
    let server = Server::start(&["-c", "log_min_messages=error"]);
    server.execute("ALTER ROLE authcore SET default_transaction_isolation = 'serializable'");
    let store = patient_store(&server).await;
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
        // The store's transaction can no longer be serialized.
        rival.commit().await.unwrap();
        assert_eq!(ours.await.unwrap().unwrap().sessions.len(), 1);
    }
    let load = Load::start(store);
    load.wait_for_answers(20).await;
    let account = load.finish("PostgreSQL with serializable transactions", |_| false).await;
    let rollbacks = "SELECT xact_rollback FROM pg_stat_database WHERE datname = 'authcore'";
    until("five serialization failures", || number(&server, rollbacks), |failures| *failures >= 5).await;
    let (failures, unavailable) = (number(&server, rollbacks), account.unavailable);
    let _ = writeln!(std::io::stderr(), "{failures} serialization failures, {unavailable} unavailable");
}
