//! The one API over all strategies.

mod admin;
mod answers;
mod issue;
mod logout;
mod manage;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use self::issue::{by_refresh, by_session, issue_alone, reissue};
use crate::claims::SecretNames;
use crate::refresh::token::RefreshToken;
use crate::refresh::{RefreshSessions, Refreshed};
use crate::session::Renewal;
use crate::{
    Clock, ConfigError, Error, Issued, Login, OpenedSession, Principal, Refresh, Rejection, ServerSessions,
    SessionId, SessionRecord, SessionStrategy, SystemClock, TokenStrategy,
};

pub use admin::Admin;
pub use answers::{Effective, Revoked, SessionInfo};

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
/// | [`refresh`](Auth::refresh) | unsupported | unsupported, or a [re-issue](Auth::tokens_with_reissue) | reads and writes the store, signs |
/// | [`renew`](Auth::renew), [`reauthenticated`](Auth::reauthenticated) | reads and writes | unsupported | reads and writes, signs |
/// | [`logout`](Auth::logout) | ends the session: now | at expiry | ends the session now, its access tokens at expiry |
/// | [`sessions_of`](Auth::sessions_of), [`revoke`](Auth::revoke), [`logout_others`](Auth::logout_others), [`logout_everywhere`](Auth::logout_everywhere), [`update_claims`](Auth::update_claims) | by the store | unsupported | by the store |
#[derive(Debug, Clone)]
pub struct Auth {
    strategy: Strategy,
    clock: Arc<dyn Clock>,
    secret_names: Arc<SecretNames>,
}

#[derive(Debug, Clone)]
enum Strategy {
    Sessions(Arc<dyn SessionStrategy>),
    /// The same without a trait object, for the verification of every request.
    ServerSessions(Arc<ServerSessions>),
    Tokens {
        tokens: Arc<dyn TokenStrategy>,
        reissue: Option<Duration>,
    },
    Hybrid {
        tokens: Arc<dyn TokenStrategy>,
        refresh: Arc<RefreshSessions>,
    },
}

impl Auth {
    fn new(strategy: Strategy) -> Self {
        Self { strategy, clock: Arc::new(SystemClock), secret_names: Arc::default() }
    }

    /// The stateful strategy: every request reads the store, and a revocation takes effect at once.
    pub fn sessions(strategy: impl SessionStrategy) -> Self {
        let strategy = Arc::new(strategy);
        Self::new(match (Arc::clone(&strategy) as Arc<dyn Any + Send + Sync>).downcast() {
            Ok(ours) => Strategy::ServerSessions(ours),
            Err(_) => Strategy::Sessions(strategy),
        })
    }

    /// The stateless strategy: no request reads a store, and a token is good until it expires.
    pub fn tokens(strategy: impl TokenStrategy) -> Self {
        Self::new(Strategy::Tokens { tokens: Arc::new(strategy), reissue: None })
    }

    /// The stateless strategy whose [`refresh`](Auth::refresh) exchanges a good token for a fresh one with the same
    /// claims, until `limit` has passed since the login.
    ///
    /// # Errors
    ///
    /// If the limit is below the lifetime of a token or above 24 hours.
    ///
    /// # Security
    ///
    /// Whoever holds a token then keeps the subject's access until the limit, and nothing can end that earlier. The
    /// hybrid strategy is the one for long logins.
    pub fn tokens_with_reissue(strategy: impl TokenStrategy, limit: Duration) -> Result<Self, ConfigError> {
        if limit < strategy.lifetime() {
            return Err(ConfigError::new("the limit of re-issues is below the lifetime of a token"));
        }
        if limit > Duration::from_secs(24 * 60 * 60) {
            return Err(ConfigError::new("the limit of re-issues is above 24 hours"));
        }
        Ok(Self::new(Strategy::Tokens { tokens: Arc::new(strategy), reissue: Some(limit) }))
    }

    /// The hybrid strategy: access tokens verified without a store, and a session that is consulted at every
    /// refresh.
    ///
    /// # Errors
    ///
    /// If the sessions' idle timeout is below twice the lifetime of access tokens: only refreshes count as uses,
    /// so that such a session would end under its user's hands.
    pub fn hybrid(tokens: impl TokenStrategy, refresh: Refresh) -> Result<Self, ConfigError> {
        let Refresh(mut refresh) = refresh;
        if refresh.sessions().policy().idle() < tokens.lifetime().saturating_mul(2) {
            return Err(ConfigError::new("the idle timeout is below twice the access token's lifetime"));
        }
        refresh.set_leeway(tokens.leeway());
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

    /// Issues credentials to somebody who has just proved who they are.
    ///
    /// Always mints new ones (rule A1); see [`Login::replacing`] for the credential that the client held before.
    ///
    /// # Errors
    ///
    /// [`Error::Login`] for claims with a secret's name (rule T10) or that do not fit into a token; [`Error::Store`],
    /// [`Error::SessionLimit`] or [`Error::NoEntropy`]. Nobody is logged in then.
    pub async fn login(&self, login: Login) -> Result<Issued, Error> {
        let now = self.clock.now();
        self.secret_names.check(&login.claims)?;
        let replaces = match &login.replacing {
            Some(credential) => self.former_session(credential.expose(), now).await?,
            None => None,
        };
        match &self.strategy {
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => {
                Ok(by_session(self.stateful("login")?.open(&login, replaces, now).await?, now))
            }
            Strategy::Tokens { tokens, .. } => issue_alone(tokens.as_ref(), &login, now, now, None),
            Strategy::Hybrid { tokens, refresh } => {
                let opened = refresh.open(&login, replaces, now).await?;
                let id = opened.record.id();
                match by_refresh(tokens.as_ref(), opened, now) {
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
            Strategy::ServerSessions(sessions) => {
                Ok(Principal::from_session(sessions.verify_unboxed(credential, now).await?))
            }
            Strategy::Sessions(sessions) => {
                Ok(Principal::from_session(sessions.as_ref().verify(credential, now).await?))
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
        match &self.strategy {
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => self.authenticate(credential).await,
            Strategy::Tokens { .. } => Err(self.unsupported("the live check")),
            Strategy::Hybrid { tokens, refresh } => {
                let now = self.clock.now();
                let principal = tokens.verify(credential, now)?;
                let record = refresh.sessions().own(&principal, now).await?;
                Ok(Principal::from_access(record, principal.expires_at()))
            }
        }
    }

    /// Exchanges a refresh token for its successor and a fresh access token (rules R1 to R11).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]: ask for a login; alert the subject if there is an [`Error::incident`].
    /// [`Error::Store`] of kind `Unavailable`, [`Error::Contended`] or [`Error::NoEntropy`]: the same token presented
    /// again works (rule R7). What the [`RefreshHook`](crate::RefreshHook) answers, and [`Error::Login`] for claims of
    /// its that cannot be kept. [`Error::Unsupported`] where there are no refresh tokens.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Issued, Error> {
        let now = self.clock.now();
        match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                let Refreshed { record, credential, incident } =
                    refresh.rotate(refresh_token, now, &self.secret_names).await?;
                let mut issued = by_refresh(tokens.as_ref(), OpenedSession { record, credential }, now)?;
                issued.incident = incident;
                Ok(issued)
            }
            Strategy::Tokens { tokens, reissue: Some(limit) } => {
                reissue(tokens.as_ref(), refresh_token, *limit, now)
            }
            _ => Err(self.unsupported("refresh")),
        }
    }

    /// As [`Auth::refresh`], if the access token is one of the same session, expired or not.
    ///
    /// For browsers: a page of a sibling domain can plant a refresh cookie of its own, and not the `__Host-` cookie of
    /// the access token (rule C1). Where there is only one kind of credential, the access token is refreshed, and what is
    /// in the place of a refresh token does not count.
    ///
    /// # Errors
    ///
    /// As [`Auth::refresh`], and [`Error::Unauthenticated`] if the tokens are not of one session; then nothing has changed.
    pub async fn refresh_paired(&self, refresh_token: &str, access_token: &str) -> Result<Issued, Error> {
        let Strategy::Hybrid { tokens, .. } = &self.strategy else {
            return self.refresh(access_token).await;
        };
        let presented = RefreshToken::parse(refresh_token)?.id;
        let access = tokens.verify_ignoring_expiry(access_token, self.clock.now())?;
        if access.session_id() != Some(presented) {
            return Err(Rejection::OtherSession.into());
        }
        self.refresh(refresh_token).await
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
    /// [`Error::Unauthenticated`] if the principal's session has ended or was renewed since, or if the principal's own
    /// credential has expired; [`Error::Store`], [`Error::Contended`] or [`Error::NoEntropy`]; [`Error::Unsupported`] for tokens alone.
    pub async fn renew(&self, principal: &Principal) -> Result<Issued, Error> {
        self.renewed(principal, Renewal::Credential).await
    }

    /// As [`Auth::renew`], for a subject who has just proved themselves once more (step-up): sets
    /// [`Principal::authenticated_at`].
    ///
    /// # Errors
    ///
    /// As [`Auth::renew`].
    pub async fn reauthenticated(&self, principal: &Principal) -> Result<Issued, Error> {
        self.renewed(principal, Renewal::Reauthenticated).await
    }

    async fn renewed(&self, principal: &Principal, renewal: Renewal) -> Result<Issued, Error> {
        let now = self.clock.now();
        let opened = self.stateful("renew")?.renew(principal, renewal, now).await?;
        match &self.strategy {
            Strategy::Hybrid { tokens, .. } => by_refresh(tokens.as_ref(), opened, now),
            _ => Ok(by_session(opened, now)),
        }
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

    /// The principal of a changed record, which ends with the credential of the one before.
    fn principal_like(&self, principal: &Principal, record: SessionRecord) -> Principal {
        match self.strategy {
            Strategy::Hybrid { .. } => Principal::from_access(record, principal.expires_at()),
            _ => Principal::from_session(record),
        }
    }

    /// The strategy's sessions, if it has any.
    fn stateful(&self, operation: &'static str) -> Result<&dyn SessionStrategy, Error> {
        match &self.strategy {
            Strategy::Sessions(sessions) => Ok(&**sessions),
            Strategy::ServerSessions(sessions) => Ok(&**sessions),
            Strategy::Hybrid { refresh, .. } => Ok(&**refresh),
            Strategy::Tokens { .. } => Err(self.unsupported(operation)),
        }
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        let (strategy, instead) = match self.strategy {
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => {
                ("the sessions strategy", "the hybrid strategy")
            }
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
    ///
    /// To be called after the removal: until then, refreshes and renewals got through.
    fn revoked(&self, sessions: Vec<SessionId>) -> Revoked {
        let effective = match &self.strategy {
            Strategy::Hybrid { tokens, .. } => {
                Effective::At(self.clock.now().plus(tokens.lifetime()).plus(tokens.leeway()))
            }
            _ => Effective::Now,
        };
        Revoked { sessions, effective }
    }
}
