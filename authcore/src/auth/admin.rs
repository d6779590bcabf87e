//! What acts on any subject.

use super::Auth;
use super::operation::Operation;
use super::revocation::Revocation;
use super::session_info::SessionInfo;
use super::session_management::listed;
use crate::store::PurgeOutcome;
use crate::{Error, SessionId, Subject};

/// What acts on any subject without a principal; see [`Auth::admin`].
///
/// # Security
///
/// Nothing here asks who is calling.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a>(pub(super) &'a Auth);

impl Admin<'_> {
    /// The subject's live sessions in this realm, the newest first.
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::Login`] for a subject that states another realm; [`Error::Unsupported`] for
    /// tokens alone.
    pub async fn sessions_of(&self, subject: &Subject) -> Result<Vec<SessionInfo>, Error> {
        let sessions = self.0.stateful(Operation::ListSessions)?;
        let all = sessions.list_live(&self.0.own_subject(subject)?, self.0.clock.now()).await?;
        Ok(listed(sessions, all, None))
    }

    /// Ends one session of the subject in this realm.
    ///
    /// # Errors
    ///
    /// As [`Admin::sessions_of`].
    pub async fn revoke(&self, subject: &Subject, id: SessionId) -> Result<Revocation, Error> {
        let sessions = self.0.stateful(Operation::RevokeSessions)?;
        let removed = sessions.remove_of(&self.0.own_subject(subject)?, id).await?;
        Ok(self.0.revoked_one(removed.as_ref()))
    }

    /// Ends all sessions of the subject in this realm, API keys included: the account is closed, or was
    /// broken into.
    ///
    /// # Errors
    ///
    /// As [`Admin::sessions_of`].
    pub async fn revoke_all(&self, subject: &Subject) -> Result<Revocation, Error> {
        let store = self.0.stateful(Operation::RevokeSessions)?.store();
        Ok(self.0.revoked(store.remove_all(&self.0.own_subject(subject)?, None).await?))
    }

    /// Removes expired sessions of all realms from the store, at most `limit` of them: to be called now and
    /// then for stores that do not drop them by themselves.
    ///
    /// # Errors
    ///
    /// As [`Admin::sessions_of`].
    pub async fn purge_expired(&self, limit: usize) -> Result<PurgeOutcome, Error> {
        let now = self.0.clock.now();
        Ok(self.0.stateful(Operation::PurgeExpired)?.store().purge_expired(now, limit).await?)
    }
}
