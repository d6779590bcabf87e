//! Logout, and the credential that a login replaces: both begin with whichever credential the client still has.

use super::{Auth, Effective, Revoked, Strategy};
use crate::refresh::RefreshSessions;
use crate::refresh::token::RefreshToken;
use crate::{
    Error, ErrorKind, Principal, Rejection, SessionId, SessionRecord, SessionStrategy, Timestamp,
    TokenStrategy,
};

impl Auth {
    /// Ends the session of this credential: the session token, the access token (also one that has expired), or
    /// any generation of the refresh token.
    ///
    /// A session that has ended already is no error; there is just nothing to end.
    ///
    /// In the hybrid strategy, [`Revoked::effective`] is the end of the last access token that may have been issued
    /// until the session was gone, leeway included.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] for input that is not a credential of this strategy or proves nothing: any
    /// other text, a token with a wrong signature, or the id of an existing session with a wrong secret. A
    /// session or refresh token of the right form whose id is not in the store is no error, although it may
    /// be made up: it cannot be told from one whose session has ended. Nothing is ended then, and
    /// [`Revoked::sessions`] is empty.
    ///
    /// [`Error::Store`] if the session may still be there: drop the client's credentials anyway, and say that
    /// the revocation is unconfirmed.
    pub async fn logout(&self, credential: &str) -> Result<Revoked, Error> {
        let now = self.clock.now();
        match &self.strategy {
            Strategy::Tokens { tokens, .. } => {
                let end = tokens.verify_ignoring_expiry(credential, now)?.expires_at().plus(tokens.leeway());
                Ok(Revoked { sessions: Vec::new(), effective: at(end, now) })
            }
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => {
                let sessions = self.stateful("logout")?;
                let ended = end(sessions, sessions.find(credential).await?).await?;
                Ok(Revoked { sessions: ended, effective: Effective::Now })
            }
            Strategy::Hybrid { tokens, refresh } => {
                let (record, presented) = match access_token(&**tokens, credential, now)? {
                    Some(principal) => {
                        (refresh.sessions().referred(&principal).await?, principal.expires_at())
                    }
                    None => (refresh.find(credential).await?, Timestamp::UNIX_EPOCH),
                };
                let session_end = record.as_ref().map_or(Timestamp::MAX, SessionRecord::expires_at);
                let ended = end(&**refresh, record).await?;
                // Refreshes and renewals got through until the session was gone, and no later.
                let now = self.clock.now();
                let last = now.plus(tokens.lifetime()).min(session_end);
                let effective = at(presented.max(last).plus(tokens.leeway()), now);
                Ok(Revoked { sessions: ended, effective })
            }
        }
    }

    /// The session of the credential that a login replaces; `None` if the credential is not good, which is no
    /// error (rule A10).
    pub(super) async fn former_session(
        &self,
        credential: &str,
        now: Timestamp,
    ) -> Result<Option<SessionId>, Error> {
        let found = match &self.strategy {
            Strategy::Tokens { .. } => return Ok(None),
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => {
                self.stateful("login")?.find(credential).await
            }
            Strategy::Hybrid { tokens, refresh } => find_hybrid(&**tokens, refresh, credential, now).await,
        };
        match found {
            Ok(record) => Ok(record.map(|record| record.id())),
            Err(error) if error.kind() == ErrorKind::Unauthenticated => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn find_hybrid(
    tokens: &dyn TokenStrategy,
    refresh: &RefreshSessions,
    credential: &str,
    now: Timestamp,
) -> Result<Option<SessionRecord>, Error> {
    match access_token(tokens, credential, now)? {
        Some(principal) => refresh.sessions().referred(&principal).await,
        None => refresh.find(credential).await,
    }
}

/// The principal of an access token, expired or not; `None` if the credential is a refresh token.
fn access_token(
    tokens: &dyn TokenStrategy,
    credential: &str,
    now: Timestamp,
) -> Result<Option<Principal>, Rejection> {
    if credential.starts_with(RefreshToken::PREFIX) {
        return Ok(None);
    }
    tokens.verify_ignoring_expiry(credential, now).map(Some)
}

async fn end(sessions: &dyn SessionStrategy, record: Option<SessionRecord>) -> Result<Vec<SessionId>, Error> {
    let Some(record) = record else { return Ok(Vec::new()) };
    let removed = sessions.sessions().store().remove(record.id()).await?;
    Ok(removed.then_some(record.id()).into_iter().collect())
}

fn at(end: Timestamp, now: Timestamp) -> Effective {
    if end <= now { Effective::Now } else { Effective::At(end) }
}
