//! The outcomes of a store's writing methods.

/// The outcome of [`SessionStore::insert`](crate::store::SessionStore::insert), returned by a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "the core must handle every answer, and a store may give no other"
)]
pub enum InsertOutcome {
    /// The record was written.
    Inserted,
    /// The id is taken; nothing was written.
    Conflict,
}

/// The outcome of [`SessionStore::replace`](crate::store::SessionStore::replace), returned by a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "the core must handle every answer, and a store may give no other"
)]
pub enum ReplaceOutcome {
    /// The stored record had the expected version and is now the new one.
    Replaced,
    /// The stored record has another version; nothing was written.
    Stale,
    /// There is no record with this id; nothing was written.
    Missing,
}

/// The outcome of a purge of expired records, returned by a store and by
/// [`Admin::purge_expired`](crate::Admin::purge_expired).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct PurgeOutcome {
    /// How many records this call removed.
    pub removed: usize,
    /// Whether expired records remain because of the limit.
    pub more: bool,
}

impl PurgeOutcome {
    /// Creates the outcome of a purge that removed `removed` records and, if `more`, left others because of
    /// the limit.
    pub fn new(removed: usize, more: bool) -> Self {
        Self { removed, more }
    }
}
