//! The tour runs through, and says so.

use std::process::Command;

use authcore_tests::redis::{Cluster, Server};

#[test]
fn the_tour_ends_well_and_shows_what_it_promises() {
    let output = Command::new(env!("CARGO_BIN_EXE_tour")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for line in [
        "Chapter 1: sessions",
        "Chapter 2: tokens",
        "Chapter 3: hybrid",
        "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000",
        "✓ revoked, and effective now",
        "log       wrong secret",
        "log       wrong signature",
        "log       the token's `alg` is not its key's",
        "16 minutes later",
        "✓ it gets the very same successor",
        "log       ALERT, replayed late: user-1 on 'laptop'",
        "listing sessions is not supported by the tokens strategy",
        "steps, all as expected",
    ] {
        assert!(text.contains(line), "missing: {line}\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colours without a terminal");
    assert!(!text.contains('✗'), "{text}");
}

/// The handlers and the steps are the same on another store.
#[test]
fn the_tour_ends_well_on_redis_too() {
    let server = Server::start(&[]);
    let output = Command::new(env!("CARGO_BIN_EXE_tour")).args(["--store", &server.url()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("steps, all as expected"), "{text}");
    assert!(server.info("total_writes_processed") > 0);
    assert!(server.info("total_net_input_bytes") > 10_000, "the sessions were elsewhere");
}

#[test]
fn the_tour_ends_well_on_a_cluster_too() {
    let cluster = Cluster::start(0);
    let output =
        Command::new(env!("CARGO_BIN_EXE_tour")).args(["--store", &cluster.urls()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("steps, all as expected"), "{text}");
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
