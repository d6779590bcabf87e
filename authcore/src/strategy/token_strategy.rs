//! The trait of token strategies, and what a token says.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{LoginError, Rejection};
use crate::secret::SecretString;
use crate::store::SessionDetails;
use crate::{Error, Principal, SessionId, Subject, Timestamp};

/// How access tokens are made and verified: without a store and without I/O.
///
/// [`Jwt`](crate::jwt::Jwt) is the one that comes with this crate. An implementation
///
/// - **must** check the signature before it believes anything else (rule T5);
/// - **must** refuse what has expired, what lives longer than it is willing to accept, and what is meant for
///   somebody else (rules T6 and T7);
/// - **must** give back the realm, the kind and `is_login` of the grant with the token; without them it is a
///   login in the unnamed realm (rules A12 and A13);
/// - **must not** make tokens that begin with `acr_`, which refresh tokens do;
/// - **must** take bounded time and memory for any input, and never panic (rule T12): `token` is the
///   attacker's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token strategy",
    label = "expected what `Jwt::builder(keys).issuer(..).audience(..).build()?` gives"
)]
pub trait TokenStrategy: fmt::Debug + Send + Sync + 'static {
    /// Makes an access token. Its `iat` is `now`, and its `exp` is one [`TokenStrategy::lifetime`] later or
    /// [`UnsignedToken::not_after`], whichever is earlier (rule R9).
    ///
    /// # Errors
    ///
    /// [`Error::Login`] if the claims do not fit, [`Error::NoEntropy`] without random bytes.
    fn issue(&self, grant: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error>;

    /// Who the holder of `token` is.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused.
    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection>;

    /// As [`TokenStrategy::verify`], but a token whose only fault is that it has expired is good: for logout.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused.
    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection>;

    /// The session that a token names, `sid`, without any check of the token; `None` if it names none or
    /// cannot be read.
    ///
    /// For a token that comes with a credential which proves the session: whatever has happened to keys,
    /// names and lifetimes since it was issued, it is good enough to name it (rule T17).
    ///
    /// # Security
    ///
    /// Anybody can write a token that names any session. The answer proves nothing.
    fn named_session(&self, token: &str) -> Option<SessionId>;

    /// How long its tokens live.
    fn lifetime(&self) -> Duration;

    /// How long after its expiry a token is still accepted, since clocks differ.
    fn leeway(&self) -> Duration;
}

impl<T: TokenStrategy + ?Sized> TokenStrategy for Arc<T> {
    fn issue(&self, grant: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        (**self).issue(grant, now)
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

/// What an access token is to say.
#[derive(Clone)]
#[non_exhaustive]
pub struct UnsignedToken<'g> {
    /// `sub`.
    pub subject: &'g str,
    /// The application's claims: the text of one JSON object without reserved names.
    pub claims: &'g str,
    /// `auth_time`.
    pub authenticated_at: Timestamp,
    /// `sid` and `epoch`, if the token belongs to a session.
    pub session: Option<SessionClaims>,
    /// When its session ends: `exp` is never later (rule R9).
    pub not_after: Option<Timestamp>,
    /// `auth_realm`: the name of the realm that the token is for; empty for the unnamed one, which is not
    /// written.
    pub realm: &'g str,
    /// `session_kind`: the name of the kind of session; empty for the default, which is not written.
    pub kind: &'g str,
    /// Whether the token represents a login; written with `session_kind` if it does not.
    pub is_login: bool,
    /// `client_id`, if the login states another one than the strategy's.
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
    /// A grant to `subject` of these claims (one JSON object), in the unnamed realm and without a session.
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

    /// The subject within the realm, as [`VerifiedToken`](crate::strategy::VerifiedToken) has it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.realm, self.subject)
    }

    /// The same grant with what the login stated.
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

    /// The error for a token that has `len` bytes where `max` are allowed, with the name of the largest
    /// claim.
    pub(crate) fn too_large(&self, len: usize, max: usize) -> LoginError {
        LoginError::TokenTooLarge { len, max, largest: crate::claims::largest(self.claims) }
    }
}

/// What a token says of the session that it belongs to.
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

/// A signed access token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    pub(crate) text: SecretString,
    pub(crate) expires_at: Timestamp,
}

impl AccessToken {
    /// A token and its `exp`.
    pub fn new(text: impl Into<String>, expires_at: Timestamp) -> Self {
        Self { text: SecretString::new(text.into()), expires_at }
    }

    /// The token itself.
    ///
    /// # Security
    ///
    /// Whoever holds it is the subject, until it expires.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// `exp`.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
