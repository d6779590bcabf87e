//! The measurements of the benchmarks and the report: every verify and issue path of authcore, its lower
//! bound (the floor), and other libraries (the peers), on the same input in the same run.
//!
//! Every side of a row does the same checks. If a side cannot, its documentation says so.

pub mod alloc;
pub mod http;
pub mod measure;
pub mod redis;
mod remote;
pub mod report;
pub mod sessions;
pub mod sql;
pub mod tokens;
