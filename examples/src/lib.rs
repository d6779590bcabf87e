//! The shared code of the example servers: everything but the construction of [`authcore::Auth`] and the
//! guard.
//!
//! | module | contents |
//! | --- | --- |
//! | [`strategies`] | the construction of `Auth` and of the guard, in which the three servers differ |
//! | [`stores`] | the session store: in memory, or the server or file given by `--store` |
//! | [`app`] | the application, which is the same for all strategies |
//! | [`accounts`] | the accounts of the users |
//! | [`server`] | starting and stopping a server |
//! | `options` | the command line |
//! | [`log`] | the log of `authcore-axum` as lines of text |
//! | [`playground`] | the web page for trying the three strategies in a browser |
//! | [`clock`] | a clock that can be advanced, for the tour |

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
