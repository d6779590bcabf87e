//! HMAC keys and key rings.

mod file;
mod text;

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha384, Sha512};

use self::file::is_key_file;
use self::text::Encoding;
use super::codec::EncodedTag;
use crate::error::ConfigError;
use crate::store::SecretBytes;

/// A signature algorithm of RFC 7518 that this crate supports.
///
/// An algorithm belongs to a key, never to a token's header (rule T1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl Algorithm {
    /// Returns the name of the algorithm in a token's header (RFC 7518, section 3.1).
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// Returns the length of the hash in bytes, which is also the minimum length of a key (RFC 7518,
    /// section 3.2).
    pub fn hash_len(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
        }
    }
}

/// A secret HMAC key and its id.
///
/// It is redacted in `Debug`, and its state is wiped when dropped (rule T11).
#[derive(Clone)]
pub struct Key {
    kid: Box<str>,
    algorithm: Algorithm,
    pub(super) mac: MacState,
}

impl Key {
    /// The maximum length of a key id, in bytes.
    pub const MAX_KID_LEN: usize = 64;

    /// Creates a key from its id (`kid`) and its secret bytes: at least 32 random ones for HS256, 48 for
    /// HS384 and 64 for HS512.
    ///
    /// For a secret that is stored as text, use [`Key::hmac_base64`] or [`Key::hmac_hex`].
    ///
    /// # Errors
    ///
    /// If the id is not 1 to 64 characters of `A-Z a-z 0-9 - . _ ~ : /`, or if the secret (rules T9, T18)
    ///
    /// - is shorter than the algorithm's hash;
    /// - is a key file: PEM, JWK or SSH text, or DER;
    /// - is evidently the hexadecimal or base64 text of a key. Such text has the required length with only
    ///   half or three quarters of the random bits, and a program that decodes it signs with a different
    ///   key.
    ///
    /// The error contains the length of the secret, the minimum and the key's id, and never the secret.
    ///
    /// # Security
    ///
    /// A passphrase is not a key, however long it is. `openssl rand -base64 32` prints a key for
    /// [`Key::hmac_base64`].
    pub fn hmac(kid: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        check_kid(kid)?;
        let refuse = |fault: &str| Err(refused_secret(kid, algorithm, secret.len(), fault));
        check_secret(kid, algorithm, secret)?;
        match Encoding::evident_in(secret) {
            None => Self::new(kid, algorithm, secret),
            Some(Encoding::Hex) => refuse(
                "is hexadecimal text and not the bytes of a key: pass its digits to `Key::hmac_hex`, \
                 without prefix, separators or quotes",
            ),
            Some(Encoding::Base64) => refuse(
                "is base64 text and not the bytes of a key: pass it to `Key::hmac_base64`, \
                 without prefix or quotes",
            ),
        }
    }

    /// Creates a key from its id and its secret as hexadecimal text, as `openssl rand -hex 32` prints it.
    ///
    /// White space around the text and line breaks in it are ignored.
    ///
    /// ```
    /// # fn main() -> Result<(), authcore::error::ConfigError> {
    /// use authcore::jwt::{Algorithm, Key};
    /// # let text = "5bd7a04f3a1c9e42880a6d5be7f2c3911f0e8dd4a7b62c535e9910cc47ab83f6\n";
    ///
    /// // let text = std::fs::read_to_string("/run/secrets/jwt.hex")?;
    /// let key = Key::hmac_hex("2026-11", Algorithm::HS256, text)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not hexadecimal digits in pairs, and as [`Key::hmac`] for what it decodes to.
    pub fn hmac_hex(kid: &str, algorithm: Algorithm, text: &str) -> Result<Self, ConfigError> {
        Self::decoded(kid, algorithm, text, Encoding::Hex)
    }

    /// Creates a key from its id and its secret as base64 text, as `openssl rand -base64 32` prints it.
    ///
    /// Both alphabets of RFC 4648 are accepted, the standard and the URL-safe one, with padding and without.
    /// White space around the text and line breaks in it are ignored.
    ///
    /// ```
    /// # fn main() -> Result<(), authcore::error::ConfigError> {
    /// use authcore::jwt::{Algorithm, Key};
    /// # let text = "W9egTzocnkKICm1b5/LDkR8Ojd+ntixTXpkQzEerg/Y=\n";
    ///
    /// // let text = std::env::var("JWT_SECRET")?;
    /// let key = Key::hmac_base64("2026-11", Algorithm::HS256, text)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the text is not base64, and as [`Key::hmac`] for what it decodes to.
    pub fn hmac_base64(kid: &str, algorithm: Algorithm, text: &str) -> Result<Self, ConfigError> {
        Self::decoded(kid, algorithm, text, Encoding::Base64)
    }

    /// Creates a key whose secret is the text itself, not decoded. For tokens that are shared with a
    /// program that uses its secret this way, as many JWT libraries use the string in their configuration.
    ///
    /// # Errors
    ///
    /// As [`Key::hmac`], except that text of any encoding is accepted.
    ///
    /// # Security
    ///
    /// A character of hexadecimal text holds 4 random bits, and one of base64 text holds 6, so 64 and 43 of
    /// them are as strong as 32 random bytes. Words are far weaker, and an attacker who has a single token
    /// can try words offline.
    pub fn dangerous_hmac_text(kid: &str, algorithm: Algorithm, text: &str) -> Result<Self, ConfigError> {
        check_kid(kid)?;
        check_secret(kid, algorithm, text.as_bytes())?;
        Self::new(kid, algorithm, text.as_bytes())
    }

    fn decoded(kid: &str, algorithm: Algorithm, text: &str, encoding: Encoding) -> Result<Self, ConfigError> {
        check_kid(kid)?;
        // Before decoding, so that the error names the file and not its first invalid character.
        if is_key_file(text.as_bytes()) {
            return Err(refused_secret(kid, algorithm, text.len(), KEY_FILE));
        }
        let secret = encoding.decode(text).map_err(|fault| {
            let encoding = match encoding {
                Encoding::Hex => "hexadecimal",
                Encoding::Base64 => "base64",
            };
            ConfigError::with_value(format!("the {encoding} text of the HMAC secret of key `{kid}` {fault}"))
        })?;
        Self::hmac(kid, algorithm, &secret)
    }

    fn new(kid: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        let mac = MacState::new(algorithm, secret)
            .ok_or_else(|| refused_secret(kid, algorithm, secret.len(), "cannot be used for HMAC"))?;
        Ok(Self { kid: kid.into(), algorithm, mac })
    }

    /// Creates a random key, for tests, and for applications of a single process whose tokens may become
    /// invalid when it ends.
    ///
    /// # Errors
    ///
    /// As [`Key::hmac`] for the id, and if the operating system provides no random bytes.
    pub fn generate(kid: &str, algorithm: Algorithm) -> Result<Self, ConfigError> {
        let secret = SecretBytes::<64>::generate()
            .map_err(|_| ConfigError::new("the operating system provided no random bytes for a key"))?;
        Self::hmac(kid, algorithm, secret.expose())
    }

    /// Returns the id of the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

const KEY_FILE: &str = "is a key file (PEM, JWK, SSH or DER) and not a secret";

/// Checks a key id. The error does not show the id, which may be a secret passed in the wrong place.
fn check_kid(kid: &str) -> Result<(), ConfigError> {
    let kid_char = |c: u8| c.is_ascii_alphanumeric() || b"-._~:/".contains(&c);
    if kid.is_empty() || kid.len() > Key::MAX_KID_LEN {
        return Err(ConfigError::with_value(format!(
            "the key id has {} bytes; it needs 1 to {}",
            kid.len(),
            Key::MAX_KID_LEN
        )));
    }
    if !kid.bytes().all(kid_char) {
        return Err(ConfigError::new(
            "the key id has a character that is not allowed; use only A-Z a-z 0-9 - . _ ~ : /",
        ));
    }
    Ok(())
}

fn check_secret(kid: &str, algorithm: Algorithm, secret: &[u8]) -> Result<(), ConfigError> {
    let refuse = |fault| Err(refused_secret(kid, algorithm, secret.len(), fault));
    if is_key_file(secret) {
        refuse(KEY_FILE)
    } else if secret.len() < algorithm.hash_len() {
        refuse("is too short")
    } else {
        Ok(())
    }
}

fn refused_secret(kid: &str, algorithm: Algorithm, len: usize, fault: &str) -> ConfigError {
    let (name, minimum) = (algorithm.name(), algorithm.hash_len());
    ConfigError::with_value(format!(
        "the HMAC secret of key `{kid}` {fault} \
         (it has {len} bytes; {name} needs at least {minimum} random ones)"
    ))
}

/// The keys of one issuer: one that signs, and any number that only verify.
///
/// To rotate keys without downtime:
///
/// 1. Let every node verify with the new key ([`verifying`](Self::verifying)).
/// 2. Let every node sign with the new key, and continue to verify with the old one.
/// 3. Remove the old key once its last token has expired.
///
/// ```
/// # fn main() -> Result<(), authcore::error::ConfigError> {
/// use authcore::jwt::{Algorithm, Key, KeyRing};
/// # let (new_secret, old_secret) = ([1; 32], [2; 32]);
///
/// let keys = KeyRing::new(Key::hmac("2026-11", Algorithm::HS256, &new_secret)?)
///     .verifying(Key::hmac("2026-10", Algorithm::HS256, &old_secret)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// The keys; the first one signs.
    pub(super) keys: Vec<Key>,
}

impl KeyRing {
    /// Creates a ring that signs and verifies with `signing`.
    pub fn new(signing: Key) -> Self {
        Self { keys: vec![signing] }
    }

    /// Adds a key that only verifies. Key ids must be unique, which
    /// [`JwtBuilder::build`](super::JwtBuilder::build) checks.
    #[must_use]
    pub fn verifying(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }
}

/// The state of HMAC after the key and possibly the start of a message. Cloning it is cheaper than starting
/// from the key.
#[derive(Clone)]
pub(super) enum MacState {
    HS256(Hmac<Sha256>),
    HS384(Hmac<Sha384>),
    HS512(Hmac<Sha512>),
}

impl MacState {
    fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::HS256 => Self::HS256(Hmac::new_from_slice(secret).ok()?),
            Algorithm::HS384 => Self::HS384(Hmac::new_from_slice(secret).ok()?),
            Algorithm::HS512 => Self::HS512(Hmac::new_from_slice(secret).ok()?),
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::HS256(mac) => mac.update(bytes),
            Self::HS384(mac) => mac.update(bytes),
            Self::HS512(mac) => mac.update(bytes),
        }
    }

    /// Returns the tag of the message so far and `rest`, as a token writes it.
    pub(super) fn tag_of(&self, rest: &[u8]) -> EncodedTag {
        match self {
            Self::HS256(mac) => EncodedTag::new(&mac.clone().chain_update(rest).finalize().into_bytes()),
            Self::HS384(mac) => EncodedTag::new(&mac.clone().chain_update(rest).finalize().into_bytes()),
            Self::HS512(mac) => EncodedTag::new(&mac.clone().chain_update(rest).finalize().into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn t9_short_secrets_and_key_files_are_refused() {
        for (algorithm, len) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(Key::hmac("k", algorithm, &vec![7; len]).is_ok());
            assert!(Key::hmac("k", algorithm, &vec![7; len - 1]).is_err());
        }
        for file in [
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
            "  \n-----BEGIN RSA PRIVATE KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
            r#" {"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"}"#,
            r#"{"keys":[{"k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"}]}"#,
            r#"[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"}]"#,
            r#""{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}""#,
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0uJ5Y5Y5Y5Y5Y5Y5Y5Y5Y5Y5Y5Y5Y",
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAB",
            "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJ0",
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAABIwAAAIEA1on8gxCGJJWSRT4uOrR1",
        ] {
            for mark in ["", "\u{feff}", " \n\u{feff} "] {
                let file = format!("{mark}{file}");
                assert!(Key::hmac("k", Algorithm::HS256, file.as_bytes()).is_err(), "{file}");
            }
        }
        for wide in [u16::to_le_bytes, u16::to_be_bytes] {
            let file = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0D";
            let bytes: Vec<u8> = file.encode_utf16().flat_map(wide).collect();
            assert!(Key::hmac("k", Algorithm::HS256, &bytes).is_err());
        }
        for secret in ["[0123456789abcdefghijklmnopqrstuvwxyz", "\u{feff}{\"k\":0123456789012345678901234}"] {
            assert!(Key::hmac("k", Algorithm::HS256, secret.as_bytes()).is_ok(), "{secret}");
        }
    }

    #[test]
    fn t9_the_text_of_a_key_is_refused_as_its_bytes() {
        let hex = "0123456789abcdef0123456789abcdef";
        let base64 = "W9egTzocnkKICm1b5/LDkR8Ojd+ntixTXpkQzEerg/Y=";
        for (text, constructor, len) in [
            (hex.to_owned(), "`Key::hmac_hex`", 32),
            (format!("{hex}{hex}\n"), "`Key::hmac_hex`", 65),
            (hex.to_uppercase().repeat(4), "`Key::hmac_hex`", 128),
            (base64.to_owned(), "`Key::hmac_base64`", 44),
            (format!("{base64}\n"), "`Key::hmac_base64`", 45),
            (base64.replace('=', ""), "`Key::hmac_base64`", 43),
            (base64.replace('/', "_").replace('+', "-"), "`Key::hmac_base64`", 44),
        ] {
            let error = Key::hmac("2026-11", Algorithm::HS256, text.as_bytes()).unwrap_err().to_string();
            let length = format!("(it has {len} bytes; HS256 needs at least 32 random ones)");
            for part in [constructor, "key `2026-11`", &length] {
                assert!(error.contains(part), "{error} does not have {part}");
            }
            assert!(!error.contains(&text.trim()[..8]), "{error}");
        }
        // Encoded twice, as in a Kubernetes manifest.
        let error = Key::hmac_base64("k", Algorithm::HS256, &STANDARD.encode(hex)).unwrap_err();
        assert!(error.to_string().contains("`Key::hmac_hex`"), "{error}");
    }

    #[test]
    fn t9_a_key_is_the_same_from_its_bytes_and_from_its_text() {
        let secret: Vec<u8> = (100..164).collect();
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let tag = |key: Result<Key, ConfigError>| key.unwrap().mac.tag_of(b"x").as_bytes().to_owned();
        let expected = tag(Key::hmac("k", Algorithm::HS512, &secret));
        assert_eq!(tag(Key::hmac_hex("k", Algorithm::HS512, &format!("{hex}\n"))), expected);
        let text = STANDARD.encode(&secret);
        let (first, second) = text.split_at(64);
        let printed = format!("{first}\n{second}\n");
        assert_eq!(tag(Key::hmac_base64("k", Algorithm::HS512, &printed)), expected, "as openssl prints it");
        assert_eq!(tag(Key::hmac_base64("k", Algorithm::HS512, &URL_SAFE_NO_PAD.encode(&secret))), expected);
        let text = Key::dangerous_hmac_text("k", Algorithm::HS512, &hex);
        assert_eq!(
            tag(text),
            MacState::new(Algorithm::HS512, hex.as_bytes()).unwrap().tag_of(b"x").as_bytes()
        );
    }

    #[test]
    fn t9_an_error_gives_the_length_the_minimum_and_the_id() {
        let short = |key: Result<Key, ConfigError>| key.unwrap_err().to_string();
        for error in [
            short(Key::hmac("k1", Algorithm::HS512, &[7; 63])),
            short(Key::hmac_hex("k1", Algorithm::HS512, &"07".repeat(63))),
            short(Key::hmac_base64("k1", Algorithm::HS512, &STANDARD.encode([7; 63]))),
            short(Key::dangerous_hmac_text("k1", Algorithm::HS512, &"7".repeat(63))),
        ] {
            let expected = "invalid configuration: the HMAC secret of key `k1` is too short \
                            (it has 63 bytes; HS512 needs at least 64 random ones)";
            assert_eq!(error, expected);
        }
        let cut = short(Key::hmac_hex("k1", Algorithm::HS256, &"7".repeat(63)));
        assert!(cut.contains("hexadecimal text of the HMAC secret of key `k1` has 63 digits"), "{cut}");
        let foreign = short(Key::hmac_base64("k1", Algorithm::HS256, &format!("{}!", "A".repeat(43))));
        assert!(foreign.contains("of key `k1` has a character that is not base64, the 44th"), "{foreign}");
    }

    /// RFC 4231, test cases 6 and 7, whose keys are long enough to be accepted.
    #[test]
    fn rfc_4231_cases_6_and_7() {
        let six = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let seven = b"This is a test using a larger than block-size key and a larger than block-size data. \
                      The key needs to be hashed before being used by the HMAC algorithm.";
        for (algorithm, message, expected) in [
            (Algorithm::HS256, &six[..], "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
            (
                Algorithm::HS384,
                six,
                "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6\
                 0c2ef6ab4030fe8296248df163f44952",
            ),
            (
                Algorithm::HS512,
                six,
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
                 6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
            (Algorithm::HS256, seven, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
            (
                Algorithm::HS384,
                seven,
                "6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5\
                 a678cc31e799176d3860e6110c46523e",
            ),
            (
                Algorithm::HS512,
                seven,
                "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944\
                 b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
            ),
        ] {
            let key = Key::hmac("k", algorithm, &[0xaa; 131]).unwrap();
            let tag: Vec<u8> = (0..expected.len())
                .step_by(2)
                .filter_map(|i| u8::from_str_radix(&expected[i..i + 2], 16).ok())
                .collect();
            assert_eq!(tag.len(), algorithm.hash_len());
            assert_eq!(key.mac.tag_of(message).as_bytes(), EncodedTag::new(&tag).as_bytes());
            let mut fed = key.mac.clone();
            fed.update(&message[..10]);
            assert_eq!(fed.tag_of(&message[10..]).as_bytes(), EncodedTag::new(&tag).as_bytes());
        }
    }

    #[test]
    fn key_ids_stay_within_header_limits() {
        assert!(Key::hmac(&"k".repeat(64), Algorithm::HS256, &[7; 32]).is_ok());
        for kid in ["", "a b", "k\"", "ü", &"k".repeat(65)] {
            assert!(Key::hmac(kid, Algorithm::HS256, &[7; 32]).is_err(), "{kid}");
        }
    }

    #[test]
    fn t11_debug_shows_no_key() {
        let ring =
            KeyRing::new(Key::hmac("k1", Algorithm::HS256, b"hunter2hunter2hunter2hunter2hunter2").unwrap());
        let shown = format!("{ring:?}");
        assert!(shown.contains("k1") && !shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    }
}
