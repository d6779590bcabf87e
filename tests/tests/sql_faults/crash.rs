//! A process of the application is killed at any moment, also between two statements, on each database.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use authcore::{Auth, Error};
use authcore_sql::{MySqlStore, PostgresStore, SqliteStore};
use authcore_tests::{mysql, postgres};

use super::{PATIENCE, alone, sessions};

const CRASHES: usize = 6;

/// What was acknowledged to a process about a subject before it was killed.
#[derive(Default)]
struct Promised {
    tokens: Vec<String>,
    asked: bool,
    revoked: bool,
}

/// Runs a process until it has printed this many lines, kills it, and returns what was acknowledged to it.
fn crash(url: &str, after: usize) -> HashMap<String, Promised> {
    let mut client = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["load", url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut all: Vec<String> = lines.by_ref().take(after).map_while(Result::ok).collect();
    client.kill().unwrap();
    // An incomplete last line counts as not acknowledged.
    all.extend(lines.map_while(Result::ok));
    let output = client.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(!complaints.contains("panicked"), "{complaints}");
    let mut promised: HashMap<String, Promised> = HashMap::new();
    for line in all {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            // 68 characters are a whole token.
            ["in", subject, token] if token.len() == 68 => {
                promised.entry(subject.to_owned()).or_default().tokens.push(token.to_owned());
            }
            ["ask", subject] => promised.entry(subject.to_owned()).or_default().asked = true,
            ["out", subject] => promised.entry(subject.to_owned()).or_default().revoked = true,
            _ => {}
        }
    }
    promised
}

async fn promises_survive_crashes(name: &str, url: &str, auth: Auth) {
    let (mut logins, mut revocations, mut between) = (0, 0, 0);
    for number in 0..CRASHES {
        let (url, after) = (url.to_owned(), 60 + 37 * number);
        let promised = tokio::task::spawn_blocking(move || crash(&url, after)).await.unwrap();
        for (subject, promised) in promised {
            let mut alive = 0;
            for token in &promised.tokens {
                match auth.authenticate(token).await {
                    Ok(principal) => {
                        assert_eq!(principal.subject(), subject);
                        alive += 1;
                    }
                    Err(Error::Unauthenticated(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            logins += promised.tokens.len();
            if promised.revoked {
                revocations += 1;
                assert_eq!(alive, 0, "S3: {subject} was logged out, and is back");
            } else if promised.asked {
                between += 1;
                // By one read: the server may still be at the last statement of the process that was killed.
                let left = auth.admin().sessions_of(&subject.parse().unwrap()).await.unwrap().len();
                assert!(
                    left == 0 || left == promised.tokens.len(),
                    "S4: {left} sessions of {subject} are left"
                );
            } else {
                assert_eq!(alive, promised.tokens.len(), "S14: a session of {subject} was lost");
            }
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "{name}: the application killed {CRASHES} times: {logins} logins and {revocations} revocations of \
         three hold, {between} revocations cut short took all or none"
    );
    assert!(logins > 100 && revocations > 10, "it did too little");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_on_postgres() {
    let _alone = alone().await;
    let server = postgres::Server::start(&[]);
    let store = PostgresStore::builder(&server.url()).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    promises_survive_crashes("PostgreSQL", &server.url(), sessions(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_on_mysql() {
    let _alone = alone().await;
    let server = mysql::Server::start(&[]);
    let store = MySqlStore::builder(&server.url()).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    promises_survive_crashes("MariaDB", &server.url(), sessions(store)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_on_sqlite() {
    let _alone = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    let store = SqliteStore::builder(&url).timeout(PATIENCE).connect_and_migrate().await.unwrap();
    promises_survive_crashes("SQLite", &url, sessions(store)).await;
}
