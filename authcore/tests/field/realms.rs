//! Realms that share a store are isolated from each other (rule A12).

use authcore::error::LoginError;
use authcore::store::SessionStore as _;
use authcore::{Realm, RefreshCredential, RevocationEffect, SessionKind, SessionPolicy, Subject};

use super::*;

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

/// Both strategies that keep sessions, with API keys.
fn stateful(store: &MemoryStore, clock: &ManualClock) -> [Auth; 2] {
    [
        sessions(store, clock, |builder| builder.kind(SessionKind::API_KEY, SessionPolicy::api_key())),
        hybrid_with(jwt(), store, clock, |builder| {
            builder.kind(SessionKind::API_KEY, SessionPolicy::api_key())
        }),
    ]
}

/// Case 2: two tenants on one table, each with its own keys, issuer and audience, and with the same subject
/// name.
#[tokio::test]
async fn a12_tenants_with_keys_of_their_own_share_a_store() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let one = hybrid(jwt_of("k1", "https://t1", "t1"), &store, &clock).in_realm(&realm("t1"));
    let two = hybrid(jwt_of("k2", "https://t2", "t2"), &store, &clock).in_realm(&realm("t2"));
    let issued = one.login(Login::new("1").unwrap()).await.unwrap();
    clock.advance(20 * MINUTE);
    assert_eq!(refused(two.refresh(refresh_token(&issued)).await), Rejection::OtherRealm);
    let own = two.login(Login::new("1").unwrap()).await.unwrap();
    assert_eq!(two.logout_everywhere(own.principal()).await.unwrap().sessions, [id(&own)]);
    assert!(one.refresh(refresh_token(&issued)).await.is_ok(), "nothing was touched");
}

#[tokio::test]
async fn a12_no_credential_reaches_another_realm() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    for auth in stateful(&store, &clock) {
        let (one, two, unnamed) =
            (auth.in_realm(&realm("one")), auth.in_realm(&realm("two")), auth.in_realm(&Realm::UNNAMED));
        let issued = one.login(login()).await.unwrap();
        let key = one.create_api_key(login().device(authcore::Device::unknown().with_label("ci"))).await;
        let key = key.unwrap();
        let before = store.len();
        for other in [&two, &unnamed] {
            for credential in [issued.credential().expose(), key.credential().expose()] {
                assert_eq!(refused(other.authenticate(credential).await), Rejection::OtherRealm);
                assert_eq!(refused(other.authenticate_any_kind(credential).await), Rejection::OtherRealm);
                assert_eq!(
                    refused(other.authenticate_and_check_session(credential).await),
                    Rejection::OtherRealm
                );
                assert_eq!(refused(other.logout(credential).await), Rejection::OtherRealm);
            }
            if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
                assert_eq!(refused(other.refresh(refresh).await), Rejection::OtherRealm);
                let paired = other.logout_with_access_token(refresh, issued.credential().expose()).await;
                assert_eq!(refused(paired), Rejection::OtherRealm);
            }
            // A principal of one realm is invalid in another.
            let principal = issued.principal();
            assert_eq!(refused(other.renew(principal).await), Rejection::OtherRealm);
            assert_eq!(refused(other.sessions_of(principal).await), Rejection::OtherRealm);
            assert_eq!(refused(other.logout_others(principal).await), Rejection::OtherRealm);
            assert_eq!(refused(other.logout_everywhere(principal).await), Rejection::OtherRealm);
            assert_eq!(refused(other.revoke(principal, id(&issued)).await), Rejection::OtherRealm);
            // So is its subject, which names another user there.
            let (admin, subject) = (other.admin(), principal.to_subject());
            assert!(matches!(
                admin.sessions_of(&subject).await,
                Err(Error::Login(LoginError::OtherRealm { .. }))
            ));
            assert!(admin.revoke(&subject, id(&issued)).await.is_err());
            assert!(admin.revoke_all(&subject).await.is_err());
            assert!(other.login(Login::from(subject)).await.is_err());
            let unstated: Subject = "ada".parse().unwrap();
            assert!(admin.sessions_of(&unstated).await.unwrap().is_empty());
            assert!(admin.revoke(&unstated, id(&issued)).await.unwrap().sessions.is_empty());
            assert!(admin.revoke_all(&unstated).await.unwrap().sessions.is_empty());
            // A login in one realm replaces no session in another.
            let own = other.login(login().replacing(issued.credential().expose())).await.unwrap();
            assert_eq!(other.logout_everywhere(own.principal()).await.unwrap().sessions, [id(&own)]);
        }
        assert_eq!(store.len(), before);
        let principal = one.authenticate(issued.credential().expose()).await.unwrap();
        assert_eq!((principal.realm_name(), principal.subject()), ("one", "ada"));
        assert_eq!(one.sessions_of(&principal).await.unwrap().len(), 2);
        assert_eq!(one.logout_everywhere(&principal).await.unwrap().sessions.len(), 2);
    }
}

#[tokio::test]
async fn a12_limits_count_each_realm_by_itself() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = sessions(&store, &clock, |builder| {
        builder.policy(SessionPolicy::new().with_max_sessions_per_subject(1))
    });
    let mut last = Vec::new();
    for name in ["one", "two", "three"] {
        let auth = auth.in_realm(&realm(name));
        let _ = auth.login(login()).await.unwrap();
        clock.advance(MINUTE);
        last.push((auth.clone(), auth.login(login()).await.unwrap()));
    }
    assert_eq!(store.len(), 3);
    for (auth, issued) in last {
        assert!(auth.authenticate(issued.credential().expose()).await.is_ok());
    }
}

/// Subjects of the unnamed realm may contain any character except NUL, even those that an encoding of realms
/// could use.
#[tokio::test]
async fn a12_no_name_of_the_unnamed_realm_reads_as_one_of_another() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = sessions(&store, &clock, |builder| builder);
    let tenant = auth.in_realm(&realm("t"));
    let issued = tenant.login(login()).await.unwrap();
    for text in ["t/ada", "t:ada", "t\u{1f}ada", "\u{1f}t\u{1f}ada", "t\nada", "t ada", "tada"] {
        let own = auth.login(Login::new(text).unwrap()).await.unwrap();
        assert_eq!(auth.sessions_of(own.principal()).await.unwrap().len(), 1, "{text:?}");
        assert_eq!(auth.logout_everywhere(own.principal()).await.unwrap().sessions, [id(&own)], "{text:?}");
    }
    assert!(tenant.authenticate(issued.credential().expose()).await.is_ok());
    let key = Subject::new("ada").unwrap().in_realm(&realm("t"));
    assert_eq!(store.list(&key).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a12_tokens_carry_their_realm_in_every_strategy() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let reissued = Auth::with_tokens_and_reissue(jwt(), HOUR).unwrap().with_clock(clock.clone());
    for auth in [hybrid(jwt(), &store, &clock), reissued] {
        let (one, two) = (auth.in_realm(&realm("one")), auth.in_realm(&realm("two")));
        let issued = one.login(login()).await.unwrap();
        let principal = one.authenticate(issued.credential().expose()).await.unwrap();
        assert_eq!(principal.realm(), realm("one"));
        assert_eq!(principal.token().unwrap().get::<String>("auth_realm").as_deref(), Some("one"));
        for other in [&two, &auth] {
            assert_eq!(
                refused(other.authenticate(issued.credential().expose()).await),
                Rejection::OtherRealm
            );
            assert_eq!(refused(other.logout(issued.credential().expose()).await), Rejection::OtherRealm);
        }
        let unnamed = auth.login(login()).await.unwrap();
        assert_eq!(refused(one.authenticate(unnamed.credential().expose()).await), Rejection::OtherRealm);
    }
    let alone = Auth::with_tokens_and_reissue(jwt(), HOUR).unwrap().with_clock(clock.clone());
    let issued = alone.in_realm(&realm("one")).login(login()).await.unwrap();
    assert_eq!(refused(alone.refresh(issued.credential().expose()).await), Rejection::OtherRealm);
    let again = alone.in_realm(&realm("one")).refresh(issued.credential().expose()).await.unwrap();
    assert_eq!(again.principal().realm(), realm("one"));
}

/// A claim that an earlier release treated as the application's is not taken for a realm.
#[tokio::test]
async fn a12_a_record_cannot_claim_a_realm() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = hybrid(jwt(), &store, &clock);
    let issued = auth.login(login()).await.unwrap();
    let record = store.load(id(&issued)).await.unwrap().unwrap();
    let mut parts = record.to_parts();
    parts.claims = r#"{"\u0061uth_realm":"one","session_kind":"kiosk","acr":"2","role":"admin"}"#.into();
    parts.version = record.version().next();
    let old = authcore::store::SessionRecord::from_parts(&parts).unwrap();
    assert_eq!(
        store.replace(&old, record.version()).await.unwrap(),
        authcore::store::ReplaceOutcome::Replaced
    );
    clock.advance(MINUTE);
    let next = auth.refresh(refresh_token(&issued)).await.unwrap();
    let principal = auth.authenticate(next.credential().expose()).await.unwrap();
    assert_eq!((principal.realm(), principal.kind()), (Realm::UNNAMED, SessionKind::DEFAULT));
    assert_eq!(principal.claims::<serde_json::Value>().unwrap()["role"], "admin");
    assert!(auth.in_realm(&realm("one")).authenticate(next.credential().expose()).await.is_err());
}

#[tokio::test]
async fn a12_purging_cleans_all_realms() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = sessions(&store, &clock, |builder| builder);
    for name in ["one", "two"] {
        let _ = auth.in_realm(&realm(name)).login(login()).await.unwrap();
    }
    let _ = auth.login(login()).await.unwrap();
    clock.advance(31 * DAY);
    assert_eq!(auth.in_realm(&realm("one")).admin().purge_expired(10).await.unwrap().removed, 3);
    let issued = auth.login(login()).await.unwrap();
    assert_eq!(auth.logout(issued.credential().expose()).await.unwrap().effect, RevocationEffect::Now);
}
