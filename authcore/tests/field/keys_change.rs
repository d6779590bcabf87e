//! A change of keys or settings logs nobody out (rule T17).

use authcore::RevocationEffect;
use authcore::error::Rejection;

use super::*;

/// The same application after a change that makes every earlier access token unverifiable.
fn changed_processes() -> Vec<(&'static str, Jwt)> {
    let builder = |kid| Jwt::builder(KeyRing::new(key(kid)));
    vec![
        ("another key", jwt_of("k2", "https://auth.example.com", "api")),
        ("a fresh key of the same id", {
            let fresh = Key::generate("k1", Algorithm::HS256).unwrap();
            let builder = Jwt::builder(KeyRing::new(fresh));
            builder.issuer("https://auth.example.com").audience("api").build().unwrap()
        }),
        ("another issuer", jwt_of("k1", "https://login.example.com", "api")),
        ("another audience", jwt_of("k1", "https://auth.example.com", "backend")),
        ("shorter lifetimes", {
            let short = builder("k1").lifetime(MINUTE).max_lifetime(MINUTE);
            short.issuer("https://auth.example.com").audience("api").build().unwrap()
        }),
    ]
}

struct Old {
    store: MemoryStore,
    clock: ManualClock,
    issued: IssuedCredentials,
}

/// Logs in before the change, two days ago.
async fn logged_in_before() -> Old {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let issued = hybrid(jwt(), &store, &clock).login(login()).await.unwrap();
    clock.advance(2 * DAY);
    Old { store, clock, issued }
}

#[tokio::test]
async fn t17_an_old_pair_refreshes_after_every_change() {
    for (change, jwt) in changed_processes() {
        let old = logged_in_before().await;
        let auth = hybrid(jwt, &old.store, &old.clock);
        let (refresh, access) = (refresh_token(&old.issued), old.issued.credential().expose());
        let next = auth.refresh_with_access_token(refresh, access).await;
        let next = next.unwrap_or_else(|error| panic!("{change}: {error:?}"));
        assert_eq!(id(&next), id(&old.issued), "{change}");
        assert!(auth.authenticate(next.credential().expose()).await.is_ok(), "{change}");
    }
}

#[tokio::test]
async fn t17_logout_ends_the_session_if_the_refresh_token_is_presented_too() {
    for (change, jwt) in changed_processes() {
        let old = logged_in_before().await;
        let auth = hybrid(jwt, &old.store, &old.clock);
        let (refresh, access) = (refresh_token(&old.issued), old.issued.credential().expose());
        assert!(auth.logout(access).await.is_err(), "{change}: alone it would have to prove the session");
        assert_eq!(old.store.len(), 1, "{change}");
        let revoked = auth.logout_with_access_token(refresh, access).await.unwrap();
        assert_eq!((revoked.sessions, old.store.len()), (vec![id(&old.issued)], 0), "{change}");
        let again = auth.logout_with_access_token(refresh, access).await;
        assert!(again.is_ok_and(|revoked| revoked.sessions.is_empty()), "{change}: twice is no error");
    }
}

#[tokio::test]
async fn t17_a_new_login_ends_the_session_of_an_old_pair() {
    for (change, jwt) in changed_processes() {
        let old = logged_in_before().await;
        let auth = hybrid(jwt, &old.store, &old.clock);
        let login = login().replacing(old.issued.credential().expose()).replacing(refresh_token(&old.issued));
        let next = auth.login(login).await.unwrap();
        let left = auth.sessions_of(next.principal()).await.unwrap();
        assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [id(&next)], "{change}");
    }
}

#[tokio::test]
async fn t17_a_forged_access_token_achieves_nothing() {
    let old = logged_in_before().await;
    let auth = hybrid(jwt(), &old.store, &old.clock);
    let forger = hybrid(jwt_of("forger", "https://evil.example", "api"), &old.store, &old.clock);
    // A forger can write any `sid`, but has only their own refresh token.
    let own = forger.login(Login::new("eve").unwrap()).await.unwrap();
    let victim = old.issued.credential().expose();
    assert_eq!(
        refused(auth.refresh_with_access_token(refresh_token(&own), victim).await),
        Rejection::OtherSession
    );
    for access in [own.credential().expose(), "x.y.z", "", "..", &"a".repeat(9000)] {
        let paired = auth.refresh_with_access_token(refresh_token(&old.issued), access).await;
        assert_eq!(refused(paired), Rejection::OtherSession, "{access}");
    }
    let forged = format!("acr_{}", "A".repeat(119));
    assert!(auth.logout_with_access_token(&forged, own.credential().expose()).await.is_err());
    assert!(auth.logout_with_access_token(refresh_token(&own), "x.y.z").await.is_err(), "not a pair");
    assert!(auth.authenticate(own.credential().expose()).await.is_err());
    let login = login().replacing(own.credential().expose()).replacing(forged);
    let _ = auth.login(login).await.unwrap();
    assert_eq!(old.store.len(), 3, "the victim's, the forger's and the new one");
}

/// A sibling domain plants its own refresh cookie in a browser with the victim's access cookie.
#[tokio::test]
async fn t17_a_planted_refresh_token_does_not_count_at_logout() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = hybrid(jwt(), &store, &clock);
    let victim = auth.login(login()).await.unwrap();
    let eve = auth.login(Login::new("eve").unwrap()).await.unwrap();
    let revoked =
        auth.logout_with_access_token(refresh_token(&eve), victim.credential().expose()).await.unwrap();
    assert_eq!(revoked.sessions, [id(&victim)], "the access token counts alone");
    assert!(auth.refresh(refresh_token(&eve)).await.is_ok());
}

#[tokio::test]
async fn t17_where_there_is_one_credential_it_counts() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = sessions(&store, &clock, |builder| builder);
    let issued = auth.login(login()).await.unwrap();
    let revoked = auth.logout_with_access_token("acr_x", issued.credential().expose()).await.unwrap();
    assert_eq!((revoked.sessions, revoked.effect), (vec![id(&issued)], RevocationEffect::Now));
}

/// One time decides a call: expiry at the very end of a session, and the lifetime of the issued token (rule
/// R9).
#[tokio::test]
async fn r9_a_paired_refresh_reads_the_clock_once() {
    #[derive(Debug, Clone)]
    struct Counted(ManualClock, std::sync::Arc<std::sync::atomic::AtomicUsize>);
    impl authcore::clock::Clock for Counted {
        fn now(&self) -> Timestamp {
            self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            self.0.now()
        }
    }
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let counted = Counted(clock.clone(), std::sync::Arc::default());
    let auth = hybrid(jwt(), &store, &clock).with_clock(counted.clone());
    let issued = auth.login(login()).await.unwrap();
    clock.advance(MINUTE);
    counted.1.store(0, std::sync::atomic::Ordering::SeqCst);
    let _ =
        auth.refresh_with_access_token(refresh_token(&issued), issued.credential().expose()).await.unwrap();
    assert_eq!(counted.1.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// An access token of a longer lifetime verifies until its own end, whichever token ended the session.
#[tokio::test]
async fn t17_a_paired_logout_names_the_end_of_a_token_with_a_longer_lifetime() {
    let of_lifetime = |lifetime| {
        let keys = KeyRing::new(key("k1"));
        let builder = Jwt::builder(keys).issuer("https://auth.example.com").audience("api");
        builder.lifetime(lifetime).max_lifetime(HOUR).leeway(Duration::ZERO).build().unwrap()
    };
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let issued = hybrid(of_lifetime(HOUR), &store, &clock).login(login()).await.unwrap();
    let auth = hybrid(of_lifetime(5 * MINUTE), &store, &clock);
    let access = issued.credential().expose();
    let revoked = auth.logout_with_access_token(refresh_token(&issued), access).await.unwrap();
    assert_eq!(revoked.effect, RevocationEffect::At(NOW.plus(HOUR)));
    clock.advance(HOUR - MINUTE);
    assert!(auth.authenticate(access).await.is_ok(), "as the answer said");
}
