//! The subject of a session or token.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::Realm;
use crate::error::LoginError;

/// A user's identifier (`sub` in RFC 7519), within a [`Realm`].
///
/// The text is non-empty UTF-8 of at most [`Subject::MAX_LEN`] bytes without NUL. Two subjects are equal only
/// if their realms and texts are equal byte for byte: case, accents and trailing spaces count (rules A12,
/// S5).
///
/// An application creates subjects without a realm, and [`Auth`](crate::Auth) puts each of them into its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The text; in a named realm, preceded by the realm's name and NUL, which neither of them contains.
    key: Box<str>,
    /// Where the text begins.
    start: u8,
}

impl Subject {
    /// The maximum length of the text, in bytes.
    pub const MAX_LEN: usize = 255;

    /// The maximum length of the [key](Subject::key), in bytes.
    pub const MAX_KEY_LEN: usize = Realm::MAX_LEN + 1 + Self::MAX_LEN;

    /// Creates a subject with this text, in the unnamed realm.
    ///
    /// # Errors
    ///
    /// [`LoginError::InvalidSubject`] if `text` is empty, longer than [`Subject::MAX_LEN`] bytes or contains
    /// NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, LoginError> {
        let text = text.into();
        if Self::is_one(&text) {
            Ok(Self { key: text.into(), start: 0 })
        } else {
            Err(LoginError::InvalidSubject)
        }
    }

    /// Returns the subject with the same text in `realm`.
    #[must_use]
    pub fn in_realm(&self, realm: &Realm) -> Self {
        Self::from_checked(realm.name(), self.as_str())
    }

    /// Returns whether `text` can be a subject.
    pub(crate) fn is_one(text: &str) -> bool {
        !text.is_empty() && text.len() <= Self::MAX_LEN && memchr::memchr(0, text.as_bytes()).is_none()
    }

    /// Creates a subject from texts that were checked before.
    pub(crate) fn from_checked(realm: &str, text: &str) -> Self {
        if realm.is_empty() {
            return Self { key: text.into(), start: 0 };
        }
        // A realm's name has at most 64 bytes.
        Self { key: [realm, "\0", text].concat().into(), start: realm.len() as u8 + 1 }
    }

    /// Returns the text, without the realm.
    pub fn as_str(&self) -> &str {
        &self.key[usize::from(self.start)..]
    }

    /// Returns the name of the realm; empty for the unnamed realm.
    pub fn realm_name(&self) -> &str {
        &self.key[..usize::from(self.start).saturating_sub(1)]
    }

    /// Returns the text by which a store indexes sessions, unique for each subject of each realm (rule A12).
    ///
    /// In the unnamed realm it is the subject's text. In a named realm it is the realm's name, NUL and the
    /// subject's text; a store whose texts cannot contain NUL keeps the two in separate columns.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the partition that all sessions of this subject share, for partitioned stores.
    ///
    /// It consists of the first 16 bits of SHA-256 of the [key](Subject::key), which are also the first bits
    /// of the ids of the subject's sessions.
    pub fn partition(&self) -> u16 {
        let digest = Sha256::digest(self.key.as_bytes());
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
        self.as_str()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?}", self.as_str())?;
        if self.start > 0 {
            write!(f, " of realm {:?}", self.realm_name())?;
        }
        f.write_str(")")
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

    #[test]
    fn a12_no_subject_of_one_realm_is_one_of_another() {
        let realm = |name| Realm::new(name).unwrap();
        let subject = |text| Subject::new(text).unwrap();
        let all = [
            subject("ab"),
            subject("b").in_realm(&realm("a")),
            subject("ab").in_realm(&realm("a")),
            subject("a").in_realm(&realm("b")),
            subject("a\u{1f}b"),
            subject("b").in_realm(&realm("a:")),
            subject(":b").in_realm(&realm("a")),
        ];
        for (place, one) in all.iter().enumerate() {
            for other in &all[place + 1..] {
                assert!(one != other && one.key() != other.key(), "{one:?} {other:?}");
            }
        }
        let named = subject("b").in_realm(&realm("a"));
        assert_eq!((named.as_str(), named.realm_name(), named.key()), ("b", "a", "a\0b"));
        assert_eq!(named.in_realm(&Realm::UNNAMED), subject("b"));
        assert_eq!(format!("{named:?} {named}"), r#"Subject("b" of realm "a") b"#);
    }
}
