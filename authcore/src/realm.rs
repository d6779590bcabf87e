//! Realms: the applications and tenants that share a store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A tenant or application whose users and sessions are separate from all others (rule A12).
///
/// Realms share a store and may have the same subject names: no credential, list, limit or logout of one
/// realm affects another. A realm needs no table, prefix or registration, so there can be any number of them.
/// An `Auth` is for the [unnamed](Realm::UNNAMED) realm until [`Auth::in_realm`](crate::Auth::in_realm) is
/// called.
///
/// A name is UTF-8 text of 1 to [`Realm::MAX_LEN`] bytes without control characters. Two realms are equal
/// only if their names are equal byte for byte.
///
/// ```
/// use authcore::Realm;
///
/// let tenant = Realm::new("tenant-7")?;
/// assert_eq!(tenant.name(), "tenant-7");
/// assert!(Realm::new("").is_err() && Realm::new("a\nb").is_err());
/// # Ok::<(), authcore::error::InvalidRealm>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Realm(Option<Arc<str>>);

impl Realm {
    /// The maximum length of a name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// The realm of an application that does not use realms.
    pub const UNNAMED: Self = Self(None);

    /// Creates a realm with this name.
    ///
    /// # Errors
    ///
    /// [`InvalidRealm`] if the name is empty, longer than [`Realm::MAX_LEN`] bytes or contains control
    /// characters.
    pub fn new(name: &str) -> Result<Self, InvalidRealm> {
        if Self::is_name(name) { Ok(Self(Some(name.into()))) } else { Err(InvalidRealm) }
    }

    /// Returns the name; empty for the unnamed realm.
    #[inline]
    pub fn name(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns whether this is the unnamed realm.
    #[inline]
    pub fn is_unnamed(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is_name(text: &str) -> bool {
        !text.is_empty() && text.len() <= Self::MAX_LEN && !text.chars().any(char::is_control)
    }

    /// Creates a realm from a name that was checked before. An empty name is the unnamed realm.
    pub(crate) fn from_checked(name: &str) -> Self {
        Self((!name.is_empty()).then(|| name.into()))
    }
}

impl FromStr for Realm {
    type Err = InvalidRealm;

    fn from_str(name: &str) -> Result<Self, InvalidRealm> {
        Self::new(name)
    }
}

impl fmt::Debug for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, "Realm({name:?})"),
            None => f.write_str("Realm::UNNAMED"),
        }
    }
}

/// The error for an invalid realm name.
///
/// For applications that take realm names from outside, such as from a host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a realm's name must have 1 to {} bytes without control characters", Realm::MAX_LEN)]
#[non_exhaustive]
pub struct InvalidRealm;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a12_names_are_checked() {
        for good in ["t", "tenant 7", "Ünï", &"x".repeat(64)] {
            assert_eq!(Realm::new(good).unwrap().name(), good);
        }
        for bad in ["", "a\0b", "a\n", "\u{1f}a", "\u{85}", &"x".repeat(65), &"ü".repeat(33)] {
            assert!(Realm::new(bad).is_err(), "{bad:?}");
        }
        assert!(Realm::UNNAMED.is_unnamed() && Realm::UNNAMED.name().is_empty());
    }
}
