//! Verification of the credential that a request carries.

use super::operation::Operation;
use super::{Auth, Strategy};
use crate::error::Rejection;
use crate::session::api_key::{self, API_KEY_PREFIX};
use crate::session::sessions::Sessions;
use crate::store::SessionRecord;
use crate::strategy::{CallContext, SessionStrategy as _, Usage};
use crate::{Error, Principal};

impl Auth {
    /// Verifies a credential and returns the principal that it authenticates.
    ///
    /// `credential` is the text that the client sent; in a test, `issued.credential().expose()`.
    ///
    /// Sessions that [do not represent a login](crate::SessionPolicy::not_a_login) are refused; see
    /// [`Auth::authenticate_any_kind`].
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the credential is not valid, and [`Error::Store`] if the store cannot
    /// tell. A store failure never yields a fresh or anonymous principal (rule A9).
    pub async fn authenticate(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<true, false>(credential, self.context()).await
    }

    /// Like [`Auth::authenticate`], but does not count as a use of the session (rule A14).
    ///
    /// For requests that a page sends by itself, such as polling for messages, which must not keep an absent
    /// user logged in.
    ///
    /// In the hybrid strategy, the verification of an access token never counts as a use, but each
    /// [refresh](Auth::refresh) does. A page that polls keeps a hybrid session alive by refreshing.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::authenticate`].
    pub async fn authenticate_passively(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<false, false>(credential, self.context()).await
    }

    /// Like [`Auth::authenticate`], but also accepts sessions that do not represent a login (rule A13): those
    /// of guests, and of users who have entered a password but not yet a second factor.
    ///
    /// # Security
    ///
    /// Check [`Principal::kind`] before you grant anything.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::authenticate`].
    pub async fn authenticate_any_kind(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<true, true>(credential, self.context()).await
    }

    /// Like [`Auth::authenticate_any_kind`], but does not count as a use of the session (rule A14); see
    /// [`Auth::authenticate_passively`].
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::authenticate`].
    pub async fn authenticate_any_kind_passively(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<false, true>(credential, self.context()).await
    }

    /// Verifies a credential.
    ///
    /// The const parameters give each caller a specialised copy, which makes the verification of a session in
    /// memory a tenth faster.
    async fn verified<const COUNTS: bool, const ANY: bool>(
        &self,
        credential: &str,
        context: CallContext<'_>,
    ) -> Result<Principal, Error> {
        let context = context.with_usage(if COUNTS { Usage::Counts } else { Usage::DoesNotCount });
        let principal = match &self.strategy {
            Strategy::Tokens { tokens, .. } => {
                let principal = tokens.verify(credential, context.now)?;
                principal.check_realm(context.realm)?;
                principal
            }
            _ if credential.starts_with(API_KEY_PREFIX) => {
                Box::pin(self.verify_api_key(credential, &context)).await?
            }
            Strategy::ServerSessions(strategy) => {
                let record = strategy.verify_unboxed(credential, &context).await?;
                session_principal(strategy.sessions(), record)
            }
            Strategy::Sessions(strategy) => {
                let record = strategy.as_ref().verify(credential, &context).await?;
                if !record.is_of_realm(context.realm) {
                    return Err(Rejection::OtherRealm.into());
                }
                session_principal(strategy.sessions(), record)
            }
            Strategy::Hybrid { tokens, .. } => {
                let principal = tokens.verify(credential, context.now)?;
                principal.check_realm(context.realm)?;
                principal
            }
        };
        if !ANY && !self.is_login(&principal) {
            return Err(Rejection::NotALogin.into());
        }
        Ok(principal)
    }

    async fn verify_api_key(&self, key: &str, context: &CallContext<'_>) -> Result<Principal, Error> {
        let sessions = self.stateful(Operation::ApiKeys)?;
        let record = api_key::verify(sessions, key, context).await?;
        Ok(session_principal(sessions, record))
    }

    /// Returns whether a principal represents a login (rule A13).
    ///
    /// Both its credential and, if its kind is registered here, the current policy must say so.
    /// [`Auth::authenticate`] requires this in addition to what [`Auth::authenticate_any_kind`] checks.
    pub fn is_login(&self, principal: &Principal) -> bool {
        if principal.is_plain() {
            return true;
        }
        let kind = principal.kind_name();
        principal.states_login()
            && (kind.is_empty()
                || self.sessions().is_none_or(|sessions| sessions.policies().allows_login(kind)))
    }

    /// Like [`Auth::authenticate`], but checks the session in the store with the hybrid strategy too.
    ///
    /// For the few requests that cannot wait for an access token to expire.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::authenticate`], and [`Error::Unsupported`] with the tokens strategy.
    pub async fn authenticate_and_check_session(&self, credential: &str) -> Result<Principal, Error> {
        match &self.strategy {
            Strategy::Tokens { .. } => Err(self.unsupported(Operation::CheckSession)),
            Strategy::Hybrid { refresh, .. } if !credential.starts_with(API_KEY_PREFIX) => {
                let context = self.context();
                let principal = self.verified::<true, false>(credential, context).await?;
                let record = refresh.sessions().own(&principal, &context).await?;
                Ok(principal.refreshed_by(record))
            }
            _ => self.authenticate(credential).await,
        }
    }

    /// Returns the principal's own live session (rule A11); `None` if the strategy keeps none.
    #[cfg(feature = "password")]
    pub(crate) async fn own_session(&self, principal: &Principal) -> Result<Option<SessionRecord>, Error> {
        match self.sessions() {
            Some(sessions) => sessions.own(principal, &self.context()).await.map(Some),
            None => {
                principal.check_realm(&self.realm)?;
                if self.is_login(principal) { Ok(None) } else { Err(Rejection::NotALogin.into()) }
            }
        }
    }
}

/// Returns the principal of a session token or an API key.
#[inline]
fn session_principal(sessions: &Sessions, record: SessionRecord) -> Principal {
    let end = sessions.policies().of(&record).timeouts().absolute_end(&record);
    Principal::from_session(record, end)
}
