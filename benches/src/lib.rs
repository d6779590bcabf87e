//! What the benchmarks and the report measure: every verify and issue path of authcore, the floor below it, and
//! its peers on the same input in the same run.
//!
//! Every side of a row does the same checks; where one cannot, its doc says so.

pub mod alloc;
pub mod http;
pub mod measure;
pub mod redis;
mod remote;
pub mod report;
pub mod sessions;
pub mod sql;
pub mod tokens;
