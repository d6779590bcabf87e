//! Two tabs of one browser, and its back button.

use std::time::Duration;

use crate::world::World;

/// Rule R2. A message reaches both tabs at once, and each refreshes when it hears it.
#[tokio::test]
async fn two_tabs_that_refresh_at_the_same_moment_both_stay_logged_in() {
    let world = World::new().await;
    world.press("hybrid", "login").await;
    let first = world.browser.tab().await;
    let second = world.browser.new_tab().await;
    let listen = "window.channel = new BroadcastChannel('refresh');
        channel.onmessage = () => document.querySelector('#hybrid [data-action=refresh]').click();";
    world.browser.script(listen).await;
    world.browser.switch_to(&second).await;
    world.open("/").await;
    world.browser.script(listen).await;
    for round in 0..3 {
        // Beyond the grace window, so that one of the two replaces the token.
        tokio::time::sleep(Duration::from_millis(2200)).await;
        world.browser.script("channel.postMessage('now'); channel.onmessage()").await;
        let mut rotations = 0;
        for tab in [&first, &second] {
            world.browser.switch_to(tab).await;
            world.wait("a refresh", "return document.querySelector('#hybrid .facts') !== null").await;
            let shown = world.settled("hybrid").await;
            assert_eq!(shown.badge, "200 OK", "round {round}: {shown:?}");
            rotations += shown.writes.parse::<u32>().unwrap();
            assert_eq!(world.press("hybrid", "me").await.badge, "200 OK", "round {round}");
            assert_eq!(world.press("hybrid", "list").await.headline, "One device", "round {round}");
        }
        assert!(rotations >= 1, "round {round}: nothing was replaced");
    }
    world.close().await;
}

#[tokio::test]
async fn back_after_a_logout_shows_no_private_answer() {
    let world = World::new().await;
    world.press("sessions", "login").await;
    world.open("/sessions/me").await;
    let text = "return document.body.innerText";
    assert!(world.browser.script(text).await.as_str().unwrap().contains("user-1"));
    world.open("/").await;
    world.press("sessions", "logout").await;
    world.browser.back().await;
    world.wait("the page before", "return location.pathname === '/sessions/me'").await;
    let shown = world.browser.script(text).await;
    assert!(!shown.as_str().unwrap().contains("user-1"), "{shown}");
    // The browser takes the 401 for an error of the page, which it is not here.
    world.console_errors().await;
    world.close().await;
}

/// Also where the browser kept the whole page as it was.
#[tokio::test]
async fn back_after_a_logout_shows_an_empty_panel() {
    let world = World::new().await;
    world.press("sessions", "login").await;
    assert_eq!(world.press("sessions", "me").await.headline, "You are user-1, editor");
    world.open("/style.css").await;
    world.browser.script("return fetch('/sessions/auth/logout', { method: 'POST' }).then(() => 0)").await;
    world.browser.back().await;
    world.wait("the panel", "return document.querySelector('#sessions .cookies > p') !== null").await;
    let shown = world.settled("sessions").await;
    assert!(!shown.text.contains("user-1") && !shown.text.contains("acs_"), "{shown:?}");
    world.close().await;
}
