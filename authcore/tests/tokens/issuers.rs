//! Accepted issuers and audiences (rule T6).

use std::time::Duration;

use authcore::error::{ClaimFault, Rejection};
use authcore::jwt::{Jwt, JwtBuilder, KeyRing, TokenBuffer, TrustedIssuer};
use authcore::strategy::TokenStrategy as _;
use serde_json::{Value, json};

use super::{
    ISSUER, NOW, OTHER_SECRET, SECRET, auth_at, builder, header, issue, key, payload, sign, sign_text,
    verify, verify_at, with, without,
};

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
    assert_eq!(verify(&token), Err(Rejection::InvalidClaim("iss", ClaimFault::Missing)));
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
    for (sid, epoch) in [(json!("AAAAAAAAAAAAAAAAAAAAAA"), json!(1)), (json!("theirs"), json!("any form"))] {
        let with_session = token(&with(with(theirs.clone(), "sid", sid), "epoch", epoch));
        assert!(verify_at(&jwt, &with_session, NOW).is_ok());
        assert_eq!(jwt.verify(&with_session, NOW).unwrap().session_id(), None, "nor are their epochs");
        assert!(verify_at(&jwt, &token(&with(theirs.clone(), "epoch", json!(1))), NOW).is_ok());
    }
    let long = with(theirs.clone(), "exp", json!(NOW.as_secs() + 901));
    assert_eq!(jwt.verify(&token(&long), NOW).unwrap_err(), Rejection::LifetimeAboveCap);
    let ours_by_name = sign(&self::header(), &theirs);
    assert_eq!(jwt.verify(&ours_by_name, NOW).unwrap_err(), Rejection::WrongIssuer, "their name, our key");
    assert_eq!(jwt.verify(&sign(&self::header(), &payload()), NOW).unwrap().foreign_issuer(), None);
}

#[test]
fn t7_a_trusted_issuer_has_a_cap_of_its_own() {
    let partner = "https://partner.example.com";
    let hour = Duration::from_secs(3600);
    let trusted = || TrustedIssuer::new(partner, "us", key("p1", &OTHER_SECRET));
    let jwt = builder().trusting(trusted().max_lifetime(hour)).build().unwrap();
    let theirs = with(header(), "kid", json!("p1")).to_string();
    let living = |secs: u64| {
        let claims = with(with(payload(), "iss", json!(partner)), "aud", json!("us"));
        let claims = with(claims, "exp", json!(NOW.as_secs() + secs));
        verify_at(&jwt, &sign_text(&theirs, &claims.to_string(), &OTHER_SECRET), NOW)
    };
    assert!(living(3600).is_ok());
    assert_eq!(living(3601), Err(Rejection::LifetimeAboveCap));
    let ours = sign(&header(), &with(payload(), "exp", json!(NOW.as_secs() + 901)));
    assert_eq!(verify_at(&jwt, &ours, NOW), Err(Rejection::LifetimeAboveCap), "ours is as it was");
    let day = 24 * hour + Duration::from_secs(1);
    assert!(builder().trusting(trusted().max_lifetime(day)).build().is_err());
}

#[test]
fn t2_a_trusted_issuer_rotates_its_keys_too() {
    let partner = "https://partner.example.com";
    let trusted = TrustedIssuer::new(partner, "us", key("p1", &SECRET)).verifying(key("p2", &OTHER_SECRET));
    let jwt = builder().trusting(trusted).build().unwrap();
    let claims = with(with(payload(), "iss", json!(partner)), "aud", json!("us")).to_string();
    let by = |kid: &str, secret: &[u8]| {
        verify_at(&jwt, &sign_text(&with(header(), "kid", json!(kid)).to_string(), &claims, secret), NOW)
    };
    assert!(by("p1", &SECRET).is_ok());
    assert!(by("p2", &OTHER_SECRET).is_ok());
    assert_eq!(by("p2", &SECRET), Err(Rejection::WrongSignature));
    assert_eq!(by("k1", &SECRET), Err(Rejection::WrongIssuer));
    let twice = TrustedIssuer::new(partner, "us", key("k1", &OTHER_SECRET));
    assert!(builder().trusting(twice).build().unwrap_err().to_string().contains("same id"));
}

#[test]
fn t6_a_foreign_issuer_is_told_by_both_ways_of_verifying() {
    let partner = "https://partner.example.com";
    let jwt =
        builder().trusting(TrustedIssuer::new(partner, "us", key("p1", &OTHER_SECRET))).build().unwrap();
    let mut buffer = TokenBuffer::new();
    let theirs = with(with(payload(), "iss", json!(partner)), "aud", json!("us")).to_string();
    let theirs = sign_text(&with(header(), "kid", json!("p1")).to_string(), &theirs, &OTHER_SECRET);
    assert!(verify_at(&jwt, &theirs, NOW).is_ok());
    let verified = jwt.verify_claims::<Value>(&theirs, NOW, &mut buffer).unwrap();
    assert_eq!((&*verified.subject, verified.foreign_issuer), ("user-42", Some(partner)));
    let ours = sign(&header(), &payload());
    let verified = jwt.verify_claims::<Value>(&ours, NOW, &mut buffer).unwrap();
    assert_eq!((&*verified.subject, verified.foreign_issuer), ("user-42", None), "another user-42");
}

#[test]
fn t6_t7_each_setting_is_refused_one_above_its_limit_by_name() {
    let built = |builder: JwtBuilder| builder.build().err().map(|error| error.to_string());
    let plain = || Jwt::builder(KeyRing::new(key("k1", &SECRET)));
    let trusted = |issuer: &str, audience: &str| TrustedIssuer::new(issuer, audience, key("p1", &SECRET));
    let text = |len: usize| "x".repeat(len);
    let millis = |secs: u64| Duration::from_millis(secs * 1000 + 1);
    for (at_limit, above, expected) in [
        (
            plain().issuer(text(255)).audience("api"),
            plain().issuer(text(256)).audience("api"),
            "`issuer` has 256 bytes; it needs 1 to 255",
        ),
        (
            builder().client_id(text(255)),
            builder().client_id(text(256)),
            "`client_id` has 256 bytes; it needs 1 to 255",
        ),
        (
            builder().audience(text(252)),
            builder().audience(text(253)),
            "`audience` has 256 bytes in total; the limit is 255",
        ),
        (
            builder().trusting(trusted(&text(255), "us")),
            builder().trusting(trusted(&text(256), "us")),
            "the name of a trusted issuer has 256 bytes; it needs 1 to 255",
        ),
        (
            builder().trusting(trusted("p", &text(255))),
            builder().trusting(trusted("p", &text(256))),
            "the audience of the trusted issuer `p` has 256 bytes in total; the limit is 255",
        ),
        (
            builder().leeway(Duration::from_secs(600)),
            builder().leeway(millis(600)),
            "`leeway` is 600.001s; the limit is 600s (10 minutes)",
        ),
        (
            builder().max_lifetime(Duration::from_secs(86_400)),
            builder().max_lifetime(millis(86_400)),
            "`max_lifetime` is 86400.001s; the limit is 86400s (24 hours)",
        ),
        (
            builder().lifetime(Duration::from_secs(900)),
            builder().lifetime(millis(900)),
            "`lifetime` is 900.001s; it needs 1s to `max_lifetime`, which is 900s",
        ),
    ] {
        assert_eq!(built(at_limit), None, "{expected}");
        assert_eq!(built(above), Some(format!("invalid configuration: {expected}")));
    }
    assert!(built(builder().client_id("")).unwrap().contains("`client_id` has 0 bytes"));
    assert!(built(plain().issuer(ISSUER).audience("")).unwrap().contains("`audience` is empty"));
}

/// A member of another shape is refused and not treated as absent, or nobody would see that an actor acts
/// (rule T6).
#[test]
fn t6_other_issuers_members_of_another_shape_are_refused() {
    let partner = "https://partner.example.com";
    let trusted = TrustedIssuer::new(partner, "us", key("p1", &OTHER_SECRET)).any_token_type();
    let jwt = builder().trusting(trusted).build().unwrap();
    let header = json!({ "alg": "HS256", "kid": "p1" });
    let theirs = with(with(payload(), "iss", json!(partner)), "aud", json!("us"));
    for (name, value) in [("act", json!({ "client_id": "x" })), ("acr", json!(2)), ("amr", json!(7))] {
        let token =
            sign_text(&header.to_string(), &with(theirs.clone(), name, value).to_string(), &OTHER_SECRET);
        let refused = jwt.verify(&token, NOW).map(|principal| principal.to_subject());
        assert_eq!(refused, Err(Rejection::InvalidClaim(name, ClaimFault::WrongType)), "{name}");
    }
}
