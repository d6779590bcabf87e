//! A store that records its calls in the trace of the current request.

use std::sync::Arc;

use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};

use super::envelope::{note_read, note_write};

/// A wrapper around any store. Calls outside a request, such as the removal of expired sessions, are not
/// recorded.
#[derive(Debug)]
pub(super) struct Counted(pub(super) Arc<dyn SessionStore>);

#[async_trait]
impl SessionStore for Counted {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        note_write("insert");
        self.0.insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        note_read("load");
        self.0.load(id).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        note_write("replace");
        self.0.replace(record, expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        note_write("remove");
        self.0.remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        note_read("list");
        self.0.list(subject).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        note_write("remove_all");
        self.0.remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.0.purge_expired(now, limit).await
    }
}
