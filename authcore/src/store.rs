//! Where sessions live: the trait, its contract and its errors.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{SessionId, SessionRecord, Subject, Timestamp, Version};

#[doc = include_str!("docs/writing-a-store.md")]
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    label = "expected a store, such as `MemoryStore::new()`"
)]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Writes a new record; never overwrites one (rule S1).
    ///
    /// # Errors
    ///
    /// Any [`StoreErrorKind`]. After `Unavailable` the record may or may not have been written; after the
    /// other kinds it was not.
    async fn insert(&self, record: &SessionRecord) -> Result<Inserted, StoreError>;

    /// The record with this id, as every acknowledged write left it (rule S15).
    ///
    /// An expired record may be returned or not: the core decides about expiry (rule S6).
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if what is stored cannot be read (rule S9), `Unavailable` or `Misconfigured`.
    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError>;

    /// Replaces the stored record if its version is `expected`, in one atomic step; never creates one (rules
    /// S2, S3, S17).
    ///
    /// `record.version()` is already `expected` plus one.
    ///
    /// # Errors
    ///
    /// Any [`StoreErrorKind`]. After `Unavailable` the record may or may not have been replaced; after the
    /// other kinds it was not.
    async fn replace(&self, record: &SessionRecord, expected: Version) -> Result<Replaced, StoreError>;

    /// Removes the record; `true` if this very call removed it.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Misconfigured`. A record that cannot be read is removed all the same.
    async fn remove(&self, id: SessionId) -> Result<bool, StoreError>;

    /// The records of one subject, in any order, and of no other subject (rule S5).
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] if a record of this subject cannot be read, `Unavailable` or `Misconfigured`.
    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError>;

    /// Removes every session of the subject but `keep`, in one atomic step, and tells which it removed (rule
    /// S4).
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Misconfigured`. Records that cannot be read are removed all the same.
    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Removes records whose [`ends_at`](SessionRecord::ends_at) is at or before `now`, at most `limit` of
    /// them (rule S11).
    ///
    /// A store whose server drops expired records by itself answers [`Purged::default`].
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Misconfigured`.
    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<Purged, StoreError>;
}

#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    async fn insert(&self, record: &SessionRecord) -> Result<Inserted, StoreError> {
        (**self).insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        (**self).load(id).await
    }

    async fn replace(&self, record: &SessionRecord, expected: Version) -> Result<Replaced, StoreError> {
        (**self).replace(record, expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        (**self).remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        (**self).list(subject).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        (**self).remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        (**self).purge_expired(now, limit).await
    }
}

/// What [`SessionStore::insert`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "the core must handle every answer, and a store may give no other"
)]
pub enum Inserted {
    /// The record was written.
    Done,
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
pub enum Replaced {
    /// The stored record had the expected version and is now the new one.
    Done,
    /// The stored record has another version; nothing was written.
    Stale,
    /// There is no such record; nothing was written.
    Gone,
}

/// What [`SessionStore::purge_expired`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "stores build it")]
pub struct Purged {
    /// How many records this call removed.
    pub removed: usize,
    /// Whether more expired records were left because of the limit.
    pub more: bool,
}

/// What went wrong in a store.
///
/// Its `Display` and `Debug` name the kind and what the store said about it; a store puts no secret, token or
/// claim there (rule S10).
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {context}")]
pub struct StoreError {
    kind: StoreErrorKind,
    context: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure of a store (rule S10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store did not answer in time, or said that it cannot: a retry may help.
    #[error("store unavailable")]
    Unavailable,
    /// What is stored cannot be read; a retry does not help.
    #[error("stored session is corrupt")]
    Corrupt,
    /// The record is larger than the store takes; nothing was written.
    #[error("session too large")]
    TooLarge,
    /// The store works, but is not set up as this crate needs it.
    #[error("store misconfigured")]
    Misconfigured,
}

impl StoreError {
    /// A failure of this kind. `context` says what the store was about, without any value.
    pub const fn new(kind: StoreErrorKind, context: &'static str) -> Self {
        Self { kind, context: Cow::Borrowed(context), source: None }
    }

    /// The same failure with another text, which may name what is at fault, such as a parameter of a URL, and
    /// no secret.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.context = context.into();
        self
    }

    /// The same failure with the error that caused it, for logs.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A failure that a retry may mend.
    pub const fn unavailable(context: &'static str) -> Self {
        Self::new(StoreErrorKind::Unavailable, context)
    }

    /// A stored record that cannot be read.
    pub const fn corrupt(context: &'static str) -> Self {
        Self::new(StoreErrorKind::Corrupt, context)
    }

    /// Which kind of failure it is.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
