//! The T rules, from outside: what a token must be to be believed.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use authcore::{
    Algorithm, Auth, Clock, ConfigError, Effective, Error, Jwt, JwtBuilder, Key, KeyRing, Login, LoginError,
    ManualClock, Rejection, Timestamp, TokenBuffer, TokenStrategy, TrustedIssuer,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: [u8; 64] = [7; 64];
const OTHER_SECRET: [u8; 64] = [8; 64];
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const ISSUER: &str = "https://auth.example.com";

fn key(kid: &str, secret: &[u8]) -> Key {
    Key::hmac(kid, Algorithm::HS256, secret).unwrap()
}

fn builder() -> JwtBuilder {
    Jwt::builder(KeyRing::new(key("k1", &SECRET))).issuer(ISSUER).audience("api")
}

fn jwt() -> Jwt {
    builder().build().unwrap()
}

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "at+jwt", "kid": "k1" })
}

/// A payload that is good at `NOW`, in another order of members than ours.
fn payload() -> Value {
    let now = NOW.as_secs();
    json!({
        "sub": "user-42", "client_id": "web", "iat": now, "exp": now + 600, "iss": ISSUER, "aud": "api",
        "jti": "AAAAAAAAAAAAAAAAAAAAAA", "role": "admin",
    })
}

fn sign_text(header: &str, payload: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn sign(header: &Value, payload: &Value) -> String {
    sign_text(&header.to_string(), &payload.to_string(), &SECRET)
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

/// Both ways of verifying, which must agree.
fn verify_at(jwt: &Jwt, token: &str, now: Timestamp) -> Result<String, Rejection> {
    let principal = jwt.verify(token, now).map(|principal| principal.subject().to_string());
    let mut buffer = TokenBuffer::new();
    let borrowed = jwt.verify_claims::<serde::de::IgnoredAny>(token, now, &mut buffer);
    assert_eq!(principal, borrowed.map(|verified| verified.subject.into_owned()), "{token}");
    principal
}

fn verify(token: &str) -> Result<String, Rejection> {
    verify_at(&jwt(), token, NOW)
}

async fn issue(auth: &Auth) -> String {
    let login = Login::new("user-42").unwrap().claims(&json!({ "role": "admin" })).unwrap();
    auth.login(login).await.unwrap().credential().to_owned()
}

fn auth_at(jwt: Jwt, now: Timestamp) -> Auth {
    Auth::tokens(jwt).with_clock(ManualClock::new(now))
}

fn decode(segment: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

#[test]
fn a_good_token_of_another_library_is_good() {
    assert_eq!(verify(&sign(&header(), &payload())), Ok("user-42".to_owned()));
}

#[test]
fn t1_the_algorithm_belongs_to_the_key() {
    for alg in ["HS384", "HS512", "RS256", "ES256", "hs256", "HS256 ", ""] {
        let token = sign(&with(header(), "alg", json!(alg)), &payload());
        assert_eq!(verify(&token), Err(Rejection::WrongAlgorithm), "{alg}");
    }
    assert_eq!(verify(&sign(&without(header(), "alg"), &payload())), Err(Rejection::WrongAlgorithm));
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
    assert_eq!(verify_at(&two, &anonymous, NOW), Err(Rejection::UnknownKey));
    let by_k2 =
        sign_text(&with(header(), "kid", json!("k2")).to_string(), &payload().to_string(), &OTHER_SECRET);
    assert_eq!(verify_at(&two, &by_k2, NOW), Ok("user-42".to_owned()));
    let k2_by_k1 = sign(&with(header(), "kid", json!("k2")), &payload());
    assert_eq!(verify_at(&two, &k2_by_k1, NOW), Err(Rejection::WrongSignature));
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
    assert_eq!(verify(&untyped), Err(Rejection::WrongType));
    assert!(verify_at(&builder().any_token_type().build().unwrap(), &untyped, NOW).is_ok());
    let waived = Jwt::builder(KeyRing::new(key("k1", &SECRET))).audience("api").dangerous_any_issuer();
    assert!(waived.any_token_type().build().is_err(), "any type needs an issuer");
}

#[test]
fn t5_an_expired_forgery_is_a_forgery() {
    for claims in [
        with(payload(), "exp", json!(1)),
        with(payload(), "aud", json!("other")),
        with(payload(), "iss", json!(1)),
        json!([]),
    ] {
        let forged = sign_text(&header().to_string(), &claims.to_string(), &OTHER_SECRET);
        assert_eq!(verify(&forged), Err(Rejection::WrongSignature), "{claims}");
    }
    let forged = sign_text(&header().to_string(), "not json", &OTHER_SECRET);
    assert_eq!(verify(&forged), Err(Rejection::WrongSignature));
}

#[test]
fn t6_exp_iat_and_sub_are_required() {
    for name in ["exp", "iat", "sub"] {
        let token = sign(&header(), &without(payload(), name));
        assert_eq!(verify(&token), Err(Rejection::InvalidClaim(name)));
    }
    assert_eq!(verify(&sign(&header(), &without(payload(), "iss"))), Err(Rejection::WrongIssuer));
    assert_eq!(verify(&sign(&header(), &without(payload(), "aud"))), Err(Rejection::WrongAudience));
}

#[test]
fn t6_times_are_checked_with_the_leeway_and_no_more() {
    let now = NOW.as_secs();
    let at = |exp: u64, nbf: u64, iat: u64| {
        let claims = with(with(with(payload(), "exp", json!(exp)), "nbf", json!(nbf)), "iat", json!(iat));
        verify(&sign(&header(), &claims))
    };
    assert!(at(now - 29, now, now - 600).is_ok());
    assert_eq!(at(now - 30, now, now - 600), Err(Rejection::Expired));
    assert!(at(now + 60, now + 30, now).is_ok());
    assert_eq!(at(now + 60, now + 31, now), Err(Rejection::NotYetValid));
    assert!(at(now + 60, now, now + 30).is_ok());
    assert_eq!(at(now + 60, now, now + 31), Err(Rejection::NotYetValid));
}

#[test]
fn t6_issuer_and_audience_are_exact() {
    for issuer in ["https://auth.example.com/", "HTTPS://auth.example.com", ""] {
        let token = sign(&header(), &with(payload(), "iss", json!(issuer)));
        assert_eq!(verify(&token), Err(Rejection::WrongIssuer), "{issuer}");
    }
    for audience in [json!("API"), json!(["other"]), json!([]), json!("")] {
        let token = sign(&header(), &with(payload(), "aud", audience.clone()));
        assert_eq!(verify(&token), Err(Rejection::WrongAudience), "{audience}");
    }
    assert!(verify(&sign(&header(), &with(payload(), "aud", json!(["other", "api"])))).is_ok());
}

#[test]
fn t6_a_claim_of_the_wrong_type_is_an_error_and_never_absent() {
    for (name, values) in [
        ("exp", vec![json!("1900000000"), json!(null), json!([1]), json!(true), json!({})]),
        ("iat", vec![json!("1"), json!(null)]),
        ("nbf", vec![json!("1"), json!(null), json!(false), json!([])]),
        (
            "sub",
            vec![json!(42), json!(null), json!(["a"]), json!(""), json!("a\u{0}b"), json!("x".repeat(256))],
        ),
        ("iss", vec![json!(null), json!([ISSUER]), json!(1)]),
        ("aud", vec![json!(null), json!(1), json!(["api", 1]), json!({ "api": 1 })]),
        ("auth_time", vec![json!("now"), json!(null)]),
        ("jti", vec![json!(1), json!(null)]),
        ("client_id", vec![json!(1)]),
        ("sid", vec![json!(1), json!("short"), json!(null)]),
        ("epoch", vec![json!(-1), json!("1"), json!(1.5), json!(null)]),
        ("cnf", vec![json!({ "jkt": "x" })]),
    ] {
        for value in values {
            let token = sign(&header(), &with(payload(), name, value.clone()));
            assert_eq!(verify(&token), Err(Rejection::InvalidClaim(name)), "{name}: {value}");
        }
    }
}

#[test]
fn t6_numeric_dates_may_have_fractions_and_extremes_do_not_wrap() {
    let now = NOW.as_secs();
    let exp = |value: &str| {
        let text =
            payload().to_string().replace(&format!("\"exp\":{}", now + 600), &format!("\"exp\":{value}"));
        verify(&sign_text(&header().to_string(), &text, &SECRET))
    };
    assert!(exp(&format!("{}.5", now + 60)).is_ok());
    assert_eq!(exp("-1"), Err(Rejection::Expired));
    assert_eq!(exp("-1e300"), Err(Rejection::Expired));
    for far in ["18446744073709551615", "1e300", "99999999999999999999999"] {
        assert_eq!(exp(far), Err(Rejection::LifetimeAboveCap), "{far}");
    }
}

#[test]
fn t6_issuer_and_audience_are_configured_or_waived_by_name() {
    let plain = || Jwt::builder(KeyRing::new(key("k1", &SECRET)));
    assert!(plain().build().is_err());
    assert!(plain().issuer(ISSUER).build().is_err());
    assert!(plain().audience("api").build().is_err());
    let waived = plain().dangerous_any_issuer().dangerous_any_audience().build().unwrap();
    let bare = without(without(payload(), "iss"), "aud");
    assert!(verify_at(&waived, &sign(&header(), &bare), NOW).is_ok());
    assert!(verify_at(&waived, &sign(&header(), &payload()), NOW).is_ok());
}

#[tokio::test]
async fn t6_waived_tokens_are_issued_and_verified() {
    let waived = Jwt::builder(KeyRing::new(key("k1", &SECRET)))
        .dangerous_any_issuer()
        .dangerous_any_audience()
        .build()
        .unwrap();
    let token = issue(&auth_at(waived.clone(), NOW)).await;
    assert!(verify_at(&waived, &token, NOW).is_ok());
    assert_eq!(verify(&token), Err(Rejection::WrongIssuer));
}

#[test]
fn t7_the_lifetime_is_capped_at_verification() {
    let now = NOW.as_secs();
    assert!(verify(&sign(&header(), &with(payload(), "exp", json!(now + 900)))).is_ok());
    let long = sign(&header(), &with(payload(), "exp", json!(now + 901)));
    assert_eq!(verify(&long), Err(Rejection::LifetimeAboveCap));
    let longer = builder().max_lifetime(Duration::from_secs(3600)).build().unwrap();
    assert!(verify_at(&longer, &long, NOW).is_ok());
}

#[test]
fn t7_the_lifetime_is_capped_at_issue() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let refused = |builder: JwtBuilder| builder.build().err().map(|error: ConfigError| error.to_string());
    assert!(refused(builder().lifetime(hours(1))).unwrap().contains("above its cap"));
    assert!(refused(builder().lifetime(Duration::ZERO)).is_some());
    assert!(refused(builder().lifetime(hours(24)).max_lifetime(hours(24))).is_none());
    assert!(
        refused(builder().max_lifetime(hours(24) + Duration::from_secs(1))).unwrap().contains("24 hours")
    );
    assert!(refused(builder().leeway(Duration::from_secs(601))).unwrap().contains("10 minutes"));
}

#[test]
fn t8_duplicate_registered_claims_are_refused() {
    let text = payload().to_string();
    for twice in [
        r#""exp":1,"#,
        r#""sub":"user-42","#,
        r#""aud":"api","#,
        r#""iss":"https://auth.example.com","#,
        r#""\u0065xp":1,"#,
    ] {
        let text = format!("{{{twice}{}", &text[1..]);
        let token = sign_text(&header().to_string(), &text, &SECRET);
        assert!(matches!(verify(&token), Err(Rejection::InvalidClaim(_))), "{twice}");
    }
}

/// A token of our own is recognised by its first bytes; what follows them gets the same checks.
#[tokio::test]
async fn t8_duplicates_after_a_recognised_start_are_refused_too() {
    let token = issue(&auth_at(jwt(), NOW)).await;
    let [head, body, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    let body = String::from_utf8(URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    assert!(body.starts_with(r#"{"iss":"https://auth.example.com","aud":"api","#));
    assert!(verify(&sign_text(&header, &body, &SECRET)).is_ok());
    for extra in [r#","aud":"api"}"#, r#","iss":"other"}"#, r#","sub":"root"}"#, r#","exp":9e9}"#] {
        let forged = format!("{}{extra}", &body[..body.len() - 1]);
        let verdict = verify(&sign_text(&header, &forged, &SECRET));
        assert!(matches!(verdict, Err(Rejection::InvalidClaim(_))), "{extra}: {verdict:?}");
    }
    let (start, rest) = body.split_once(r#""sub""#).unwrap();
    let cut = sign_text(&header, start, &SECRET);
    assert!(matches!(verify(&cut), Err(Rejection::Malformed(_))), "{rest}");
}

#[tokio::test]
async fn t8_every_other_spelling_of_a_good_token_is_refused() {
    let ours = issue(&auth_at(jwt(), NOW)).await;
    for good in [ours, sign(&header(), &payload())] {
        assert!(verify(&good).is_ok());
        for bad in [
            format!("{good}="),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}."),
            format!(".{good}"),
            good.replacen('.', ".=", 1),
            good.replace('.', ".."),
            good[..good.len() - 1].to_owned(),
        ] {
            assert!(verify(&bad).is_err(), "{bad}");
        }
        // The last character of a 32-byte tag has two bits that mean nothing: only zeros are right.
        let last = good.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for other in alphabet.chars().filter(|c| *c != last) {
            let respelt = format!("{}{other}", &good[..good.len() - 1]);
            assert_eq!(verify(&respelt), Err(Rejection::WrongSignature));
        }
    }
}

#[test]
fn t8_tokens_are_bounded() {
    let long = with(payload(), "x", json!("y".repeat(8192)));
    assert!(matches!(verify(&sign(&header(), &long)), Err(Rejection::Malformed(_))));
    let deep =
        payload().to_string().replace("\"admin\"", &format!("{}{}", "[".repeat(2000), "]".repeat(2000)));
    assert!(verify(&sign_text(&header().to_string(), &deep, &SECRET)).is_ok(), "depth costs no stack");
}

#[test]
fn t9_short_keys_do_not_build() {
    assert!(Key::hmac("k1", Algorithm::HS256, b"secret").is_err());
    assert!(Key::hmac("k1", Algorithm::HS512, &[7; 32]).is_err());
}

#[tokio::test]
async fn t10_t13_secret_and_reserved_claims_are_refused_at_login() {
    let auth = auth_at(jwt(), NOW);
    let login = |claims: Value| Login::new("user-42").unwrap().claims(&claims);
    let secret = auth.login(login(json!({ "a": { "password": "hunter2" } })).unwrap()).await;
    assert!(matches!(secret, Err(Error::Login(LoginError::SecretClaim))));
    let own_list = auth.clone().with_secret_claims(&["iban"]);
    assert!(own_list.login(login(json!({ "password": "x" })).unwrap()).await.is_ok());
    assert!(own_list.login(login(json!({ "iban": "x" })).unwrap()).await.is_err());
    assert_eq!(login(json!({ "sub": "root" })).unwrap_err(), LoginError::ReservedClaim("sub"));
}

#[tokio::test]
async fn t13_claims_read_from_a_token_are_exactly_those_given() {
    let auth = auth_at(jwt(), NOW);
    let given =
        json!({ "role": "admin", "n": [1, 2.5, null], "text": "\u{e9}\"\\\n", "scope": "read write" });
    let login = Login::new("user-\"42\"\\ \u{e9}").unwrap().claims(&given).unwrap();
    let issued = auth.login(login).await.unwrap();
    for principal in [issued.principal().clone(), auth.authenticate(issued.credential()).await.unwrap()] {
        assert_eq!(principal.claims::<Value>().unwrap(), given);
        assert_eq!(principal.subject(), "user-\"42\"\\ \u{e9}");
        let all: BTreeMap<String, Value> = principal.claims().unwrap();
        assert_eq!(all.len(), 4);
    }
}

#[tokio::test]
async fn t14_issued_tokens_carry_what_rfc_9068_asks() {
    let auth = auth_at(builder().client_id("web").build().unwrap(), NOW);
    let token = issue(&auth).await;
    let segments: Vec<_> = token.split('.').collect();
    assert_eq!(decode(segments[0]), json!({ "alg": "HS256", "typ": "at+jwt", "kid": "k1" }));
    let mut claims = decode(segments[1]);
    let jti = claims["jti"].take();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    let now = NOW.as_secs();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "aud": "api", "sub": "user-42", "client_id": "web", "iat": now, "exp": now + 900,
            "auth_time": now, "jti": null, "role": "admin",
        })
    );
    assert_ne!(token, issue(&auth).await, "every token has its own jti");
}

#[tokio::test]
async fn t14_several_audiences_are_written_and_one_of_them_suffices() {
    let two = Jwt::builder(KeyRing::new(key("k1", &SECRET))).issuer(ISSUER).audience("api").audience("admin");
    let token = issue(&auth_at(two.build().unwrap(), NOW)).await;
    assert_eq!(decode(token.split('.').nth(1).unwrap())["aud"], json!(["api", "admin"]));
    assert!(verify(&token).is_ok());
}

#[tokio::test]
async fn keys_rotate_without_downtime() {
    let ring = |signing: (&str, &[u8]), other: (&str, &[u8])| {
        KeyRing::new(key(signing.0, signing.1)).verifying(key(other.0, other.1))
    };
    let build = |ring| auth_at(Jwt::builder(ring).issuer(ISSUER).audience("api").build().unwrap(), NOW);
    let (old, new) = (("k1", &SECRET[..]), ("k2", &OTHER_SECRET[..]));
    let published = build(ring(old, new));
    let signing = build(ring(new, old));
    let retired = build(KeyRing::new(key(new.0, new.1)));
    let (before, after) = (issue(&published).await, issue(&signing).await);
    for (auth, token, good) in [
        (&published, &after, true),
        (&signing, &before, true),
        (&retired, &after, true),
        (&retired, &before, false),
    ] {
        assert_eq!(auth.authenticate(token).await.is_ok(), good);
    }
    let twice = Jwt::builder(ring(old, old)).issuer(ISSUER).audience("api").build();
    assert!(twice.unwrap_err().to_string().contains("same id"));
}

#[tokio::test]
async fn every_algorithm_issues_and_verifies() {
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let keys = KeyRing::new(Key::hmac("k", algorithm, &SECRET).unwrap());
        let jwt = Jwt::builder(keys).issuer(ISSUER).audience("api").build().unwrap();
        let token = issue(&auth_at(jwt.clone(), NOW)).await;
        assert!(verify_at(&jwt, &token, NOW).is_ok());
        let mut cut = token.clone();
        cut.pop();
        assert_eq!(verify_at(&jwt, &cut, NOW), Err(Rejection::WrongSignature));
    }
}

#[test]
fn a_trusted_issuer_speaks_with_its_own_key_and_for_itself_only() {
    let partner = "https://partner.example.com";
    let trusted = TrustedIssuer::new(partner, "us", key("p1", &OTHER_SECRET)).any_token_type();
    let jwt = builder().trusting(trusted).build().unwrap();
    let header = json!({ "alg": "HS256", "kid": "p1" });
    let token = |claims: &Value| sign_text(&header.to_string(), &claims.to_string(), &OTHER_SECRET);
    let theirs = with(with(payload(), "iss", json!(partner)), "aud", json!("us"));
    let principal = jwt.verify(&token(&theirs), NOW).unwrap();
    assert_eq!(principal.foreign_issuer(), Some(partner));
    assert_eq!(
        jwt.verify(&token(&payload()), NOW).unwrap_err(),
        Rejection::WrongIssuer,
        "our name, their key"
    );
    let with_session = with(theirs.clone(), "sid", json!("AAAAAAAAAAAAAAAAAAAAAA"));
    assert_eq!(
        jwt.verify(&token(&with_session), NOW).unwrap().session_id(),
        None,
        "their sessions are not ours"
    );
    let long = with(theirs.clone(), "exp", json!(NOW.as_secs() + 901));
    assert_eq!(jwt.verify(&token(&long), NOW).unwrap_err(), Rejection::LifetimeAboveCap);
    let ours_by_name = sign(&self::header(), &theirs);
    assert_eq!(jwt.verify(&ours_by_name, NOW).unwrap_err(), Rejection::WrongIssuer, "their name, our key");
    assert_eq!(jwt.verify(&sign(&self::header(), &payload()), NOW).unwrap().foreign_issuer(), None);
}

/// RFC 7515, appendix A.1: the published token verifies, by the published key, at the time it was made.
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
    // Two keys are configured and the token names none (rule T2); with the key alone the signature is good, and
    // the token is refused for what it does not say.
    assert_eq!(jwt.verify(token, then).unwrap_err(), Rejection::UnknownKey);
    let alone = |secret: &[u8]| {
        Jwt::builder(KeyRing::new(key("joe", secret)))
            .issuer("joe")
            .audience("us")
            .any_token_type()
            .build()
            .unwrap()
    };
    assert_eq!(alone(&secret).verify(token, then).unwrap_err(), Rejection::WrongAudience);
    assert_eq!(alone(&SECRET).verify(token, then).unwrap_err(), Rejection::WrongSignature);
}

#[tokio::test]
async fn tokens_decode_elsewhere_and_the_reverse() {
    use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};

    for (ours, theirs) in [
        (Algorithm::HS256, jsonwebtoken::Algorithm::HS256),
        (Algorithm::HS384, jsonwebtoken::Algorithm::HS384),
        (Algorithm::HS512, jsonwebtoken::Algorithm::HS512),
    ] {
        let keys = KeyRing::new(Key::hmac("k1", ours, &SECRET).unwrap());
        let jwt = Jwt::builder(keys).issuer(ISSUER).audience("api").build().unwrap();
        let now = authcore::SystemClock.now();

        let mut validation = Validation::new(theirs);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&["api"]);
        let token = issue(&Auth::tokens(jwt.clone())).await;
        let read = decode::<Value>(&token, &DecodingKey::from_secret(&SECRET), &validation).unwrap();
        assert_eq!((&read.claims["sub"], &read.claims["role"]), (&json!("user-42"), &json!("admin")));

        let mut header = Header::new(theirs);
        (header.typ, header.kid) = (Some("at+jwt".into()), Some("k1".into()));
        let claims = with(with(payload(), "iat", json!(now.as_secs())), "exp", json!(now.as_secs() + 60));
        let token = encode(&header, &claims, &EncodingKey::from_secret(&SECRET)).unwrap();
        assert_eq!(verify_at(&jwt, &token, now), Ok("user-42".to_owned()));
    }
}

#[tokio::test]
async fn the_tokens_strategy_tells_honestly_what_it_cannot_do() {
    let clock = ManualClock::new(NOW);
    let auth = Auth::tokens(jwt()).with_clock(clock.clone());
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    let principal = auth.authenticate(issued.credential()).await.unwrap();
    assert!(matches!(auth.refresh(issued.credential()).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.renew(&principal).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.sessions_of(&principal).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.logout_everywhere(&principal).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.authenticate_live(issued.credential()).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.admin().revoke_all(&principal.to_subject()).await, Err(Error::Unsupported { .. })));
    let end = NOW.plus(Duration::from_secs(15 * 60 + 30));
    let revoked = auth.logout(issued.credential()).await.unwrap();
    assert_eq!((revoked.sessions.len(), revoked.effective), (0, Effective::At(end)));
    clock.set(end);
    assert!(auth.authenticate(issued.credential()).await.is_err());
    assert_eq!(auth.logout(issued.credential()).await.unwrap().effective, Effective::Now);
    assert!(auth.logout("x.y.z").await.is_err());
}

#[tokio::test]
async fn a_reissue_keeps_auth_time_and_never_passes_the_limit() {
    let clock = ManualClock::new(NOW);
    let auth = Auth::tokens(jwt()).with_clock(clock.clone()).allow_reissue(Duration::from_secs(1200));
    let first = auth.login(Login::new("user-42").unwrap().claims(&json!({ "a": 1 })).unwrap()).await.unwrap();
    clock.advance(Duration::from_secs(600));
    let second = auth.refresh(first.credential()).await.unwrap();
    assert_eq!(second.expires_at(), NOW.plus(Duration::from_secs(1200)));
    let principal = auth.authenticate(second.credential()).await.unwrap();
    assert_eq!(principal.authenticated_at(), NOW);
    assert_eq!(principal.claims::<Value>().unwrap(), json!({ "a": 1 }));
    clock.advance(Duration::from_secs(600));
    assert!(matches!(
        auth.refresh(second.credential()).await,
        Err(Error::Unauthenticated(Rejection::Expired))
    ));
}

proptest! {
    #[test]
    fn t12_any_text_is_refused_without_panic(token in "\\PC{0,80}(\\.\\PC{0,80}){0,3}") {
        prop_assert!(verify(&token).is_err());
    }

    #[test]
    fn t12_any_signed_payload_is_judged_without_panic(payload in "\\PC{0,200}") {
        let _ = verify(&sign_text(&header().to_string(), &payload, &SECRET));
    }

    #[test]
    fn t12_any_signed_header_is_judged_without_panic(header in "\\PC{0,100}") {
        prop_assert!(verify(&sign_text(&header, &payload().to_string(), &SECRET)).is_err());
    }

    #[test]
    fn t5_one_changed_character_is_a_forgery(position in 0usize..1000, to in "[A-Za-z0-9_.-]") {
        let good = sign(&header(), &payload());
        let position = position % good.len();
        let mut forged = good.clone();
        forged.replace_range(position..=position, &to);
        prop_assume!(forged != good);
        prop_assert!(verify(&forged).is_err());
    }
}
