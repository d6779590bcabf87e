//! What the example servers share: everything but the lines that build [`authcore::Auth`] and the guard.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`strategies`] | the construction of `Auth` and of the guard: the only place where the three servers differ |
//! | [`stores`] | where sessions live: in memory, or in the server or file that `--store` names |
//! | [`app`] | the application, the same for all strategies: what `authcore-axum` does not bring |
//! | [`accounts`] | the people who may log in |
//! | [`server`] | the start and the end of a server |
//! | `options` | the command line |
//! | [`log`] | what `authcore-axum` logs, as lines |
//! | [`playground`] | the page on which the three strategies can be tried with a browser |
//! | [`clock`] | a clock that can be moved on, for the tour |

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "that is how a test fails"))]

pub mod accounts;
pub mod app;
pub mod clock;
pub mod log;
mod options;
pub mod playground;
pub mod server;
pub mod stores;
pub mod strategies;
