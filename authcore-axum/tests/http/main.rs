//! Applications as a client sees them, for each strategy.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod bad_input;
mod config;
mod cookies;
mod csrf;
mod log;
mod login;
mod pages;
mod protect;
mod routes;
mod throttle;
mod world;
