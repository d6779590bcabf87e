//! Secret bytes and texts: redacted in logs, wiped when dropped, and compared in constant time.

use std::fmt;

use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::block_api::compress256;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Error;

/// `N` secret bytes: the digest of a session's secret, or the key that authenticates its refresh tokens.
///
/// For authors of a store, which writes them. They are redacted in `Debug` and wiped when dropped. There is
/// no `==`: [`SecretBytes::ct_eq`] takes the same time wherever the first difference is (rule A2).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes<const N: usize>([u8; N]);

impl<const N: usize> SecretBytes<N> {
    /// Returns bytes from the operating system's random generator (rule A2).
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut bytes = Self([0; N]);
        fill_random(&mut bytes.0)?;
        Ok(bytes)
    }

    /// Returns the bytes, for a store that writes them.
    ///
    /// # Security
    ///
    /// Never log them.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Returns whether both have the same bytes, in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        ct_eq(&self.0, &other.0)
    }
}

impl SecretBytes<32> {
    /// Returns SHA-256 of `secret`.
    pub(crate) fn digest_of(secret: &[u8; 32]) -> Self {
        Self(sha256(secret))
    }

    /// Returns whether `digest` is SHA-256 of this secret, in constant time.
    pub(crate) fn has_digest(&self, digest: &[u8]) -> bool {
        ct_eq(&sha256(&self.0), digest)
    }
}

/// Returns SHA-256 of 32 bytes, which with padding are one block (FIPS 180-4, 5.1.1 and 5.3.3).
///
/// Every verification of a session computes one such hash.
pub(crate) fn sha256(bytes: &[u8; 32]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(bytes);
    block[32] = 0x80;
    block[62] = 1; // 256 bits, big-endian.
    let mut state = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    digest
}

/// Returns whether both have the same bytes, in constant time for slices of the same length.
///
/// Differences are collected without a branch, eight bytes per step, and `subtle` compares the result with
/// zero.
pub(crate) fn ct_eq(one: &[u8], two: &[u8]) -> bool {
    let (one_words, one_rest) = one.as_chunks::<8>();
    let (two_words, two_rest) = two.as_chunks::<8>();
    let mut difference = 0;
    for (a, b) in one_words.iter().zip(two_words) {
        difference |= u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b);
    }
    for (a, b) in one_rest.iter().zip(two_rest) {
        difference |= u64::from(a ^ b);
    }
    one.len() == two.len() && difference.ct_eq(&0).into()
}

impl<const N: usize> From<[u8; N]> for SecretBytes<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> fmt::Debug for SecretBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{N} secret bytes]")
    }
}

/// A secret text: a credential on its way to the client, or a password.
///
/// It is redacted in `Debug` and wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SecretString(String);

impl SecretString {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret; call expose()]")
    }
}

/// Returns the first `N` bytes of `bytes`, padded with zeros if there are fewer.
pub(crate) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    let len = bytes.len().min(N);
    array[..len].copy_from_slice(&bytes[..len]);
    array
}

/// Fills `bytes` from the operating system's random generator.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), Error> {
    SysRng.try_fill_bytes(bytes).map_err(|_| Error::NoEntropy)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn a2_generated_secrets_differ_and_compare_by_content() {
        let one = SecretBytes::<32>::generate().unwrap();
        let two = SecretBytes::<32>::generate().unwrap();
        assert!(!one.ct_eq(&two));
        assert!(one.ct_eq(&one.clone()));
    }

    #[test]
    fn a2_comparison_sees_every_byte_and_the_length() {
        for len in [0, 1, 7, 8, 9, 32, 43, 200] {
            let one: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            assert!(ct_eq(&one, &one));
            assert!(!ct_eq(&one, &[&one[..], &[0]].concat()));
            for position in 0..len {
                let mut other = one.clone();
                other[position] ^= 0x80;
                assert!(!ct_eq(&one, &other), "{position} of {len}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a2_the_digest_of_a_secret_is_sha_256(bytes: [u8; 32]) {
            proptest::prop_assert_eq!(sha256(&bytes), <[u8; 32]>::from(Sha256::digest(bytes)));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", SecretBytes::from(*b"hunter2")), "[7 secret bytes]");
        assert_eq!(format!("{:?}", SecretString::new("hunter2".into())), "[secret; call expose()]");
    }
}
