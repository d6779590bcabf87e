//! Who just proved themselves, what they are handed, and who a request is.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::secret::SecretString;
use crate::token::SessionClaims;
use crate::{Device, Error, LoginError, SessionId, SessionRecord, Subject, Timestamp};

/// Somebody who has just proved who they are, by whatever means the application uses.
///
/// ```
/// # fn main() -> Result<(), authcore::LoginError> {
/// use authcore::{Device, Login};
///
/// #[derive(serde::Serialize)]
/// struct Role { role: String }
///
/// let login = Login::new("user-42")?
///     .claims(&Role { role: "admin".into() })?
///     .device(Device::unknown().with_label("Ada's phone"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Login {
    pub(crate) subject: Subject,
    pub(crate) claims: Box<str>,
    pub(crate) device: Device,
    pub(crate) replacing: Option<SecretString>,
}

impl Login {
    /// A login of `subject`, without claims.
    ///
    /// # Errors
    ///
    /// [`LoginError::Subject`] if `subject` is empty, longer than 255 bytes or contains NUL.
    pub fn new(subject: impl Into<String>) -> Result<Self, LoginError> {
        Ok(Self::of(Subject::new(subject)?))
    }

    /// A login of `subject`, without claims.
    pub fn of(subject: Subject) -> Self {
        Self { subject, claims: "{}".into(), device: Device::unknown(), replacing: None }
    }

    /// Sets the application's claims: anything that serializes as a JSON object.
    ///
    /// # Errors
    ///
    /// As [`Claims::from_serialize`].
    pub fn claims<T: Serialize + ?Sized>(mut self, claims: &T) -> Result<Self, LoginError> {
        self.claims = Claims::from_serialize(claims)?.to_json()?;
        Ok(self)
    }

    /// Says what is logging in, for the subject's list of devices.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Names the credential that the client held until now: if it is good, its session ends once the new one
    /// exists (rule A10). One that is not good is ignored.
    #[must_use]
    pub fn replacing(mut self, credential: impl Into<String>) -> Self {
        self.replacing = Some(SecretString::new(credential.into()));
        self
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("subject", &self.subject)
            .field("claims", &format_args!("[{} bytes]", self.claims.len()))
            .field("device", &self.device)
            .field("replacing", &self.replacing)
            .finish()
    }
}

/// What to hand the client after a login, a refresh or a renewal.
///
/// Its secrets are redacted in `Debug` and wiped when it is dropped.
#[derive(Debug, Clone)]
pub struct Issued {
    pub(crate) credential: SecretString,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) refresh: Option<SecretString>,
    pub(crate) refresh_expires_at: Option<Timestamp>,
    pub(crate) principal: Principal,
    pub(crate) incident: Option<Box<Incident>>,
}

impl Issued {
    /// What the client sends with every request: the session token or the access token.
    ///
    /// # Security
    ///
    /// Whoever holds it is the subject. It belongs into a cookie or a response body, and nowhere else.
    pub fn credential(&self) -> &str {
        self.credential.expose()
    }

    /// When the credential ends in any case.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How long the credential lives at most: OAuth's `expires_in`, or a cookie's `Max-Age`.
    pub const fn expires_in(&self) -> Duration {
        self.expires_at.since(self.issued_at)
    }

    /// What the client sends to [`Auth::refresh`](crate::Auth::refresh), and nowhere else: the hybrid strategy's
    /// second credential.
    ///
    /// # Security
    ///
    /// As [`Issued::credential`]. It is replaced when it is used; keep the one that the answer has.
    pub fn refresh_token(&self) -> Option<&str> {
        self.refresh.as_ref().map(SecretString::expose)
    }

    /// When the refresh token's session ends in any case.
    pub const fn refresh_expires_at(&self) -> Option<Timestamp> {
        self.refresh_expires_at
    }

    /// How long the refresh token's session lives at most.
    pub fn refresh_expires_in(&self) -> Option<Duration> {
        self.refresh_expires_at.map(|end| end.since(self.issued_at))
    }

    /// Who the credential says that its holder is.
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The incident that this call discovered and survived: [`IncidentKind::StoreWentBack`] (rule R6).
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_deref()
    }
}

/// Something that the subject or an operator should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    pub(crate) kind: IncidentKind,
    pub(crate) subject: Subject,
    pub(crate) session_id: SessionId,
    pub(crate) device: Device,
}

/// The kinds of [`Incident`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IncidentKind {
    /// A refresh token was used after its grace window: a client that lost its successor, or a thief (rule R3).
    ReplayedLate,
    /// A refresh token was used that had been replaced twice or more: somebody kept it (rule R3).
    Reuse,
    /// A good refresh token was newer than its stored session: the store lost writes (rule R6).
    StoreWentBack,
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReplayedLate => "replayed late",
            Self::Reuse => "reuse",
            Self::StoreWentBack => "the store went back",
        })
    }
}

impl Incident {
    pub(crate) fn new(kind: IncidentKind, record: &SessionRecord) -> Box<Self> {
        let (subject, device) = (record.to_subject(), record.device());
        Box::new(Self { kind, subject, session_id: record.id(), device })
    }

    /// What happened.
    pub const fn kind(&self) -> IncidentKind {
        self.kind
    }

    /// To whom.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// In which session. It has ended, but for [`IncidentKind::StoreWentBack`].
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// What had logged in.
    pub const fn device(&self) -> &Device {
        &self.device
    }
}

/// Who a request is: what a verified credential says.
///
/// A principal does not outlive its credential: operations that change or list sessions refuse one whose credential
/// has expired, and check it against the store again (rule A11).
#[derive(Clone)]
pub struct Principal {
    source: Source,
    expires_at: Timestamp,
}

#[derive(Clone)]
enum Source {
    Session(SessionRecord),
    Token(TokenFacts),
}

/// What a principal keeps of a token; small, since it is moved as often as it is asked for.
#[derive(Clone)]
pub(crate) struct TokenFacts {
    /// The claims and behind them the subject, in one block of memory.
    texts: String,
    claims_len: usize,
    authenticated_at: Timestamp,
    origin: Option<Box<Origin>>,
}

/// Where a token comes from, unless it is our own and without a session.
#[derive(Clone)]
struct Origin {
    session: Option<SessionClaims>,
    foreign_issuer: Option<Arc<str>>,
}

impl TokenFacts {
    pub(crate) fn new(
        claims: String,
        subject: &str,
        authenticated_at: Timestamp,
        session: Option<SessionClaims>,
        foreign_issuer: Option<Arc<str>>,
    ) -> Self {
        let (claims_len, mut texts) = (claims.len(), claims);
        texts.push_str(subject);
        let origin = (session.is_some() || foreign_issuer.is_some())
            .then(|| Box::new(Origin { session, foreign_issuer }));
        Self { texts, claims_len, authenticated_at, origin }
    }

    fn subject(&self) -> &str {
        self.texts.split_at(self.claims_len).1
    }

    fn claims(&self) -> &str {
        self.texts.split_at(self.claims_len).0
    }

    fn foreign_issuer(&self) -> Option<&str> {
        self.origin.as_ref()?.foreign_issuer.as_deref()
    }

    /// Another issuer's tokens never reach our sessions, whatever a token strategy says.
    fn session(&self) -> Option<SessionClaims> {
        self.origin.as_ref().filter(|origin| origin.foreign_issuer.is_none())?.session
    }
}

/// What a [`TokenStrategy`](crate::TokenStrategy) read from a good token.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "token strategies build it")]
pub struct VerifiedToken {
    /// `sub`.
    pub subject: Subject,
    /// `sid` and `epoch`, if the token belongs to a session of ours.
    pub session: Option<SessionClaims>,
    /// `iss`, if it is not our own: subjects of different issuers are different people.
    pub foreign_issuer: Option<Arc<str>>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `auth_time`, or `iat` if there is none.
    pub authenticated_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// The application's claims: the text of one JSON object, without the registered ones.
    pub claims: String,
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("subject", &self.subject)
            .field("session", &self.session)
            .field("foreign_issuer", &self.foreign_issuer)
            .field("issued_at", &self.issued_at)
            .field("authenticated_at", &self.authenticated_at)
            .field("expires_at", &self.expires_at)
            .field("claims", &format_args!("[{} bytes]", self.claims.len()))
            .finish()
    }
}

/// Which session a principal belongs to, and which credential of it is required.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRef {
    pub(crate) id: SessionId,
    pub(crate) epoch: u32,
    pub(crate) kind: CredentialKind,
}

/// The kinds of credential that a session can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    Session,
    Refresh,
}

impl Principal {
    /// The principal of a session token, which ends with its session.
    pub(crate) fn from_session(record: SessionRecord) -> Self {
        Self { expires_at: record.expires_at(), source: Source::Session(record) }
    }

    /// The principal of an access token that ends at `expires_at`, as its session says now.
    pub(crate) const fn from_access(record: SessionRecord, expires_at: Timestamp) -> Self {
        Self { expires_at, source: Source::Session(record) }
    }

    /// The principal of a token that a [`TokenStrategy`](crate::TokenStrategy) has verified.
    pub fn from_token(token: VerifiedToken) -> Self {
        let facts = TokenFacts::new(
            token.claims,
            token.subject.as_str(),
            token.authenticated_at,
            token.session,
            token.foreign_issuer,
        );
        Self::from_facts(facts, token.expires_at)
    }

    pub(crate) const fn from_facts(token: TokenFacts, expires_at: Timestamp) -> Self {
        Self { expires_at, source: Source::Token(token) }
    }

    /// The authenticated user.
    pub fn subject(&self) -> &str {
        match &self.source {
            Source::Session(record) => record.subject(),
            Source::Token(token) => token.subject(),
        }
    }

    /// The authenticated user, as [`Admin`](crate::Admin) and stores take it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.subject())
    }

    /// The issuer that vouches for the subject, if it is not the application itself.
    ///
    /// # Security
    ///
    /// Subjects are unique within one issuer only: `user-42` of another issuer is somebody else.
    pub fn foreign_issuer(&self) -> Option<&str> {
        match &self.source {
            Source::Session(_) => None,
            Source::Token(token) => token.foreign_issuer(),
        }
    }

    /// The session, where there is one.
    pub fn session_id(&self) -> Option<SessionId> {
        self.session().map(|session| session.id)
    }

    pub(crate) fn session(&self) -> Option<SessionRef> {
        match &self.source {
            Source::Session(record) => {
                Some(SessionRef { id: record.id(), epoch: record.epoch(), kind: record.kind() })
            }
            Source::Token(token) => {
                let SessionClaims { id, epoch } = token.session()?;
                Some(SessionRef { id, epoch, kind: CredentialKind::Refresh })
            }
        }
    }

    /// When the subject last proved who they are.
    pub fn authenticated_at(&self) -> Timestamp {
        match &self.source {
            Source::Session(record) => record.authenticated_at(),
            Source::Token(token) => token.authenticated_at,
        }
    }

    /// When the credential behind this principal ends in any case.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The application's claims, as its own type.
    ///
    /// # Errors
    ///
    /// [`Error::Claims`] if the claims are not a `T`.
    pub fn claims<'p, T: Deserialize<'p>>(&'p self) -> Result<T, Error> {
        let claims = match &self.source {
            Source::Session(record) => record.claims_json(),
            Source::Token(token) => token.claims(),
        };
        serde_json::from_str(claims).map_err(|_| Error::Claims { expected: type_name::<T>() })
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("subject", &self.subject())
            .field("foreign_issuer", &self.foreign_issuer())
            .field("session_id", &self.session_id())
            .field("authenticated_at", &self.authenticated_at())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
