//! The refresh token of the hybrid strategy.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::Rejection;
use crate::secret::{SecretBytes, SecretString, array};
use crate::{SessionId, base64url};

const FORMAT: u8 = 1;
const TAGGED_LEN: usize = 1 + 16 + 8 + 32;
const LEN: usize = TAGGED_LEN + 32;

/// A refresh token: what a client of the hybrid strategy holds in addition to its access token.
///
/// As text, it is `acr_` and 119 characters of unpadded base64url of
///
/// ```text
/// format 1, session id 16, generation 8 (big-endian), secret 32, tag 32
/// ```
///
/// The tag is HMAC-SHA256 of everything before it under the session's own key. The client holds the secret
/// but not the key; the store holds the key but only a digest of the secret. Neither alone can make a token.
/// The tag authenticates any generation, past or future, in one step.
#[derive(Debug)]
pub(crate) struct RefreshToken {
    pub(crate) id: SessionId,
    pub(crate) generation: u64,
    pub(crate) secret: SecretBytes<32>,
    tag: SecretBytes<32>,
}

impl RefreshToken {
    pub(crate) const PREFIX: &'static str = "acr_";
    const TEXT_LEN: usize = 4 + 119;

    /// Creates the token of a generation.
    pub(crate) fn new(
        id: SessionId,
        generation: u64,
        secret: SecretBytes<32>,
        mac_key: &SecretBytes<32>,
    ) -> Self {
        let tag = tag(&tagged(id, generation, &secret), mac_key);
        Self { id, generation, secret, tag }
    }

    /// Parses the text that a client sent, without allocating.
    pub(crate) fn parse(text: &str) -> Result<Self, Rejection> {
        let body = text.strip_prefix(Self::PREFIX).ok_or(Rejection::WrongKind)?;
        if text.len() != Self::TEXT_LEN {
            return Err(Rejection::Malformed("a refresh token must have 123 characters"));
        }
        let bytes: [u8; LEN] =
            base64url::decode_array(body).ok_or(Rejection::Malformed("a refresh token must be base64url"))?;
        if bytes[0] != FORMAT {
            return Err(Rejection::Malformed("the format of the refresh token is unknown"));
        }
        Ok(Self {
            id: SessionId::from_bytes(array(&bytes[1..17])),
            generation: u64::from_be_bytes(array(&bytes[17..25])),
            secret: array(&bytes[25..57]).into(),
            tag: array(&bytes[57..]).into(),
        })
    }

    /// Returns whether digest and tag match the session's, both compared in constant time (rule R8).
    pub(crate) fn is_proved(&self, secret_digest: &SecretBytes<32>, mac_key: &SecretBytes<32>) -> bool {
        let secret = self.secret.has_digest(secret_digest.expose());
        let tag = tag(&tagged(self.id, self.generation, &self.secret), mac_key).ct_eq(&self.tag);
        secret & tag
    }

    /// Returns the token of another generation of the same session.
    pub(crate) fn of_generation(&self, generation: u64, mac_key: &SecretBytes<32>) -> Self {
        Self::new(self.id, generation, self.secret.clone(), mac_key)
    }

    /// Returns the text that the client receives.
    pub(crate) fn to_text(&self) -> SecretString {
        let mut bytes = Zeroizing::new([0; LEN]);
        bytes[..TAGGED_LEN].copy_from_slice(tagged(self.id, self.generation, &self.secret).as_ref());
        bytes[TAGGED_LEN..].copy_from_slice(self.tag.expose());
        let mut text = String::with_capacity(Self::TEXT_LEN);
        text.push_str(Self::PREFIX);
        base64url::push(bytes.as_ref(), &mut text);
        SecretString::new(text)
    }
}

fn tagged(id: SessionId, generation: u64, secret: &SecretBytes<32>) -> Zeroizing<[u8; TAGGED_LEN]> {
    let mut bytes = Zeroizing::new([0; TAGGED_LEN]);
    bytes[0] = FORMAT;
    bytes[1..17].copy_from_slice(id.as_bytes());
    bytes[17..25].copy_from_slice(&generation.to_be_bytes());
    bytes[25..].copy_from_slice(secret.expose());
    bytes
}

fn tag(tagged: &[u8; TAGGED_LEN], mac_key: &SecretBytes<32>) -> SecretBytes<32> {
    // HMAC pads a short key with zeros to its block size (RFC 2104). Done here, it cannot fail.

    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(mac_key.expose());
    let tag: [u8; 32] =
        Hmac::<Sha256>::new((&*block).into()).chain_update(tagged).finalize().into_bytes().into();
    tag.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn r1_the_tag_is_hmac_sha256_under_the_key_of_32_bytes() {
        let (id, secret, key) = (SessionId::from_bytes([1; 16]), SecretBytes::from([2; 32]), [3; 32]);
        let mut expected = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        expected.update(tagged(id, 9, &secret).as_ref());
        let token = RefreshToken::new(id, 9, secret, &key.into());
        assert_eq!(token.tag.expose(), &<[u8; 32]>::from(expected.finalize().into_bytes()));
    }

    #[test]
    fn r8_secret_generation_and_key_must_all_fit() {
        let key = SecretBytes::from([3; 32]);
        let token = RefreshToken::new(SessionId::from_bytes([1; 16]), 4, [2; 32].into(), &key);
        let digest = SecretBytes::digest_of(&[2; 32]);
        assert!(token.is_proved(&digest, &key));
        assert!(!token.is_proved(&SecretBytes::digest_of(&[5; 32]), &key));
        assert!(!token.is_proved(&digest, &[4; 32].into()));
        let text = token.to_text();
        for position in 4..text.expose().len() {
            let mut forged = text.expose().to_owned().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            let good = RefreshToken::parse(&forged)
                .is_ok_and(|forged| forged.id == token.id && forged.is_proved(&digest, &key));
            assert!(!good, "{forged}");
        }
    }

    proptest! {
        #[test]
        fn r8_any_text_is_parsed_without_panic(text in "(acr_)?\\PC{0,130}") {
            if let Ok(token) = RefreshToken::parse(&text) {
                prop_assert_eq!(token.to_text().expose().to_owned(), text);
            }
        }

        #[test]
        fn r1_round_trip_is_exact(id: [u8; 16], generation: u64, secret: [u8; 32], key: [u8; 32]) {
            let text = RefreshToken::new(SessionId::from_bytes(id), generation, secret.into(), &key.into()).to_text();
            let parsed = RefreshToken::parse(text.expose()).unwrap();
            prop_assert_eq!(parsed.id.as_bytes(), &id);
            prop_assert_eq!(parsed.generation, generation);
            prop_assert!(parsed.is_proved(&SecretBytes::digest_of(&secret), &key.into()));
            prop_assert_eq!(parsed.to_text().expose().to_owned(), text.expose());
        }
    }
}
