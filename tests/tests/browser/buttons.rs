//! Every button of every panel.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::world::{Shown, World};

/// A little longer than the playground's grace window.
const AFTER_GRACE: Duration = Duration::from_millis(2200);

/// A panel, and which of its buttons were pressed.
struct Panel<'w> {
    world: &'w World,
    name: &'static str,
    pressed: BTreeSet<&'static str>,
}

impl<'w> Panel<'w> {
    const fn new(world: &'w World, name: &'static str) -> Self {
        Self { world, name, pressed: BTreeSet::new() }
    }

    async fn press(&mut self, action: &'static str) -> Shown {
        self.pressed.insert(action);
        self.world.press(self.name, action).await
    }

    /// Presses a button and compares: status, headline, reads and writes of the store.
    async fn expect(
        &mut self,
        action: &'static str,
        status: &str,
        headline: &str,
        (reads, writes): (u8, u8),
    ) {
        let shown = self.press(action).await;
        let counts = (shown.reads.parse(), shown.writes.parse());
        assert!(shown.headline.contains(headline), "{action}: {shown:?}");
        assert!(shown.badge.starts_with(status), "{action}: {shown:?}");
        assert_eq!(counts, (Ok(reads), Ok(writes)), "{action}: {shown:?}");
    }

    /// As [`Panel::expect`], where nothing was sent.
    async fn declines(&mut self, action: &'static str, headline: &str) {
        let shown = self.press(action).await;
        assert_eq!((&*shown.headline, &*shown.badge), (headline, ""), "{action}");
    }

    async fn revoke(&mut self) -> Shown {
        self.world.browser.click(&format!("#{} .devices button", self.name)).await;
        self.world.settled(self.name).await
    }

    async fn all_were_pressed(self) {
        let all = format!(
            "return [...document.querySelectorAll('#{} [data-action]')].map((b) => b.dataset.action).sort()",
            self.name
        );
        assert_eq!(self.world.browser.script(&all).await, json!(self.pressed), "{}", self.name);
    }
}

#[tokio::test]
async fn sessions() {
    let world = World::new().await;
    let mut panel = Panel::new(&world, "sessions");
    panel.expect("me", "401", "Nobody is logged in here", (0, 0)).await;
    panel.declines("tamper", "This browser holds nothing to try that with").await;
    panel.declines("copy", "This browser holds nothing to try that with").await;
    panel.declines("second-me", "There is no second device yet").await;
    panel.expect("login", "200", "Logged in", (1, 1)).await;
    let shown = world.settled("sessions").await;
    assert!(shown.text.contains("acs_") && shown.text.contains("no script can read it"), "{shown:?}");
    panel.expect("me", "200", "You are user-1, editor", (1, 0)).await;
    panel.expect("tamper", "401", "The forgery was refused", (1, 0)).await;
    assert!(world.settled("sessions").await.text.contains("rejection: wrong secret"));
    panel.expect("copy", "200", "The thief got in", (1, 0)).await;
    panel.expect("second", "200", "A second device is logged in", (1, 1)).await;
    panel.expect("second-me", "200", "The second device is user-1", (1, 0)).await;
    let shown = panel.press("list").await;
    assert_eq!(shown.headline, "2 devices");
    assert_eq!(panel.revoke().await.headline, "The device is logged out");
    panel.expect("second-me", "401", "The second device is logged out", (1, 0)).await;
    panel.press("second").await;
    assert!(panel.press("others").await.headline.starts_with("Ended: 1."));
    panel.expect("second-me", "401", "The second device is logged out", (1, 0)).await;
    panel.expect("logout", "200", "Logged out", (1, 1)).await;
    panel.expect("copy", "401", "The thief stays out", (1, 0)).await;
    panel.press("login").await;
    assert!(panel.press("everywhere").await.headline.ends_with("Sessions ended: 1"));
    panel.expect("me", "401", "Nobody is logged in here", (0, 0)).await;
    panel.all_were_pressed().await;
    world.close().await;
}

#[tokio::test]
async fn tokens() {
    let world = World::new().await;
    let mut panel = Panel::new(&world, "tokens");
    panel.expect("login", "200", "Logged in", (0, 0)).await;
    panel.expect("me", "200", "You are user-1, editor", (0, 0)).await;
    panel.expect("tamper", "401", "The forgery was refused", (0, 0)).await;
    assert!(world.settled("tokens").await.text.contains("rejection: wrong signature"));
    panel.expect("second", "200", "A second device is logged in", (0, 0)).await;
    for action in ["list", "others", "everywhere"] {
        panel.expect(action, "501", "Tokens alone cannot do that", (0, 0)).await;
    }
    panel.expect("logout", "200", "Logged out", (0, 0)).await;
    panel.expect("me", "401", "Nobody is logged in here", (0, 0)).await;
    // What sessions can end, tokens cannot.
    panel.expect("copy", "200", "The thief got in", (0, 0)).await;
    panel.expect("second-me", "200", "The second device is user-1", (0, 0)).await;
    panel.all_were_pressed().await;
    world.close().await;
}

#[tokio::test]
async fn hybrid() {
    let world = World::new().await;
    let mut panel = Panel::new(&world, "hybrid");
    panel.declines("replay", "This browser holds nothing to try that with").await;
    panel.expect("refresh", "401", "Not logged in", (0, 0)).await;
    panel.expect("login", "200", "Logged in", (1, 1)).await;
    panel.expect("me", "200", "You are user-1, editor", (0, 0)).await;
    panel.expect("tamper", "401", "The forgery was refused", (0, 0)).await;
    panel.expect("refresh", "200", "A fresh access token", (1, 0)).await;
    tokio::time::sleep(AFTER_GRACE).await;
    panel.expect("refresh", "200", "Fresh tokens", (1, 1)).await;
    assert!(world.settled("hybrid").await.text.contains("generation 1"));
    tokio::time::sleep(AFTER_GRACE).await;
    assert_eq!(panel.press("tabs").await.headline, "Both tabs stay logged in");
    assert!(world.settled("hybrid").await.text.contains("generation 2"));
    panel.press("second").await;
    panel.expect("second-refresh", "200", "The second device has fresh tokens", (1, 0)).await;
    assert_eq!(panel.press("list").await.headline, "2 devices");
    assert_eq!(panel.revoke().await.headline, "The device is logged out");
    panel.expect("second-me", "200", "The second device is user-1", (0, 0)).await;
    panel.expect("second-refresh", "401", "The second device gets no fresh tokens", (1, 0)).await;
    panel.press("second").await;
    assert!(panel.press("others").await.headline.starts_with("Ended: 1."));
    let shown = panel.press("replay").await;
    assert_eq!((&*shown.headline, &*shown.badge), ("The theft was noticed", "401 Unauthorized"));
    assert!(shown.text.contains("a stolen credential may have been used"), "{shown:?}");
    panel.expect("copy", "200", "The thief got in", (0, 0)).await;
    panel.expect("refresh", "401", "No fresh tokens", (1, 0)).await;
    panel.expect("list", "401", "Logged out", (1, 0)).await;
    panel.press("login").await;
    assert!(panel.press("everywhere").await.headline.ends_with("Sessions ended: 1"));
    panel.press("login").await;
    panel.expect("logout", "200", "Logged out", (1, 1)).await;
    panel.all_were_pressed().await;
    world.close().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_then_slowed_down() {
    let world = World::new().await;
    world.browser.script("document.querySelector('#password').value = 'wrong'").await;
    let mut panel = Panel::new(&world, "sessions");
    panel.expect("login", "401", "Not logged in", (0, 0)).await;
    assert!(world.settled("sessions").await.text.contains("rejection: unknown account or wrong password"));
    for _ in 0..20 {
        if panel.press("login").await.badge.starts_with("429") {
            let shown = world.settled("sessions").await;
            assert!(shown.text.contains("Nobody is locked out"), "{shown:?}");
            return world.close().await;
        }
    }
    panic!("twenty guesses in a row");
}

/// Answers everything that the page asks with this status, as an application behind a proxy might.
async fn everything_fails(world: &World, status: u16) {
    let answer = json!({
        "request": "GET /", "status": status, "reason": "Failed", "headers": {}, "set_cookies": [],
        "body": { "error": "for a test" }, "reads": 0, "writes": 0, "calls": [], "micros": 0, "log": [],
    });
    let fake = format!("window.fetch = async () => Response.json({answer})");
    world.browser.script(&fake).await;
}

#[tokio::test]
async fn what_failed_is_never_shown_as_done() {
    let world = World::new().await;
    world.browser.script("document.querySelector('#password').value = 'x'.repeat(20000)").await;
    for name in ["sessions", "tokens", "hybrid"] {
        let mut panel = Panel::new(&world, name);
        panel.expect("login", "413", "Too large", (0, 0)).await;
        panel.expect("second", "400", "The server could not read that", (0, 0)).await;
    }

    world.browser.script("document.querySelector('#password').value = 'demo-only-not-secret'").await;
    let mut panel = Panel::new(&world, "hybrid");
    for action in ["login", "second", "copy"] {
        assert_eq!(panel.press(action).await.tone, if action == "copy" { "refused" } else { "good" });
    }
    let others =
        ["me", "refresh", "tabs", "logout", "list", "others", "everywhere", "second-me", "second-refresh"];
    for (status, expected) in [
        (400, "The server could not read that"),
        (413, "Too large"),
        (418, "The server did not do that"),
        (422, "The server did not do that"),
        (500, "The server failed"),
        (504, "The server failed"),
    ] {
        everything_fails(&world, status).await;
        for action in ["login", "second", "copy"].into_iter().chain(others) {
            panel.expect(action, &status.to_string(), expected, (0, 0)).await;
        }
    }
    world.close().await;
}

/// What a browser holds does not change because nobody can say what it is.
#[tokio::test]
async fn a_server_that_stopped_leaves_what_was_known() {
    let mut world = World::new().await;
    for action in ["login", "second", "list"] {
        assert_eq!(world.press("hybrid", action).await.badge, "200 OK", "{action}");
    }
    world.stop();
    for action in ["me", "tamper", "copy", "replay", "refresh", "tabs", "list", "second", "logout"] {
        let shown = world.press("hybrid", action).await;
        assert_eq!(shown.headline, "The server did not answer", "{action}");
        assert_eq!((&*shown.badge, &*shown.reads), ("no answer", ""), "{action}");
        for text in ["The server does not answer. This is what it said last.", "acr_", "Second device"] {
            assert!(shown.text.contains(text), "{action}, {text}: {shown:?}");
        }
    }
    // Nothing was held here, which stays true. That there was nothing to copy is not known.
    let shown = world.press("tokens", "copy").await;
    assert_eq!(shown.headline, "The server did not answer");

    // A page that the browser kept as it was begins anew, and then nothing is known.
    let back = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))";
    world.browser.script(back).await;
    let told = "return document.querySelector('#hybrid .doubt').innerText.endsWith('is not known.')";
    world.wait("the doubt", told).await;
    assert!(!world.settled("hybrid").await.text.contains("No cookie"));
    assert_eq!(world.press("hybrid", "tamper").await.headline, "The server did not answer");
    // The browser takes each request without an answer for an error of the page, which it is not here.
    world.console_errors().await;
    world.close().await;
}

#[tokio::test]
async fn a_countdown_runs() {
    let world = World::new().await;
    world.press("tokens", "login").await;
    let left = "return parseInt(document.querySelector('#tokens .left').innerText.match(/\\d+/)[0])";
    let before = world.browser.script(left).await.as_i64().unwrap();
    assert!((55..=60).contains(&before), "{before}");
    tokio::time::sleep(AFTER_GRACE).await;
    let after = world.browser.script(left).await.as_i64().unwrap();
    assert!((before - 4..before).contains(&after), "{before}, then {after}");
    // A minute later, as the page sees it.
    world
        .browser
        .script("const now = performance.now.bind(performance); performance.now = () => now() + 60000;")
        .await;
    world
        .wait("its end", "return document.querySelector('#tokens .left').innerText.startsWith('Expired')")
        .await;
    world.close().await;
}
