//! A secret as text from an application's configuration (rule T9).
//!
//! - Text that is decoded makes the same key as its bytes, decoded here.
//! - The hexadecimal and base64 text of any secret is accepted where the secret is.
//! - An error never shows the secret (rule S10).
#![no_main]

use authcore::Timestamp;
use authcore::error::ConfigError;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::strategy::TokenStrategy as _;
use authcore_fuzz::{NOW, mac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Input {
    Text(String),
    Bytes(Vec<u8>),
}

const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// Whether `key` verifies what `secret` signs.
fn is_key_of(key: Key, secret: &[u8]) -> bool {
    let (algorithm, now) = (key.algorithm(), NOW.as_secs());
    let header = format!(r#"{{"alg":"{}","typ":"at+jwt","kid":"k1"}}"#, algorithm.name());
    let payload = format!(
        r#"{{"iss":"i","aud":"a","sub":"u","client_id":"c","jti":"{}","iat":{now},"exp":{}}}"#,
        "AAAAAAAAAAAAAAAAAAAAAA",
        now + 60
    );
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac(algorithm, secret, &signed)));
    let jwt = Jwt::builder(KeyRing::new(key)).issuer("i").audience("a").build().unwrap();
    jwt.verify(&token, Timestamp::from_secs(now)).is_ok()
}

/// What the text means, decoded by the simplest means.
fn decoded(text: &str, hex: bool) -> Vec<u8> {
    let text: String = text.trim_ascii().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    if hex {
        let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
        return digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect();
    }
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// That an error does not show a secret that nothing else in it could be.
fn shows_nothing(error: &ConfigError, text: &str) {
    if text.len() >= 16 && text.bytes().filter(u8::is_ascii_digit).count() >= 8 {
        assert!(!error.to_string().contains(text) && !format!("{error:?}").contains(text), "{error}");
    }
}

fuzz_target!(|input: Input| {
    for algorithm in ALGORITHMS {
        match &input {
            Input::Text(text) => {
                for hex in [true, false] {
                    let read = if hex { Key::hmac_hex } else { Key::hmac_base64 };
                    match read("k1", algorithm, text) {
                        Ok(key) => assert!(is_key_of(key, &decoded(text, hex))),
                        Err(error) => shows_nothing(&error, text),
                    }
                }
                match Key::dangerous_hmac_text("k1", algorithm, text) {
                    Ok(key) => assert!(is_key_of(key, text.as_bytes())),
                    Err(error) => shows_nothing(&error, text),
                }
                // The key's id may come from the same configuration.
                if let Ok(key) = Key::hmac(text, algorithm, &[7; 64]) {
                    assert!(!text.is_empty() && text.len() <= Key::MAX_KID_LEN && key.kid() == text);
                }
            }
            Input::Bytes(secret) => match Key::hmac("k1", algorithm, secret) {
                Ok(key) => {
                    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
                    assert!(is_key_of(key, secret));
                    assert!(is_key_of(Key::hmac_hex("k1", algorithm, &hex).unwrap(), secret));
                    let base64 = STANDARD.encode(secret);
                    assert!(is_key_of(Key::hmac_base64("k1", algorithm, &base64).unwrap(), secret));
                }
                Err(error) => shows_nothing(&error, &String::from_utf8_lossy(secret)),
            },
        }
    }
});
