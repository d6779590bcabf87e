//! Tokens from elsewhere: the published ones of the RFCs, and those of another library.

use authcore::clock::Clock as _;
use authcore::error::{ClaimFault, Rejection};
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TrustedIssuer};
use authcore::strategy::TokenStrategy as _;
use authcore::{Auth, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{ISSUER, NOW, SECRET, builder, header, issue, key, payload, sign, verify, verify_at, with};

#[test]
fn a_good_token_of_another_library_is_good() {
    assert_eq!(verify(&sign(&header(), &payload())), Ok("user-42".to_owned()));
}

/// RFC 7515, appendix A.1: the published token verifies with the published key at its time of issue.
#[test]
fn rfc_7515_a_1() {
    let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                 eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                 dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let secret = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .unwrap();
    let trusted = TrustedIssuer::new("joe", "us", key("joe", &secret)).any_token_type();
    let jwt = builder().trusting(trusted).build().unwrap();
    let then = Timestamp::from_secs(1_300_819_000);
    // With two keys, a token without `kid` is refused (rule T2). With the key alone the signature is valid,
    // and the token is refused for its missing claims.
    assert_eq!(jwt.verify(token, then).unwrap_err(), Rejection::MissingParameter("kid"));
    let alone = |secret: &[u8]| {
        Jwt::builder(KeyRing::new(key("joe", secret)))
            .issuer("joe")
            .audience("us")
            .any_token_type()
            .build()
            .unwrap()
    };
    let no_audience = Rejection::InvalidClaim("aud", ClaimFault::Missing);
    assert_eq!(alone(&secret).verify(token, then).unwrap_err(), no_audience);
    assert_eq!(alone(&SECRET).verify(token, then).unwrap_err(), Rejection::WrongSignature);
}

#[tokio::test]
async fn tokens_decode_elsewhere_and_the_reverse() {
    use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};

    // Another package of the workspace may bring the other provider; the first test that installs one wins.
    let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    for (ours, theirs) in [
        (Algorithm::HS256, jsonwebtoken::Algorithm::HS256),
        (Algorithm::HS384, jsonwebtoken::Algorithm::HS384),
        (Algorithm::HS512, jsonwebtoken::Algorithm::HS512),
    ] {
        let keys = KeyRing::new(Key::hmac("k1", ours, &SECRET).unwrap());
        let jwt = Jwt::builder(keys).issuer(ISSUER).audience("api").build().unwrap();
        let now = authcore::clock::SystemClock.now();

        let mut validation = Validation::new(theirs);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&["api"]);
        let token = issue(&Auth::with_tokens(jwt.clone())).await;
        let read = decode::<Value>(&token, &DecodingKey::from_secret(&SECRET), &validation).unwrap();
        assert_eq!((&read.claims["sub"], &read.claims["role"]), (&json!("user-42"), &json!("admin")));

        let mut header = Header::new(theirs);
        (header.typ, header.kid) = (Some("at+jwt".into()), Some("k1".into()));
        let claims = with(with(payload(), "iat", json!(now.as_secs())), "exp", json!(now.as_secs() + 60));
        let token = encode(&header, &claims, &EncodingKey::from_secret(&SECRET)).unwrap();
        assert_eq!(verify_at(&jwt, &token, now), Ok("user-42".to_owned()));
    }
}

/// RFC 7515, appendix A.5: the published token without a signature is refused.
#[test]
fn t1_rfc_7515_a_5() {
    let token = "eyJhbGciOiJub25lIn0.\
                 eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    assert_eq!(verify(token), Err(Rejection::Malformed("the token has no signature")));
    assert_eq!(verify(&format!("{token}AAAA")), Err(Rejection::WrongAlgorithm));
}

/// RFC 7520, section 4.4: the published signature is valid, but it signs a text instead of claims.
#[test]
fn t5_rfc_7520_4_4() {
    let token = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.\
                 SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250b\
                 yB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcm\
                 UgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0";
    let secret = URL_SAFE_NO_PAD.decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg").unwrap();
    let refused_by = |secret: &[u8]| {
        let keys = KeyRing::new(key("018c0ae5-4d9b-471b-bfd6-eef314bc7037", secret));
        let jwt = Jwt::builder(keys).issuer("joe").audience("us").any_token_type().build().unwrap();
        verify_at(&jwt, token, NOW).unwrap_err()
    };
    assert_eq!(refused_by(&secret), Rejection::MalformedPayload("it is not JSON"));
    assert_eq!(refused_by(&SECRET), Rejection::WrongSignature);
}
