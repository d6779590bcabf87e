//! What several targets need: a moment, keys, and credentials that differ from real ones in a few bytes.

use authcore::Timestamp;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TrustedIssuer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use sha2::{Sha256, Sha384, Sha512};

/// The moment at which everything happens.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub const ISSUER: &str = "https://auth.example.com";
pub const AUDIENCE: &str = "api";
pub const TRUSTED_ISSUER: &str = "https://partner.example.com";

/// A key of the strategy that the targets verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub enum Signer {
    Hs256,
    Hs384,
    Hs512,
    Trusted,
}

impl Signer {
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Hs384, Self::Hs512, Self::Trusted];

    pub const fn kid(self) -> &'static str {
        match self {
            Self::Hs256 => "k256",
            Self::Hs384 => "k384",
            Self::Hs512 => "k512",
            Self::Trusted => "partner",
        }
    }

    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 | Self::Trusted => Algorithm::HS256,
            Self::Hs384 => Algorithm::HS384,
            Self::Hs512 => Algorithm::HS512,
        }
    }

    pub const fn issuer(self) -> &'static str {
        match self {
            Self::Trusted => TRUSTED_ISSUER,
            _ => ISSUER,
        }
    }

    const fn secret(self) -> [u8; 64] {
        match self {
            Self::Hs256 => [1; 64],
            Self::Hs384 => [2; 64],
            Self::Hs512 => [3; 64],
            Self::Trusted => [4; 64],
        }
    }

    fn key(self) -> Key {
        Key::hmac(self.kid(), self.algorithm(), &self.secret()).unwrap()
    }

    /// `signed` with its signature, made without the library.
    pub fn sign(self, signed: &str) -> String {
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac(self.algorithm(), &self.secret(), signed)))
    }
}

/// HMAC of `signed`, made without the library.
pub fn mac(algorithm: Algorithm, secret: &[u8], signed: &str) -> Vec<u8> {
    macro_rules! mac {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(secret)
                .unwrap()
                .chain_update(signed)
                .finalize()
                .into_bytes()
                .to_vec()
        };
    }
    match algorithm.name() {
        "HS256" => mac!(Sha256),
        "HS384" => mac!(Sha384),
        "HS512" => mac!(Sha512),
        other => panic!("{other}: an algorithm that the targets do not know"),
    }
}

/// A strategy with every [`Signer`].
pub fn jwt() -> Jwt {
    let keys =
        KeyRing::new(Signer::Hs256.key()).verifying(Signer::Hs384.key()).verifying(Signer::Hs512.key());
    let trusted = TrustedIssuer::new(TRUSTED_ISSUER, AUDIENCE, Signer::Trusted.key());
    Jwt::builder(keys).issuer(ISSUER).audience(AUDIENCE).trusting(trusted).build().unwrap()
}

/// A text that a client sends: made up, or a real one in which a few bytes differ.
#[derive(Debug, Arbitrary)]
pub enum Presented {
    Text(String),
    Patched { changes: Vec<(u8, char)>, cut: u8, tail: String },
}

impl Presented {
    /// The text, if the real one is `real`.
    pub fn text(&self, real: &str) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Patched { changes, cut, tail } => {
                let mut text: Vec<char> = real.chars().collect();
                for (at, to) in changes {
                    let at = usize::from(*at) % text.len();
                    text[at] = *to;
                }
                text.truncate(text.len() - usize::from(*cut) % text.len());
                text.into_iter().chain(tail.chars()).collect()
            }
        }
    }
}
