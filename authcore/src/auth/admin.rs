//! What acts on any subject.

use super::{Auth, Revoked, SessionInfo};
use crate::{Error, Purged, SessionId, Subject};

/// What acts on any subject without a principal; see [`Auth::admin`].
///
/// # Security
///
/// Nothing here asks who is calling.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a>(pub(super) &'a Auth);

impl Admin<'_> {
    /// The subject's live sessions, the newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::Unsupported`] for tokens alone.
    pub async fn sessions_of(&self, subject: &Subject) -> Result<Vec<SessionInfo>, Error> {
        let now = self.0.clock.now();
        let mut all = self.0.stateful("listing sessions")?.sessions().list_live(subject, now).await?;
        all.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at(), record.id())));
        Ok(all.iter().map(|record| SessionInfo::new(record, None)).collect())
    }

    /// Ends one session of the subject.
    ///
    /// # Errors
    ///
    /// As [`Admin::sessions_of`].
    pub async fn revoke(&self, subject: &Subject, id: SessionId) -> Result<Revoked, Error> {
        let removed = self.0.stateful("revoking a session")?.sessions().remove_of(subject, id).await?;
        Ok(self.0.revoked(removed.then_some(id).into_iter().collect()))
    }

    /// Ends all sessions of the subject: the account is closed, or was broken into.
    ///
    /// # Errors
    ///
    /// As [`Admin::sessions_of`].
    pub async fn revoke_all(&self, subject: &Subject) -> Result<Revoked, Error> {
        let store = self.0.stateful("revoking all sessions")?.sessions().store();
        Ok(self.0.revoked(store.remove_all(subject, None).await?))
    }

    /// Removes expired sessions from the store, at most `limit` of them: to be called now and then for stores that
    /// do not drop them by themselves.
    ///
    /// # Errors
    ///
    /// As [`Admin::sessions_of`].
    pub async fn purge_expired(&self, limit: usize) -> Result<Purged, Error> {
        let now = self.0.clock.now();
        Ok(self.0.stateful("purging")?.sessions().store().purge_expired(now, limit).await?)
    }
}
