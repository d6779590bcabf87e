//! Logout, and the sessions that a login replaces. Both start from a credential that the client still has.

use super::operation::Operation;
use super::revocation::{Revocation, RevocationEffect};
use super::{Auth, Strategy};
use crate::error::Rejection;
use crate::refresh_tokens::RefreshSessions;
use crate::refresh_tokens::token::RefreshToken;
use crate::secret::SecretString;
use crate::session::api_key::{self, API_KEY_PREFIX};
use crate::session::sessions::Sessions;
use crate::store::{SessionRecord, StoreErrorKind};
use crate::strategy::{CallContext, SessionStrategy, TokenStrategy};
use crate::{Error, ErrorKind, Principal, SessionId, Timestamp};

impl Auth {
    /// Logs out the client that presents this credential: ends its session, if it has one, and reports when
    /// the credential stops working.
    ///
    /// Accepts a session token, an API key, an access token (even one that has expired), or a refresh token
    /// of any generation. If the session has already ended, that is not an error and [`Revocation::sessions`]
    /// is empty.
    ///
    /// In the hybrid strategy, [`Revocation::effect`] is the expiry, including leeway, of the last access
    /// token that may have been issued before the session ended.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the text is not a credential of this strategy, if a token's signature is
    /// wrong, or if the id of an existing session comes with a wrong secret. An access token of a retired key
    /// or policy is refused too; see [`Auth::logout_with_access_token`]. A well-formed session token or
    /// refresh token whose id is not in the store is not an error, although it may be made up: it looks the
    /// same as one whose session has ended.
    ///
    /// [`Error::Store`] if the session may still exist. Drop the client's credentials anyway, and report that
    /// the revocation is unconfirmed.
    pub async fn logout(&self, credential: &str) -> Result<Revocation, Error> {
        self.logout_in(credential, &self.context()).await
    }

    async fn logout_in(&self, credential: &str, context: &CallContext<'_>) -> Result<Revocation, Error> {
        match &self.strategy {
            Strategy::Tokens { tokens, .. } => {
                let principal = tokens.verify_ignoring_expiry(credential, context.now)?;
                principal.check_realm(context.realm)?;
                let end = principal.expires_at().plus(tokens.leeway());
                Ok(Revocation { sessions: Vec::new(), effect: at(end, context.now) })
            }
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => {
                let record = self.find(credential, context).await?;
                let ended = end(self.stateful(Operation::RevokeSessions)?, record).await?;
                Ok(Revocation { sessions: ended, effect: RevocationEffect::Now })
            }
            Strategy::Hybrid { refresh, .. } if credential.starts_with(API_KEY_PREFIX) => {
                let record = self.find(credential, context).await?;
                Ok(Revocation {
                    sessions: end(refresh.sessions(), record).await?,
                    effect: RevocationEffect::Now,
                })
            }
            Strategy::Hybrid { tokens, refresh } => {
                let (record, presented_end) = match access_token(&**tokens, credential, context)? {
                    Some(principal) => {
                        (refresh.sessions().referred(&principal, context).await?, principal.expires_at())
                    }
                    None => (refresh.find(credential, context).await?, Timestamp::UNIX_EPOCH),
                };
                self.end_hybrid(&**tokens, refresh, record, presented_end).await
            }
        }
    }

    /// Ends a session of the hybrid strategy. `presented_end` is the expiry of the access token that was
    /// presented, if any.
    async fn end_hybrid(
        &self,
        tokens: &dyn TokenStrategy,
        refresh: &RefreshSessions,
        record: Option<SessionRecord>,
        presented_end: Timestamp,
    ) -> Result<Revocation, Error> {
        let session_end = record.as_ref().map_or(Timestamp::MAX, SessionRecord::expires_at);
        let ended = end(refresh.sessions(), record).await?;
        // Refreshes and renewals could succeed until the session was gone, but no later.
        let now = self.clock.now();
        let last = now.plus(tokens.lifetime()).min(session_end);
        let effect = at(presented_end.max(last).plus(tokens.leeway()), now);
        Ok(Revocation { sessions: ended, effect })
    }

    /// Ends the session of a client that presents both of its tokens.
    ///
    /// The refresh token authenticates the session; the access token only has to name it. A change of key,
    /// issuer or lifetime therefore does not prevent a logout (rule T17). If the two tokens belong to
    /// different sessions, or the refresh token is not valid, only the access token counts, as for
    /// [`Auth::logout`]: a page of a sibling domain can plant a refresh cookie (rule C1). With a strategy
    /// that has only one credential, only `access_token` counts.
    ///
    /// # Errors
    ///
    /// The same as for [`Auth::logout`].
    pub async fn logout_with_access_token(
        &self,
        refresh_token: &str,
        access_token: &str,
    ) -> Result<Revocation, Error> {
        let context = self.context();
        if let Strategy::Hybrid { tokens, refresh } = &self.strategy
            && let Ok(presented) = RefreshToken::parse(refresh_token)
            && tokens.named_session(access_token) == Some(presented.id)
        {
            match refresh.find(refresh_token, &context).await {
                Ok(record) => {
                    // It may have been issued when the lifetime was longer.
                    let verified = tokens.verify_ignoring_expiry(access_token, context.now);
                    let end = verified.map_or(Timestamp::UNIX_EPOCH, |principal| principal.expires_at());
                    return self.end_hybrid(&**tokens, refresh, record, end).await;
                }
                Err(error) if error.kind() == ErrorKind::Unauthenticated => {}
                Err(error) => return Err(error),
            }
        }
        if access_token.starts_with(API_KEY_PREFIX) {
            return Err(Rejection::WrongKind.into());
        }
        self.logout_in(access_token, &context).await
    }

    /// Returns the sessions of the credentials that a login replaces.
    ///
    /// A credential that is not valid is ignored (rule A10), and no login ends an API key.
    pub(super) async fn former_sessions(
        &self,
        credentials: &[SecretString],
        context: &CallContext<'_>,
    ) -> Result<Vec<SessionId>, Error> {
        let mut found = Vec::new();
        if matches!(self.strategy, Strategy::Tokens { .. }) {
            return Ok(found);
        }
        for credential in credentials.iter().map(SecretString::expose) {
            if credential.starts_with(API_KEY_PREFIX) {
                continue;
            }
            match self.find(credential, context).await {
                Ok(Some(record)) if !found.contains(&record.id()) => found.push(record.id()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Unauthenticated => {}
                // A session that cannot be read does not prevent the login either.
                Err(Error::Store(error)) if error.kind() == StoreErrorKind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Returns the session that a credential authenticates, live or expired; `None` if it is gone.
    async fn find(
        &self,
        credential: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        if credential.starts_with(API_KEY_PREFIX) {
            return api_key::find(self.stateful(Operation::ApiKeys)?, credential, context).await;
        }
        match &self.strategy {
            Strategy::Sessions(sessions) => match sessions.find(credential, context).await? {
                Some(record) if !record.is_of_realm(context.realm) => Err(Rejection::OtherRealm.into()),
                found => Ok(found),
            },
            Strategy::ServerSessions(sessions) => sessions.find(credential, context).await,
            Strategy::Hybrid { tokens, refresh } => {
                find_hybrid(&**tokens, refresh, credential, context).await
            }
            Strategy::Tokens { .. } => Err(Rejection::WrongKind.into()),
        }
    }
}

async fn find_hybrid(
    tokens: &dyn TokenStrategy,
    refresh: &RefreshSessions,
    credential: &str,
    context: &CallContext<'_>,
) -> Result<Option<SessionRecord>, Error> {
    match access_token(tokens, credential, context)? {
        Some(principal) => refresh.sessions().referred(&principal, context).await,
        None => refresh.find(credential, context).await,
    }
}

/// Returns the principal of an access token, live or expired; `None` if the credential is a refresh token.
fn access_token(
    tokens: &dyn TokenStrategy,
    credential: &str,
    context: &CallContext<'_>,
) -> Result<Option<Principal>, Rejection> {
    if credential.starts_with(RefreshToken::PREFIX) {
        return Ok(None);
    }
    let principal = tokens.verify_ignoring_expiry(credential, context.now)?;
    principal.check_realm(context.realm)?;
    Ok(Some(principal))
}

async fn end(sessions: &Sessions, record: Option<SessionRecord>) -> Result<Vec<SessionId>, Error> {
    let Some(record) = record else { return Ok(Vec::new()) };
    let removed = sessions.store().remove(record.id()).await?;
    Ok(removed.then_some(record.id()).into_iter().collect())
}

fn at(end: Timestamp, now: Timestamp) -> RevocationEffect {
    if end <= now { RevocationEffect::Now } else { RevocationEffect::At(end) }
}
