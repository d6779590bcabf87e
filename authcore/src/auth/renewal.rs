//! New credentials for a session that exists.

use super::issuance::by_session;
use super::operation::Operation;
use super::{Auth, Strategy};
use crate::error::Rejection;
use crate::refresh_tokens::Refreshed;
use crate::refresh_tokens::token::RefreshToken;
use crate::store::SessionRecord;
use crate::strategy::{Renewal, SessionStrategy as _};
use crate::{Error, IssuedCredentials, Principal};

impl Auth {
    /// Exchanges a refresh token for its successor and a fresh access token (rules R1 to R12).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]: ask for a login; alert the subject if there is an [`Error::incident`].
    /// [`Error::Store`] of kind `Unavailable`, [`Error::Contended`] or [`Error::NoEntropy`]: the same token
    /// presented again works (rule R7). What the [`RefreshHook`](crate::strategy::RefreshHook) answers, and
    /// [`Error::Login`] for claims of its that cannot be kept or handed out; then nothing has changed, and
    /// the same token works once they fit (rule R12). [`Error::Unsupported`] where there are no refresh
    /// tokens.
    pub async fn refresh(&self, refresh_token: &str) -> Result<IssuedCredentials, Error> {
        let context = self.context();
        match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                let access = self.access_tokens(&**tokens, refresh, context.now);
                let rotated = refresh
                    .rotate(refresh_token, &context, &self.secret_names, |record| access.issue(record))
                    .await?;
                let Refreshed { opened, prepared, incident } = rotated;
                Ok(IssuedCredentials { incident, ..access.hand_out(opened, prepared) })
            }
            Strategy::Tokens { tokens, reissue: Some(limit) } => {
                self.lone_tokens(&**tokens, context.now).reissue(refresh_token, *limit)
            }
            _ => Err(self.unsupported(Operation::Refresh)),
        }
    }

    /// As [`Auth::refresh`], if the access token names the same session.
    ///
    /// For browsers: a page of a sibling domain can plant a refresh cookie of its own, and not the `__Host-`
    /// cookie of the access token (rule C1). The refresh token proves the session. The access token is not
    /// verified: it may have expired, and be of a key, an issuer or a lifetime that was changed since (rule
    /// T17). Where there is only one kind of credential, the access token is refreshed, and what is in the
    /// place of a refresh token does not count.
    ///
    /// # Errors
    ///
    /// As [`Auth::refresh`], and [`Error::Unauthenticated`] if the tokens are not of one session; then
    /// nothing has changed.
    pub async fn refresh_with_access_token(
        &self,
        refresh_token: &str,
        access_token: &str,
    ) -> Result<IssuedCredentials, Error> {
        let Strategy::Hybrid { tokens, .. } = &self.strategy else {
            return self.refresh(access_token).await;
        };
        let presented = RefreshToken::parse(refresh_token)?.id;
        if tokens.named_session(access_token) != Some(presented) {
            return Err(Rejection::OtherSession.into());
        }
        self.refresh(refresh_token).await
    }

    /// Gives the principal's session a new credential, after which the old one and every principal made from
    /// it are refused (rules A6, A11): after a change of privileges.
    ///
    /// # Security
    ///
    /// In the hybrid strategy this gives a new refresh token to whoever sent a good access token. Ask for
    /// proof (the password, a second factor) before a request may reach it, or a token stolen for minutes
    /// becomes a login for weeks.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the principal's session has ended or was renewed since, if the
    /// principal's own credential has expired, or if it is an API key; [`Error::Store`], [`Error::Contended`]
    /// or [`Error::NoEntropy`]; [`Error::Unsupported`] for tokens alone.
    pub async fn renew(&self, principal: &Principal) -> Result<IssuedCredentials, Error> {
        self.renewed(principal, Renewal::PrivilegeChange).await
    }

    /// As [`Auth::renew`], for a subject who has just proved themselves once more (step-up): sets
    /// [`Principal::authenticated_at`].
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn record_reauthentication(&self, principal: &Principal) -> Result<IssuedCredentials, Error> {
        self.renewed(principal, Renewal::Reauthentication).await
    }

    async fn renewed(&self, principal: &Principal, renewal: Renewal) -> Result<IssuedCredentials, Error> {
        let context = self.context();
        match &self.strategy {
            Strategy::Sessions(strategy) => {
                let opened = strategy.renew(principal, renewal, &context).await?;
                Ok(by_session(strategy.sessions(), opened, context.now))
            }
            Strategy::ServerSessions(strategy) => {
                let opened = strategy.renew(principal, renewal, &context).await?;
                Ok(by_session(strategy.sessions(), opened, context.now))
            }
            Strategy::Hybrid { tokens, refresh } => {
                let access = self.access_tokens(&**tokens, refresh, context.now);
                let (opened, made) =
                    refresh.renew(principal, renewal, &context, |record| access.issue(record)).await?;
                Ok(access.hand_out(opened, made))
            }
            Strategy::Tokens { .. } => Err(self.unsupported(Operation::Renew)),
        }
    }

    /// Whether the session's renewed credential could be handed out: to be asked before anything else changes
    /// (rule R12).
    #[cfg(feature = "password")]
    pub(crate) fn check_renewal(&self, record: &SessionRecord) -> Result<(), Error> {
        match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                let now = self.clock.now();
                let renewed = record.next(|parts| {
                    parts.renew(parts.credential.clone(), Renewal::PrivilegeChange, now);
                })?;
                self.access_tokens(&**tokens, refresh, now).issue(&renewed).map(drop)
            }
            _ => Ok(()),
        }
    }
}
