//! Passwords as users type them.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A password to verify, exactly as it was received (rule P3): not trimmed, normalized or truncated.
///
/// It holds any bytes, at most [`Password::MAX_LEN`]. It is redacted in `Debug` and has no `==`. Clones
/// share one copy, which is wiped when the last clone is dropped.
///
/// # Security
///
/// Pass the `String` or `Vec<u8>` itself, which is taken over without a copy. A `&str` or `&[u8]` is
/// copied, and wiping the original is up to the caller.
#[derive(Clone)]
pub struct Password(Arc<Zeroizing<Vec<u8>>>);

impl Password {
    /// The maximum length, in bytes.
    pub const MAX_LEN: usize = 1024;

    /// Creates a password from text or bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidPassword::TooLong`] above [`Password::MAX_LEN`]. This is known before an account is looked
    /// up or a password hashed, so it costs the same for known and unknown users (rule P2).
    pub fn new(password: impl Into<Vec<u8>>) -> Result<Self, InvalidPassword> {
        let bytes = Zeroizing::new(password.into());
        if bytes.len() > Self::MAX_LEN {
            return Err(InvalidPassword::TooLong);
        }
        Ok(Self(Arc::new(bytes)))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn copies(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even its length.
        f.write_str("[password]")
    }
}

/// A password that a user chooses: a [`Password`] of at least [`NewPassword::MIN_CHARS`] characters (rule
/// P3).
///
/// There are no rules about which characters it contains, as NIST SP 800-63B recommends. A check against
/// lists of leaked passwords is up to the application, before it creates this type.
#[derive(Clone)]
pub struct NewPassword(Password);

impl NewPassword {
    /// The minimum length, in characters (Unicode code points).
    pub const MIN_CHARS: usize = 8;

    /// Creates a new password from text or bytes; see [`Password::new`].
    ///
    /// # Errors
    ///
    /// [`InvalidPassword::TooShort`] or [`InvalidPassword::TooLong`]; tell the user which (HTTP 422).
    pub fn new(password: impl Into<Vec<u8>>) -> Result<Self, InvalidPassword> {
        Password::new(password)?.try_into()
    }

    pub(super) fn into_password(self) -> Password {
        self.0
    }

    pub(super) fn password(&self) -> &Password {
        &self.0
    }
}

impl TryFrom<Password> for NewPassword {
    type Error = InvalidPassword;

    fn try_from(password: Password) -> Result<Self, InvalidPassword> {
        // Every byte that does not continue a UTF-8 sequence begins a character.
        let chars = password.as_bytes().iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        if chars < Self::MIN_CHARS { Err(InvalidPassword::TooShort) } else { Ok(Self(password)) }
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[new password]")
    }
}

/// The reason why a text cannot be a password (rule P3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassword {
    /// The password is longer than [`Password::MAX_LEN`] bytes.
    #[error("the password is longer than {} bytes", Password::MAX_LEN)]
    TooLong,
    /// The new password has fewer than [`NewPassword::MIN_CHARS`] characters.
    #[error("the new password has fewer than {} characters", NewPassword::MIN_CHARS)]
    TooShort,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_keeps_every_byte() {
        for text in [" hunter2 ", "A\u{308}\0\n", "Ä", ""] {
            assert_eq!(Password::new(text).unwrap().as_bytes(), text.as_bytes());
        }
        assert_eq!(Password::new(vec![0xff, 0, 0xfe]).unwrap().as_bytes(), [0xff, 0, 0xfe]);
    }

    #[test]
    fn p3_takes_over_a_text_without_a_copy() {
        let text = String::from("correct horse battery");
        let address = text.as_ptr();
        assert_eq!(Password::new(text).unwrap().as_bytes().as_ptr(), address);
    }

    #[test]
    fn p3_at_most_1024_bytes() {
        assert!(Password::new("x".repeat(1024)).is_ok());
        assert_eq!(Password::new("x".repeat(1025)).unwrap_err(), InvalidPassword::TooLong);
        assert_eq!(NewPassword::new("ü".repeat(513)).unwrap_err(), InvalidPassword::TooLong);
    }

    #[test]
    fn p3_a_new_one_has_at_least_8_characters() {
        assert_eq!(NewPassword::new("1234567").unwrap_err(), InvalidPassword::TooShort);
        assert_eq!(NewPassword::new("üüüüüüü").unwrap_err(), InvalidPassword::TooShort);
        assert!(NewPassword::new("üüüüüüüü").is_ok());
        assert!(NewPassword::new("12345678").is_ok());
        assert!(Password::new("1234567").is_ok(), "an old one may be shorter");
    }

    #[test]
    fn p3_debug_shows_nothing() {
        assert_eq!(format!("{:?}", Password::new("hunter2").unwrap()), "[password]");
        assert_eq!(format!("{:?}", NewPassword::new("hunter2hunter2").unwrap()), "[new password]");
    }
}
