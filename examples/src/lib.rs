//! What the example servers share: everything but the one line that builds [`authcore::Auth`].
//!
//! | module | what it is |
//! | --- | --- |
//! | [`strategies`] | the construction of `Auth`: the only place where the three servers differ |
//! | [`stores`] | where sessions live: in memory, or in the server or file that `--store` names |
//! | [`app`] | the routes and their handlers, the same for all strategies |
//! | [`credentials`] | how credentials travel: in a cookie, or as a bearer token |
//! | [`accounts`] | the people who may log in |
//! | [`answer`] | what is answered when something is refused |
//! | [`server`] | the command line, the port, the start and the end |
//! | [`playground`] | the page on which the three strategies can be tried with a browser |
//! | [`clock`] | a clock that can be moved on, for the tour |

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "that is how a test fails"))]

pub mod accounts;
pub mod answer;
pub mod app;
pub mod clock;
pub mod credentials;
pub mod playground;
pub mod server;
pub mod stores;
pub mod strategies;
