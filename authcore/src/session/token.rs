//! The stateful credential.

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

    /// Parses what a client sent, without allocating.
    pub(crate) fn parse(text: &str) -> Result<Self, Rejection> {
        let body = text.strip_prefix(Self::PREFIX).ok_or(Rejection::WrongKind)?;
        if text.len() != Self::LEN {
            return Err(Rejection::Malformed("a session token has 68 characters"));
        }
        // Not wiped: the same bytes stand in the request that they came in.
        let bytes = base64url::decode_48(body).ok_or(Rejection::Malformed("a session token is base64url"))?;
        let (id, secret) = bytes.split_at(16);
        Ok(Self { id: SessionId::from_bytes(array(id)), secret: array(secret).into() })
    }

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a3_other_kinds_and_lengths_are_told_apart() {
        let token = SessionToken { id: SessionId::from_bytes([7; 16]), secret: [9; 32].into() }.to_text();
        let text = token.expose();
        assert_eq!(text.len(), 68);
        assert!(matches!(SessionToken::parse(&format!("acr_{}", &text[4..])), Err(Rejection::WrongKind)));
        assert!(matches!(SessionToken::parse(&text[..67]), Err(Rejection::Malformed(_))));
        assert!(matches!(SessionToken::parse(&format!("{text}A")), Err(Rejection::Malformed(_))));
    }

    proptest! {
        #[test]
        fn a3_any_text_is_parsed_without_panic(text in "(acs_)?\\PC{0,80}") {
            if let Ok(token) = SessionToken::parse(&text) {
                prop_assert_eq!(token.to_text().expose().to_owned(), text);
            }
        }

        #[test]
        fn a3_round_trip_is_exact(id: [u8; 16], secret: [u8; 32]) {
            let text = SessionToken { id: SessionId::from_bytes(id), secret: secret.into() }.to_text();
            let parsed = SessionToken::parse(text.expose()).unwrap();
            prop_assert_eq!(parsed.id.as_bytes(), &id);
            prop_assert_eq!(parsed.secret.expose(), &secret);
        }
    }
}
