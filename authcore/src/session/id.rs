//! The public id of a session.

use std::fmt;
use std::str::FromStr;

use crate::secret::fill_random;
use crate::{Error, Subject, base64url};

/// The public id of a session, 128 bits.
///
/// It is safe to show in a device list and in a token's `sid` claim: knowing it neither gives access nor ends
/// a session (rule R8). The first 16 bits are those of SHA-256 of the subject's [key](Subject::key), so that
/// a partitioned store can keep all sessions of one subject together. The other 112 bits come from the
/// operating system's random generator (rule A2).
///
/// As text, it is 22 characters of unpadded base64url.
// Aligned, so that it is moved as two words. Unaligned bytes make a verification a fifth slower.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(align(8))]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The length of the text form, in bytes.
    pub const TEXT_LEN: usize = 22;

    /// Returns a random id for a session of `subject`.
    ///
    /// # Errors
    ///
    /// [`Error::NoEntropy`] if the operating system provides no random bytes.
    pub fn generate(subject: &Subject) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        fill_random(&mut bytes[2..])?;
        bytes[..2].copy_from_slice(&subject.partition().to_be_bytes());
        Ok(Self(bytes))
    }

    /// Creates an id from the bytes that a store kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the partition that all sessions of one subject share, for partitioned stores.
    pub fn partition(self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::TEXT_LEN];
        let written = base64url::encode(&self.0, &mut text);
        f.pad(std::str::from_utf8(&text[..written]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// The error for an invalid session id.
///
/// For applications that receive ids from clients, such as in the path of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session id must have 22 characters of unpadded base64url")]
#[non_exhaustive]
pub struct InvalidSessionId;

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<Self, InvalidSessionId> {
        if text.len() != Self::TEXT_LEN {
            return Err(InvalidSessionId);
        }
        base64url::decode_array(text).map(Self).ok_or(InvalidSessionId)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a2_ids_share_the_partition_of_their_subject_and_nothing_else() {
        let subject = Subject::new("user-42").unwrap();
        let (one, two) = (SessionId::generate(&subject).unwrap(), SessionId::generate(&subject).unwrap());
        assert_eq!(one.partition(), two.partition());
        assert_ne!(one, two);
        let other = SessionId::generate(&Subject::new("user-43").unwrap()).unwrap();
        assert_ne!(one.partition(), other.partition());
    }

    #[test]
    fn text_that_is_not_canonical_is_refused() {
        assert!("AAAAAAAAAAAAAAAAAAAAAA".parse::<SessionId>().is_ok());
        for text in ["", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAA+", "AAAA"]
        {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes: [u8; 16]) {
            let id = SessionId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn any_text_is_parsed_without_panic(text in "\\PC{0,30}") {
            if let Ok(id) = text.parse::<SessionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
