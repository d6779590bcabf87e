#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(
    clippy::missing_panics_doc,
    reason = "every check panics if the store breaks its rule; the docs say so once"
)]

mod assertions;
mod checked_store;
mod concurrency;
mod faulty;
mod fixture;
mod records;
pub mod store;
pub mod strategy;
mod suite;

pub use faulty::{Call, Fault, FaultyStore};
pub use fixture::Fixture;
pub use suite::Check;

/// Support for the macros of this crate; not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::suite::run;
}
