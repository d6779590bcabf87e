//! The error of a login that an application described.

use crate::SessionKind;

/// The reason why a login, or claims, cannot be used.
///
/// For application developers: most variants are bugs in the code that builds the [`Login`](crate::Login).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The subject is empty, longer than 255 bytes, or contains NUL.
    #[error("the subject is empty, longer than 255 bytes, or contains NUL")]
    InvalidSubject,
    /// The claims are JSON, but not an object.
    #[error("claims must be a JSON object")]
    NotAnObject,
    /// The claims do not serialize as JSON that every reader accepts.
    #[error("claims must be JSON with text as keys, finite numbers and at most 127 levels of nesting")]
    InvalidJson,
    /// A claim has a name that tokens use (rule T13).
    #[error("the claim name `{0}` is reserved for tokens; choose another name")]
    ReservedClaim(&'static str),
    /// A claim has a name that denotes a secret (rule T10). The value is its path, such as `address.pin`.
    #[error("the claim {0:?} has the name of a secret, and claims are readable; remove or rename it")]
    SecretClaim(Box<str>),
    /// The JSON text of the claims is too long.
    #[error("the claims' JSON has {len} bytes, above the limit of {max}; the largest claim is {largest:?}")]
    ClaimsTooLarge {
        /// The length of the claims, in bytes.
        len: usize,
        /// The limit, in bytes.
        max: usize,
        /// The name of the largest claim.
        largest: Box<str>,
    },
    /// The access token would be too long to be handed out (rule R12).
    #[error(
        "the access token would have {len} bytes, above the limit of {max}; the largest claim is {largest:?}"
    )]
    TokenTooLarge {
        /// The length of the token, in bytes.
        len: usize,
        /// The limit, in bytes: 8192, or less if the token must fit into a cookie.
        max: usize,
        /// The name of the largest claim.
        largest: Box<str>,
    },
    /// No policy was registered for this kind of session (rule A13).
    #[error("no policy is registered for sessions of kind `{0}`; add `.kind(..)` to the strategy's builder")]
    UnknownKind(SessionKind),
    /// The kind of session is for API keys and cannot be opened by a login, or the reverse (rule A13).
    #[error(
        "the session kind `{0}` does not suit this call: `create_api_key` needs a kind whose policy was made \
         by `SessionPolicy::api_key`, and `login` needs a kind with another policy"
    )]
    UnsuitableKind(SessionKind),
    /// The subject states a realm other than that of the `Auth` (rule A12).
    #[error("the subject belongs to realm {subject:?}, but this `Auth` is for realm {realm:?}")]
    OtherRealm {
        /// The name of the subject's realm.
        subject: Box<str>,
        /// The name of the realm of the `Auth`; empty for the unnamed realm.
        realm: Box<str>,
    },
    /// The tokens strategy keeps no sessions, so a login cannot state a kind (rule A13).
    #[error("the tokens strategy keeps no sessions, so a login cannot state the kind `{0}`")]
    NoSessions(SessionKind),
    /// The API key has no name; set one with [`Device::with_label`](crate::Device::with_label).
    #[error("the API key has no name; set one with `Device::with_label`")]
    UnnamedKey,
    /// A detail of the login is empty, too long, or contains control characters.
    #[error("{0}")]
    InvalidDetail(&'static str),
}
