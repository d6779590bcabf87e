//! Keys, and the rings that they are kept on.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha384, Sha512};

use super::codec::EncodedTag;
use crate::{ConfigError, SecretBytes};

/// The signature algorithms of RFC 7518 that this crate speaks.
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
    /// The name in a token's header (RFC 7518, section 3.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    /// The length of the hash, and so of the shortest key (RFC 7518, section 3.2), in bytes.
    pub const fn hash_len(self) -> usize {
        match self {
            Self::HS256 => 32,
            Self::HS384 => 48,
            Self::HS512 => 64,
        }
    }
}

/// A secret HMAC key with its name.
///
/// Redacted in `Debug`; the key's state is wiped when dropped (rule T11).
#[derive(Clone)]
pub struct Key {
    kid: Box<str>,
    algorithm: Algorithm,
    pub(super) mac: MacState,
}

impl Key {
    /// The longest key id, in bytes.
    pub const MAX_KID_LEN: usize = 64;

    /// A key from its id (`kid`) and its secret bytes, at least 32 random ones for HS256, 48 for HS384 and 64 for
    /// HS512.
    ///
    /// # Errors
    ///
    /// If the secret is shorter than the algorithm's hash or is the text of a PEM, JWK or SSH key (rule T9), or if the id
    /// is not 1 to 64 characters of `A-Z a-z 0-9 - . _ ~ : /`.
    ///
    /// # Security
    ///
    /// A passphrase is not a key, however long. Make one with `openssl rand -base64 32` and decode it.
    pub fn hmac(kid: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, ConfigError> {
        let kid_char = |c: u8| c.is_ascii_alphanumeric() || b"-._~:/".contains(&c);
        if kid.is_empty() || kid.len() > Self::MAX_KID_LEN || !kid.bytes().all(kid_char) {
            return Err(ConfigError::new("a key id has 1 to 64 characters of A-Z a-z 0-9 - . _ ~ : /"));
        }
        if is_key_file(secret) {
            return Err(ConfigError::new("the HMAC secret is the text of a key file (PEM, JWK or SSH)"));
        }
        if secret.len() < algorithm.hash_len() {
            return Err(ConfigError::new("the HMAC secret is shorter than its algorithm's hash"));
        }
        let mac = MacState::new(algorithm, secret).ok_or(ConfigError::new("not a secret for HMAC"))?;
        Ok(Self { kid: kid.into(), algorithm, mac })
    }

    /// A fresh random key: for tests, and for applications of one process whose tokens may end with it.
    ///
    /// # Errors
    ///
    /// As [`Key::hmac`] for the id, and if the operating system gives no random bytes.
    pub fn generate(kid: &str, algorithm: Algorithm) -> Result<Self, ConfigError> {
        let secret =
            SecretBytes::<64>::generate().map_err(|_| ConfigError::new("no random bytes for a key"))?;
        Self::hmac(kid, algorithm, secret.expose())
    }

    /// The key's id.
    pub const fn kid(&self) -> &str {
        &self.kid
    }

    /// The key's algorithm.
    pub const fn algorithm(&self) -> Algorithm {
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

/// Whether the 'secret' is the text of a key file: of a public key, most likely, that everybody knows (rule T9).
fn is_key_file(secret: &[u8]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    /// In UTF-16 of either byte order.
    const WIDE_PEM: &[u8] = b"-\0-\0-\0-\0-\0B\0E\0G\0I\0N";
    let text = secret.trim_ascii_start();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii();
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    // An object, a list of them, or either as the text of a JSON string: then a backslash stands before each quote.
    let is_json = matches!(text.first(), Some(b'{' | b'[' | b'"'));
    has(b"-----BEGIN ")
        || has(b"---- BEGIN ")
        || has(WIDE_PEM)
        || [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"].iter().any(|kind| text.starts_with(kind))
        || (is_json && (has(b"\"kty") || has(b"\"keys")))
}

/// The keys of one issuer: one that signs, and any number that only verify.
///
/// To rotate without downtime: let every node verify with the new key; then let every node sign with it and go on
/// verifying with the old one; once the last token of the old key has expired, retire it.
///
/// ```
/// # fn main() -> Result<(), authcore::ConfigError> {
/// use authcore::{Algorithm, Key, KeyRing};
/// # let (new_secret, old_secret) = ([1; 32], [2; 32]);
///
/// let keys = KeyRing::new(Key::hmac("2026-11", Algorithm::HS256, &new_secret)?)
///     .verifying(Key::hmac("2026-10", Algorithm::HS256, &old_secret)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KeyRing {
    /// The first one signs.
    pub(super) keys: Vec<Key>,
}

impl KeyRing {
    /// A ring whose tokens are signed and verified with `signing`.
    pub fn new(signing: Key) -> Self {
        Self { keys: vec![signing] }
    }

    /// Adds a key that only verifies. No two keys may have the same id; that is checked when the ring is used.
    #[must_use]
    pub fn verifying(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }
}

/// HMAC keyed and, perhaps, already fed with the start of a message. Cloning one is cheaper than keying anew.
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

    /// The tag of what this state was fed with and `rest`, as a token writes it.
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

    /// RFC 4231, test cases 6 and 7: the published ones whose key is long enough for us.
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
