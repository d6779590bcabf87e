//! What a principal does with its own sessions.

use super::{Auth, Revoked, SessionInfo};
use crate::claims::Claims;
use crate::{Error, Principal, SessionId};

impl Auth {
    /// Changes the claims of the principal's session; `change` may run several times, each on fresh claims, so
    /// that concurrent changes lose nothing (rule A8).
    ///
    /// In the hybrid strategy, access tokens show the change from the next refresh on.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`], and [`Error::Login`] if `change` fails or the claims cannot be kept.
    pub async fn update_claims(
        &self,
        principal: &Principal,
        mut change: impl FnMut(&mut Claims) -> Result<(), Error> + Send,
    ) -> Result<Principal, Error> {
        let now = self.clock.now();
        let sessions = self.stateful("changing claims")?.sessions();
        let record = sessions
            .change_own(principal, now, |parts| {
                let mut claims = Claims::from_json(&parts.claims)?;
                change(&mut claims)?;
                let json = claims.to_json()?;
                self.secret_names.check(&json)?;
                parts.claims = json;
                Ok(())
            })
            .await?;
        Ok(self.principal_like(principal, record))
    }

    /// The principal's live sessions, the newest first: the list of devices.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn sessions_of(&self, principal: &Principal) -> Result<Vec<SessionInfo>, Error> {
        let now = self.clock.now();
        let sessions = self.stateful("listing sessions")?.sessions();
        let own = sessions.own(principal, now).await?;
        let mut all = sessions.list_live(&own.to_subject(), now).await?;
        all.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at(), record.id())));
        Ok(all.iter().map(|record| SessionInfo::new(record, Some(own.id()))).collect())
    }

    /// Ends one of the principal's sessions; somebody else's id ends nothing (rule A11).
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn revoke(&self, principal: &Principal, id: SessionId) -> Result<Revoked, Error> {
        let now = self.clock.now();
        let sessions = self.stateful("revoking a session")?.sessions();
        let own = sessions.own(principal, now).await?;
        let removed = sessions.remove_of(&own.to_subject(), id).await?;
        Ok(self.revoked(removed.then_some(id).into_iter().collect()))
    }

    /// Ends all of the principal's sessions but its own.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn logout_others(&self, principal: &Principal) -> Result<Revoked, Error> {
        let now = self.clock.now();
        let sessions = self.stateful("logging out others")?.sessions();
        let own = sessions.own(principal, now).await?;
        let removed = sessions.store().remove_all(&own.to_subject(), Some(own.id())).await?;
        Ok(self.revoked(removed))
    }

    /// Ends all of the principal's sessions.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn logout_everywhere(&self, principal: &Principal) -> Result<Revoked, Error> {
        let now = self.clock.now();
        let sessions = self.stateful("logging out everywhere")?.sessions();
        let own = sessions.own(principal, now).await?;
        let removed = sessions.store().remove_all(&own.to_subject(), None).await?;
        Ok(self.revoked(removed))
    }
}
