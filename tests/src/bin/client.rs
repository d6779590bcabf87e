//! An application process, for tests that kill it at any point.
//!
//! `client load URL` logs in and revokes until it is killed. It writes every acknowledged result to standard
//! output: `in SUBJECT TOKEN` after a login, `ask SUBJECT` before it revokes all sessions of a subject, and
//! `out SUBJECT` after that. `client hold FILE` locks a SQLite database until standard input ends, and writes
//! `held` once the lock is taken.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "any failure ends the process")]

use std::io::Write as _;
use std::sync::Arc;

use authcore::store::SessionStore;
use authcore::{Auth, Login, ServerSessions};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use sqlx::Connection as _;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["load", url] => load(url).await,
        ["hold", file] => hold(file).await,
        _ => panic!("expected `load URL` or `hold FILE`"),
    }
}

/// Writes and flushes a line, so that the reader has it before the next call.
fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("standard output is open");
}

async fn open(url: &str) -> Arc<dyn SessionStore> {
    match url.split_once(':').expect("a URL").0 {
        "postgres" => Arc::new(PostgresStore::connect(url).await.unwrap()),
        "mysql" => Arc::new(MySqlStore::connect(url).await.unwrap()),
        _ => Arc::new(SqliteStore::connect(url).await.unwrap()),
    }
}

async fn load(url: &str) {
    let auth = Auth::with_sessions(ServerSessions::builder(open(url).await).build().unwrap());
    let tasks: Vec<_> = (0..8).map(|task| tokio::spawn(turns(auth.clone(), task))).collect();
    for task in tasks {
        task.await.expect("the task never ends");
    }
}

async fn turns(auth: Auth, task: usize) {
    for turn in 0_usize.. {
        let subject = format!("user-{}-{task}-{turn}", std::process::id());
        for _ in 0..3 {
            let issued = auth.login(Login::new(&*subject).unwrap()).await.expect("the store is available");
            print_line(&format!("in {subject} {}", issued.credential().expose()));
        }
        if turn % 3 != 0 {
            print_line(&format!("ask {subject}"));
            let revoked =
                auth.admin().revoke_all(&subject.parse().unwrap()).await.expect("the store is available");
            assert_eq!(revoked.sessions.len(), 3);
            print_line(&format!("out {subject}"));
        }
    }
}

async fn hold(file: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    print_line("held");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).expect("standard input can be read");
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
}
