//! How the page looks and how it is used: on a desktop, on a phone, by keyboard.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::world::World;

const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (375, 800);
/// High enough for the picture of the README, which shows the cookies too.
const HIGH: (u32, u32) = (1280, 1230);

/// The tab key, as WebDriver names it.
const TAB: &str = "\u{e004}";

async fn size(world: &World, (width, height): (u32, u32)) {
    let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
    world.browser.devtools("Emulation.setDeviceMetricsOverride", screen).await;
}

/// Keeps a picture of what is in sight where `AUTHCORE_TEST_SCREENSHOTS` says, for people to look at.
async fn picture(world: &World, name: &str) {
    let png = STANDARD.decode(world.browser.screenshot().await).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    if let Some(folder) = std::env::var_os("AUTHCORE_TEST_SCREENSHOTS").map(PathBuf::from) {
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }
}

/// A button that stood below its device would look like the next one's.
async fn buttons_stand_beside_their_devices(world: &World) {
    let below = "return [...document.querySelectorAll('.devices button')].filter((button) =>
        button.getBoundingClientRect().top >= button.parentElement.firstChild.getBoundingClientRect().bottom
    ).length";
    assert_eq!(world.browser.script(below).await, 0);
}

async fn nothing_is_wider_than_the_window(world: &World, width: u32) {
    let wide = "return [...document.querySelectorAll('body *')]
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
        .map((element) => element.outerHTML.slice(0, 80))";
    assert_eq!(world.browser.script(wide).await, json!([]), "at {width}");
    let scrolls = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(world.browser.script(scrolls).await, false, "at {width}");
}

#[tokio::test]
async fn it_fits_a_desktop_and_a_phone() {
    let world = World::new().await;
    for (name, screen) in [("desktop", DESKTOP), ("phone", PHONE)] {
        size(&world, screen).await;
        world.open("/").await;
        nothing_is_wider_than_the_window(&world, screen.0).await;
        picture(&world, &format!("{name}-empty")).await;
        for panel in ["sessions", "tokens", "hybrid"] {
            world.press(panel, "login").await;
            world.press(panel, "second").await;
            world.press(panel, "list").await;
            world.press(panel, "me").await;
        }
        buttons_stand_beside_their_devices(&world).await;
        world.press("sessions", "tamper").await;
        world.browser.script("for (const one of document.querySelectorAll('details')) one.open = true").await;
        nothing_is_wider_than_the_window(&world, screen.0).await;
        world
            .browser
            .script("for (const one of document.querySelectorAll('details')) one.open = false")
            .await;
        world.browser.script("scrollTo({ top: 0 })").await;
        picture(&world, &format!("{name}-used")).await;
        for panel in ["sessions", "tokens", "hybrid"] {
            let show = format!("document.querySelector('#{panel}').scrollIntoView()");
            world.browser.script(&show).await;
            picture(&world, &format!("{name}-{panel}")).await;
        }
        if screen == DESKTOP {
            size(&world, HIGH).await;
            world.browser.script("scrollTo({ top: 0 })").await;
            world.browser.script("document.querySelector('#tokens .jwt').open = true").await;
            picture(&world, "desktop-high").await;
        }
        for panel in ["sessions", "tokens", "hybrid"] {
            world.press(panel, "everywhere").await;
        }
    }
    world.close().await;
}

#[tokio::test]
async fn it_is_usable_by_keyboard_alone() {
    let world = World::new().await;
    size(&world, DESKTOP).await;
    let focused = "const one = document.activeElement;
        const panel = one.closest('.panel')?.id ?? '';
        const seen = getComputedStyle(one).outlineStyle;
        return `${panel} ${one.dataset.action ?? one.id} ${seen}`";
    let mut reached = Vec::new();
    loop {
        world.browser.keys(TAB).await;
        let focus = world.browser.script(focused).await.as_str().unwrap().to_owned();
        if reached.last().is_some_and(|last: &String| last.starts_with("hybrid replay")) {
            break;
        }
        assert!(reached.len() < 60, "{reached:?}");
        reached.push(focus);
    }
    let buttons = world.browser.script("return document.querySelectorAll('.panel button').length").await;
    assert_eq!(reached.len() as u64, buttons.as_u64().unwrap() + 2, "{reached:?}");
    assert!(reached.iter().all(|focus| !focus.ends_with(" none")), "{reached:?}");

    // Space and Enter do what a click does, and the focus stays where it was.
    for (key, action) in [(" ", "login"), ("\u{e007}", "me"), (" ", "list")] {
        let focus = format!("document.querySelector('#sessions [data-action={action}]').focus()");
        world.browser.script(&focus).await;
        world.browser.keys(key).await;
        let shown = world.settled("sessions").await;
        assert_eq!(shown.badge, "200 OK", "{action}");
        let focus = world.browser.script(focused).await;
        assert!(focus.as_str().unwrap().starts_with(&format!("sessions {action}")), "{focus}");
    }
    let live =
        "return [...document.querySelectorAll('.panel')].every((p) => p.querySelector('[role=status]'))";
    assert_eq!(world.browser.script(live).await, true);
    world.close().await;
}
