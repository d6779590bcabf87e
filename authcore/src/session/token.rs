//! The stateful credential.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::secret::{SecretBytes, SecretString, array};
use crate::{Rejection, SessionId, base64url};

/// What a client of the stateful strategy holds: a session id and a secret of 256 bits.
///
/// As text: `acs_` and 64 characters of unpadded base64url. The prefix tells the kinds of credential apart before
/// anything is decoded (rule A3) and lets secret scanners find leaked ones.
#[derive(Debug)]
pub(crate) struct SessionToken {
    pub(crate) id: SessionId,
    pub(crate) secret: SecretBytes<32>,
}

impl SessionToken {
    pub(crate) const PREFIX: &'static str = "acs_";
    const LEN: usize = 4 + 64;

    /// What the client is given.
    pub(crate) fn to_text(&self) -> SecretString {
        let mut bytes = Zeroizing::new([0; 48]);
        bytes[..16].copy_from_slice(self.id.as_bytes());
        bytes[16..].copy_from_slice(self.secret.expose());
        let mut text = String::with_capacity(Self::LEN);
        text.push_str(Self::PREFIX);
        base64url::push(bytes.as_ref(), &mut text);
        SecretString::new(text)
    }
}

/// What a client's session token says: which session, and the digest that its secret must have.
// Aligned as the id in it is.
#[repr(align(8))]
pub(crate) struct PresentedToken {
    pub(crate) id: SessionId,
    pub(crate) digest: [u8; 32],
}

impl PresentedToken {
    /// Parses what a client sent, without allocating.
    pub(crate) fn parse(text: &str) -> Result<Self, Rejection> {
        let body = text.strip_prefix(SessionToken::PREFIX).ok_or(Rejection::WrongKind)?;
        if text.len() != SessionToken::LEN {
            return Err(Rejection::Malformed("a session token has 68 characters"));
        }
        // Not wiped: the same bytes stand in the request that they came in.
        let bytes = base64url::decode_48(body).ok_or(Rejection::Malformed("a session token is base64url"))?;
        let (id, secret) = bytes.split_at(16);
        Ok(Self { id: SessionId::from_bytes(array(id)), digest: Sha256::digest(secret).into() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a3_other_kinds_and_lengths_are_told_apart() {
        let token = SessionToken { id: SessionId::from_bytes([7; 16]), secret: [9; 32].into() }.to_text();
        let text = token.expose();
        assert_eq!(text.len(), 68);
        assert!(matches!(PresentedToken::parse(&format!("acr_{}", &text[4..])), Err(Rejection::WrongKind)));
        assert!(matches!(PresentedToken::parse(&text[..67]), Err(Rejection::Malformed(_))));
        assert!(matches!(PresentedToken::parse(&format!("{text}A")), Err(Rejection::Malformed(_))));
    }

    proptest! {
        #[test]
        fn a3_any_text_is_parsed_without_panic(text in "(acs_)?\\PC{0,80}") {
            let _ = PresentedToken::parse(&text);
        }

        #[test]
        fn a3_every_token_has_one_spelling(id: [u8; 16], secret: [u8; 32], position in 0usize..68, to in "[ -~]") {
            let text = SessionToken { id: SessionId::from_bytes(id), secret: secret.into() }.to_text();
            let mut other = text.expose().to_owned();
            other.replace_range(position..=position, &to);
            prop_assume!(other != text.expose());
            let said = PresentedToken::parse(&other).ok().map(|token| (*token.id.as_bytes(), token.digest));
            prop_assert_ne!(said, Some((id, Sha256::digest(secret).into())));
        }

        #[test]
        fn a3_round_trip_is_exact(id: [u8; 16], secret: [u8; 32]) {
            let text = SessionToken { id: SessionId::from_bytes(id), secret: secret.into() }.to_text();
            let parsed = PresentedToken::parse(text.expose()).unwrap();
            prop_assert_eq!(parsed.id.as_bytes(), &id);
            prop_assert_eq!(parsed.digest, <[u8; 32]>::from(Sha256::digest(secret)));
        }
    }
}
