//! New credentials for an existing session.

use super::issuance::by_session;
use super::operation::Operation;
use super::{Auth, Strategy};
use crate::error::Rejection;
use crate::refresh_tokens::Refreshed;
use crate::refresh_tokens::token::RefreshToken;
#[cfg(feature = "password")]
use crate::store::SessionRecord;
use crate::strategy::{Renewal, SessionStrategy as _};
use crate::{Error, IssuedCredentials, Principal};

impl Auth {
    /// Exchanges a refresh token for its successor and a new access token (rules R1 to R12).
    ///
    /// With [`Auth::with_tokens_and_reissue`], exchanges a valid access token for a new one.
    ///
    /// # Errors
    ///
    /// - [`Error::Unauthenticated`]: ask for a login, and alert the subject if there is an
    ///   [`Error::incident`].
    /// - [`Error::Store`] of kind `Unavailable`, [`Error::Contended`] or [`Error::NoEntropy`]: presenting the
    ///   same token again works (rule R7).
    /// - Any error of the [`RefreshHook`](crate::strategy::RefreshHook), and [`Error::Login`] if the hook's
    ///   claims are too large or not allowed. Nothing has changed then, and the same token works once the
    ///   cause is fixed (rule R12).
    /// - [`Error::Unsupported`] with a strategy that has no refresh.
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
                self.sessionless_tokens(&**tokens, context.now).reissue(refresh_token, *limit)
            }
            _ => Err(self.unsupported(Operation::Refresh)),
        }
    }

    /// Like [`Auth::refresh`], but requires that the access token names the same session.
    ///
    /// For browsers: a page of a sibling domain can plant a refresh cookie, but not the `__Host-` cookie of
    /// the access token (rule C1). The refresh token authenticates the session. The access token is not
    /// verified: it may have expired, and its key, issuer or lifetime may have changed (rule T17). With a
    /// strategy that has only one credential, the access token is refreshed and `refresh_token` is ignored.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::refresh`], and [`Error::Unauthenticated`] if the tokens belong to different
    /// sessions. Nothing has changed then.
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

    /// Issues a new credential for the principal's session and invalidates the old one (rules A6, A11).
    ///
    /// Call it after a change of privileges. Every principal made from the old credential is refused too.
    ///
    /// # Security
    ///
    /// With the hybrid strategy, a valid access token is enough to obtain a new refresh token here. Require
    /// proof (the password or a second factor) first; otherwise an access token stolen for minutes becomes a
    /// login for weeks.
    ///
    /// # Errors
    ///
    /// - [`Error::Unauthenticated`] if the principal's session has ended or was renewed since, if the
    ///   principal's own credential has expired, or if it is an API key.
    /// - [`Error::Store`], [`Error::Contended`] or [`Error::NoEntropy`].
    /// - [`Error::Unsupported`] with the tokens strategy.
    pub async fn renew(&self, principal: &Principal) -> Result<IssuedCredentials, Error> {
        self.renewed(principal, Renewal::PrivilegeChange).await
    }

    /// Like [`Auth::renew`], for a subject who has just authenticated again (step-up): also sets
    /// [`Principal::authenticated_at`].
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::renew`].
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

    /// Checks that the session's renewed credential can be handed out, before anything else changes (rule
    /// R12).
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
