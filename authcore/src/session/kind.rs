//! The kinds of session.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The name of a kind of session, which determines the session's [`SessionPolicy`](crate::SessionPolicy)
/// (rule A13).
///
/// A login states the kind with [`Login::kind`](crate::Login::kind). The session's record, the list of
/// devices and the access tokens carry it. Every kind except the default is registered with the strategy's
/// builder:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use authcore::{MemoryStore, ServerSessions, SessionKind, SessionPolicy};
///
/// let sessions = ServerSessions::builder(MemoryStore::new())
///     .kind(SessionKind::REMEMBERED, SessionPolicy::remembered())
///     .kind(SessionKind::new("television")?, SessionPolicy::new().with_max_sessions_per_subject(2))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKind(Cow<'static, str>);

impl SessionKind {
    /// The maximum length of a name, in bytes.
    pub const MAX_LEN: usize = 32;

    /// The kind of a login that states none.
    pub const DEFAULT: Self = Self(Cow::Borrowed("default"));

    /// The kind of a login with 'keep me logged in'; see
    /// [`SessionPolicy::remembered`](crate::SessionPolicy::remembered).
    pub const REMEMBERED: Self = Self(Cow::Borrowed("remembered"));

    /// The kind of a login on a shared device; see [`SessionPolicy::kiosk`](crate::SessionPolicy::kiosk).
    pub const KIOSK: Self = Self(Cow::Borrowed("kiosk"));

    /// The kind of an API key (personal access token); see
    /// [`SessionPolicy::api_key`](crate::SessionPolicy::api_key).
    pub const API_KEY: Self = Self(Cow::Borrowed("api-key"));

    /// Creates a kind with this name: 1 to [`SessionKind::MAX_LEN`] characters of `a-z 0-9 - _ .`
    ///
    /// # Errors
    ///
    /// [`InvalidKind`] for any other text.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidKind> {
        let name = name.into();
        if Self::is_name(&name) { Ok(Self(Cow::Owned(name))) } else { Err(InvalidKind) }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is the default kind.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }

    pub(crate) fn is_name(text: &str) -> bool {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
        !text.is_empty() && text.len() <= Self::MAX_LEN && text.bytes().all(allowed)
    }

    /// Creates a kind from a name that was checked before. An empty name is the default kind.
    pub(crate) fn from_checked(name: &str) -> Self {
        [Self::DEFAULT, Self::REMEMBERED, Self::KIOSK, Self::API_KEY]
            .into_iter()
            .find(|known| known.as_str() == name || (name.is_empty() && known.is_default()))
            .unwrap_or_else(|| Self(Cow::Owned(name.to_owned())))
    }
}

impl Default for SessionKind {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FromStr for SessionKind {
    type Err = InvalidKind;

    fn from_str(name: &str) -> Result<Self, InvalidKind> {
        Self::new(name)
    }
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKind({:?})", self.0)
    }
}

/// The error for an invalid name of a session kind.
///
/// For applications that define kinds of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a session kind must have 1 to {} characters of a-z 0-9 - _ .", SessionKind::MAX_LEN)]
#[non_exhaustive]
pub struct InvalidKind;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a13_names_are_checked() {
        for good in ["default", "api-key", "tv.2_b", &"x".repeat(32)] {
            assert_eq!(SessionKind::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "Kiosk", "a b", "a\n", "a\0", "ü", &"x".repeat(33)] {
            assert!(SessionKind::new(bad).is_err(), "{bad:?}");
        }
        assert!(SessionKind::new("default").unwrap().is_default());
        assert_eq!(SessionKind::from_checked(""), SessionKind::DEFAULT);
        assert_eq!(SessionKind::from_checked("x"), SessionKind::new("x").unwrap());
    }
}
