//! The one API over all strategies.

pub(crate) mod admin;
mod authentication;
mod issuance;
mod login;
mod logout;
pub(crate) mod operation;
mod renewal;
pub(crate) mod revocation;
pub(crate) mod session_info;
mod session_management;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use self::admin::Admin;
use self::operation::Operation;
use crate::claims::SecretNames;
use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, LoginError};
use crate::refresh_tokens::RefreshSessions;
use crate::session::sessions::Sessions;
use crate::strategy::{CallContext, SessionStrategy, TokenStrategy};
use crate::{Error, Realm, RefreshTokens, ServerSessions, SessionKind, Subject};

/// Authentication by sessions, by tokens, or by the hybrid of both.
///
/// Cheap to clone and without type parameters: put it into your application's state. Handlers are the same
/// for all strategies; only the line that builds `Auth` knows which one it is.
///
/// | | sessions | tokens | hybrid |
/// | --- | --- | --- | --- |
/// | [`login`](Auth::login) | writes a session | signs | writes a session, signs |
/// | [`authenticate`](Auth::authenticate) | reads the store | no store | no store |
/// | [`authenticate_and_check_session`](Auth::authenticate_and_check_session) | reads the store | unsupported | reads the store |
/// | [`refresh`](Auth::refresh) | unsupported | unsupported, or a [re-issue](Auth::with_tokens_and_reissue) | reads and writes the store, signs |
/// | [`create_api_key`](Auth::create_api_key) | writes a session | unsupported | writes a session |
/// | [`renew`](Auth::renew), [`record_reauthentication`](Auth::record_reauthentication) | reads and writes | unsupported | reads and writes, signs |
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
    pub fn with_sessions(strategy: impl SessionStrategy) -> Self {
        let strategy = Arc::new(strategy);
        Self::new(match (Arc::clone(&strategy) as Arc<dyn Any + Send + Sync>).downcast() {
            Ok(ours) => Strategy::ServerSessions(ours),
            Err(_) => Strategy::Sessions(strategy),
        })
    }

    /// The stateless strategy: no request reads a store, and a token is good until it expires.
    pub fn with_tokens(strategy: impl TokenStrategy) -> Self {
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
    pub fn with_tokens_and_reissue(
        strategy: impl TokenStrategy,
        limit: Duration,
    ) -> Result<Self, ConfigError> {
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
    pub fn with_hybrid(tokens: impl TokenStrategy, refresh: RefreshTokens) -> Result<Self, ConfigError> {
        let RefreshTokens(mut refresh) = refresh;
        let lifetime = tokens.lifetime();
        for (kind, policy) in refresh.sessions().policies().all() {
            if !policy.is_for_api_keys() && policy.effective_idle_timeout() < lifetime.saturating_mul(2) {
                return Err(ConfigError::with_value(format!(
                    "the idle timeout of session kind `{kind}`, {:?}, is below twice the lifetime of access tokens, \
                     {lifetime:?}: only refreshes count as uses",
                    policy.effective_idle_timeout(),
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
    /// default is [`Claims::SECRET_NAMES`](crate::Claims::SECRET_NAMES).
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
    /// assert!(one.authenticate(issued.credential().expose()).await.is_ok());
    /// assert!(other.authenticate(issued.credential().expose()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self { realm: realm.clone(), ..self.clone() }
    }

    /// The realm that this is for.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Refuses to issue an access token of more than `max` bytes, so that nothing changes when it could not
    /// be handed out (rule R12): what a cookie has room for, for instance. The default is the longest token
    /// that is accepted. A limit that was set before is never raised.
    #[must_use]
    pub fn with_max_token_len(mut self, max: usize) -> Self {
        if max < self.max_token_len {
            self.max_token_len = max;
        }
        self
    }

    #[inline]
    fn context(&self) -> CallContext<'_> {
        CallContext::new(&self.realm, self.clock.now())
    }

    /// Returns whether [`Auth::login`] can open sessions of this kind: it is the default, or was registered
    /// with the strategy and is not for API keys (rule A13).
    pub fn has_kind(&self, kind: &SessionKind) -> bool {
        match self.sessions() {
            Some(sessions) => sessions.policies().for_login(kind, false).is_ok(),
            None => kind.is_default(),
        }
    }

    /// Returns whether the strategy supports an operation, so that an application can leave out a page or a
    /// button instead of handling [`Error::Unsupported`].
    ///
    /// ```
    /// # fn main() -> Result<(), authcore::error::ConfigError> {
    /// use authcore::{Auth, MemoryStore, Operation, ServerSessions};
    ///
    /// let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
    /// assert!(auth.supports(Operation::ListSessions));
    /// assert!(!auth.supports(Operation::Refresh), "session tokens are not refreshed");
    /// # Ok(())
    /// # }
    /// ```
    pub fn supports(&self, operation: Operation) -> bool {
        match self.strategy {
            Strategy::Tokens { reissue, .. } => operation == Operation::Refresh && reissue.is_some(),
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => operation != Operation::Refresh,
            Strategy::Hybrid { .. } => true,
        }
    }

    /// What acts on any subject without a principal: for administrators and back-channel events.
    ///
    /// # Security
    ///
    /// Nothing here asks who is calling.
    pub fn admin(&self) -> Admin<'_> {
        Admin(self)
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
    fn sessions(&self) -> Option<&Sessions> {
        match &self.strategy {
            Strategy::Sessions(strategy) => Some(strategy.sessions()),
            Strategy::ServerSessions(strategy) => Some(strategy.sessions()),
            Strategy::Hybrid { refresh, .. } => Some(refresh.sessions()),
            Strategy::Tokens { .. } => None,
        }
    }

    /// The strategy's sessions, for an operation that needs them.
    fn stateful(&self, operation: Operation) -> Result<&Sessions, Error> {
        self.sessions().ok_or_else(|| self.unsupported(operation))
    }

    fn unsupported(&self, operation: Operation) -> Error {
        let (strategy, instead) = match self.strategy {
            Strategy::Sessions(_) | Strategy::ServerSessions(_) => {
                ("the sessions strategy", "the hybrid strategy")
            }
            Strategy::Tokens { .. } if operation == Operation::Refresh => {
                ("the tokens strategy", "the hybrid strategy")
            }
            Strategy::Tokens { .. } => ("the tokens strategy", "the sessions or the hybrid strategy"),
            Strategy::Hybrid { .. } => ("the hybrid strategy", "the sessions strategy"),
        };
        Error::Unsupported { operation, strategy, instead }
    }
}
