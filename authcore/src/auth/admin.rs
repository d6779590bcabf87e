//! Operations that act on any subject.

use super::Auth;
use super::operation::Operation;
use super::revocation::Revocation;
use super::session_info::SessionInfo;
use super::session_management::listed;
use crate::store::PurgeOutcome;
use crate::{Error, SessionId, Subject};

/// Operations on any user's sessions, for administrators and maintenance, returned by [`Auth::admin`].
///
/// They take a [`Subject`]: `Subject::new("ada")?`, or
/// [`Principal::to_subject`](crate::Principal::to_subject).
///
/// # Security
///
/// These operations do not check who is calling.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a>(pub(super) &'a Auth);

impl Admin<'_> {
    /// Returns the subject's live sessions in this realm, newest first.
    ///
    /// # Errors
    ///
    /// - [`Error::Store`] if the store fails.
    /// - [`Error::Login`] if the subject states another realm.
    /// - [`Error::Unsupported`] with the tokens strategy.
    pub async fn sessions_of(&self, subject: &Subject) -> Result<Vec<SessionInfo>, Error> {
        let sessions = self.0.stateful(Operation::ListSessions)?;
        let all = sessions.list_live(&self.0.own_subject(subject)?, self.0.clock.now()).await?;
        Ok(listed(sessions, all, None))
    }

    /// Ends one session of the subject in this realm. The id of another subject's session ends nothing.
    ///
    /// # Errors
    ///
    /// The same as for [`Admin::sessions_of`].
    pub async fn revoke(&self, subject: &Subject, id: SessionId) -> Result<Revocation, Error> {
        let sessions = self.0.stateful(Operation::RevokeSessions)?;
        let removed = sessions.remove_of(&self.0.own_subject(subject)?, id).await?;
        Ok(self.0.revoked_one(removed.as_ref()))
    }

    /// Ends all sessions of the subject in this realm, API keys included, such as when an account is closed
    /// or was compromised.
    ///
    /// # Errors
    ///
    /// The same as for [`Admin::sessions_of`].
    pub async fn revoke_all(&self, subject: &Subject) -> Result<Revocation, Error> {
        let store = self.0.stateful(Operation::RevokeSessions)?.store();
        Ok(self.0.revoked(store.remove_all(&self.0.own_subject(subject)?, None).await?))
    }

    /// Removes at most `limit` expired sessions from the store, in all realms.
    ///
    /// Call it regularly for stores that do not drop expired sessions themselves.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store fails, and [`Error::Unsupported`] with the tokens strategy.
    pub async fn purge_expired(&self, limit: usize) -> Result<PurgeOutcome, Error> {
        let now = self.0.clock.now();
        Ok(self.0.stateful(Operation::PurgeExpired)?.store().purge_expired(now, limit).await?)
    }
}
