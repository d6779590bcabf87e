//! The README of the repository and of each published crate: examples are compiled, and run where possible.
//!
//! They are tested here, and not in the crates, because a package contains only its own files.

#[doc = include_str!("../../README.md")]
struct Repository;

#[doc = include_str!("../../authcore/README.md")]
struct Authcore;

#[doc = include_str!("../../authcore-axum/README.md")]
struct AuthcoreAxum;

#[doc = include_str!("../../authcore-redis/README.md")]
struct AuthcoreRedis;

#[doc = include_str!("../../authcore-sql/README.md")]
struct AuthcoreSql;

#[doc = include_str!("../../authcore-testkit/README.md")]
struct AuthcoreTestkit;
