//! Expired sessions are removed, in batches that delay no other call (rule S11).

use std::time::{Duration, Instant};

use authcore::clock::{Clock as _, ManualClock};
use authcore::store::SessionStore;
use authcore::{Auth, Login, ServerSessions, SessionPolicy, Timestamp};
use authcore_sql::Purger;
use authcore_tests::{mysql, postgres};

use super::{sqlite_file, sqlite_store};

const HOUR: Duration = Duration::from_secs(3600);

fn auth(store: impl SessionStore, clock: &ManualClock) -> Auth {
    let policy = SessionPolicy::new().with_idle_timeout(HOUR).with_absolute_timeout(10 * HOUR);
    let sessions = ServerSessions::builder(store).policy(policy).build();
    Auth::with_sessions(sessions.unwrap()).with_clock(clock.clone())
}

async fn log_in(auth: &Auth, count: usize) -> Vec<String> {
    let mut credentials = Vec::new();
    for number in 0..count {
        let issued = auth.login(Login::new(format!("user-{number}")).unwrap()).await.unwrap();
        credentials.push(issued.credential().expose().to_owned());
    }
    credentials
}

/// Idle sessions are removed long before their absolute expiry. Used ones stay, however often a purge
/// examines them.
async fn idle_sessions_go_and_used_ones_stay(store: impl SessionStore + Clone) {
    let clock = ManualClock::new(std::time::SystemTime::now().into());
    let auth = auth(store.clone(), &clock);
    let credentials = log_in(&auth, 40).await;
    for hour in 1..=4 {
        clock.advance(HOUR.mul_f64(0.9));
        for credential in &credentials[..10] {
            auth.authenticate(credential).await.unwrap();
        }
        let mut removed = 0;
        loop {
            let purged = store.purge_expired(clock.now().plus(HOUR / 5), 7).await.unwrap();
            assert!(purged.removed <= 7, "at most 7 go at once");
            removed += purged.removed;
            if !purged.more {
                break;
            }
        }
        assert_eq!(removed, if hour == 1 { 30 } else { 0 }, "after {hour} hours");
    }
    for credential in &credentials[..10] {
        auth.authenticate(credential).await.unwrap();
    }
    // The absolute expiry.
    let purged = store.purge_expired(clock.now().plus(10 * HOUR), 100).await.unwrap();
    assert_eq!((purged.removed, purged.more), (10, false));
}

#[tokio::test]
async fn s11_idle_sessions_go_and_used_ones_stay() {
    idle_sessions_go_and_used_ones_stay(super::postgres_store(&authcore_tests::fresh_table()).await).await;
    idle_sessions_go_and_used_ones_stay(super::mysql_store(&authcore_tests::fresh_table()).await).await;
    idle_sessions_go_and_used_ones_stay(sqlite_store("sqlite::memory:").await).await;
}

/// A purge skips rows that another transaction has locked, and logins do not wait for a purge.
#[tokio::test]
async fn s11_a_purge_and_other_calls_do_not_wait_for_each_other() {
    let clock = ManualClock::new(std::time::SystemTime::now().into());
    let later = clock.now().plus(20 * HOUR);

    let server = postgres::Server::start(&[]);
    let store = authcore_sql::PostgresStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    let credentials = log_in(&auth(store.clone(), &clock), 10).await;
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let mut other = pool.begin().await.unwrap();
    sqlx::query("SELECT * FROM authcore_sessions WHERE subject = 'user-3' FOR UPDATE")
        .execute(&mut *other)
        .await
        .unwrap();
    purges_nine(&store, later).await;
    other.rollback().await.unwrap();
    assert_eq!(store.purge_expired(later, 100).await.unwrap().removed, 1);
    // Conversely, no login waits for rows that a purge has locked.
    let mut other = pool.begin().await.unwrap();
    sqlx::query("DELETE FROM authcore_sessions").execute(&mut *other).await.unwrap();
    log_in(&auth(store, &clock), credentials.len()).await;

    let server = mysql::Server::start(&[]);
    let store = authcore_sql::MySqlStore::builder(&server.url()).connect_and_migrate().await.unwrap();
    log_in(&auth(store.clone(), &clock), 10).await;
    let pool = sqlx::MySqlPool::connect(&server.url()).await.unwrap();
    let mut other = pool.begin().await.unwrap();
    sqlx::query("SELECT * FROM authcore_sessions WHERE subject = 'user-3' FOR UPDATE")
        .execute(&mut *other)
        .await
        .unwrap();
    purges_nine(&store, later).await;
    other.rollback().await.unwrap();
    assert_eq!(store.purge_expired(later, 100).await.unwrap().removed, 1);
}

/// Asserts that a purge removes nine sessions. The lock outlasts the call, so a purge that waited would fail.
async fn purges_nine(store: &impl SessionStore, later: Timestamp) {
    assert_eq!(store.purge_expired(later, 100).await.unwrap().removed, 9);
}

/// The purger continues after failures, and nodes do not disturb each other.
#[tokio::test(flavor = "multi_thread")]
async fn s11_the_task_survives_errors() {
    let (_folder, url) = sqlite_file();
    let store = sqlite_store(&url).await;
    let clock = ManualClock::new(std::time::SystemTime::now().into());
    let auth = auth(store.clone(), &clock);
    let host = sqlx::SqlitePool::connect(&url).await.unwrap();
    let count = async || {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM authcore_sessions");
        count.fetch_one(&host).await.unwrap()
    };
    sqlx::query("ALTER TABLE authcore_sessions RENAME TO hidden").execute(&host).await.unwrap();
    let task = |clock: ManualClock| {
        let purger = Purger::builder(store.clone()).interval(Duration::from_millis(20)).batch(3).clock(clock);
        tokio::spawn(purger.build().unwrap().run())
    };
    let tasks = [task(clock.clone()), task(clock.clone())];
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(tasks.iter().all(|task| !task.is_finished()), "a failed run ended the task");
    sqlx::query("ALTER TABLE hidden RENAME TO authcore_sessions").execute(&host).await.unwrap();
    log_in(&auth, 20).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count().await, 20, "nothing has expired");
    clock.advance(2 * HOUR);
    let start = Instant::now();
    while count().await > 0 {
        assert!(start.elapsed() < Duration::from_secs(120), "{} are left", count().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}
