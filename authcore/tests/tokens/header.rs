//! The header of a token selects its key and nothing else (rules T1 to T4).

use authcore::error::Rejection;
use authcore::jwt::{Jwt, KeyRing, TrustedIssuer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{
    ISSUER, NOW, OTHER_SECRET, SECRET, builder, header, key, payload, sign, sign_text, verify, verify_at,
    with, without,
};

#[test]
fn t1_the_algorithm_belongs_to_the_key() {
    for alg in ["HS384", "HS512", "RS256", "ES256", "hs256", "HS256 ", ""] {
        let token = sign(&with(header(), "alg", json!(alg)), &payload());
        assert_eq!(verify(&token), Err(Rejection::WrongAlgorithm), "{alg}");
    }
    let silent = sign(&without(header(), "alg"), &payload());
    assert_eq!(verify(&silent), Err(Rejection::MissingParameter("alg")));
}

#[test]
fn t1_none_is_refused_in_any_spelling_and_with_any_signature() {
    for alg in ["none", "None", "NONE", "nOnE", "none "] {
        let token = sign(&with(header(), "alg", json!(alg)), &payload());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(verify(&token), Err(Rejection::WrongAlgorithm));
        assert!(matches!(verify(&format!("{signed}.")), Err(Rejection::Malformed(_))));
        assert!(matches!(verify(signed), Err(Rejection::Malformed(_))));
        assert!(!signature.is_empty());
    }
}

#[test]
fn t2_kid_selects_among_configured_keys_only() {
    assert_eq!(verify(&sign(&with(header(), "kid", json!("k2")), &payload())), Err(Rejection::UnknownKey));
    assert_eq!(verify(&sign(&without(header(), "kid"), &payload())), Ok("user-42".to_owned()));
    let two = Jwt::builder(KeyRing::new(key("k1", &SECRET)).verifying(key("k2", &OTHER_SECRET)));
    let two = two.issuer(ISSUER).audience("api").build().unwrap();
    let anonymous = sign(&without(header(), "kid"), &payload());
    assert_eq!(verify_at(&two, &anonymous, NOW), Err(Rejection::MissingParameter("kid")));
    let by_k2 =
        sign_text(&with(header(), "kid", json!("k2")).to_string(), &payload().to_string(), &OTHER_SECRET);
    assert_eq!(verify_at(&two, &by_k2, NOW), Ok("user-42".to_owned()));
    let k2_by_k1 = sign(&with(header(), "kid", json!("k2")), &payload());
    assert_eq!(verify_at(&two, &k2_by_k1, NOW), Err(Rejection::WrongSignature));
}

/// The header of a valid token is cached for its key, which must not affect anything else.
#[test]
fn t1_t2_a_header_that_was_seen_before_vouches_for_nothing() {
    let two = Jwt::builder(KeyRing::new(key("k1", &SECRET)).verifying(key("k2", &OTHER_SECRET)));
    let two = two.issuer(ISSUER).audience("api").build().unwrap();
    let headers =
        [r#"{"typ":"at+jwt","kid":"k2","alg":"HS256"}"#, r#"{"kid":"k2","alg":"HS256","typ":"AT+JWT"}"#];
    for header in headers.into_iter().chain(headers) {
        let made = |payload: &serde_json::Value| sign_text(header, &payload.to_string(), &OTHER_SECRET);
        let forged = sign_text(header, &payload().to_string(), &SECRET);
        assert_eq!(verify_at(&two, &forged, NOW), Err(Rejection::WrongSignature), "before {header}");
        assert_eq!(verify_at(&two, &made(&payload()), NOW), Ok("user-42".to_owned()));
        assert_eq!(verify_at(&two, &forged, NOW), Err(Rejection::WrongSignature), "after {header}");
        let stranger = made(&with(payload(), "iss", json!("https://other.example")));
        assert_eq!(verify_at(&two, &stranger, NOW), Err(Rejection::WrongIssuer));
        let expired = made(&with(payload(), "exp", json!(NOW.as_secs() - 100)));
        assert_eq!(verify_at(&two, &expired, NOW), Err(Rejection::Expired));
    }
    for (name, value) in
        [("kid", json!("k1")), ("alg", json!("HS512")), ("typ", json!("JWT")), ("crit", json!([]))]
    {
        let other = with(with(header(), "kid", json!("k2")), name, value);
        let token = sign_text(&other.to_string(), &payload().to_string(), &OTHER_SECRET);
        assert!(verify_at(&two, &token, NOW).is_err(), "{name}");
    }
}

#[test]
fn t2_keys_in_the_header_are_never_followed() {
    let own_key = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(OTHER_SECRET) });
    for (name, value) in [
        ("jwk", own_key),
        ("jku", json!("https://attacker.example/jwks")),
        ("x5u", json!("https://attacker.example/cert")),
        ("x5c", json!(["MII..."])),
    ] {
        let header = with(header(), name, value);
        let forged = sign_text(&header.to_string(), &payload().to_string(), &OTHER_SECRET);
        assert_eq!(verify(&forged), Err(Rejection::WrongSignature), "{name}");
        assert!(verify(&sign(&header, &payload())).is_ok(), "{name} is ignored");
    }
}

#[test]
fn t3_any_crit_is_refused() {
    for value in [json!(["exp"]), json!([]), json!(null), json!("exp"), json!(7), json!({}), json!(["b64"])] {
        let token = sign(&with(header(), "crit", value.clone()), &payload());
        assert_eq!(verify(&token), Err(Rejection::CriticalExtension), "{value}");
    }
}

#[test]
fn t4_typ_must_be_that_of_an_access_token() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert!(verify(&sign(&with(header(), "typ", json!(typ)), &payload())).is_ok(), "{typ}");
    }
    for typ in ["JWT", "jwt", "", "at+jwt ", "application/jwt", "id+jwt"] {
        let token = sign(&with(header(), "typ", json!(typ)), &payload());
        assert_eq!(verify(&token), Err(Rejection::WrongType), "{typ}");
    }
    let untyped = sign(&without(header(), "typ"), &payload());
    assert_eq!(verify(&untyped), Err(Rejection::MissingParameter("typ")));
    assert!(verify_at(&builder().any_token_type().build().unwrap(), &untyped, NOW).is_ok());
    let waived = Jwt::builder(KeyRing::new(key("k1", &SECRET))).audience("api").dangerous_any_issuer();
    assert!(waived.any_token_type().build().is_err(), "any type needs an issuer");
}

/// Each issuer has its own rule for `typ`, even if the application's own accepts any type.
#[test]
fn t4_the_type_of_a_trusted_issuers_token_is_checked_by_its_own_rule() {
    let partner = "https://partner.example.com";
    let claims = with(with(payload(), "iss", json!(partner)), "aud", json!("us")).to_string();
    for (ours_any, theirs_any) in [(false, false), (true, false), (false, true), (true, true)] {
        let trusted = TrustedIssuer::new(partner, "us", key("p1", &OTHER_SECRET));
        let trusted = if theirs_any { trusted.any_token_type() } else { trusted };
        let ours = if ours_any { builder().any_token_type() } else { builder() };
        let jwt = ours.trusting(trusted).build().unwrap();
        for typ in [Some("at+jwt"), Some("JWT"), None] {
            let header = |kid: &str| {
                let header = with(header(), "kid", json!(kid));
                typ.map_or(without(header.clone(), "typ"), |typ| with(header, "typ", json!(typ)))
            };
            let theirs = sign_text(&header("p1").to_string(), &claims, &OTHER_SECRET);
            let ours = sign(&header("k1"), &payload());
            for (token, any) in [(theirs, theirs_any), (ours, ours_any)] {
                let good = if any || typ == Some("at+jwt") {
                    Ok("user-42".to_owned())
                } else if typ.is_none() {
                    Err(Rejection::MissingParameter("typ"))
                } else {
                    Err(Rejection::WrongType)
                };
                assert_eq!(verify_at(&jwt, &token, NOW), good, "{typ:?}, any: {any}");
            }
        }
    }
}

#[test]
fn t8_a_header_parameter_stands_once() {
    let text = header().to_string();
    for twice in
        [r#""alg":"HS256""#, r#""kid":"k1""#, r#""typ":"at+jwt""#, r#""x":1,"x":1"#, r#""x":1,"\u0078":1"#]
    {
        let header = format!("{{{twice},{}", &text[1..]);
        let token = sign_text(&header, &payload().to_string(), &SECRET);
        let twice = Rejection::MalformedHeader("a parameter appears more than once");
        assert_eq!(verify(&token), Err(twice), "{header}");
    }
}

#[test]
fn t8_headers_are_bounded() {
    let parameters = |count: usize| {
        (3..count).fold(header(), |header, number| with(header, &format!("x{number}"), json!(number)))
    };
    assert!(verify(&sign(&parameters(16), &payload())).is_ok());
    let many = Rejection::MalformedHeader("it has more than 16 parameters");
    assert_eq!(verify(&sign(&parameters(17), &payload())), Err(many));

    let filled = |bytes: usize| {
        let room = bytes - with(header(), "x", json!("")).to_string().len();
        with(header(), "x", json!("y".repeat(room)))
    };
    assert_eq!(filled(512).to_string().len(), 512);
    assert!(verify(&sign(&filled(512), &payload())).is_ok());
    for bytes in [513, 514, 515, 516, 600, 2000] {
        let long = Rejection::MalformedHeader("it is longer than 512 bytes");
        assert_eq!(verify(&sign(&filled(bytes), &payload())), Err(long), "{bytes} bytes");
    }
}

#[test]
fn t12_a_header_of_another_shape_is_refused() {
    let payload = payload().to_string();
    let object = "it is not a JSON object";
    for (header, fault) in [
        ("", "it is empty"),
        ("{", "it is not JSON"),
        (r#"{"alg":"HS256","typ":"at+jwt"}{}"#, "it is not JSON"),
        (r#"{"alg":,"typ":"at+jwt"}"#, "it is not JSON"),
        (r#"{"alg":HS256}"#, "it is not JSON"),
        ("null", object),
        ("[]", object),
        ("1e999", object),
        ("\"HS256\"", object),
        (r#"{"alg":1,"typ":"at+jwt"}"#, "`alg` is not a string"),
        (r#"{"alg":1e999,"typ":"at+jwt"}"#, "`alg` is not a string"),
        (r#"{"alg":["HS256"],"typ":"at+jwt"}"#, "`alg` is not a string"),
        (r#"{"alg":"HS256","typ":null}"#, "`typ` is not a string"),
        (r#"{"alg":"HS256","typ":"at+jwt","kid":1}"#, "`kid` is not a string"),
    ] {
        let token = sign_text(header, &payload, &SECRET);
        assert_eq!(verify(&token), Err(Rejection::MalformedHeader(fault)), "{header}");
    }
    let good = sign(&header(), &json!({}));
    let (_, rest) = good.split_once('.').unwrap();
    for header in ["e30=", "e31", "e", "e3+0", "\u{e4}"] {
        let encoding = Rejection::MalformedHeader("it is not base64url");
        assert_eq!(verify(&format!("{header}.{rest}")), Err(encoding), "{header}");
    }
    let latin_1 = URL_SAFE_NO_PAD.encode(b"{\"x\":\"\xe4\"}");
    assert_eq!(verify(&format!("{latin_1}.{rest}")), Err(Rejection::MalformedHeader("it is not UTF-8")));
}
