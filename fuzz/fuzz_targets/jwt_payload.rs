//! A token with a good signature over any header and payload, as another holder of the key may make it.
//!
//! - An accepted payload is a JSON object with the issuer, the audience, a subject and a future expiry.
//! - Both ways of verifying agree, and verifying again has the same result.
//! - The token is refused once it has expired, and refused with another signature.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use authcore::error::Rejection;
use authcore::jwt::{Jwt, TokenBuffer};
use authcore::strategy::TokenStrategy as _;
use authcore_fuzz::{AUDIENCE, NOW, Signer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;

static JWT: LazyLock<Jwt> = LazyLock::new(authcore_fuzz::jwt);

#[derive(Debug, Arbitrary)]
struct Token {
    signer: Signer,
    header: Option<Vec<u8>>,
    payload: Payload,
}

#[derive(Debug, Arbitrary)]
enum Payload {
    Bytes(Vec<u8>),
    /// The members of a good payload but those whose bit is not set, and any text after them.
    Members {
        kept: u8,
        tail: String,
    },
}

impl Token {
    fn text(&self) -> String {
        let Self { signer, header, payload } = self;
        let good =
            format!(r#"{{"alg":"{}","typ":"at+jwt","kid":"{}"}}"#, signer.algorithm().name(), signer.kid());
        let header = header.as_deref().unwrap_or(good.as_bytes());
        let payload = match payload {
            Payload::Bytes(bytes) => bytes.clone(),
            Payload::Members { kept, tail } => members(*signer, *kept, tail).into_bytes(),
        };
        signer.sign(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)))
    }
}

fn members(signer: Signer, kept: u8, tail: &str) -> String {
    let now = NOW.as_secs();
    let good = [
        format!(r#""iss":"{}""#, signer.issuer()),
        format!(r#""aud":"{AUDIENCE}""#),
        r#""sub":"user-42""#.to_owned(),
        format!(r#""iat":{now}"#),
        format!(r#""exp":{}"#, now + 600),
        r#""client_id":"web""#.to_owned(),
        r#""jti":"AAAAAAAAAAAAAAAAAAAAAA""#.to_owned(),
        r#""sid":"AAAAAAAAAAAAAAAAAAAAAA""#.to_owned(),
    ];
    let kept =
        good.into_iter().enumerate().filter(|(bit, _)| kept & (1 << bit) != 0).map(|(_, member)| member);
    format!("{{{}{tail}}}", kept.collect::<Vec<_>>().join(","))
}

#[derive(Deserialize)]
struct Registered {
    iss: String,
    aud: OneOrMany,
    sub: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fuzz_target!(|token: Token| {
    let signer = token.signer;
    let token = token.text();
    let principal = JWT.verify(&token, NOW);
    let mut buffer = TokenBuffer::new();
    let borrowed = JWT.verify_claims::<IgnoredAny>(&token, NOW, &mut buffer);
    let principal = match (principal, borrowed) {
        (Ok(principal), Ok(claims)) => {
            assert_eq!(principal.subject(), claims.subject);
            assert_eq!(principal.foreign_issuer(), claims.foreign_issuer);
            assert_eq!(principal.session_id(), claims.session_id);
            assert_eq!(principal.expires_at(), claims.expires_at);
            assert_eq!(principal.authenticated_at(), claims.authenticated_at);
            principal
        }
        (Err(one), Err(other)) => return assert_eq!(one, other),
        // Claims of a named realm, or of a session that is no login, are for `Auth` alone.
        (Ok(_), Err(Rejection::OtherRealm | Rejection::NotALogin)) => return,
        (one, other) => panic!("{one:?} and {other:?}"),
    };

    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let registered: Registered = serde_json::from_slice(&payload).unwrap();
    assert_eq!(registered.iss, signer.issuer());
    assert_eq!(registered.sub, principal.subject());
    assert!(match registered.aud {
        OneOrMany::One(audience) => audience == AUDIENCE,
        OneOrMany::Many(audiences) => audiences.iter().any(|audience| audience == AUDIENCE),
    });
    // The sessions of another issuer are not ours.
    if principal.foreign_issuer().is_none() {
        assert_eq!(principal.session_id(), JWT.named_session(&token));
    } else {
        assert_eq!(principal.session_id(), None);
    }
    assert!(principal.expires_at().plus(JWT.leeway()) >= NOW);

    let again = JWT.verify(&token, NOW).unwrap();
    assert_eq!(again.subject(), principal.subject());
    assert!(JWT.verify_ignoring_expiry(&token, NOW).is_ok());
    let over = principal.expires_at().plus(JWT.leeway() + Duration::from_secs(1));
    assert!(JWT.verify(&token, over).is_err(), "accepted after its expiry");

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { 'B' } else { 'A' };
    assert!(JWT.verify(&format!("{signed}.{other}{}", &signature[1..]), NOW).is_err());
    assert!(JWT.verify(&format!("{signed}."), NOW).is_err());
});
