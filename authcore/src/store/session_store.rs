//! The trait that session stores implement.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use super::outcome::{InsertOutcome, PurgeOutcome, ReplaceOutcome};
use crate::store::{RecordVersion, SessionRecord};
use crate::{SessionId, Subject, Timestamp};

#[doc = include_str!("../docs/writing-a-store.md")]
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    label = "expected a store, such as `MemoryStore::new()`",
    note = "the crates `authcore-sql` and `authcore-redis` have stores for databases",
    note = "to choose a store at run time, pass an `Arc<dyn SessionStore>`"
)]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Writes a new record; never overwrites an existing one (rule S1).
    ///
    /// # Errors
    ///
    /// Any [`StoreErrorKind`](crate::store::StoreErrorKind). After `Unavailable`, the record may or may not
    /// have been written. After the other kinds it was not.
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError>;

    /// Returns the record with this id, including every acknowledged write (rule S15); `None` if there is
    /// none.
    ///
    /// An expired record may be returned or not, because the core decides about expiry (rule S6).
    ///
    /// # Errors
    ///
    /// `Corrupt` if the stored data cannot be read (rule S9), `Unavailable` or `Misconfigured`.
    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError>;

    /// Replaces the stored record if its version is `expected`, in one atomic step; never creates one (rules
    /// S2, S3, S17).
    ///
    /// `record.version()` is already `expected` plus one.
    ///
    /// # Errors
    ///
    /// Any [`StoreErrorKind`](crate::store::StoreErrorKind). After `Unavailable`, the record may or may not
    /// have been replaced. After the other kinds it was not.
    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError>;

    /// Removes the record and returns whether this call removed it.
    ///
    /// A record that cannot be read is removed too.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Misconfigured`.
    async fn remove(&self, id: SessionId) -> Result<bool, StoreError>;

    /// Returns the records of this subject, in any order, and of no other subject (rule S5).
    ///
    /// # Errors
    ///
    /// `Corrupt` if a record of this subject cannot be read, `Unavailable` or `Misconfigured`.
    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError>;

    /// Removes every session of the subject except `keep`, in one atomic step, and returns the ids that it
    /// removed (rule S4).
    ///
    /// Records that cannot be read are removed too.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Misconfigured`.
    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Removes at most `limit` records whose [`ends_at`](SessionRecord::ends_at) is at or before `now` (rule
    /// S11).
    ///
    /// A store whose server drops expired records by itself returns [`PurgeOutcome::default`].
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Misconfigured`.
    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError>;
}

#[async_trait]
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        (**self).insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        (**self).load(id).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
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

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        (**self).purge_expired(now, limit).await
    }
}
