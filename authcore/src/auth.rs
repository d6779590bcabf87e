//! The `Auth` type: one API over all strategies.

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

/// The entry point: logs users in, authenticates their requests and logs them out.
///
/// `Auth` is cheap to clone and has no type parameters, so that it fits into an application's state. Handlers
/// are the same for all strategies: only the code that builds `Auth` chooses one. [`Auth::supports`] tells
/// whether the chosen strategy supports an operation. Calling an unsupported one returns
/// [`Error::Unsupported`].
///
/// | | sessions | tokens | hybrid |
/// | --- | --- | --- | --- |
/// | [`login`] | writes a session | signs | writes a session, signs |
/// | [`authenticate`] | reads the store | no store | no store, except for API keys |
/// | [`authenticate_and_check_session`] | reads the store | unsupported | reads the store |
/// | [`refresh`] | unsupported | unsupported, or a [re-issue] | reads and writes, signs |
/// | [`renew`], [`record_reauthentication`] | reads and writes | unsupported | reads and writes, signs |
/// | [`logout`] | takes effect at once | takes effect at expiry | ends the session at once [^hybrid] |
/// | [`create_api_key`] | writes a session | unsupported | writes a session |
/// | [`sessions_of`], [`update_claims`] | through the store | unsupported | through the store |
/// | [`revoke`], [`logout_others`] | through the store | unsupported | through the store |
/// | [`logout_everywhere`] | through the store | unsupported | through the store |
///
/// [^hybrid]: Access tokens that were issued for the session remain valid until they expire.
///
/// [re-issue]: Auth::with_tokens_and_reissue
/// [`login`]: Auth::login
/// [`authenticate`]: Auth::authenticate
/// [`authenticate_and_check_session`]: Auth::authenticate_and_check_session
/// [`refresh`]: Auth::refresh
/// [`renew`]: Auth::renew
/// [`record_reauthentication`]: Auth::record_reauthentication
/// [`logout`]: Auth::logout
/// [`create_api_key`]: Auth::create_api_key
/// [`sessions_of`]: Auth::sessions_of
/// [`update_claims`]: Auth::update_claims
/// [`revoke`]: Auth::revoke
/// [`logout_others`]: Auth::logout_others
/// [`logout_everywhere`]: Auth::logout_everywhere
#[derive(Debug, Clone)]
pub struct Auth {
    strategy: Strategy,
    clock: Arc<dyn Clock>,
    secret_names: Arc<SecretNames>,
    realm: Realm,
    /// The length limit of access tokens, in bytes.
    max_token_len: usize,
}

#[derive(Debug, Clone)]
enum Strategy {
    Sessions(Arc<dyn SessionStrategy>),
    /// The built-in session strategy, called without dynamic dispatch because it verifies every request.
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

    /// Creates an `Auth` that uses server-side sessions.
    ///
    /// Every request reads the store, and a revocation takes effect at once.
    pub fn with_sessions(strategy: impl SessionStrategy) -> Self {
        let strategy = Arc::new(strategy);
        Self::new(match (Arc::clone(&strategy) as Arc<dyn Any + Send + Sync>).downcast() {
            Ok(ours) => Strategy::ServerSessions(ours),
            Err(_) => Strategy::Sessions(strategy),
        })
    }

    /// Creates an `Auth` that uses tokens only.
    ///
    /// No request reads a store, and a token remains valid until it expires.
    pub fn with_tokens(strategy: impl TokenStrategy) -> Self {
        Self::new(Strategy::Tokens { tokens: Arc::new(strategy), reissue: None })
    }

    /// Creates an `Auth` that uses tokens only, and whose [`refresh`](Auth::refresh) exchanges a valid token
    /// for a new one.
    ///
    /// The new token has the same claims. `limit` counts from the time of authentication that the login
    /// stated ([`Login::authenticated_at`](crate::Login::authenticated_at)), which may be earlier than the
    /// call of [`Auth::login`]. After the limit, `refresh` refuses the token. No re-issued token outlives the
    /// limit.
    ///
    /// # Errors
    ///
    /// If `limit` is below the lifetime of a token or above 24 hours.
    ///
    /// # Security
    ///
    /// A stolen token can be exchanged too: it gives access until the limit, and nothing can end that
    /// earlier. For long logins, use the [hybrid strategy](Auth::with_hybrid).
    pub fn with_tokens_and_reissue(
        strategy: impl TokenStrategy,
        limit: Duration,
    ) -> Result<Self, ConfigError> {
        if limit < strategy.lifetime() {
            return Err(ConfigError::with_value(format!(
                "the re-issue limit, {limit:?}, is below the lifetime of a token, {:?}; raise the limit",
                strategy.lifetime(),
            )));
        }
        if limit > Duration::from_secs(24 * 60 * 60) {
            return Err(ConfigError::with_value(format!(
                "the re-issue limit, {limit:?}, is above 24 hours; lower it or use the hybrid strategy"
            )));
        }
        Ok(Self::new(Strategy::Tokens { tokens: Arc::new(strategy), reissue: Some(limit) }))
    }

    /// Creates an `Auth` that verifies access tokens without a store, and consults a session at every
    /// refresh.
    ///
    /// # Errors
    ///
    /// If the idle timeout of a kind of session is below twice the lifetime of access tokens. Only refreshes
    /// count as uses, so such a session could end while its user is active.
    pub fn with_hybrid(tokens: impl TokenStrategy, refresh: RefreshTokens) -> Result<Self, ConfigError> {
        let RefreshTokens(mut refresh) = refresh;
        let lifetime = tokens.lifetime();
        for (kind, policy) in refresh.sessions().policies().all() {
            if !policy.is_for_api_keys() && policy.effective_idle_timeout() < lifetime.saturating_mul(2) {
                return Err(ConfigError::with_value(format!(
                    "the idle timeout of session kind `{kind}`, {:?}, is below twice the lifetime of access \
                     tokens, {lifetime:?}: only refreshes count as uses; raise the idle timeout or shorten \
                     the lifetime",
                    policy.effective_idle_timeout(),
                )));
            }
        }
        refresh.set_leeway(tokens.leeway());
        Ok(Self::new(Strategy::Hybrid { tokens: Arc::new(tokens), refresh: Arc::new(refresh) }))
    }

    /// Replaces the clock, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Replaces the list of claim names that denote a secret and are refused at login (rule T10).
    ///
    /// The default is [`Claims::SECRET_NAMES`](crate::Claims::SECRET_NAMES).
    #[must_use]
    pub fn with_secret_claims(mut self, names: &[&str]) -> Self {
        self.secret_names = Arc::new(SecretNames::new(names));
        self
    }

    /// Returns an `Auth` for `realm` that shares everything else with this one (rule A12).
    ///
    /// This is cheap: an application with many tenants calls it for each request. Credentials, principals,
    /// subjects and limits of one realm mean nothing in another, with every strategy and every store. Tokens
    /// of another issuer belong to the unnamed realm.
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

    /// Returns the realm of this `Auth`.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Limits the length of access tokens to `max` bytes, such as the room in a cookie.
    ///
    /// A longer token is refused when it is issued, before anything is written (rule R12). The default is the
    /// longest token that is accepted. A lower limit that was set before stays in force.
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

    /// Returns whether [`Auth::login`] can open sessions of this kind.
    ///
    /// It can for the default kind, and for kinds that were registered with the strategy and are not for API
    /// keys (rule A13).
    pub fn has_kind(&self, kind: &SessionKind) -> bool {
        match self.sessions() {
            Some(sessions) => sessions.policies().for_login(kind, false).is_ok(),
            None => kind.is_default(),
        }
    }

    /// Returns whether the strategy supports an operation.
    ///
    /// An application can then leave out a page or a button instead of handling [`Error::Unsupported`].
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

    /// Returns the operations that act on any subject without a principal, for administrators and
    /// back-channel events.
    ///
    /// # Security
    ///
    /// These operations do not check who is calling.
    pub fn admin(&self) -> Admin<'_> {
        Admin(self)
    }

    /// Returns the subject in the realm of this `Auth`; refuses one that states another realm (rule A12).
    fn own_subject(&self, subject: &Subject) -> Result<Subject, LoginError> {
        let (stated, realm) = (subject.realm_name(), self.realm.name());
        if !stated.is_empty() && stated != realm {
            return Err(LoginError::OtherRealm { subject: stated.into(), realm: realm.into() });
        }
        Ok(subject.in_realm(&self.realm))
    }

    /// Returns the strategy's sessions; `None` if it keeps none.
    fn sessions(&self) -> Option<&Sessions> {
        match &self.strategy {
            Strategy::Sessions(strategy) => Some(strategy.sessions()),
            Strategy::ServerSessions(strategy) => Some(strategy.sessions()),
            Strategy::Hybrid { refresh, .. } => Some(refresh.sessions()),
            Strategy::Tokens { .. } => None,
        }
    }

    /// Returns the strategy's sessions, or an error that names the operation that needs them.
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
