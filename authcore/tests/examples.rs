//! The examples of this crate run, and print what their comments promise.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::process::Command;

/// Runs an example that `cargo test` has built next to this program.
fn run(example: &str) -> String {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().parent().unwrap().join("examples").join(example);
    assert!(path.exists(), "run `cargo build -p authcore --examples` first: there is no {}", path.display());
    let output = Command::new(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn sessions_lists_devices_and_logs_out_at_once() {
    let text = run("sessions");
    assert!(
        text.contains("on laptop (this one)") && text.contains("because the session has ended"),
        "{text}"
    );
}

#[test]
fn tokens_says_until_when_a_token_is_accepted() {
    let text = run("tokens");
    assert!(text.contains("because wrong signature") && text.contains("is accepted until"), "{text}");
}

#[test]
fn hybrid_notices_a_stolen_refresh_token() {
    assert!(run("hybrid").contains("late replay of a refresh token of ada"));
}
