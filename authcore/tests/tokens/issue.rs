//! Issuing tokens: contents, keys and refusals (rules T7, T9, T10, T13, T14).

use std::collections::BTreeMap;
use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::error::{ConfigError, LoginError, Rejection};
use authcore::jwt::{Algorithm, Jwt, JwtBuilder, Key, KeyRing};
use authcore::strategy::{TokenStrategy as _, UnsignedToken};
use authcore::{Auth, Error, Login, RevocationEffect};
use serde_json::{Value, json};

use super::{
    ISSUER, NOW, OTHER_SECRET, SECRET, auth_at, builder, decode, issue, jwt, key, verify, verify_at,
};

#[test]
fn t7_the_lifetime_is_capped_at_issue() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let refused = |builder: JwtBuilder| builder.build().err().map(|error: ConfigError| error.to_string());
    assert!(refused(builder().lifetime(hours(1))).unwrap().contains("`lifetime` is 3600s"));
    assert!(refused(builder().lifetime(Duration::ZERO)).is_some());
    assert!(refused(builder().lifetime(hours(24)).max_lifetime(hours(24))).is_none());
    assert!(
        refused(builder().max_lifetime(hours(24) + Duration::from_secs(1))).unwrap().contains("24 hours")
    );
    assert!(refused(builder().leeway(Duration::from_secs(601))).unwrap().contains("10 minutes"));
}

#[test]
fn t7_a_lifetime_with_a_fraction_is_cut_and_never_above_the_cap() {
    let lifetime = Duration::from_millis(1999);
    let jwt = builder().lifetime(lifetime).max_lifetime(lifetime).build().unwrap();
    assert_eq!(jwt.lifetime(), Duration::from_secs(1));
    for millis in [0, 1, 500, 999] {
        let now = NOW.plus(Duration::from_millis(millis));
        let token = jwt.issue(&UnsignedToken::new("user-42", "{}", now), now).unwrap();
        assert_eq!(token.expires_at(), NOW.plus(Duration::from_secs(1)));
        assert!(verify_at(&jwt, token.expose(), now).is_ok(), "{millis}");
    }
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
    assert!(matches!(secret, Err(Error::Login(LoginError::SecretClaim(_)))));
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
    for principal in
        [issued.principal().clone(), auth.authenticate(issued.credential().expose()).await.unwrap()]
    {
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

#[tokio::test]
async fn the_tokens_strategy_tells_honestly_what_it_cannot_do() {
    let clock = ManualClock::new(NOW);
    let auth = Auth::with_tokens(jwt()).with_clock(clock.clone());
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    let principal = auth.authenticate(issued.credential().expose()).await.unwrap();
    assert!(matches!(auth.refresh(issued.credential().expose()).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.renew(&principal).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.sessions_of(&principal).await, Err(Error::Unsupported { .. })));
    assert!(matches!(auth.logout_everywhere(&principal).await, Err(Error::Unsupported { .. })));
    assert!(matches!(
        auth.authenticate_and_check_session(issued.credential().expose()).await,
        Err(Error::Unsupported { .. })
    ));
    assert!(matches!(auth.admin().revoke_all(&principal.to_subject()).await, Err(Error::Unsupported { .. })));
    let end = NOW.plus(Duration::from_secs(15 * 60 + 30));
    let revoked = auth.logout(issued.credential().expose()).await.unwrap();
    assert_eq!((revoked.sessions.len(), revoked.effect), (0, RevocationEffect::At(end)));
    clock.set(end);
    assert!(auth.authenticate(issued.credential().expose()).await.is_err());
    assert_eq!(auth.logout(issued.credential().expose()).await.unwrap().effect, RevocationEffect::Now);
    assert!(auth.logout("x.y.z").await.is_err());
}

#[tokio::test]
async fn a_reissue_keeps_auth_time_and_never_passes_the_limit() {
    let clock = ManualClock::new(NOW);
    let auth =
        Auth::with_tokens_and_reissue(jwt(), Duration::from_secs(1200)).unwrap().with_clock(clock.clone());
    let first = auth.login(Login::new("user-42").unwrap().claims(&json!({ "a": 1 })).unwrap()).await.unwrap();
    clock.advance(Duration::from_secs(600));
    let second = auth.refresh(first.credential().expose()).await.unwrap();
    assert_eq!(second.expires_at(), NOW.plus(Duration::from_secs(1200)));
    let principal = auth.authenticate(second.credential().expose()).await.unwrap();
    assert_eq!(principal.authenticated_at(), NOW);
    assert_eq!(principal.claims::<Value>().unwrap(), json!({ "a": 1 }));
    clock.advance(Duration::from_secs(600));
    assert!(matches!(
        auth.refresh(second.credential().expose()).await,
        Err(Error::Unauthenticated(Rejection::Expired))
    ));
}
