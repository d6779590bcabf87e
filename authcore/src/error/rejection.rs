//! Why a credential was refused.

use super::incident::Incident;
use crate::Subject;

/// The precise reason why a credential was refused.
///
/// For logs, and for authors of a strategy.
///
/// # Security
///
/// Never send it to a client: it tells an attacker which check failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The text is not a well-formed credential (rules A3, T8).
    #[error("malformed credential: {0}")]
    Malformed(&'static str),
    /// The token's header cannot be read (rule T8).
    #[error("malformed token header: {0}")]
    MalformedHeader(&'static str),
    /// The token's payload cannot be read although its signature is correct (rule T8), or the claims in a
    /// session's record cannot be read by any type.
    #[error("malformed token payload or session claims: {0}")]
    MalformedPayload(&'static str),
    /// The credential is of a kind that the operation does not accept, or it belongs to another subject or
    /// session.
    #[error("a credential of another kind, or one that belongs to another subject or session")]
    WrongKind,
    /// The token's header requires an extension (`crit`), and none is supported (rule T3).
    #[error("the token's header requires an extension (`crit`)")]
    CriticalExtension,
    /// The token's header lacks a required parameter: `alg`, `typ`, or `kid` if there are several keys (rules
    /// T1, T2, T4).
    #[error("the token's header lacks `{0}`")]
    MissingParameter(&'static str),
    /// No configured key has the token's `kid` (rule T2).
    #[error("no key has the token's `kid`")]
    UnknownKey,
    /// The token's `alg` is not the algorithm of its key (rule T1).
    #[error("the token's `alg` is not the algorithm of its key")]
    WrongAlgorithm,
    /// The token's `typ` is not that of an access token (rule T4).
    #[error("the token's `typ` is not accepted")]
    WrongType,
    /// The signature was not made with the key (rule T5).
    #[error("wrong signature")]
    WrongSignature,
    /// A registered claim is invalid (rules T6, T8); the [`ClaimFault`] says why.
    #[error("the token's `{0}` claim {1}")]
    InvalidClaim(&'static str, ClaimFault),
    /// The token's issuer is not one that its key is trusted for (rule T6).
    #[error("the token's key is not trusted for its issuer")]
    WrongIssuer,
    /// The token is for another audience (rule T6).
    #[error("the token is for another audience")]
    WrongAudience,
    /// The credential has expired.
    #[error("expired")]
    Expired,
    /// The token is not valid yet, or claims to have been issued in the future (rule T6).
    #[error("not valid yet")]
    NotYetValid,
    /// The token's lifetime is longer than is accepted (rule T7).
    #[error("the token's lifetime is above the limit")]
    LifetimeAboveCap,
    /// The credential belongs to another realm (rule A12).
    #[error("the credential belongs to another realm")]
    OtherRealm,
    /// The session does not represent a login: it is a guest's, or its login is not complete (rule A13).
    #[error("the session does not represent a login")]
    NotALogin,
    /// The session has ended by logout or revocation, or it expired and was dropped.
    #[error("the session has ended")]
    SessionEnded,
    /// The session exists, but the secret is wrong (rule R8).
    #[error("wrong secret")]
    WrongSecret,
    /// The session was renewed after this credential was issued (rule A11).
    #[error("the session was renewed after this credential was issued")]
    Superseded,
    /// The refresh token and the access token belong to different sessions (rule C1).
    #[error("the tokens belong to different sessions")]
    OtherSession,
    /// A refresh token that had been replaced was used again; this call ended its session (rule R3).
    #[error("a replaced refresh token was used again ({})", .0.kind())]
    RefreshReused(Box<Incident>),
    /// The application's hook denied the refresh (rule R10).
    #[error("the refresh was denied")]
    Denied,
    /// The account does not exist, the password is wrong (rule P2), or the password was changed meanwhile
    /// (rule P5).
    #[error("unknown account or wrong password")]
    WrongPassword,
    /// The subject's stored password hash cannot be read or exceeds the limits, so no password is accepted
    /// (rule P8). Set a new password.
    #[error("the stored password hash of {:?} cannot be read; set a new password", .0.as_str())]
    UnreadableHash(Subject),
}

/// What is wrong with a registered claim; the detail of [`Rejection::InvalidClaim`].
///
/// For logs, and for authors of a token strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimFault {
    /// The claim is required but absent.
    #[error("is missing")]
    Missing,
    /// The claim appears more than once.
    #[error("appears more than once")]
    Duplicate,
    /// The value is not of the claim's JSON type.
    #[error("is of the wrong type")]
    WrongType,
    /// The value has the right type but is not allowed, such as an empty subject.
    #[error("has an invalid value")]
    InvalidValue,
    /// The claim demands a check that this crate cannot perform (`cnf`: proof of possession of a key).
    #[error("demands a check that is not supported")]
    Unsupported,
}
