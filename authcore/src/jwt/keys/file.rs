//! Recognition of key files that are passed as HMAC secrets, most likely public keys, which are no secret
//! (rules T9, T18).

use super::text::BYTE_ORDER_MARK;

/// The prefixes of the type names of SSH keys.
const SSH_TYPES: [&[u8]; 4] = [b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"];

/// Returns whether `secret` is a key file: PEM, JWK or SSH text, or the bytes that such a text encodes.
pub(super) fn is_key_file(secret: &[u8]) -> bool {
    is_text(secret) || is_der(secret) || is_ssh_blob(secret)
}

fn is_text(secret: &[u8]) -> bool {
    /// `-----BEGIN` in UTF-16 of either byte order.
    const WIDE_PEM: &[u8] = b"-\0-\0-\0-\0-\0B\0E\0G\0I\0N";
    let text = secret.trim_ascii_start();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii();
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    // An object, a list of objects, or either of them quoted as a JSON string, with a backslash before each
    // quote.
    let is_json = matches!(text.first(), Some(b'{' | b'[' | b'"'));
    has(b"-----BEGIN ")
        || has(b"---- BEGIN ")
        || has(WIDE_PEM)
        || SSH_TYPES.iter().any(|kind| text.starts_with(kind))
        || (is_json && (has(b"\"kty") || has(b"\"keys")))
}

/// Returns whether `secret` is the DER of a public key (SubjectPublicKeyInfo or RSAPublicKey), a
/// certificate or a private key (RFC 5280, RFC 8017, RFC 5958). Random bytes of sufficient length are taken
/// for one with a probability below 10^-10.
fn is_der(secret: &[u8]) -> bool {
    let Some((SEQUENCE, body, [])) = element(secret) else { return false };
    let mut elements = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let Some((tag, content, next)) = element(rest) else { return false };
        elements.push((tag, content));
        rest = next;
    }
    match &elements[..] {
        // A public key: an algorithm and a key. A certificate: its content, an algorithm and a signature.
        [(SEQUENCE, algorithm), (BIT_STRING, [0, ..])] => algorithm.first() == Some(&OBJECT_ID),
        [(SEQUENCE, _), (SEQUENCE, algorithm), (BIT_STRING, [0, ..])] => {
            algorithm.first() == Some(&OBJECT_ID)
        }
        // An RSA public key: modulus and exponent.
        [(INTEGER, modulus), (INTEGER, exponent)] => modulus.len() >= 64 && exponent.len() <= 8,
        // A private key: a version, and the fields of that version.
        [(INTEGER, [0..=2]), (SEQUENCE | INTEGER | OCTET_STRING, _), ..] => true,
        _ => false,
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Returns the tag and the content of the first DER element, and the bytes after it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (len, rest) = match *input.get(1..)? {
        [len @ ..=0x7f, ref rest @ ..] => (usize::from(len), rest),
        [0x81, len, ref rest @ ..] => (usize::from(len), rest),
        [0x82, high, low, ref rest @ ..] => (usize::from(u16::from_be_bytes([high, low])), rest),
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((input[0], content, rest))
}

/// Returns whether `secret` is the base64-decoded part of an SSH public key, which begins with a length and
/// the type (RFC 4253).
fn is_ssh_blob(secret: &[u8]) -> bool {
    let Some(([0, 0, 0, _], text)) = secret.split_first_chunk() else { return false };
    SSH_TYPES.iter().any(|kind| text.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::super::Algorithm;
    use crate::error::ConfigError;
    use crate::jwt::Key;

    /// Keys and certificates as `openssl` writes them in DER, and the content of an SSH public key.
    #[test]
    fn t9_t18_key_files_are_refused_as_bytes_and_in_base64_too() {
        let sequence = |content: &[u8]| der(0x30, content);
        let ed25519_id = sequence(&[6, 3, 0x2b, 0x65, 0x70]);
        let ed25519 = sequence(&[ed25519_id.clone(), der(3, &[&[0], &[7; 32][..]].concat())].concat());
        assert_eq!(ed25519.len(), 44);
        let modulus = der(2, &[&[0], &[0xc5; 256][..]].concat());
        let rsa = sequence(&[modulus, der(2, &[1, 0, 1])].concat());
        let rsa_id = sequence(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0xd, 1, 1, 1, 5, 0]);
        let public_info = sequence(&[rsa_id.clone(), der(3, &[&[0], &rsa[..]].concat())].concat());
        let signed = sequence(&[public_info.clone(), rsa_id.clone()].concat());
        let certificate = sequence(&[signed, rsa_id.clone(), der(3, &[0; 257])].concat());
        let private = sequence(&[der(2, &[0]), ed25519_id, der(4, &der(4, &[7; 32]))].concat());
        let ec_private = sequence(&[der(2, &[1]), der(4, &[7; 32])].concat());
        let ssh = [&b"\0\0\0\x0bssh-ed25519\0\0\0 "[..], &[7; 32]].concat();
        for file in [ed25519, rsa, public_info, certificate, private, ec_private, ssh] {
            let refused = |key: Result<Key, ConfigError>| key.unwrap_err().to_string();
            assert!(refused(Key::hmac("k", Algorithm::HS256, &file)).contains("key file"), "{file:x?}");
            let text = STANDARD.encode(&file);
            assert!(refused(Key::hmac_base64("k", Algorithm::HS256, &text)).contains("key file"), "{text}");
            let text: String = file.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(refused(Key::hmac_hex("k", Algorithm::HS256, &text)).contains("key file"), "{text}");
        }
        let pem =
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
        for text in [pem, &STANDARD.encode(pem)] {
            let error = Key::hmac_base64("k", Algorithm::HS256, text).unwrap_err().to_string();
            assert!(error.contains("key file"), "{error}");
        }
    }

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = content.len();
        let mut element = match u8::try_from(len) {
            Ok(len @ ..0x80) => vec![tag, len],
            Ok(len) => vec![tag, 0x81, len],
            Err(_) => [&[tag, 0x82], &u16::try_from(len).unwrap().to_be_bytes()[..]].concat(),
        };
        element.extend(content);
        element
    }
}
