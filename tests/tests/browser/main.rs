//! The playground in a real browser: every button, and what a browser makes of the cookies.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod buttons;
mod cookies;
mod looks;
mod other_sites;
mod tabs;
mod webdriver;
mod world;
