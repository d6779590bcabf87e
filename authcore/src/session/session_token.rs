//! The session token, which is also the form of an API key.

use zeroize::Zeroizing;

use crate::error::Rejection;
use crate::secret::{SecretBytes, SecretString, array, sha256};
use crate::{SessionId, base64url};

/// A session token: what a client of the session strategy holds, a session id and a secret of 256 bits.
///
/// As text, it is `acs_` and 64 characters of unpadded base64url. The prefix distinguishes the kinds of
/// credential before anything is decoded (rule A3), and lets secret scanners find leaked ones.
#[derive(Debug)]
pub(crate) struct SessionToken {
    pub(crate) id: SessionId,
    pub(crate) secret: SecretBytes<32>,
}

impl SessionToken {
    pub(crate) const PREFIX: &'static str = "acs_";
    const LEN: usize = 4 + 64;

    /// Returns the text that the client receives. The prefix must have four characters.
    pub(crate) fn to_text(&self, prefix: &'static str) -> SecretString {
        let mut bytes = Zeroizing::new([0; 48]);
        bytes[..16].copy_from_slice(self.id.as_bytes());
        bytes[16..].copy_from_slice(self.secret.expose());
        let mut text = String::with_capacity(Self::LEN);
        text.push_str(prefix);
        base64url::push(bytes.as_ref(), &mut text);
        SecretString::new(text)
    }
}

/// A session token that a client presented.
pub(crate) struct PresentedToken<'b> {
    pub(crate) id: SessionId,
    secret: &'b [u8; 32],
}

/// The buffer for a session token, decoded with its prefix.
pub(crate) type TokenBytes = [u8; 51];

impl<'b> PresentedToken<'b> {
    /// Parses the text that a client sent, without allocating.
    pub(crate) fn parse(
        text: &str,
        prefix: &'static str,
        bytes: &'b mut TokenBytes,
    ) -> Result<Self, Rejection> {
        const ENCODING: Rejection = Rejection::Malformed("a session token or API key must be base64url");
        if !text.starts_with(prefix) {
            return Err(Rejection::WrongKind);
        }
        // The prefix is itself base64url, and the whole text fills the blocks of the fast decoder. The buffer
        // is not wiped, because the request still contains the same bytes.
        if text.len() != SessionToken::LEN {
            return Err(Rejection::Malformed("a session token or API key must have 68 characters"));
        }
        base64url::decode(text, bytes).ok_or(ENCODING)?;
        let (id, secret) = bytes[3..].split_at(16);
        let secret = secret.first_chunk().ok_or(ENCODING)?;
        Ok(Self { id: SessionId::from_bytes(array(id)), secret })
    }

    /// Returns SHA-256 of the secret, the form in which a store keeps it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        sha256(self.secret)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Returns the id and the digest of the secret.
    fn parsed(text: &str) -> Result<([u8; 16], [u8; 32]), Rejection> {
        let mut buffer = [0; 51];
        let token = PresentedToken::parse(text, SessionToken::PREFIX, &mut buffer)?;
        Ok((*token.id.as_bytes(), token.digest()))
    }

    #[test]
    fn a3_other_kinds_and_lengths_are_told_apart() {
        let token = SessionToken { id: SessionId::from_bytes([7; 16]), secret: [9; 32].into() }
            .to_text(SessionToken::PREFIX);
        let text = token.expose();
        assert_eq!(text.len(), 68);
        let parse = |text: &str| parsed(text).err();
        assert!(matches!(parse(&format!("acr_{}", &text[4..])), Some(Rejection::WrongKind)));
        for other in [&text[..67], &format!("{text}A")] {
            assert_eq!(
                parse(other),
                Some(Rejection::Malformed("a session token or API key must have 68 characters"))
            );
        }
        let spaced = format!("{} ", &text[..67]);
        assert_eq!(
            parse(&spaced),
            Some(Rejection::Malformed("a session token or API key must be base64url"))
        );
    }

    proptest! {
        #[test]
        fn a3_any_text_is_parsed_without_panic(text in "(acs_)?\\PC{0,80}") {
            let _ = parsed(&text);
        }

        #[test]
        fn a3_every_token_has_one_spelling(id: [u8; 16], secret: [u8; 32], position in 0usize..68, to in "[ -~]") {
            let text = SessionToken { id: SessionId::from_bytes(id), secret: secret.into() }.to_text(SessionToken::PREFIX);
            let mut other = text.expose().to_owned();
            other.replace_range(position..=position, &to);
            prop_assume!(other != text.expose());
            prop_assert_ne!(parsed(&other).ok(), Some((id, Sha256::digest(secret).into())));
        }

        #[test]
        fn a3_round_trip_is_exact(id: [u8; 16], secret: [u8; 32]) {
            let text = SessionToken { id: SessionId::from_bytes(id), secret: secret.into() }.to_text(SessionToken::PREFIX);
            prop_assert_eq!(parsed(text.expose()), Ok((id, Sha256::digest(secret).into())));
        }
    }
}
