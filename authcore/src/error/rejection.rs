//! Why a credential was refused.

use super::incident::Incident;
use crate::Subject;

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
