#![doc = include_str!("docs/crate.md")]
#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "a check panics, with the rule, if the store breaks that rule")]

mod expect;
mod faulty;
mod fixture;
mod probe;
mod race;
mod records;
pub mod store;
pub mod strategy;
mod suite;

pub use faulty::{Call, Fault, FaultyStore};
pub use fixture::Fixture;
pub use suite::Check;

/// What the macros expand to; not for use by name.
#[doc(hidden)]
pub mod __private {
    pub use crate::suite::run;
}
