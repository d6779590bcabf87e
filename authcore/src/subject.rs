//! Who a session or token is about.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::LoginError;

/// The authenticated user's identifier: the `sub` of RFC 7519.
///
/// A non-empty UTF-8 text of at most [`Subject::MAX_LEN`] bytes without NUL. Two subjects are the same only if
/// they are the same byte for byte: case, accents and trailing spaces count (rule S5).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Box<str>);

impl Subject {
    /// The longest subject, in bytes.
    pub const MAX_LEN: usize = 255;

    /// A subject, if `text` can be one.
    ///
    /// # Errors
    ///
    /// [`LoginError::Subject`] if `text` is empty, longer than [`Subject::MAX_LEN`] or contains NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, LoginError> {
        let text = text.into();
        if Self::is_one(&text) { Ok(Self(text.into())) } else { Err(LoginError::Subject) }
    }

    /// Whether `text` can be a subject.
    pub(crate) fn is_one(text: &str) -> bool {
        !text.is_empty() && text.len() <= Self::MAX_LEN && memchr::memchr(0, text.as_bytes()).is_none()
    }

    /// A subject from a text that was checked when it was written.
    pub(crate) fn from_checked(text: &str) -> Self {
        Self(text.into())
    }

    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that all sessions of this subject share, for stores that are divided: the first 16 bits of
    /// SHA-256 of the subject, which are also those of its sessions' ids.
    pub fn partition(&self) -> u16 {
        let digest = Sha256::digest(self.0.as_bytes());
        u16::from_be_bytes([digest[0], digest[1]])
    }
}

impl FromStr for Subject {
    type Err = LoginError;

    fn from_str(text: &str) -> Result<Self, LoginError> {
        Self::new(text)
    }
}

impl AsRef<str> for Subject {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_any_text_within_the_limit() {
        for text in ["user-42", "Ünï ", " ", &"x".repeat(255), "\u{1}\n"] {
            assert_eq!(Subject::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_empty_long_and_nul() {
        for text in ["", &"x".repeat(256), &"ü".repeat(128), "a\0b"] {
            assert!(Subject::new(text).is_err(), "{text:?}");
        }
    }
}
