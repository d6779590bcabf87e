//! What a principal does with its own sessions.

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
    /// Changes the claims of the principal's session; `change` may run several times, each on fresh claims,
    /// so that concurrent changes lose nothing (rule A8).
    ///
    /// In the hybrid strategy, access tokens show the change from the next refresh on.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`], and [`Error::Login`] if `change` fails or the claims cannot be kept or handed out;
    /// then nothing has changed (rule R12).
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

    /// The principal's live sessions, the newest first: the list of devices and API keys.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn sessions_of(&self, principal: &Principal) -> Result<Vec<SessionInfo>, Error> {
        let context = self.context();
        let sessions = self.stateful(Operation::ListSessions)?;
        let own = sessions.own(principal, &context).await?;
        let all = sessions.list_live(&own.to_subject(), context.now).await?;
        Ok(listed(sessions, all, Some(own.id())))
    }

    /// Ends one of the principal's sessions or API keys; somebody else's id ends nothing (rule A11).
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn revoke(&self, principal: &Principal, id: SessionId) -> Result<Revocation, Error> {
        let sessions = self.stateful(Operation::RevokeSessions)?;
        let own = sessions.own(principal, &self.context()).await?;
        let removed = sessions.remove_of(&own.to_subject(), id).await?;
        Ok(self.revoked_one(removed.as_ref()))
    }

    /// Ends all of the principal's sessions but its own and those of kinds that
    /// [survive that](crate::SessionPolicy::surviving_logout_others), such as API keys.
    ///
    /// Where some kind survives, the sessions end one by one: after an error some may have ended, and the
    /// same call ends the rest.
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
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
    /// As [`Auth::renew`].
    pub async fn logout_everywhere(&self, principal: &Principal) -> Result<Revocation, Error> {
        let sessions = self.stateful(Operation::RevokeSessions)?;
        let own = sessions.own(principal, &self.context()).await?;
        let removed = sessions.store().remove_all(&own.to_subject(), None).await?;
        Ok(self.revoked(removed))
    }

    /// Makes an API key (personal access token) for a script that acts as the login's subject (rule A13).
    ///
    /// The strategy's builder needs the kind: `.kind(SessionKind::API_KEY, SessionPolicy::api_key())`; a host
    /// can register further kinds with such policies and name one by [`Login::kind`]. The key is shown here
    /// once, as [`IssuedCredentials::credential`]; the store keeps a digest. Its name is the label of the login's
    /// [device](Login::device). A script sends it as `Authorization: Bearer`, and [`Auth::authenticate`]
    /// reads the store for it, in the hybrid strategy too, so that [`Auth::revoke`] ends it at once.
    ///
    /// A key cannot manage its owner's sessions: what takes a principal and lists, renews or ends sessions
    /// refuses it.
    ///
    /// # Errors
    ///
    /// [`Error::SessionLimit`] if the subject has as many keys as its kind allows; then nothing is evicted
    /// and nothing made. [`Error::Login`] if the key has no name, or its kind no policy for API keys.
    /// [`Error::Store`], [`Error::NoEntropy`]; [`Error::Unsupported`] for tokens alone.
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
    /// The answer to the revocation of one session. An API key is looked up at each request, so it is refused
    /// at once.
    pub(super) fn revoked_one(&self, removed: Option<&SessionRecord>) -> Revocation {
        let revoked = self.revoked(removed.map(SessionRecord::id).into_iter().collect());
        let is_key = removed.is_some_and(|record| record.kind() == CredentialKind::ApiKey);
        if is_key { Revocation { effect: RevocationEffect::Now, ..revoked } } else { revoked }
    }

    /// The answer to a revocation of sessions of which nothing more is known. That none was there to be ended
    /// may mean that an earlier attempt ended them, so the time is the same.
    ///
    /// To be called after the removal: until then, refreshes and renewals got through.
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

/// Sessions as their subject may see them, the newest first.
pub(super) fn listed(
    sessions: &Sessions,
    mut all: Vec<SessionRecord>,
    current: Option<SessionId>,
) -> Vec<SessionInfo> {
    all.sort_unstable_by_key(|record| std::cmp::Reverse((record.created_at(), record.id())));
    all.iter().map(|record| SessionInfo::new(sessions, record, current)).collect()
}
