//! Settings that were refused.

use std::borrow::Cow;

/// A setting that was refused when something was built. The text never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid configuration: {0}")]
pub struct ConfigError(Cow<'static, str>);

impl ConfigError {
    pub(crate) fn new(what: &'static str) -> Self {
        Self(Cow::Borrowed(what))
    }

    /// The same error, with what it is about before its text.
    pub(crate) fn of(self, what: &str) -> Self {
        Self(Cow::Owned(format!("{what}: {}", self.0)))
    }

    /// An error whose text names the value that was refused.
    pub(crate) fn with_value(what: String) -> Self {
        Self(Cow::Owned(what))
    }
}
