//! The kinds of credential that prove a session.

/// The kinds of credential that a session can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    Session,
    Refresh,
    ApiKey,
}
