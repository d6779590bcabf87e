//! Faults of MariaDB.

use std::io::Write as _;

use authcore_sql::MySqlStore;
use authcore_tests::Signal;
use authcore_tests::load::Load;
use authcore_tests::mysql::Server;

use super::{PATIENCE, TIMEOUT, alone, eventually, is_unavailable, login, no_call_hung, sessions, until};

/// Returns a store on a migrated database, whose calls end after [`TIMEOUT`].
async fn store(server: &Server) -> MySqlStore {
    drop(patient_store(server).await);
    let builder = || MySqlStore::builder(&server.url()).timeout(TIMEOUT);
    eventually("a connection", || builder().connect()).await
}

/// Returns a store whose calls are to succeed.
async fn patient_store(server: &Server) -> MySqlStore {
    MySqlStore::builder(&server.url()).timeout(PATIENCE).connect_and_migrate().await.unwrap()
}

/// Returns a number from the server.
fn number(server: &Server, sql: &str) -> usize {
    server.ask(sql)[0][0].as_deref().unwrap().parse().unwrap()
}

/// A number of the server's status.
fn status(server: &Server, name: &str) -> usize {
    server.ask(&format!("SHOW GLOBAL STATUS LIKE '{name}'"))[0][1].as_deref().unwrap().parse().unwrap()
}

/// Ends the connections of stores and waits until they have ended: the command returns before they have.
async fn cut(server: &Server) {
    let ids = server.ask("SELECT id FROM information_schema.processlist WHERE user = 'authcore'");
    let ids: Vec<_> = ids.iter().filter_map(|row| row[0].clone()).collect();
    assert!(!ids.is_empty(), "no store was connected");
    server.execute("KILL USER authcore");
    let left =
        format!("SELECT count(*) FROM information_schema.processlist WHERE id IN ({})", ids.join(", "));
    until("the end of connections", || number(server, &left), |left| *left == 0).await;
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
    let account = load.finish("MariaDB killed and restarted, twice", |_| false).await;
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
    let account = load.finish("MariaDB stopped until each task was refused three times", |_| false).await;
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
        cut(&server).await;
    }
    load.wait_for_answers(10).await;
    no_call_hung(&load.finish("MariaDB's connections cut, ten times", |_| false).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_after_one_failure_all_idle_connections_are_pinged() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let auth = sessions(patient_store(&server).await);
    let logins = (0..20).map(|_| auth.login(login("before")));
    let issued = futures_util::future::try_join_all(logins).await.unwrap();
    cut(&server).await;
    auth.authenticate(issued[0].credential().expose()).await.unwrap();
    for _ in 0..20 {
        let _ = auth.login(login("after")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_the_pool_is_exhausted() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let patient = sessions(patient_store(&server).await);
    let pool = sqlx::mysql::MySqlPoolOptions::new().max_connections(2).connect(&server.url()).await.unwrap();
    let builder = || MySqlStore::with_pool(pool.clone()).timeout(TIMEOUT);
    let auth = sessions(eventually("a connection", || builder().connect()).await);
    let issued = patient.login(login("ada")).await.unwrap();
    let held = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
    is_unavailable(auth.authenticate(issued.credential().expose()), "in time").await;
    is_unavailable(auth.login(login("bob")), "in time").await;
    drop(held);
    eventually("a verification", || auth.authenticate(issued.credential().expose())).await;
    let _ = eventually("a login", || auth.login(login("bob"))).await;
}

/// Two transactions lock the same rows in opposite order. InnoDB ends the one that has changed less, which
/// is the store's, and the store repeats it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_a_deadlock_is_repeated() {
    let _alone = alone().await;
    let server = Server::start(&[]);
    let auth = sessions(patient_store(&server).await);
    let other = sqlx::MySqlPool::connect(&server.url()).await.unwrap();
    sqlx::query("CREATE TABLE weight (n BIGINT)").execute(&other).await.unwrap();
    for round in 0..20 {
        let subject = format!("user-{round}");
        let _ = auth.login(login(&subject)).await.unwrap();
        let _ = auth.login(login(&subject)).await.unwrap();
        let mut rival = other.begin().await.unwrap();
        let weight = "INSERT INTO weight VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)";
        sqlx::query(weight).execute(&mut *rival).await.unwrap();
        let lock = |order: &str| {
            let sql = format!(
                "SELECT id FROM authcore_sessions WHERE subject = '{subject}' ORDER BY id {order} LIMIT 1"
            );
            sqlx::query_scalar::<_, Vec<u8>>(sqlx::AssertSqlSafe(sql))
        };
        let (first, last) =
            (lock("ASC").fetch_one(&other).await.unwrap(), lock("DESC").fetch_one(&other).await.unwrap());
        let by_id = "SELECT id FROM authcore_sessions WHERE id = ? FOR UPDATE";
        sqlx::query(by_id).bind(last).execute(&mut *rival).await.unwrap();
        let ours = {
            let (auth, subject) = (auth.clone(), subject.parse().unwrap());
            tokio::spawn(async move { auth.admin().revoke_all(&subject).await })
        };
        // `innodb_trx` is a snapshot that may be out of date.
        let waiting = || status(&server, "Innodb_row_lock_current_waits");
        until("a call to wait for a lock", waiting, |waiting| *waiting > 0).await;
        sqlx::query(by_id).bind(first).execute(&mut *rival).await.unwrap();
        rival.commit().await.unwrap();
        assert_eq!(ours.await.unwrap().unwrap().sessions.len(), 2, "S4: all at once, and reported");
        if status(&server, "Innodb_deadlocks") >= 5 {
            break;
        }
    }
    let deadlocks = status(&server, "Innodb_deadlocks");
    let _ = writeln!(std::io::stderr(), "MariaDB ended {deadlocks} deadlocks, no call failed");
    assert!(deadlocks >= 5, "there was no deadlock");
}
