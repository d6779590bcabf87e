//! The trait of token strategies, and the contents of a token to be issued.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{LoginError, Rejection};
use crate::secret::SecretString;
use crate::store::SessionDetails;
use crate::{Error, Principal, SessionId, Subject, Timestamp};

/// A way to issue and verify access tokens, without a store and without I/O during verification.
///
/// For authors of a strategy; [`Jwt`](crate::jwt::Jwt) is the built-in one. An implementation
///
/// - **must** check the signature before it trusts any other part of the token (rule T5);
/// - **must** refuse a token that has expired, that lives longer than it accepts, or that is meant for
///   someone else (rules T6 and T7);
/// - **must** write the realm, the kind and `is_login` of an [`UnsignedToken`] and return them when it
///   verifies the token; without them, the token counts as a login in the unnamed realm (rules A12 and A13);
/// - **must** leave out claims with [reserved names](crate::Claims::RESERVED_NAMES), which sessions of an
///   earlier release may contain (rule T13);
/// - **must not** issue tokens that begin with `acr_` or `ack_`: `Auth` routes refresh tokens and API keys by
///   these prefixes;
/// - **must** take bounded time and memory for any input, and never panic (rule T12), because an attacker
///   controls `token`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token strategy",
    label = "expected a built strategy, such as `Jwt::builder(keys).issuer(..).audience(..).build()?`",
    note = "for `ServerSessions`, call `Auth::with_sessions(sessions)`",
    note = "`Auth::with_hybrid` takes the `Jwt` first and the `RefreshTokens` second"
)]
pub trait TokenStrategy: fmt::Debug + Send + Sync + 'static {
    /// Issues an access token.
    ///
    /// Its `iat` is `now`. Its `exp` is one [`TokenStrategy::lifetime`] later or
    /// [`UnsignedToken::not_after`], whichever is earlier (rule R9).
    ///
    /// # Errors
    ///
    /// - [`Error::Login`] if the claims do not fit into a token.
    /// - [`Error::NoEntropy`] if the operating system provides no random bytes.
    /// - [`Error::Store`] of kind `Unavailable` if an external signer cannot be reached (rule T19).
    fn issue(&self, token: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error>;

    /// Returns the principal of `token`.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection>;

    /// Like [`TokenStrategy::verify`], but accepts a token whose only fault is that it has expired: for
    /// logout.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused.
    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection>;

    /// Returns the session that a token names (`sid`), without verifying the token; `None` if it names none
    /// or cannot be read.
    ///
    /// For a token presented together with a credential that authenticates the session. Changes of keys,
    /// names or lifetimes since the token was issued do not matter then (rule T17).
    ///
    /// # Security
    ///
    /// Anyone can write a token that names any session, so the result proves nothing.
    fn named_session(&self, token: &str) -> Option<SessionId>;

    /// Returns how long tokens live.
    fn lifetime(&self) -> Duration;

    /// Returns how long after its expiry a token is still accepted, because clocks differ.
    fn leeway(&self) -> Duration;
}

impl<T: TokenStrategy + ?Sized> TokenStrategy for Arc<T> {
    fn issue(&self, token: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        (**self).issue(token, now)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        (**self).verify(token, now)
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        (**self).verify_ignoring_expiry(token, now)
    }

    fn named_session(&self, token: &str) -> Option<SessionId> {
        (**self).named_session(token)
    }

    fn lifetime(&self) -> Duration {
        (**self).lifetime()
    }

    fn leeway(&self) -> Duration {
        (**self).leeway()
    }
}

/// The contents of an access token to be issued.
///
/// For authors of a token strategy, who sign it in [`TokenStrategy::issue`].
#[derive(Clone)]
#[non_exhaustive]
pub struct UnsignedToken<'g> {
    /// `sub`.
    pub subject: &'g str,
    /// The application's claims: the text of one JSON object.
    ///
    /// A session of an earlier release may contain [reserved names](crate::Claims::RESERVED_NAMES), which the
    /// strategy leaves out.
    pub claims: &'g str,
    /// `auth_time`.
    pub authenticated_at: Timestamp,
    /// `sid` and `epoch`, if the token belongs to a session.
    pub session: Option<SessionClaims>,
    /// When the token's session ends: `exp` is never later (rule R9).
    pub not_after: Option<Timestamp>,
    /// `auth_realm`: the name of the token's realm; empty for the unnamed realm, which is not written.
    pub realm: &'g str,
    /// `session_kind`: the name of the kind of session; empty for the default, which is not written.
    pub kind: &'g str,
    /// Whether the token represents a login. If it does not, that is written with `session_kind`.
    pub is_login: bool,
    /// `client_id`, if the login states another client than the strategy's.
    pub client_id: Option<&'g str>,
    /// `act.sub`: who acts as the subject.
    pub actor: Option<&'g str>,
    /// `acr`.
    pub context_class: Option<&'g str>,
    /// `amr`.
    pub methods: &'g [Box<str>],
}

impl fmt::Debug for UnsignedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsignedToken")
            .field("subject", &self.subject)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl<'g> UnsignedToken<'g> {
    /// Creates the contents of a token for `subject` with these claims (one JSON object), in the unnamed
    /// realm and without a session.
    pub fn new(subject: &'g str, claims: &'g str, authenticated_at: Timestamp) -> Self {
        Self {
            subject,
            claims,
            authenticated_at,
            session: None,
            not_after: None,
            realm: "",
            kind: "",
            is_login: true,
            client_id: None,
            actor: None,
            context_class: None,
            methods: &[],
        }
    }

    /// Returns the subject within the realm, as [`VerifiedToken`](crate::strategy::VerifiedToken) has it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.realm, self.subject)
    }

    /// Adds the details that the login stated.
    #[must_use]
    pub fn with_details(mut self, details: &'g SessionDetails) -> Self {
        self.kind = if details.kind.is_default() { "" } else { details.kind.as_str() };
        self.is_login = details.is_login;
        self.client_id = details.client_id.as_deref();
        self.actor = details.actor.as_deref();
        self.context_class = details.acr.as_deref();
        self.methods = &details.amr;
        self
    }

    /// Returns the error for a token of `len` bytes where `max` are allowed, with the name of the largest
    /// claim.
    pub(crate) fn too_large(&self, len: usize, max: usize) -> LoginError {
        LoginError::TokenTooLarge { len, max, largest: crate::claims::largest(self.claims) }
    }
}

/// The claims by which a token refers to its session. For authors of a token strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "token strategies build it")]
pub struct SessionClaims {
    /// `sid`.
    pub id: SessionId,
    /// `epoch`: how often the session had been renewed.
    pub epoch: u32,
}

impl SessionClaims {
    /// Creates the claims of the session with this id, which was renewed `epoch` times.
    pub fn new(id: SessionId, epoch: u32) -> Self {
        Self { id, epoch }
    }
}

/// A signed access token, returned by [`TokenStrategy::issue`]. For authors of a token strategy.
#[derive(Debug, Clone)]
pub struct AccessToken {
    pub(crate) text: SecretString,
    pub(crate) expires_at: Timestamp,
}

impl AccessToken {
    /// Creates a token from its text and its `exp`.
    pub fn new(text: impl Into<String>, expires_at: Timestamp) -> Self {
        Self { text: SecretString::new(text.into()), expires_at }
    }

    /// Returns the text of the token.
    ///
    /// # Security
    ///
    /// It authenticates its holder as the subject until it expires. Never log it.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Returns when the token expires (`exp`).
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
