//! The one API over all strategies.

mod admin;
mod former;

use std::sync::Arc;
use std::time::Duration;

use crate::claims::{Claims, SecretNames};
use crate::principal::VerifiedToken;
use crate::refresh::Refreshed;
use crate::token::Grant;
use crate::{
    Clock, ConfigError, Device, Error, Issued, Login, OpenedSession, Principal, Refresh, SessionId,
    SessionRecord, SessionStrategy, SystemClock, Timestamp, TokenStrategy,
};

pub use admin::Admin;

/// Authentication by sessions, by tokens, or by the hybrid of both.
///
/// Cheap to clone and without type parameters: put it into your application's state. Handlers are the same for
/// all strategies; only the line that builds `Auth` knows which one it is.
///
/// | | sessions | tokens | hybrid |
/// | --- | --- | --- | --- |
/// | [`login`](Auth::login) | writes a session | signs | writes a session, signs |
/// | [`authenticate`](Auth::authenticate) | reads the store | no store | no store |
/// | [`authenticate_live`](Auth::authenticate_live) | reads the store | unsupported | reads the store |
/// | [`refresh`](Auth::refresh) | unsupported | unsupported, or a [re-issue](Auth::allow_reissue) | reads and writes the store, signs |
/// | [`renew`](Auth::renew), [`reauthenticated`](Auth::reauthenticated) | reads and writes | unsupported | reads and writes, signs |
/// | [`logout`](Auth::logout) | ends the session: now | at expiry | ends the session now, its access tokens at expiry |
/// | [`sessions`](Auth::sessions_of), [`revoke`](Auth::revoke), [`logout_others`](Auth::logout_others), [`logout_everywhere`](Auth::logout_everywhere), [`update_claims`](Auth::update_claims) | by the store | unsupported | by the store |
#[derive(Debug, Clone)]
pub struct Auth {
    strategy: Strategy,
    clock: Arc<dyn Clock>,
    secret_names: Arc<SecretNames>,
}

#[derive(Debug, Clone)]
enum Strategy {
    Sessions(Arc<dyn SessionStrategy>),
    Tokens { tokens: Arc<dyn TokenStrategy>, reissue: Option<Duration> },
    Hybrid { tokens: Arc<dyn TokenStrategy>, refresh: Arc<Refresh> },
}

/// When a revocation takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
pub enum Effective {
    /// With the call's return.
    Now,
    /// At this moment at the latest: until then, an access token that was issued before still verifies.
    At(Timestamp),
}

/// What a logout or a revocation did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct Revoked {
    /// The sessions that this call ended; none if they had ended before, or if the strategy keeps none.
    pub sessions: Vec<SessionId>,
    /// When what was revoked is refused.
    pub effective: Effective,
}

/// A session as its subject may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its public handle, for [`Auth::revoke`].
    pub id: SessionId,
    /// Whether it is the one of the request.
    pub current: bool,
    /// When the subject logged in.
    pub created_at: Timestamp,
    /// When it was last used, as far as that was written down (rule A5).
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used again.
    pub ends_at: Timestamp,
    /// What logged in.
    pub device: Device,
}

impl SessionInfo {
    fn new(record: &SessionRecord, current: Option<SessionId>) -> Self {
        Self {
            id: record.id(),
            current: current == Some(record.id()),
            created_at: record.created_at(),
            last_seen_at: record.last_seen_at(),
            ends_at: record.ends_at(),
            device: record.device(),
        }
    }
}

impl Auth {
    fn new(strategy: Strategy) -> Self {
        Self { strategy, clock: Arc::new(SystemClock), secret_names: Arc::default() }
    }

    /// The stateful strategy: every request reads the store, and a revocation takes effect at once.
    pub fn sessions(strategy: impl SessionStrategy) -> Self {
        Self::new(Strategy::Sessions(Arc::new(strategy)))
    }

    /// The stateless strategy: no request reads a store, and a token is good until it expires.
    pub fn tokens(strategy: impl TokenStrategy) -> Self {
        Self::new(Strategy::Tokens { tokens: Arc::new(strategy), reissue: None })
    }

    /// The hybrid strategy: access tokens verified without a store, and a session that is consulted at every
    /// refresh.
    ///
    /// # Errors
    ///
    /// If the sessions' idle timeout is below twice the lifetime of access tokens: only refreshes count as uses,
    /// so that such a session would end under its user's hands.
    pub fn hybrid(tokens: impl TokenStrategy, refresh: Refresh) -> Result<Self, ConfigError> {
        if refresh.sessions().policy().idle() < 2 * tokens.lifetime() {
            return Err(ConfigError::new("the idle timeout is below twice the access token's lifetime"));
        }
        Ok(Self::new(Strategy::Hybrid { tokens: Arc::new(tokens), refresh: Arc::new(refresh) }))
    }

    /// Asks another clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Replaces the list of claim names that are refused because they say 'this is a secret' (rule T10); the
    /// default is [`SECRET_CLAIMS`](crate::SECRET_CLAIMS).
    #[must_use]
    pub fn with_secret_claims(mut self, names: &[&str]) -> Self {
        self.secret_names = Arc::new(SecretNames::new(names));
        self
    }

    /// Lets [`Auth::refresh`] of the stateless strategy exchange a good token for a fresh one with the same claims,
    /// until `limit` has passed since the login. No effect on the other strategies.
    ///
    /// # Security
    ///
    /// Whoever holds a token then keeps the subject's access until the limit, and nothing can end that earlier.
    /// The hybrid strategy is the one for long logins.
    #[must_use]
    pub fn allow_reissue(mut self, limit: Duration) -> Self {
        if let Strategy::Tokens { reissue, .. } = &mut self.strategy {
            *reissue = Some(limit);
        }
        self
    }

    /// Issues credentials to somebody who has just proved who they are.
    ///
    /// Always mints new ones (rule A1); see [`Login::replacing`] for the credential that the client held before.
    ///
    /// # Errors
    ///
    /// [`Error::Login`] for claims with a secret's name (rule T10); [`Error::Store`] or [`Error::SessionLimit`]:
    /// nobody is logged in then.
    pub async fn login(&self, login: Login) -> Result<Issued, Error> {
        let now = self.clock.now();
        self.secret_names.check(&login.claims)?;
        let replaces = match &login.replacing {
            Some(credential) => self.former_session(credential.expose(), now).await?,
            None => None,
        };
        match &self.strategy {
            Strategy::Sessions(sessions) => {
                Ok(by_session(sessions.as_ref().open(&login, replaces, now).await?, now))
            }
            Strategy::Tokens { tokens, .. } => issue_alone(&**tokens, &login, now, now, None),
            Strategy::Hybrid { tokens, refresh } => {
                let opened = refresh.open(&login, replaces, now).await?;
                let id = opened.record.id();
                match by_refresh(&**tokens, opened, now) {
                    Ok(issued) => Ok(issued),
                    Err(error) => {
                        // Nobody will hold the session's credential.
                        let _ = refresh.sessions().store().remove(id).await;
                        Err(error)
                    }
                }
            }
        }
    }

    /// Who sent this credential.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if it is not good, and [`Error::Store`] if that cannot be said: never a fresh or
    /// anonymous principal (rule A9).
    pub async fn authenticate(&self, credential: &str) -> Result<Principal, Error> {
        let now = self.clock.now();
        match &self.strategy {
            Strategy::Sessions(sessions) => {
                Ok(Principal::from_record(sessions.as_ref().verify(credential, now).await?))
            }
            Strategy::Tokens { tokens, .. } | Strategy::Hybrid { tokens, .. } => {
                Ok(tokens.verify(credential, now)?)
            }
        }
    }

    /// As [`Auth::authenticate`], and the session is asked for in the store even by the hybrid strategy: for the
    /// few requests that cannot wait for an access token to expire.
    ///
    /// # Errors
    ///
    /// As [`Auth::authenticate`]; [`Error::Unsupported`] for tokens alone.
    pub async fn authenticate_live(&self, credential: &str) -> Result<Principal, Error> {
        let now = self.clock.now();
        match &self.strategy {
            Strategy::Sessions(sessions) => {
                Ok(Principal::from_record(sessions.as_ref().verify(credential, now).await?))
            }
            Strategy::Tokens { .. } => Err(self.unsupported("the live check")),
            Strategy::Hybrid { tokens, refresh } => {
                let principal = tokens.verify(credential, now)?;
                Ok(Principal::from_record(refresh.sessions().own(&principal, now).await?))
            }
        }
    }

    /// Exchanges a refresh token for its successor and a fresh access token (rules R1 to R11).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]: ask for a login; alert the subject if there is an [`Error::incident`].
    /// [`Error::Store`] of kind `Unavailable`: the same token presented again works (rule R7).
    /// [`Error::Unsupported`] where there are no refresh tokens.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Issued, Error> {
        let now = self.clock.now();
        match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                let Refreshed { record, credential, incident } =
                    refresh.rotate(refresh_token, now, &self.secret_names).await?;
                let mut issued = by_refresh(&**tokens, OpenedSession { record, credential }, now)?;
                issued.incident = incident;
                Ok(issued)
            }
            Strategy::Tokens { tokens, reissue: Some(limit) } => {
                let principal = tokens.verify(refresh_token, now)?;
                let claims = principal.claims::<Claims>()?;
                let login = Login::of(principal.to_subject()).claims(&claims)?;
                self.reissue(&**tokens, &principal, &login, *limit, now)
            }
            _ => Err(self.unsupported("refresh")),
        }
    }

    /// Gives the principal's session a new credential, after which the old one and every principal made from it
    /// are refused (rules A6, A11): after a change of privileges.
    ///
    /// # Security
    ///
    /// In the hybrid strategy this gives a new refresh token to whoever sent a good access token. Ask for proof (the
    /// password, a second factor) before a request may reach it, or a token stolen for minutes becomes a login for
    /// weeks.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the principal's session has ended or was renewed since; [`Error::Store`];
    /// [`Error::Unsupported`] for tokens alone.
    pub async fn renew(&self, principal: &Principal) -> Result<Issued, Error> {
        self.renewed(principal, false).await
    }

    /// As [`Auth::renew`], for a subject who has just proved themselves once more (step-up): sets
    /// [`Principal::authenticated_at`].
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn reauthenticated(&self, principal: &Principal) -> Result<Issued, Error> {
        self.renewed(principal, true).await
    }

    async fn renewed(&self, principal: &Principal, reauthenticated: bool) -> Result<Issued, Error> {
        let now = self.clock.now();
        let opened = self.stateful("renew")?.renew(principal, reauthenticated, now).await?;
        match &self.strategy {
            Strategy::Hybrid { tokens, .. } => by_refresh(&**tokens, opened, now),
            _ => Ok(by_session(opened, now)),
        }
    }

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
        Ok(Principal::from_record(record))
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
        Ok(self.revoked(removed.then_some(id).into_iter().collect(), now))
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
        Ok(self.revoked(removed, now))
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
        Ok(self.revoked(removed, now))
    }

    /// What acts on any subject without a principal: for administrators and back-channel events.
    ///
    /// # Security
    ///
    /// Nothing here asks who is calling.
    pub const fn admin(&self) -> Admin<'_> {
        Admin(self)
    }

    /// The principal's own live session (rule A11); `None` if the strategy keeps none.
    #[cfg(feature = "password")]
    pub(crate) async fn own_session(&self, principal: &Principal) -> Result<Option<SessionRecord>, Error> {
        let now = self.clock.now();
        match self.stateful("own session") {
            Ok(strategy) => strategy.sessions().own(principal, now).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// The strategy's sessions, if it has any.
    fn stateful(&self, operation: &'static str) -> Result<&dyn SessionStrategy, Error> {
        match &self.strategy {
            Strategy::Sessions(sessions) => Ok(&**sessions),
            Strategy::Hybrid { refresh, .. } => Ok(&**refresh),
            Strategy::Tokens { .. } => Err(self.unsupported(operation)),
        }
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        let (strategy, instead) = match self.strategy {
            Strategy::Sessions(_) => ("the sessions strategy", "the hybrid strategy"),
            Strategy::Tokens { .. } if operation == "refresh" => {
                ("the tokens strategy", "the hybrid strategy")
            }
            Strategy::Tokens { .. } => ("the tokens strategy", "the sessions or the hybrid strategy"),
            Strategy::Hybrid { .. } => ("the hybrid strategy", "the sessions strategy"),
        };
        Error::Unsupported { operation, strategy, instead }
    }

    /// The answer to a revocation of sessions of which nothing more is known. That none was there to be ended may
    /// mean that an earlier attempt ended them, so the time is the same.
    fn revoked(&self, sessions: Vec<SessionId>, now: Timestamp) -> Revoked {
        let effective = match &self.strategy {
            Strategy::Hybrid { tokens, .. } => {
                Effective::At(now.plus(tokens.lifetime()).plus(tokens.leeway()))
            }
            _ => Effective::Now,
        };
        Revoked { sessions, effective }
    }

    fn reissue(
        &self,
        tokens: &dyn TokenStrategy,
        principal: &Principal,
        login: &Login,
        limit: Duration,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let authenticated_at = principal.authenticated_at();
        let end = authenticated_at.plus(limit);
        if now >= end {
            return Err(crate::Rejection::Expired.into());
        }
        issue_alone(tokens, login, authenticated_at, now, Some(end))
    }
}

/// A session token is the credential itself.
fn by_session(opened: OpenedSession, now: Timestamp) -> Issued {
    Issued {
        credential: opened.credential,
        issued_at: now,
        expires_at: opened.record.expires_at(),
        refresh: None,
        refresh_expires_at: None,
        principal: Principal::from_record(opened.record),
        incident: None,
    }
}

/// A refresh token goes with an access token for the same session.
fn by_refresh(tokens: &dyn TokenStrategy, opened: OpenedSession, now: Timestamp) -> Result<Issued, Error> {
    let record = opened.record;
    let grant = Grant {
        subject: record.subject(),
        claims: record.claims_json(),
        authenticated_at: record.authenticated_at(),
        session: Some((record.id(), record.epoch())),
        not_after: Some(record.expires_at()),
    };
    let access = tokens.issue(&grant, now)?;
    Ok(Issued {
        credential: access.text,
        // As the token's own `iat`.
        issued_at: Timestamp::from_secs(now.as_secs()),
        expires_at: access.expires_at,
        refresh: Some(opened.credential),
        refresh_expires_at: Some(record.expires_at()),
        principal: Principal::from_record(record),
        incident: None,
    })
}

/// An access token without a session.
fn issue_alone(
    tokens: &dyn TokenStrategy,
    login: &Login,
    authenticated_at: Timestamp,
    now: Timestamp,
    not_after: Option<Timestamp>,
) -> Result<Issued, Error> {
    let grant = Grant {
        subject: login.subject.as_str(),
        claims: &login.claims,
        authenticated_at,
        session: None,
        not_after,
    };
    let access = tokens.issue(&grant, now)?;
    let principal = Principal::from_token(VerifiedToken {
        subject: login.subject.clone(),
        session: None,
        foreign_issuer: None,
        issued_at: now,
        authenticated_at,
        expires_at: access.expires_at,
        claims: login.claims.clone().into(),
    });
    Ok(Issued {
        credential: access.text,
        // As the token's own `iat`.
        issued_at: Timestamp::from_secs(now.as_secs()),
        expires_at: access.expires_at,
        refresh: None,
        refresh_expires_at: None,
        principal,
        incident: None,
    })
}
