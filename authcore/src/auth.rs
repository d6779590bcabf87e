//! The one API over all strategies.

mod admin;
mod answers;
mod issue;
mod logout;
mod manage;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use self::issue::{AccessTokens, LoneTokens, by_session};
use self::logout::check_realm;
use crate::claims::SecretNames;
use crate::principal::CredentialKind;
use crate::refresh::token::RefreshToken;
use crate::refresh::{RefreshSessions, Refreshed};
use crate::session::api_key::{self, API_KEY_PREFIX};
use crate::session::engine::Sessions;
use crate::{
    CallContext, Clock, ConfigError, Error, Issued, Login, LoginError, Principal, Realm, Refresh, Rejection,
    Renewal, ServerSessions, SessionId, SessionKind, SessionRecord, SessionStrategy, Subject, SystemClock,
    Timestamp, TokenStrategy, Usage,
};

pub use admin::Admin;
pub use answers::{Effective, Revoked, SessionInfo};

/// Authentication by sessions, by tokens, or by the hybrid of both.
///
/// Cheap to clone and without type parameters: put it into your application's state. Handlers are the same
/// for all strategies; only the line that builds `Auth` knows which one it is.
///
/// | | sessions | tokens | hybrid |
/// | --- | --- | --- | --- |
/// | [`login`](Auth::login) | writes a session | signs | writes a session, signs |
/// | [`authenticate`](Auth::authenticate) | reads the store | no store | no store |
/// | [`authenticate_live`](Auth::authenticate_live) | reads the store | unsupported | reads the store |
/// | [`refresh`](Auth::refresh) | unsupported | unsupported, or a [re-issue](Auth::tokens_with_reissue) | reads and writes the store, signs |
/// | [`create_api_key`](Auth::create_api_key) | writes a session | unsupported | writes a session |
/// | [`renew`](Auth::renew), [`reauthenticated`](Auth::reauthenticated) | reads and writes | unsupported | reads and writes, signs |
/// | [`logout`](Auth::logout) | ends the session: now | at expiry | ends the session now, its access tokens at expiry |
/// | [`sessions_of`](Auth::sessions_of), [`revoke`](Auth::revoke), [`logout_others`](Auth::logout_others), [`logout_everywhere`](Auth::logout_everywhere), [`update_claims`](Auth::update_claims) | by the store | unsupported | by the store |
#[derive(Debug, Clone)]
pub struct Auth {
    strategy: Strategy,
    clock: Arc<dyn Clock>,
    secret_names: Arc<SecretNames>,
    realm: Realm,
    /// The longest access token that can be handed out, in bytes.
    max_token_len: usize,
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
        Self {
            strategy,
            clock: Arc::new(SystemClock),
            secret_names: Arc::default(),
            realm: Realm::UNNAMED,
            max_token_len: usize::MAX,
        }
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

    /// The stateless strategy whose [`refresh`](Auth::refresh) exchanges a good token for a fresh one with
    /// the same claims, until `limit` has passed since the login.
    ///
    /// # Errors
    ///
    /// If the limit is below the lifetime of a token or above 24 hours.
    ///
    /// # Security
    ///
    /// Whoever holds a token then keeps the subject's access until the limit, and nothing can end that
    /// earlier. The hybrid strategy is the one for long logins.
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
    /// If the idle timeout of a kind of session is below twice the lifetime of access tokens: only refreshes
    /// count as uses, so that such a session would end under its user's hands.
    pub fn hybrid(tokens: impl TokenStrategy, refresh: Refresh) -> Result<Self, ConfigError> {
        let Refresh(mut refresh) = refresh;
        let lifetime = tokens.lifetime();
        for (kind, policy) in refresh.sessions().policies().all() {
            if !policy.is_for_api_keys() && policy.idle() < lifetime.saturating_mul(2) {
                return Err(ConfigError::with_value(format!(
                    "the idle timeout of session kind `{kind}`, {:?}, is below twice the lifetime of access tokens, \
                     {lifetime:?}: only refreshes count as uses",
                    policy.idle(),
                )));
            }
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

    /// The same authentication for the applications and users of `realm` (rule A12).
    ///
    /// Cheap: an application with many tenants calls it for each request. Credentials, principals, subjects
    /// and limits of one realm mean nothing in another, in every strategy and on every store. Another
    /// issuer's tokens are of the unnamed realm.
    ///
    /// ```
    /// # async fn example(auth: authcore::Auth) -> Result<(), Box<dyn std::error::Error>> {
    /// use authcore::{Login, Realm};
    ///
    /// let (one, other) = (auth.in_realm(&Realm::new("tenant-1")?), auth.in_realm(&Realm::new("tenant-2")?));
    /// let issued = one.login(Login::new("ada")?).await?;
    /// assert!(one.authenticate(issued.credential()).await.is_ok());
    /// assert!(other.authenticate(issued.credential()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self { realm: realm.clone(), ..self.clone() }
    }

    /// The realm that this is for.
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Refuses to issue an access token of more than `max` bytes, so that nothing changes when it could not
    /// be handed out (rule R12): what a cookie has room for, for instance. The default is the longest token
    /// that is accepted. A limit that was set before is never raised.
    #[must_use]
    pub const fn with_max_token_len(mut self, max: usize) -> Self {
        if max < self.max_token_len {
            self.max_token_len = max;
        }
        self
    }

    #[inline]
    fn context(&self) -> CallContext<'_> {
        CallContext::new(&self.realm, self.clock.now())
    }

    fn access_tokens<'a>(
        &self,
        tokens: &'a dyn TokenStrategy,
        refresh: &'a RefreshSessions,
        now: Timestamp,
    ) -> AccessTokens<'a> {
        AccessTokens { tokens, sessions: refresh.sessions(), max_len: self.max_token_len, now }
    }

    fn lone_tokens<'a>(&'a self, tokens: &'a dyn TokenStrategy, now: Timestamp) -> LoneTokens<'a> {
        LoneTokens { tokens, realm: &self.realm, max_len: self.max_token_len, now }
    }

    /// Issues credentials to somebody who has just proved who they are.
    ///
    /// Always mints new ones (rule A1); see [`Login::replacing`] for the credential that the client held
    /// before.
    ///
    /// # Errors
    ///
    /// [`Error::Login`] for claims with a secret's name (rule T10) or that do not fit into a token that can
    /// be handed out (rule R12), and for a kind of session that was not registered; [`Error::Store`],
    /// [`Error::SessionLimit`] or [`Error::NoEntropy`]. Nobody is logged in then.
    pub async fn login(&self, login: Login) -> Result<Issued, Error> {
        let context = self.context();
        self.secret_names.check(&login.claims)?;
        self.own_subject(&login.subject)?;
        let replaces = self.former_sessions(&login.replacing, &context).await?;
        match &self.strategy {
            Strategy::Sessions(strategy) => {
                let opened = strategy.open(&login, &replaces, &context).await?;
                Ok(by_session(strategy.sessions(), opened, context.now))
            }
            Strategy::ServerSessions(strategy) => {
                let opened = strategy.open(&login, &replaces, &context).await?;
                Ok(by_session(strategy.sessions(), opened, context.now))
            }
            Strategy::Tokens { tokens, .. } => self.lone_tokens(&**tokens, context.now).login(&login),
            Strategy::Hybrid { tokens, refresh } => {
                let access = self.access_tokens(&**tokens, refresh, context.now);
                let (opened, made) =
                    refresh.open(&login, &replaces, &context, |record| access.issue(record)).await?;
                Ok(access.hand_out(opened, made))
            }
        }
    }

    /// Returns the principal of the request that sent this credential.
    ///
    /// Refuses sessions that [do not represent a login](crate::SessionPolicy::not_a_login); see
    /// [`Auth::authenticate_any`].
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if it is not good, and [`Error::Store`] if that cannot be said: never a
    /// fresh or anonymous principal (rule A9).
    pub async fn authenticate(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<true, false>(credential).await
    }

    /// As [`Auth::authenticate`], without counting as a use of the session: for requests that a page sends by
    /// itself, such as a poll for messages, which must not keep an absent user logged in (rule A14).
    ///
    /// # Errors
    ///
    /// As [`Auth::authenticate`].
    pub async fn authenticate_passively(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<false, false>(credential).await
    }

    /// As [`Auth::authenticate`], also for sessions that do not represent a login: those of guests, and of
    /// users between password and second factor (rule A13).
    ///
    /// # Security
    ///
    /// Look at [`Principal::kind`] before you grant anything.
    ///
    /// # Errors
    ///
    /// As [`Auth::authenticate`].
    pub async fn authenticate_any(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<true, true>(credential).await
    }

    /// As [`Auth::authenticate_any`], without counting as a use of the session (rule A14).
    ///
    /// # Errors
    ///
    /// As [`Auth::authenticate`].
    pub async fn authenticate_any_passively(&self, credential: &str) -> Result<Principal, Error> {
        self.verified::<false, true>(credential).await
    }

    /// The constants make one function of each of its callers', which saves a tenth of the verification of a
    /// session in memory.
    async fn verified<const COUNTS: bool, const ANY: bool>(
        &self,
        credential: &str,
    ) -> Result<Principal, Error> {
        let usage = if COUNTS { Usage::Counts } else { Usage::DoesNotCount };
        let context = self.context().with_usage(usage);
        let principal = match &self.strategy {
            Strategy::Tokens { tokens, .. } => {
                let principal = tokens.verify(credential, context.now)?;
                check_realm(&principal, &context)?;
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
                check_realm(&principal, &context)?;
                principal
            }
        };
        if !ANY && !self.is_login(&principal) {
            return Err(Rejection::NotALogin.into());
        }
        Ok(principal)
    }

    async fn verify_api_key(&self, key: &str, context: &CallContext<'_>) -> Result<Principal, Error> {
        let sessions = self.stateful("an API key")?;
        let record = api_key::verify(sessions, key, context).await?;
        Ok(session_principal(sessions, record))
    }

    /// Returns whether a principal represents a login, as its credential says and, where its kind is known
    /// here, today's policy (rule A13): what [`Auth::authenticate`] requires beyond
    /// [`Auth::authenticate_any`].
    pub fn is_login(&self, principal: &Principal) -> bool {
        if principal.is_plain() {
            return true;
        }
        let kind = principal.kind_name();
        principal.states_login()
            && (kind.is_empty()
                || self.stateful("kinds").map_or(true, |sessions| sessions.policies().allows_login(kind)))
    }

    /// As [`Auth::authenticate`], and the session is asked for in the store even by the hybrid strategy: for
    /// the few requests that cannot wait for an access token to expire.
    ///
    /// # Errors
    ///
    /// As [`Auth::authenticate`]; [`Error::Unsupported`] for tokens alone.
    pub async fn authenticate_live(&self, credential: &str) -> Result<Principal, Error> {
        match &self.strategy {
            Strategy::Tokens { .. } => Err(self.unsupported("the live check")),
            Strategy::Hybrid { refresh, .. } if !credential.starts_with(API_KEY_PREFIX) => {
                let principal = self.authenticate(credential).await?;
                let record = refresh.sessions().own(&principal, &self.context()).await?;
                Ok(principal.refreshed_by(record))
            }
            _ => self.authenticate(credential).await,
        }
    }

    /// Exchanges a refresh token for its successor and a fresh access token (rules R1 to R12).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`]: ask for a login; alert the subject if there is an [`Error::incident`].
    /// [`Error::Store`] of kind `Unavailable`, [`Error::Contended`] or [`Error::NoEntropy`]: the same token
    /// presented again works (rule R7). What the [`RefreshHook`](crate::RefreshHook) answers, and
    /// [`Error::Login`] for claims of its that cannot be kept or handed out; then nothing has changed, and
    /// the same token works once they fit (rule R12). [`Error::Unsupported`] where there are no refresh
    /// tokens.
    pub async fn refresh(&self, refresh_token: &str) -> Result<Issued, Error> {
        let context = self.context();
        match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                let access = self.access_tokens(&**tokens, refresh, context.now);
                let rotated = refresh
                    .rotate(refresh_token, &context, &self.secret_names, |record| access.issue(record))
                    .await?;
                let Refreshed { opened, prepared, incident } = rotated;
                Ok(Issued { incident, ..access.hand_out(opened, prepared) })
            }
            Strategy::Tokens { tokens, reissue: Some(limit) } => {
                self.lone_tokens(&**tokens, context.now).reissue(refresh_token, *limit)
            }
            _ => Err(self.unsupported("refresh")),
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
    pub async fn refresh_paired(&self, refresh_token: &str, access_token: &str) -> Result<Issued, Error> {
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
            Strategy::Tokens { .. } => Err(self.unsupported("renew")),
        }
    }

    /// Returns whether [`Auth::login`] can open sessions of this kind: it is the default, or was registered
    /// with the strategy and is not for API keys (rule A13).
    pub fn has_kind(&self, kind: &SessionKind) -> bool {
        match self.stateful("kinds") {
            Ok(sessions) => sessions.policies().for_login(kind, false).is_ok(),
            Err(_) => kind.is_default(),
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

    /// Whether the session's renewed credential could be handed out: to be asked before anything else changes
    /// (rule R12).
    #[cfg(feature = "password")]
    pub(crate) fn check_renewal(&self, record: &SessionRecord) -> Result<(), Error> {
        match &self.strategy {
            Strategy::Hybrid { tokens, refresh } => {
                self.access_tokens(&**tokens, refresh, self.clock.now()).issue(record).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The principal's own live session (rule A11); `None` if the strategy keeps none.
    #[cfg(feature = "password")]
    pub(crate) async fn own_session(&self, principal: &Principal) -> Result<Option<SessionRecord>, Error> {
        match self.stateful("own session") {
            Ok(sessions) => sessions.own(principal, &self.context()).await.map(Some),
            Err(_) => {
                check_realm(principal, &self.context())?;
                if self.is_login(principal) { Ok(None) } else { Err(Rejection::NotALogin.into()) }
            }
        }
    }

    /// The subject in the realm of this `Auth`: one that states another realm is somebody else (rule A12).
    fn own_subject(&self, subject: &Subject) -> Result<Subject, LoginError> {
        let (stated, realm) = (subject.realm_name(), self.realm.name());
        if !stated.is_empty() && stated != realm {
            return Err(LoginError::OtherRealm { subject: stated.into(), realm: realm.into() });
        }
        Ok(subject.in_realm(&self.realm))
    }

    /// The strategy's sessions, if it has any.
    fn stateful(&self, operation: &'static str) -> Result<&Sessions, Error> {
        match &self.strategy {
            Strategy::Sessions(strategy) => Ok(strategy.sessions()),
            Strategy::ServerSessions(strategy) => Ok(strategy.sessions()),
            Strategy::Hybrid { refresh, .. } => Ok(refresh.sessions()),
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

    /// The answer to the revocation of one session. An API key is looked up at each request, so it is refused
    /// at once.
    fn revoked_one(&self, removed: Option<&SessionRecord>) -> Revoked {
        let revoked = self.revoked(removed.map(SessionRecord::id).into_iter().collect());
        let is_key = removed.is_some_and(|record| record.kind() == CredentialKind::ApiKey);
        if is_key { Revoked { effective: Effective::Now, ..revoked } } else { revoked }
    }

    /// The answer to a revocation of sessions of which nothing more is known. That none was there to be ended
    /// may mean that an earlier attempt ended them, so the time is the same.
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

/// The principal of a session token or an API key.
#[inline]
fn session_principal(sessions: &Sessions, record: SessionRecord) -> Principal {
    let end = sessions.policies().of(&record).timeouts().absolute_end(&record);
    Principal::from_session(record, end)
}
