//! What is wrong with a login that an application built.

use crate::SessionKind;

/// What an application said about a subject that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The subject is empty, longer than 255 bytes, or contains NUL.
    #[error("a subject has 1 to 255 bytes of text and no NUL")]
    InvalidSubject,
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
