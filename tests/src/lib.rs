//! Starts and ends the real servers that the tests of this workspace run on.
//!
//! Every server has a port and a folder of its own, listens on loopback only, and ends with the process that
//! started it, however that ends. A program that is not installed is a panic that says what installs it.
//!
//! A server is ready when its own process says so, and then states which process or folder is its own: no
//! test talks to a server that it did not start.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a server that does not start fails its test"
)]

pub mod application;
pub mod browser;
mod certificate;
pub mod load;
pub mod mysql;
pub mod pgbouncer;
mod ports;
pub mod postgres;
mod process;
pub mod redis;
pub mod slow;
mod sql;

pub use ports::ClosedPort;
pub use process::Signal;
pub use sql::fresh_table;
