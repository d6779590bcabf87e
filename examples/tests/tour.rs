//! Tests of the tour: it completes on every store and reports it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::Command;

use authcore_tests::redis::{Cluster, Server};
use authcore_tests::{mysql, postgres};

/// Runs the tour on a store, with the user's files in `home`, and returns its output. The tour must succeed.
fn tour_on(store: &str, home: &Path) -> String {
    let mut tour = Command::new(env!("CARGO_BIN_EXE_tour"));
    let output = tour.args(["--store", store]).env("XDG_STATE_HOME", home).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("steps, all as expected"), "{text}");
    text
}

const FIRST_RUN: &str = "No earlier run left a session here";
const LATER_RUN: &str = "the session of the last run still works";
const ENDED: &str = "An earlier run left a session, but it has ended since";

/// Three runs on a store that is empty at first: each leaves a session, and the next one finds it.
fn sessions_survive_between_runs_on(store: &str) {
    let home = tempfile::tempdir().unwrap();
    for (run, expected) in [FIRST_RUN, LATER_RUN, LATER_RUN].into_iter().enumerate() {
        let text = tour_on(store, home.path());
        for line in [FIRST_RUN, LATER_RUN, ENDED] {
            assert_eq!(text.contains(line), line == expected, "run {run}: {text}");
        }
    }
}

#[test]
fn the_tour_ends_well_and_shows_what_it_promises() {
    let output = Command::new(env!("CARGO_BIN_EXE_tour")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    // Long lines are wrapped.
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "Chapter 1: sessions",
        "Chapter 2: tokens",
        "Chapter 3: hybrid",
        "HttpOnly; SameSite=Lax; Secure; Path=/",
        "✓ revoked, and effective now",
        "log DEBUG unauthenticated, rejection: wrong secret",
        "log DEBUG unauthenticated, rejection: wrong signature",
        "log DEBUG unauthenticated, rejection: the token's `alg` is not the algorithm of its key",
        "16 minutes later",
        "✓ it gets the same successor",
        "its session was ended, kind: late replay, subject: \"user-1\", device: \"laptop\"",
        "listing sessions is not supported by the tokens strategy",
        "steps, all as expected",
    ] {
        assert!(joined.contains(line), "missing: {line}\n{text}");
    }
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
    assert!(!text.contains('\u{1b}'), "colours without a terminal");
    assert!(!text.contains('✗'), "{text}");
}

/// The tour runs on another store too.
#[test]
fn the_tour_ends_well_on_redis_too() {
    let server = Server::start(&[]);
    sessions_survive_between_runs_on(&server.url());
    assert!(server.info("total_writes_processed") > 0);
    assert!(server.info("total_net_input_bytes") > 10_000, "the sessions were elsewhere");
}

#[test]
fn the_tour_ends_well_on_a_cluster_too() {
    let cluster = Cluster::start(0);
    sessions_survive_between_runs_on(&cluster.urls());
}

#[test]
fn the_tour_ends_well_on_sqlite_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    sessions_survive_between_runs_on(&format!("sqlite:{}", file.display()));
    assert!(file.is_file());
}

#[test]
fn the_tour_ends_well_on_postgres_too() {
    let server = postgres::Server::start(&[]);
    sessions_survive_between_runs_on(&server.url());
}

#[test]
fn the_tour_ends_well_on_mysql_too() {
    let server = mysql::Server::start(&[]);
    sessions_survive_between_runs_on(&server.url());
}

/// Neither the token nor its secret appears on the screen or in the database.
#[test]
fn the_token_that_waits_for_the_next_run_is_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let text = tour_on(&format!("sqlite:{}/sessions.db", folder.path().display()), folder.path());
    let token = std::fs::read_to_string(folder.path().join("sessions.db.token")).unwrap();
    assert!(token.starts_with("acs_"));
    assert!(!text.contains(&token));
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let is_its_own = path.extension().is_some_and(|extension| extension == "token");
        assert_eq!(content.contains(&token[30..]), is_its_own, "{}", path.display());
    }
}

/// A token whose database has been deleted causes no failure and is replaced.
#[test]
fn a_session_that_has_ended_is_said_to_have_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = |name: &str| format!("sqlite:{}/{name}", folder.path().display());
    tour_on(&store("old.db"), folder.path());
    let token = |name: &str| folder.path().join(format!("{name}.token"));
    std::fs::rename(token("old.db"), token("new.db")).unwrap();
    let text = tour_on(&store("new.db"), folder.path());
    assert!(text.contains(ENDED), "{text}");
    let text = tour_on(&store("new.db"), folder.path());
    assert!(text.contains(LATER_RUN), "{text}");
}

#[test]
fn a_store_that_ends_with_the_process_has_no_session_to_keep() {
    let home = tempfile::tempdir().unwrap();
    for store in ["memory", "sqlite::memory:"] {
        let text = tour_on(store, home.path());
        assert!(!text.contains("what the last run left"), "{text}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_store_that_cannot_be_used_is_named() {
    for (store, expected) in [
        ("redis://127.0.0.1:1", "could not be reached"),
        ("postgres://127.0.0.1:1/x", "could not be reached"),
        ("mysql://127.0.0.1:1/x", "could not be reached"),
        ("sqlite:/no/such/folder/x.db", "cannot be opened"),
        ("sqlite:", "a path"),
        ("ftp://x", "redis://"),
        ("", "redis://"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tour")).args(["--store", store]).output().unwrap();
        assert!(!output.status.success());
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(text.contains(expected), "{store}: {text}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_tokens")).args(["--store", "memory"]).output().unwrap();
    assert!(!output.status.success(), "tokens have no store");
}

#[test]
fn unknown_arguments_are_refused_and_help_helps() {
    for (binary, allowed) in [
        (env!("CARGO_BIN_EXE_tour"), "--help"),
        (env!("CARGO_BIN_EXE_sessions"), "--insecure-loopback-cookie"),
        (env!("CARGO_BIN_EXE_tokens"), "--port"),
        (env!("CARGO_BIN_EXE_hybrid"), "--port"),
    ] {
        let output = Command::new(binary).arg("--prot").output().unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("--prot") && text.contains(allowed), "{text}");

        let output = Command::new(binary).arg("--help").output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(allowed));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_tokens")).args(["--port", "many"]).output().unwrap();
    assert!(!output.status.success());
    let output = Command::new(env!("CARGO_BIN_EXE_tokens")).env("AUTHCORE_PORT", "many").output().unwrap();
    assert!(!output.status.success());
}
