//! Starts and ends the real servers for the tests of this workspace.
//!
//! Every server has its own port and folder, listens only on loopback, and ends with the process that started
//! it, however that process ends. If a program is not installed, the panic names the command that installs
//! it.
//!
//! A server is ready when its own process reports it. It then identifies itself by its process or folder, so
//! that no test talks to a server that it did not start.

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
#[cfg(doctest)]
mod readmes;
pub mod redis;
pub mod slow;
mod sql;

pub use ports::ClosedPort;
pub use process::Signal;
pub use sql::fresh_table;
