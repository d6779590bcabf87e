//! What can go wrong, told apart by whose fault it is.

use std::borrow::Cow;

use crate::{ClaimsMismatch, Incident, SessionKind, StoreError, StoreErrorKind, Subject};

/// What a call of [`Auth`](crate::Auth) answers instead of a result.
///
/// `Display` is fit for clients: it never says which check failed, and shows no secret, token or claim. What
/// logs want to know is in [`Error::rejection`] and in the error's source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The credential is not good (HTTP 401). The [`Rejection`] is for logs only.
    #[error("unauthenticated")]
    Unauthenticated(Rejection),
    /// The session store failed; see [`StoreError::kind`]. For `Unavailable` the same call may be repeated
    /// (HTTP 503); the client keeps its credentials.
    #[error("the session store failed")]
    Store(#[from] StoreError),
    /// The strategy in use has no such operation.
    #[error("{operation} is not supported by {strategy}; {instead} would do it")]
    Unsupported {
        /// What was asked for.
        operation: &'static str,
        /// The strategy that was asked.
        strategy: &'static str,
        /// The strategies that can.
        instead: &'static str,
    },
    /// What the application said about the subject cannot be used.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The principal's claims are not of the type that was asked for: the application has changed since its
    /// user logged in, who must log in again (HTTP 401, rule A16). The [`ClaimsMismatch`] is for logs only.
    #[error("the claims are not of the expected type")]
    Claims(#[source] Box<ClaimsMismatch>),
    /// Other logins of the same subject at the same moment filled its last places (rule A7), or the subject
    /// has as many API keys as are allowed.
    #[error("too many sessions")]
    SessionLimit,
    /// Others changed the session at every attempt; the same call may be repeated.
    #[error("the session is being changed by too many requests")]
    Contended,
    /// The operating system gave no random bytes.
    #[error("no random bytes")]
    NoEntropy,
}

/// What a host does about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Ask for a login: HTTP 401.
    Unauthenticated,
    /// The same request may succeed later; the credentials stay as they are: HTTP 503.
    Unavailable,
    /// The strategy in use has no such operation: HTTP 501, or do not offer it.
    Unsupported,
    /// The application asked for something that it cannot have: HTTP 500, and mend the application.
    Internal,
}

impl Error {
    /// What a host does about it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated(_) | Self::Claims(_) => ErrorKind::Unauthenticated,
            Self::Store(error) if matches!(error.kind(), StoreErrorKind::Unavailable) => {
                ErrorKind::Unavailable
            }
            Self::SessionLimit | Self::Contended | Self::NoEntropy => ErrorKind::Unavailable,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Store(_) | Self::Login(_) => ErrorKind::Internal,
        }
    }

    /// Why the credential was refused: for logs, never for clients.
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Unauthenticated(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// The security incident that this very call discovered and ended (rule R3): alert the subject.
    pub const fn incident(&self) -> Option<&Incident> {
        match self {
            Self::Unauthenticated(Rejection::RefreshReused(incident)) => Some(incident),
            _ => None,
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Unauthenticated(rejection)
    }
}

impl From<ClaimsMismatch> for Error {
    fn from(mismatch: ClaimsMismatch) -> Self {
        Self::Claims(Box::new(mismatch))
    }
}

/// Why a credential was refused: the precise reason, for logs.
///
/// # Security
///
/// Never send it to a client: which check failed helps nobody but an attacker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The credential as a whole does not have the shape of one (rules A3, T8).
    #[error("malformed credential: {0}")]
    Malformed(&'static str),
    /// The token's header cannot be read (rule T8).
    #[error("malformed token header: {0}")]
    MalformedHeader(&'static str),
    /// The token's payload cannot be read, although its signature is good (rule T8).
    #[error("malformed token payload: {0}")]
    MalformedPayload(&'static str),
    /// It is a credential of another kind than is asked for.
    #[error("a credential of another kind")]
    WrongKind,
    /// A token's header asks for an extension (`crit`), and we understand none (rule T3).
    #[error("the token's header has `crit`")]
    CriticalExtension,
    /// The token's header lacks a parameter that is required: `alg`, `typ`, or `kid` where there are several
    /// keys (rules T1, T2, T4).
    #[error("the token's header has no `{0}`")]
    MissingParameter(&'static str),
    /// No configured key has the token's `kid` (rule T2).
    #[error("no key for the token's `kid`")]
    UnknownKey,
    /// The token's `alg` is not its key's (rule T1).
    #[error("the token's `alg` is not its key's")]
    WrongAlgorithm,
    /// The token's `typ` is not that of an access token (rule T4).
    #[error("the token's `typ` is not accepted")]
    WrongType,
    /// The signature is not by the key (rule T5).
    #[error("wrong signature")]
    WrongSignature,
    /// A registered claim cannot be used (rules T6, T8); the [`ClaimFault`] says why.
    #[error("the token's `{0}` claim {1}")]
    InvalidClaim(&'static str, ClaimFault),
    /// The token is of an issuer that its key does not speak for (rule T6).
    #[error("the token's issuer is not its key's")]
    WrongIssuer,
    /// The token is for another audience (rule T6).
    #[error("the token is for another audience")]
    WrongAudience,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its time has not come, or it claims to come from the future (rule T6).
    #[error("not valid yet")]
    NotYetValid,
    /// The token lives longer than is accepted (rule T7).
    #[error("the token's lifetime is above the cap")]
    LifetimeAboveCap,
    /// The credential is of another realm (rule A12).
    #[error("the credential is of another realm")]
    OtherRealm,
    /// The session does not represent a login: it is a guest's, or its login is not complete (rule A13).
    #[error("the session does not represent a login")]
    NotALogin,
    /// The session has ended: by logout, revocation, or long enough after its expiry.
    #[error("the session has ended")]
    SessionEnded,
    /// The session exists, but its secret is another (rule R8).
    #[error("wrong secret")]
    WrongSecret,
    /// The session was renewed since this credential was made (rule A11).
    #[error("the session was renewed since")]
    Superseded,
    /// Refresh token and access token are not of one session (rule C1).
    #[error("the tokens are of two sessions")]
    OtherSession,
    /// A refresh token that had been replaced was used again; its session was ended by this call (rule R3).
    #[error("a replaced refresh token was used again ({})", .0.kind())]
    RefreshReused(Box<Incident>),
    /// The host's hook refused the refresh (rule R10).
    #[error("the refresh was denied")]
    Denied,
    /// No account of this name, or not its password (rule P2), or one that was changed meanwhile (rule P5).
    #[error("no such account, or not its password")]
    WrongPassword,
    /// The stored password hash of this subject cannot be read or is beyond the limits, so no password is
    /// right (rule P8): set a new one.
    #[error("the stored password hash of {:?} cannot be read; set a new password", .0.as_str())]
    UnreadableHash(Subject),
}

/// What is wrong with a registered claim: see [`Rejection::InvalidClaim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimFault {
    /// The claim is required and absent.
    #[error("is missing")]
    Missing,
    /// The claim appears more than once.
    #[error("appears more than once")]
    Duplicate,
    /// The value is not of the claim's JSON type.
    #[error("is of the wrong type")]
    WrongType,
    /// The value is of the right type but not one that the claim can have, such as an empty subject.
    #[error("has an invalid value")]
    InvalidValue,
    /// The claim demands a check that this crate cannot perform (`cnf`: proof of possession of a key).
    #[error("demands a check that is not supported")]
    Unsupported,
}

/// What an application said about a subject that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The subject is empty, longer than 255 bytes, or contains NUL.
    #[error("a subject has 1 to 255 bytes of text and no NUL")]
    Subject,
    /// The claims are JSON, and not an object.
    #[error("claims must be a JSON object")]
    NotAnObject,
    /// The claims cannot be written as JSON that every reader accepts.
    #[error(
        "claims must be JSON that every reader accepts: members named by text, finite numbers, at most 127 levels"
    )]
    InvalidJson,
    /// A claim has a name that tokens need (rule T13).
    #[error("the claim name `{0}` is reserved")]
    ReservedClaim(&'static str),
    /// A claim has a name that says it is a secret (rule T10): the path to it, such as `address.pin`.
    #[error("the name of claim {0:?} says that it is a secret, and claims are readable")]
    SecretClaim(Box<str>),
    /// The claims' JSON is too long.
    #[error(
        "the claims have {len} bytes of JSON, and at most {max} are allowed; the largest claim is {largest:?}"
    )]
    ClaimsTooLarge {
        /// Their length, in bytes.
        len: usize,
        /// The limit, in bytes.
        max: usize,
        /// The name of the largest claim.
        largest: Box<str>,
    },
    /// The access token would be longer than the client can be handed (rule R12).
    #[error(
        "the access token would have {len} bytes, and at most {max} can be handed out; the largest claim is {largest:?}"
    )]
    TokenTooLarge {
        /// Its length, in bytes.
        len: usize,
        /// The limit, in bytes: 8192, or what a cookie has room for.
        max: usize,
        /// The name of the largest claim.
        largest: Box<str>,
    },
    /// No policy was registered for this kind of session (rule A13).
    #[error("no policy was registered for sessions of kind `{0}`; add `.kind(..)` to the strategy's builder")]
    UnknownKind(SessionKind),
    /// This kind of session is for API keys and cannot be opened by a login, or the reverse (rule A13).
    #[error(
        "`login` opens sessions of a kind whose policy is not for API keys, and `create_api_key` those of a kind whose \
         policy is made by `SessionPolicy::api_key`; `{0}` is of the other sort"
    )]
    UnsuitableKind(SessionKind),
    /// The subject states another realm than that of the `Auth` that is asked (rule A12).
    #[error("the subject is of realm {subject:?}, and this `Auth` is for realm {realm:?}")]
    OtherRealm {
        /// The name of the subject's realm.
        subject: Box<str>,
        /// The name of the realm of `Auth`; empty for the unnamed one.
        realm: Box<str>,
    },
    /// The tokens strategy keeps no sessions, so a login cannot state a kind (rule A13).
    #[error("the tokens strategy keeps no sessions, so a login cannot state the kind `{0}`")]
    NoSessions(SessionKind),
    /// An API key has no name; set one by [`Device::with_label`](crate::Device::with_label).
    #[error("an API key needs a name by which its owner recognises it")]
    UnnamedKey,
    /// A detail of the login is empty, too long or has control characters.
    #[error("{0}")]
    InvalidDetail(&'static str),
}

/// A setting that was refused when something was built. The text never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid configuration: {0}")]
pub struct ConfigError(Cow<'static, str>);

impl ConfigError {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self(Cow::Borrowed(what))
    }

    /// The same error, with what it is about before its text.
    pub(crate) fn of(self, what: &str) -> Self {
        Self(Cow::Owned(format!("{what}: {}", self.0)))
    }

    /// An error whose text names the value that was refused.
    pub(crate) const fn with_value(what: String) -> Self {
        Self(Cow::Owned(what))
    }
}
