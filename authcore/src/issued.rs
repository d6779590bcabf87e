//! What a client is handed, and what its user should hear of.

use std::fmt;
use std::time::Duration;

use crate::secret::SecretString;
use crate::{Device, Principal, SessionId, SessionRecord, Subject, Timestamp};

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
    pub(crate) persistent: bool,
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

    /// What the client sends to [`Auth::refresh`](crate::Auth::refresh), and nowhere else: the hybrid
    /// strategy's second credential.
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

    /// Whether a cookie with the credential outlives the browser session, as the session's kind says (rule
    /// A13).
    pub const fn is_persistent(&self) -> bool {
        self.persistent
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
    pub(crate) actor: Option<Box<str>>,
}

/// The kinds of [`Incident`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IncidentKind {
    /// A refresh token was used after its grace window: a client that lost its successor, or a thief (rule
    /// R3).
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
        Box::new(Self { kind, subject, session_id: record.id(), device, actor: record.details().actor })
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

    /// Who had logged in as the subject, if somebody else did.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }
}
