//! What went wrong in a store.

use std::borrow::Cow;

/// What went wrong in a store.
///
/// Its `Display` and `Debug` name the kind and what the store said about it; a store puts no secret, token or
/// claim there (rule S10).
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {context}")]
pub struct StoreError {
    kind: StoreErrorKind,
    context: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The kinds of failure of a store (rule S10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store did not answer in time, or said that it cannot: a retry may help.
    #[error("store unavailable")]
    Unavailable,
    /// What is stored cannot be read; a retry does not help.
    #[error("stored session is corrupt")]
    Corrupt,
    /// The record is larger than the store takes; nothing was written.
    #[error("session too large")]
    TooLarge,
    /// The store works, but is not set up as this crate needs it.
    #[error("store misconfigured")]
    Misconfigured,
}

impl StoreError {
    /// A failure of this kind. `context` says what the store was about, without any value.
    pub const fn new(kind: StoreErrorKind, context: &'static str) -> Self {
        Self { kind, context: Cow::Borrowed(context), source: None }
    }

    /// The same failure with another text, which may name what is at fault, such as a parameter of a URL, and
    /// no secret.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.context = context.into();
        self
    }

    /// The same failure with the error that caused it, for logs.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A failure that a retry may mend.
    pub fn unavailable(context: &'static str) -> Self {
        Self::new(StoreErrorKind::Unavailable, context)
    }

    /// A stored record that cannot be read.
    pub const fn corrupt(context: &'static str) -> Self {
        Self::new(StoreErrorKind::Corrupt, context)
    }

    /// Which kind of failure it is.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}
