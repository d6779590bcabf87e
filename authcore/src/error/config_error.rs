//! The error of a refused setting.

use std::borrow::Cow;

/// A setting that was refused when something was built.
///
/// For an application's startup code, which usually reports it and exits. The text never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid configuration: {0}")]
pub struct ConfigError(Cow<'static, str>);

impl ConfigError {
    pub(crate) fn new(what: &'static str) -> Self {
        Self(Cow::Borrowed(what))
    }

    /// Prefixes the text with the setting that it is about.
    pub(crate) fn of(self, what: &str) -> Self {
        Self(Cow::Owned(format!("{what}: {}", self.0)))
    }

    /// Creates an error whose text contains the refused value.
    pub(crate) fn with_value(what: String) -> Self {
        Self(Cow::Owned(what))
    }
}
