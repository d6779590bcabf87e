//! Strict unpadded base64url (RFC 4648, section 5): no padding, no other alphabet, no stray trailing bits.

use std::sync::LazyLock;

use base64::Engine as _;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::GeneralPurpose as Best;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd as Best;
use base64::engine::general_purpose::NO_PAD;

/// The fastest engine for this machine, chosen once.
static ENGINE: LazyLock<Best> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Best::url_safe(NO_PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return Best::new(&base64::alphabet::URL_SAFE, NO_PAD);
});

/// Decodes `text` into the start of `buffer` and returns the decoded length.
///
/// Returns `None` if `text` is not base64url or does not fit.
pub(crate) fn decode(text: &str, buffer: &mut [u8]) -> Option<usize> {
    ENGINE.decode_slice(text, buffer).ok()
}

/// Decodes exactly `N` bytes; `None` if `text` is anything else.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (decode(text, &mut bytes)? == N).then_some(bytes)
}

/// Encodes `bytes` into the start of `buffer` and returns the encoded length; 0 if it does not fit.
pub(crate) fn encode(bytes: &[u8], buffer: &mut [u8]) -> usize {
    ENGINE.encode_slice(bytes, buffer).unwrap_or(0)
}

/// Appends the encoded `bytes` to `text`.
pub(crate) fn push(bytes: &[u8], text: &mut String) {
    ENGINE.encode_string(bytes, text);
}
