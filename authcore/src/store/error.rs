//! The error of a store.

use std::borrow::Cow;

/// The error of a session store, returned by every method of [`SessionStore`](crate::store::SessionStore).
///
/// For authors of a store. `Display` and `Debug` contain the kind and the store's description. A store puts
/// no secret, token or claim there (rule S10).
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {context}")]
pub struct StoreError {
    kind: StoreErrorKind,
    context: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure of a store (rule S10).
///
/// A store reports them; an application usually checks [`Error::kind`](crate::Error::kind) instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store did not answer in time, or reported that it cannot serve the call. A retry may help.
    #[error("store unavailable")]
    Unavailable,
    /// Stored data cannot be read. A retry does not help.
    #[error("stored session is corrupt")]
    Corrupt,
    /// The record is larger than the store accepts. Nothing was written.
    #[error("session too large")]
    TooLarge,
    /// The store works, but is not configured as this crate needs it.
    #[error("store misconfigured")]
    Misconfigured,
}

impl StoreError {
    /// Creates an error of this kind. `context` says which part of the store failed, without any value.
    pub const fn new(kind: StoreErrorKind, context: &'static str) -> Self {
        Self { kind, context: Cow::Borrowed(context), source: None }
    }

    /// Replaces the context. The text may name the cause, such as a parameter of a URL, but no secret.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.context = context.into();
        self
    }

    /// Attaches the underlying error, for logs.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Creates an error that a retry may resolve.
    pub fn unavailable(context: &'static str) -> Self {
        Self::new(StoreErrorKind::Unavailable, context)
    }

    /// Creates an error for stored data that cannot be read.
    pub const fn corrupt(context: &'static str) -> Self {
        Self::new(StoreErrorKind::Corrupt, context)
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
