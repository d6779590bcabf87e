//! What the writing methods of a store report.

/// What [`SessionStore::insert`] did.
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

/// What [`SessionStore::replace`] did.
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
    /// There is no such record; nothing was written.
    Missing,
}

/// What [`SessionStore::purge_expired`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct PurgeOutcome {
    /// How many records this call removed.
    pub removed: usize,
    /// Whether more expired records were left because of the limit.
    pub more: bool,
}

impl PurgeOutcome {
    /// Creates the outcome of a purge that removed `removed` records and left `more` expired ones or not.
    pub fn new(removed: usize, more: bool) -> Self {
        Self { removed, more }
    }
}
