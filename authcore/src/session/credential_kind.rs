//! The kinds of credential that authenticate a session.

/// The kind of credential that authenticates a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    Session,
    Refresh,
    ApiKey,
}
