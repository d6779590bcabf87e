//! The required contents and form of a token's payload (rules T5 to T8).

use std::time::Duration;

use authcore::Error;
use authcore::error::{ClaimFault, Rejection};
use authcore::jwt::{Jwt, KeyRing, TokenBuffer};
use authcore::strategy::{TokenStrategy as _, UnsignedToken};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{
    ISSUER, NOW, OTHER_SECRET, SECRET, auth_at, builder, header, issue, jwt, key, payload, resign, sign,
    sign_text, verify, verify_at, with, without,
};

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
        assert_eq!(verify(&token), Err(Rejection::InvalidClaim(name, ClaimFault::Missing)));
    }
}

#[test]
fn t6_a_missing_issuer_or_audience_is_not_another_one() {
    for name in ["iss", "aud"] {
        let missing = verify(&sign(&header(), &without(payload(), name))).unwrap_err();
        assert_eq!(missing, Rejection::InvalidClaim(name, ClaimFault::Missing));
        assert_eq!(missing.to_string(), format!("the token's `{name}` claim is missing"));
    }
    let audience = |value| verify(&sign(&header(), &with(payload(), "aud", value)));
    assert_eq!(audience(json!([])), Err(Rejection::WrongAudience));
    assert_eq!(audience(json!("")), Err(Rejection::WrongAudience));
    let issuer = sign(&header(), &with(payload(), "iss", json!("")));
    assert_eq!(verify(&issuer), Err(Rejection::WrongIssuer));
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
fn t6_t14_nobody_proves_themselves_in_the_future() {
    let now = NOW.as_secs();
    let proved_at = |auth_time: u64, iat: u64| {
        let token = sign(&header(), &with(with(payload(), "auth_time", json!(auth_time)), "iat", json!(iat)));
        verify(&token).map(|_| jwt().verify(&token, NOW).unwrap().authenticated_at().as_secs())
    };
    assert_eq!(proved_at(now - 600, now), Ok(now - 600));
    assert_eq!(proved_at(now, now - 20), Ok(now - 20), "at most `iat`");
    assert_eq!(proved_at(now + 30, now), Ok(now));
    assert_eq!(proved_at(now + 31, now), Err(Rejection::NotYetValid));
    assert_eq!(proved_at(now + 10_000_000, now), Err(Rejection::NotYetValid));
}

/// After the clock was set back, `authenticated_at` lies in the future; the tokens of the session remain
/// valid.
#[test]
fn t14_auth_time_is_never_after_iat() {
    let later = NOW.plus(Duration::from_secs(3600));
    let token = jwt().issue(&UnsignedToken::new("user-42", "{}", later), NOW).unwrap();
    assert!(verify(token.expose()).is_ok());
    assert_eq!(jwt().verify(token.expose(), NOW).unwrap().authenticated_at(), NOW);
}

#[test]
fn t6_a_claim_of_the_wrong_type_is_an_error_and_never_absent() {
    for (name, values) in [
        ("exp", vec![json!("1900000000"), json!(null), json!([1]), json!(true), json!({})]),
        ("iat", vec![json!("1"), json!(null)]),
        ("nbf", vec![json!("1"), json!(null), json!(false), json!([])]),
        ("sub", vec![json!(42), json!(null), json!(["a"])]),
        ("iss", vec![json!(null), json!([ISSUER]), json!(1)]),
        ("aud", vec![json!(null), json!(1), json!(["api", 1]), json!({ "api": 1 })]),
        ("auth_time", vec![json!("now"), json!(null)]),
        ("jti", vec![json!(1), json!(null)]),
        ("client_id", vec![json!(1)]),
        ("sid", vec![json!(1), json!(null)]),
        ("epoch", vec![json!(-1), json!("1"), json!(1.5), json!(null)]),
    ] {
        for value in values {
            let token = sign(&header(), &with(payload(), name, value.clone()));
            let fault = Rejection::InvalidClaim(name, ClaimFault::WrongType);
            assert_eq!(verify(&token), Err(fault), "{name}: {value}");
        }
    }
    for (name, value, fault) in [
        ("sub", json!(""), ClaimFault::InvalidValue),
        ("sub", json!("a\u{0}b"), ClaimFault::InvalidValue),
        ("sub", json!("x".repeat(256)), ClaimFault::InvalidValue),
        ("sid", json!("short"), ClaimFault::InvalidValue),
        ("cnf", json!({ "jkt": "x" }), ClaimFault::Unsupported),
    ] {
        let token = sign(&header(), &with(payload(), name, value.clone()));
        assert_eq!(verify(&token), Err(Rejection::InvalidClaim(name, fault)), "{name}: {value}");
    }
}

/// The signature is valid in each case: the log names the signer's mistake.
#[test]
fn t8_each_fault_of_a_payload_has_its_own_text() {
    let signed = |payload: &str| verify(&sign_text(&header().to_string(), payload, &SECRET)).unwrap_err();
    let good = payload().to_string();
    let exp = format!("\"exp\":{}", NOW.as_secs() + 600);
    assert!(good.contains(&exp));
    for (payload, fault) in [
        (String::new(), "it is empty"),
        (good[..good.len() - 1].to_owned(), "it is not JSON"),
        (format!("{good}{{}}"), "it is not JSON"),
        (good.replace(&exp, "\"exp\":"), "it is not JSON"),
        ("[]".into(), "it is not a JSON object"),
        ("\"text\"".into(), "it is not a JSON object"),
        ("1e999".into(), "it is not a JSON object"),
    ] {
        assert_eq!(signed(&payload), Rejection::MalformedPayload(fault), "{payload}");
    }
    // A JSON number out of range.
    let far = signed(&good.replace(&exp, "\"exp\":1e999"));
    assert_eq!(far, Rejection::InvalidClaim("exp", ClaimFault::WrongType));

    let raw = |payload: &[u8]| {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header().to_string()), URL_SAFE_NO_PAD.encode(payload));
        resign(&signed)
    };
    assert_eq!(verify(&raw(b"{\"x\":\"\xe4\"}")), Err(Rejection::MalformedPayload("it is not UTF-8")));
    let padded = format!("{}.e30=", URL_SAFE_NO_PAD.encode(header().to_string()));
    assert_eq!(verify(&resign(&padded)), Err(Rejection::MalformedPayload("it is not base64url")));

    let (jwt, mut buffer) = (jwt(), TokenBuffer::new());
    let token = sign(&header(), &payload());
    let typed = jwt.verify_claims::<std::collections::BTreeMap<String, u32>>(&token, NOW, &mut buffer);
    let fault = "its claims are not of the type that the application requested";
    assert_eq!(typed.unwrap_err(), Rejection::MalformedPayload(fault));
}

/// A token of another shape is refused for its shape, whether or not its start is recognised.
#[tokio::test]
async fn t8_each_fault_of_a_tokens_shape_has_its_own_text() {
    let ours = issue(&auth_at(jwt(), NOW)).await;
    for good in [ours, sign(&header(), &payload())] {
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        let shape = Rejection::Malformed("a token has three segments, separated by dots");
        for (token, fault) in [
            (signed.to_owned(), shape.clone()),
            (format!("{good}."), shape.clone()),
            (format!("{good}.{signature}"), shape),
            (format!("{signed}."), Rejection::Malformed("the token has no signature")),
            (format!("{header}..{signature}"), Rejection::MalformedPayload("it is empty")),
            (format!(".{payload}.{signature}"), Rejection::MalformedHeader("it is empty")),
            (format!("{signed}.AAAA"), Rejection::WrongSignature),
        ] {
            assert_eq!(verify(&token), Err(fault), "{token}");
        }
        let long = format!("{good}{}", "A".repeat(8193 - good.len()));
        assert_eq!(verify(&long), Err(Rejection::Malformed("a token has at most 8192 bytes")));
    }
}

#[test]
fn t14_sid_and_epoch_come_together_or_not_at_all() {
    let sid = json!("AAAAAAAAAAAAAAAAAAAAAA");
    let both = with(with(payload(), "sid", sid.clone()), "epoch", json!(1));
    assert!(verify(&sign(&header(), &both)).is_ok());
    for (name, value, other) in [("sid", sid, "epoch"), ("epoch", json!(1), "sid")] {
        let token = sign(&header(), &with(payload(), name, value));
        let missing = Rejection::InvalidClaim(other, ClaimFault::Missing);
        assert_eq!(verify(&token), Err(missing), "{name} alone");
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
fn t7_the_lifetime_is_capped_at_verification() {
    let now = NOW.as_secs();
    assert!(verify(&sign(&header(), &with(payload(), "exp", json!(now + 900)))).is_ok());
    let long = sign(&header(), &with(payload(), "exp", json!(now + 901)));
    assert_eq!(verify(&long), Err(Rejection::LifetimeAboveCap));
    let longer = builder().max_lifetime(Duration::from_secs(3600)).build().unwrap();
    assert!(verify_at(&longer, &long, NOW).is_ok());
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
        let verdict = verify(&token);
        assert!(matches!(verdict, Err(Rejection::InvalidClaim(_, ClaimFault::Duplicate))), "{twice}");
    }
}

/// An authcore token is recognised by its first bytes; the rest gets the same checks.
#[tokio::test]
async fn t8_duplicates_after_a_recognised_start_are_refused_too() {
    let token = issue(&auth_at(jwt(), NOW)).await;
    let [head, body, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    let body = String::from_utf8(URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    assert!(body.starts_with(r#"{"iss":"https://auth.example.com","aud":"api","#));
    assert!(verify(&sign_text(&header, &body, &SECRET)).is_ok());
    for extra in [
        r#","aud":"api"}"#,
        r#","iss":"other"}"#,
        r#","client_id":"x"}"#,
        r#","sub":"root"}"#,
        r#","exp":9e9}"#,
    ] {
        let forged = format!("{}{extra}", &body[..body.len() - 1]);
        let verdict = verify(&sign_text(&header, &forged, &SECRET));
        let refused = matches!(verdict, Err(Rejection::InvalidClaim(_, ClaimFault::Duplicate)));
        assert!(refused, "{extra}: {verdict:?}");
    }
    let (start, rest) = body.split_once(r#""sub""#).unwrap();
    let cut = sign_text(&header, start, &SECRET);
    assert_eq!(verify(&cut), Err(Rejection::MalformedPayload("it is not JSON")), "{rest}");
}

/// A claim that the recognised start omits may follow it, once.
#[tokio::test]
async fn t6_t8_a_recognised_start_says_nothing_of_what_was_waived() {
    let keys = || KeyRing::new(key("k1", &SECRET));
    for (jwt, name) in [
        (Jwt::builder(keys()).dangerous_any_issuer().audience("api").build().unwrap(), "iss"),
        (Jwt::builder(keys()).issuer(ISSUER).dangerous_any_audience().build().unwrap(), "aud"),
    ] {
        let token = issue(&auth_at(jwt.clone(), NOW)).await;
        let [head, body, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
        let text = |segment| String::from_utf8(URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap();
        let (header, body) = (text(head), text(body));
        let with_extra = |extra: &str| {
            let body = format!("{}{extra}}}", &body[..body.len() - 1]);
            verify_at(&jwt, &sign_text(&header, &body, &SECRET), NOW)
        };
        let (once, other) = (format!(r#","{name}":"x""#), if name == "iss" { "aud" } else { "iss" });
        assert!(with_extra(&once).is_ok(), "{name}");
        let twice = |name| Err(Rejection::InvalidClaim(name, ClaimFault::Duplicate));
        assert_eq!(with_extra(&once.repeat(2)), twice(name));
        assert_eq!(with_extra(&format!(r#","{other}":"x""#)), twice(other));
    }
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
        // The last character of a 32-byte tag has two unused bits, which must be zero.
        let last = good.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for other in alphabet.chars().filter(|c| *c != last) {
            let respelt = format!("{}{other}", &good[..good.len() - 1]);
            assert_eq!(verify(&respelt), Err(Rejection::WrongSignature));
        }
    }
}

/// The same holds if the start of the token is recognised, which is checked first.
#[tokio::test]
async fn t8_tokens_are_bounded_to_the_byte() {
    let token = issue(&auth_at(jwt(), NOW)).await;
    let [head, body, _] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    let text = |segment| String::from_utf8(URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap();
    let (ours, body) = (text(head), text(body));
    let other = header().to_string();
    assert_ne!(ours, other, "not recognised");
    for header in [&ours, &other] {
        let (mut good, mut bad) = (0, 0);
        for filling in 5500..6200 {
            let body = format!(r#"{},"x":"{}"}}"#, &body[..body.len() - 1], "y".repeat(filling));
            let token = sign_text(header, &body, &SECRET);
            let outcome = verify(&token);
            if token.len() <= 8192 {
                good += 1;
                assert!(outcome.is_ok(), "{} bytes: {outcome:?}", token.len());
            } else {
                bad += 1;
                let long = Rejection::Malformed("a token has at most 8192 bytes");
                assert_eq!(outcome, Err(long), "{} bytes", token.len());
            }
        }
        assert!(good > 0 && bad > 0, "{good} {bad}");
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

/// Claims that no type can read, which only a signer can send, make the token refused. They are not an error
/// of the application (rule A16).
#[tokio::test]
async fn a16_claims_that_no_type_could_read_are_a_refused_token() {
    let auth = auth_at(jwt(), NOW);
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for value in ["1e999", "-1E400", r#"[1,{"a":1e999}]"#, r#""\ud800""#, &deep] {
        let text = payload().to_string().replace("\"admin\"", value);
        let token = sign_text(&header().to_string(), &text, &SECRET);
        let principal = auth.authenticate(&token).await.unwrap();
        let refused = principal.claims::<Value>().unwrap_err();
        assert!(
            matches!(refused, Error::Unauthenticated(Rejection::MalformedPayload(_))),
            "{value}: {refused:?}"
        );
        let read = jwt().verify_claims::<Value>(&token, NOW, &mut TokenBuffer::new()).map(|_| ());
        assert!(read.is_err(), "{value}: {read:?}");
    }
    for value in ["1e300", r#""\ud83e\udd80""#, "123456789012345678901234567890", r#"[1,{"a":null}]"#] {
        let text = payload().to_string().replace("\"admin\"", value);
        let token = sign_text(&header().to_string(), &text, &SECRET);
        assert!(auth.authenticate(&token).await.unwrap().claims::<Value>().is_ok(), "{value}");
    }
}

/// A token with an unreadable actor must not pass for the subject's own.
#[test]
fn t6_claims_about_the_authentication_are_of_their_types_or_refused() {
    let verify_with = |name, value| verify(&sign(&header(), &with(payload(), name, value)));
    for (name, value) in [
        ("act", json!("staff")),
        ("act", json!({ "client_id": "svc" })),
        ("act", json!({ "sub": 5 })),
        ("act", json!(["staff"])),
        ("act", json!(null)),
        ("act", json!({})),
        ("acr", json!(5)),
        ("acr", json!(null)),
        ("amr", json!({ "a": 1 })),
        ("amr", json!([1])),
        ("amr", json!("pwd")),
    ] {
        let refused = Err(Rejection::InvalidClaim(name, ClaimFault::WrongType));
        assert_eq!(verify_with(name, value.clone()), refused, "{name}: {value}");
    }
    for (name, value) in [
        ("act", json!({ "iss": "https://a", "sub": "x", "act": { "sub": "y" } })),
        ("acr", json!("1")),
        ("amr", json!([])),
        ("amr", json!(["pwd", "otp"])),
    ] {
        assert!(verify_with(name, value).is_ok(), "{name}");
    }
}
