//! Operations of a principal on its own sessions.

use super::operation::Operation;
use super::revocation::{Revocation, RevocationEffect};
use super::session_info::SessionInfo;
use super::{Auth, Strategy};
use crate::claims::Claims;
use crate::session::api_key;
use crate::session::credential_kind::CredentialKind;
use crate::session::sessions::{Own, Sessions};
use crate::store::SessionRecord;
use crate::{Error, IssuedCredentials, Login, Principal, SessionId};

impl Auth {
    /// Changes the claims of the principal's session and returns the updated principal.
    ///
    /// `change` may run several times, each time on the latest claims, so that concurrent changes are not
    /// lost (rule A8). In the hybrid strategy, access tokens show the change from the next refresh on.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::renew`], any error that `change` returns, and [`Error::Login`] if the claims
    /// are too large or not allowed. Nothing has changed then (rule R12).
    pub async fn update_claims(
        &self,
        principal: &Principal,
        mut change: impl FnMut(&mut Claims) -> Result<(), Error> + Send,
    ) -> Result<Principal, Error> {
        let context = self.context();
        let sessions = self.stateful(Operation::UpdateClaims)?;
        let update = |parts: &mut crate::store::RecordParts| {
            let mut claims = Claims::from_stored(&parts.claims)?;
            change(&mut claims)?;
            let json = claims.to_json()?;
            self.secret_names.check(&json)?;
            parts.claims = json;
            Ok(())
        };
        let fits = |record: &SessionRecord| match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                self.access_tokens(&**tokens, refresh, context.now).issue(record).map(drop)
            }
            _ => Ok(()),
        };
        let (record, ()) = sessions.change_own(principal, Own::AnyKind, &context, update, fits).await?;
        Ok(principal.clone().refreshed_by(record))
    }

    /// Returns the principal's live sessions, newest first: the list of devices and API keys.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::renew`].
    pub async fn sessions_of(&self, principal: &Principal) -> Result<Vec<SessionInfo>, Error> {
        let context = self.context();
        let sessions = self.stateful(Operation::ListSessions)?;
        let own = sessions.own(principal, &context).await?;
        let all = sessions.list_live(&own.to_subject(), context.now).await?;
        Ok(listed(sessions, all, Some(own.id())))
    }

    /// Ends one of the principal's sessions or API keys. The id of another subject's session ends nothing
    /// (rule A11).
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::renew`].
    pub async fn revoke(&self, principal: &Principal, id: SessionId) -> Result<Revocation, Error> {
        let sessions = self.stateful(Operation::RevokeSessions)?;
        let own = sessions.own(principal, &self.context()).await?;
        let removed = sessions.remove_of(&own.to_subject(), id).await?;
        Ok(self.revoked_one(removed.as_ref()))
    }

    /// Ends all of the principal's sessions except the current one and those of kinds that [survive
    /// this](crate::SessionPolicy::surviving_logout_others), such as API keys.
    ///
    /// If some registered kind survives, the sessions end one by one. After an error, some may have ended;
    /// repeating the call ends the rest.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::renew`], and [`Error::Contended`] if new sessions keep appearing.
    pub async fn logout_others(&self, principal: &Principal) -> Result<Revocation, Error> {
        let sessions = self.stateful(Operation::RevokeSessions)?;
        let own = sessions.own(principal, &self.context()).await?;
        let removed = sessions.remove_others(&own.to_subject(), own.id()).await?;
        Ok(self.revoked(removed))
    }

    /// Ends all of the principal's sessions, of every kind.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::renew`].
    pub async fn logout_everywhere(&self, principal: &Principal) -> Result<Revocation, Error> {
        let sessions = self.stateful(Operation::RevokeSessions)?;
        let own = sessions.own(principal, &self.context()).await?;
        let removed = sessions.store().remove_all(&own.to_subject(), None).await?;
        Ok(self.revoked(removed))
    }

    /// Creates an API key (personal access token) for a script that acts as the login's subject (rule A13).
    ///
    /// The kind must be registered with the strategy's builder:
    /// `.kind(SessionKind::API_KEY, SessionPolicy::api_key())`. An application can register more kinds with
    /// such policies and choose one with [`Login::kind`]. The key's name is the label of the login's
    /// [device](Login::device).
    ///
    /// The key is shown only here, as [`IssuedCredentials::credential`]; the store keeps a digest. A script
    /// sends it as `Authorization: Bearer`. [`Auth::authenticate`] looks it up in the store, with the hybrid
    /// strategy too, so [`Auth::revoke`] ends it at once.
    ///
    /// A key cannot manage its owner's sessions: operations that take a principal and list, renew or end
    /// sessions refuse it.
    ///
    /// # Errors
    ///
    /// - [`Error::SessionLimit`] if the subject already has as many keys as the kind allows. No key is
    ///   created or removed. The [kind](Error::kind) of this error is `Unavailable`, although waiting does
    ///   not help: match the error before you look at its kind, and tell the user to revoke a key.
    /// - [`Error::Login`] if the key has no name, or if the kind has no policy for API keys.
    /// - [`Error::Store`] or [`Error::NoEntropy`].
    /// - [`Error::Unsupported`] with the tokens strategy.
    pub async fn create_api_key(&self, login: Login) -> Result<IssuedCredentials, Error> {
        let context = self.context();
        let sessions = self.stateful(Operation::ApiKeys)?;
        self.secret_names.check(&login.claims)?;
        self.own_subject(&login.subject)?;
        let login =
            if login.details.kind.is_default() { login.kind(crate::SessionKind::API_KEY) } else { login };
        let opened = api_key::create(sessions, &login, &context).await?;
        Ok(super::issuance::by_session(sessions, opened, context.now))
    }
}

impl Auth {
    /// Returns the result of revoking one session. An API key is looked up at each request, so it is refused
    /// at once.
    pub(super) fn revoked_one(&self, removed: Option<&SessionRecord>) -> Revocation {
        let revoked = self.revoked(removed.map(SessionRecord::id).into_iter().collect());
        let is_key = removed.is_some_and(|record| record.kind() == CredentialKind::ApiKey);
        if is_key { Revocation { effect: RevocationEffect::Now, ..revoked } } else { revoked }
    }

    /// Returns the result of revoking sessions.
    ///
    /// The effect is the same if no session was found, because an earlier attempt may have ended them. Call
    /// this after the removal: until then, refreshes and renewals could succeed.
    pub(super) fn revoked(&self, sessions: Vec<SessionId>) -> Revocation {
        let effect = match &self.strategy {
            Strategy::Hybrid { tokens, .. } => {
                RevocationEffect::At(self.clock.now().plus(tokens.lifetime()).plus(tokens.leeway()))
            }
            _ => RevocationEffect::Now,
        };
        Revocation { sessions, effect }
    }
}

/// Returns sessions as they are shown to their subject, newest first.
pub(super) fn listed(
    sessions: &Sessions,
    mut all: Vec<SessionRecord>,
    current: Option<SessionId>,
) -> Vec<SessionInfo> {
    all.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at(), record.id())));
    all.iter().map(|record| SessionInfo::new(sessions, record, current)).collect()
}
