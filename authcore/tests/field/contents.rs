//! The contents of a verified credential can be read (rule T16).

use authcore::Principal;
use authcore::jwt::TokenBuffer;
use authcore::strategy::{TokenStrategy as _, UnsignedToken};
use serde_json::{Value, json};

use super::*;

fn staff() -> authcore::Subject {
    "support-7".parse().unwrap()
}

fn stated() -> Login {
    login()
        .client_id("mobile-app")
        .unwrap()
        .actor(&staff())
        .authenticated_at(NOW.minus(HOUR))
        .methods(&["pwd", "otp"])
        .unwrap()
        .context_class("urn:example:mfa")
        .unwrap()
        .claims(&json!({ "role": "admin", "scope": "read write" }))
        .unwrap()
}

/// Returns the details of the login, as the principal has them.
fn assert_stated(principal: &Principal, what: &str) {
    assert_eq!(principal.actor().as_deref(), Some("support-7"), "{what}");
    assert_eq!(principal.client_id().as_deref(), Some("mobile-app"), "{what}");
    assert_eq!(principal.methods(), ["pwd", "otp"], "{what}");
    assert_eq!(principal.context_class().as_deref(), Some("urn:example:mfa"), "{what}");
    assert_eq!(principal.authenticated_at(), NOW.minus(HOUR), "{what}");
    assert_eq!(
        principal.claims::<Value>().unwrap(),
        json!({ "role": "admin", "scope": "read write" }),
        "{what}: the application sees its own members only"
    );
    let shown = format!("{principal:?}");
    assert!(shown.contains("ada") && shown.contains("support-7"), "{what}: {shown}");
}

/// Case 8: the application can read which client called.
#[tokio::test]
async fn t16_what_a_login_states_is_read_in_every_strategy_and_survives_refreshes() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let by_session = sessions(&store, &clock, |builder| builder);
    let issued = by_session.login(stated()).await.unwrap();
    let principal = by_session.authenticate(issued.credential().expose()).await.unwrap();
    assert_stated(&principal, "sessions");
    assert!(principal.token().is_none());
    let listed = by_session.sessions_of(&principal).await.unwrap();
    assert_eq!(listed[0].details.actor.as_deref(), Some("support-7"));
    assert_eq!(listed[0].details.client_id.as_deref(), Some("mobile-app"));

    let alone = Auth::with_tokens_and_reissue(jwt(), 2 * HOUR).unwrap().with_clock(clock.clone());
    let issued = alone.login(stated()).await.unwrap();
    assert_stated(issued.principal(), "tokens, as issued");
    assert_stated(&alone.authenticate(issued.credential().expose()).await.unwrap(), "tokens");
    let again = alone.refresh(issued.credential().expose()).await.unwrap();
    assert_stated(&alone.authenticate(again.credential().expose()).await.unwrap(), "tokens, issued again");

    let both = hybrid(jwt(), &store, &clock);
    let issued = both.login(stated()).await.unwrap();
    assert_stated(issued.principal(), "hybrid, as issued");
    clock.advance(MINUTE);
    let next = both.refresh(refresh_token(&issued)).await.unwrap();
    let principal = both.authenticate(next.credential().expose()).await.unwrap();
    assert_stated(&principal, "hybrid, refreshed");
    let live = both.authenticate_and_check_session(next.credential().expose()).await.unwrap();
    assert_stated(&live, "hybrid, live");
    assert_eq!(live.token().unwrap().id(), principal.token().unwrap().id());
}

#[tokio::test]
async fn t16_the_contents_of_our_own_token_are_read_on_both_paths() {
    let clock = ManualClock::new(NOW);
    let auth = Auth::with_tokens(jwt()).with_clock(clock);
    let issued = auth.login(login().claims(&json!({ "scope": "read" })).unwrap()).await.unwrap();
    let principal = auth.authenticate(issued.credential().expose()).await.unwrap();
    let mut buffer = TokenBuffer::new();
    let verifier = jwt();
    let verified = verifier.verify_claims::<Value>(issued.credential().expose(), NOW, &mut buffer).unwrap();
    for contents in [principal.token().unwrap(), verified.token] {
        assert_eq!(contents.issuer().as_deref(), Some("https://auth.example.com"));
        assert_eq!(contents.audiences(), ["api"]);
        assert_eq!(contents.key_id(), "k1");
        assert_eq!(contents.client_id().as_deref(), Some("first-party"));
        assert_eq!(contents.scope().as_deref(), Some("read"));
        assert_eq!(contents.id().unwrap().len(), 22);
        assert_eq!(contents.get::<u64>("exp"), Some(NOW.as_secs() + 900));
        assert!(contents.actor().is_none() && contents.methods().is_empty());
    }
}

/// A token with `azp` and several audiences, as from OpenID Connect providers.
#[tokio::test]
async fn t16_the_contents_of_a_trusted_issuers_token_are_read() {
    let theirs = Jwt::builder(KeyRing::new(key("theirs")))
        .issuer("https://idp.example.com")
        .audience("api")
        .audience("mail")
        .client_id("portal")
        .build()
        .unwrap();
    let mut grant = UnsignedToken::new("user-1", r#"{"azp_like":1}"#, NOW);
    grant.actor = Some("robot");
    let token = theirs.issue(&grant, NOW).unwrap();
    let trusted = authcore::jwt::TrustedIssuer::new("https://idp.example.com", "api", key("theirs"));
    let ours = Jwt::builder(KeyRing::new(key("k1"))).issuer("https://auth.example.com").audience("api");
    let auth = Auth::with_tokens(ours.trusting(trusted).build().unwrap()).with_clock(ManualClock::new(NOW));
    let principal = auth.authenticate(token.expose()).await.unwrap();
    let contents = principal.token().unwrap();
    assert_eq!(contents.audiences(), ["api", "mail"]);
    assert_eq!(contents.issuer().as_deref(), principal.foreign_issuer());
    assert_eq!((contents.key_id(), contents.client_id().as_deref()), ("theirs", Some("portal")));
    assert_eq!(principal.actor().as_deref(), Some("robot"));
}

#[test]
fn t16_details_that_cannot_be_kept_are_refused() {
    for bad in ["", "a\n", &"x".repeat(256)] {
        assert!(login().client_id(bad).is_err() && login().context_class(bad).is_err(), "{bad:?}");
    }
    assert!(login().methods(&["a"; 9]).is_err() && login().methods(&[""]).is_err());
    assert!(login().methods(&["pwd"; 8]).is_ok());
}
