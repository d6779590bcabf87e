//! Tests of applications over HTTP, for each strategy.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

mod bad_input;
mod changes;
mod config;
mod cookies;
mod csrf;
mod kinds;
mod log;
mod login;
mod pages;
mod protect;
mod realms;
mod routes;
mod throttle;
mod world;
