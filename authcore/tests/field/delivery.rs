//! Nothing changes unless the result can be delivered (rule R12).

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authcore::error::LoginError;
use authcore::store::{SessionRecord, SessionStore as _, StoreError};
use authcore::strategy::{AccessToken, RefreshDecision, RefreshHook, TokenStrategy, UnsignedToken};
use authcore::{Claims, ErrorKind, Principal};
use serde_json::json;

use super::*;

/// A hook that returns a given number of roles.
#[derive(Debug, Clone, Default)]
struct Roles(Arc<Mutex<usize>>);

#[async_trait]
impl RefreshHook for Roles {
    async fn on_refresh(&self, _: &SessionRecord) -> Result<RefreshDecision, Error> {
        let roles: Vec<_> =
            (0..*self.0.lock().unwrap()).map(|n| format!("role-with-a-name-{n:03}")).collect();
        Ok(RefreshDecision::Replace(Claims::from_serialize(&json!({ "n": 1, "roles": roles }))?))
    }
}

fn limit(error: Error) -> LoginError {
    match error {
        Error::Login(error) => error,
        other => panic!("not a limit: {other:?}"),
    }
}

/// Case 4: 140 roles of 20 characters, where a cookie has room for fewer.
#[tokio::test]
async fn r12_a_refresh_that_does_not_fit_changes_nothing_and_is_no_theft() {
    let (store, clock, roles) = (MemoryStore::new(), ManualClock::new(NOW), Roles::default());
    let auth = hybrid_with(jwt(), &store, &clock, |refresh| refresh.on_refresh(roles.clone()));
    let auth = auth.with_max_token_len(4000);
    let issued = auth.login(login()).await.unwrap();
    let before = store.load(id(&issued)).await.unwrap().unwrap();
    for count in [125, 140] {
        *roles.0.lock().unwrap() = count;
        for wait in [MINUTE, MINUTE, 2 * MINUTE] {
            clock.advance(wait);
            let error = auth.refresh(refresh_token(&issued)).await.unwrap_err();
            assert_eq!((error.kind(), error.incident().is_none()), (ErrorKind::Internal, true));
            match limit(error) {
                LoginError::TokenTooLarge { len, max: 4000, largest } if len > 4000 => {
                    assert_eq!((&*largest, count), ("roles", 125));
                }
                LoginError::ClaimsTooLarge { len, max: 3072, largest } if len > 3072 => {
                    assert_eq!((&*largest, count), ("roles", 140));
                }
                other => panic!("{count} roles: {other:?}"),
            }
        }
    }
    let after = store.load(id(&issued)).await.unwrap().unwrap();
    assert_eq!(before.as_bytes(), after.as_bytes());
    *roles.0.lock().unwrap() = 3;
    let next = auth.refresh(refresh_token(&issued)).await.unwrap();
    assert!(auth.authenticate(next.credential().expose()).await.is_ok());
}

#[tokio::test]
async fn r12_a_login_a_renewal_and_a_change_of_claims_that_do_not_fit_change_nothing() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let roomy = hybrid(jwt(), &store, &clock);
    let tight = roomy.clone().with_max_token_len(1500);
    let large = json!({ "small": 1, "bio": "x".repeat(1500) });
    let refused = limit(tight.login(login().claims(&large).unwrap()).await.unwrap_err());
    assert!(matches!(&refused, LoginError::TokenTooLarge { largest, .. } if &**largest == "bio"));
    let text = refused.to_string();
    assert!(text.contains("1500") && text.contains("bio"), "{text}");
    assert_eq!(store.len(), 0);

    let issued = roomy.login(login().claims(&large).unwrap()).await.unwrap();
    let before = store.load(id(&issued)).await.unwrap().unwrap();
    assert!(matches!(
        limit(tight.renew(issued.principal()).await.unwrap_err()),
        LoginError::TokenTooLarge { .. }
    ));
    let grow = tight.update_claims(issued.principal(), |claims| Ok(claims.set("more", "y")?)).await;
    assert!(matches!(limit(grow.unwrap_err()), LoginError::TokenTooLarge { .. }));
    let after = store.load(id(&issued)).await.unwrap().unwrap();
    assert_eq!(before.as_bytes(), after.as_bytes());
    assert!(roomy.refresh(refresh_token(&issued)).await.is_ok(), "its refresh token is the current one");
}

/// A signer that can be made unavailable.
#[derive(Debug)]
struct Remote(Jwt, Arc<Mutex<bool>>);

impl TokenStrategy for Remote {
    fn issue(&self, grant: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        if *self.1.lock().unwrap() {
            self.0.issue(grant, now)
        } else {
            Err(StoreError::unavailable("the signer").into())
        }
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.0.verify(token, now)
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.0.verify_ignoring_expiry(token, now)
    }

    fn named_session(&self, token: &str) -> Option<SessionId> {
        self.0.named_session(token)
    }

    fn lifetime(&self) -> Duration {
        self.0.lifetime()
    }

    fn leeway(&self) -> Duration {
        self.0.leeway()
    }
}

/// Case 4: a signer that is unavailable for longer than the grace window ends no session.
#[tokio::test]
async fn t19_a_signer_that_is_away_changes_nothing() {
    let (store, clock, up) = (MemoryStore::new(), ManualClock::new(NOW), Arc::new(Mutex::new(true)));
    let refresh = RefreshTokens::builder(store.clone()).build().unwrap();
    let auth = Auth::with_hybrid(Remote(jwt(), Arc::clone(&up)), refresh).unwrap().with_clock(clock.clone());
    let issued = auth.login(login()).await.unwrap();
    let before = store.load(id(&issued)).await.unwrap().unwrap();
    *up.lock().unwrap() = false;
    for _ in 0..3 {
        clock.advance(MINUTE);
        let error = auth.refresh(refresh_token(&issued)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    assert_eq!(auth.login(login()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(auth.renew(issued.principal()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let changed = auth.update_claims(issued.principal(), |claims| Ok(claims.set("role", "admin")?)).await;
    assert_eq!(changed.unwrap_err().kind(), ErrorKind::Unavailable);
    let after = store.load(id(&issued)).await.unwrap().unwrap();
    assert_eq!((before.as_bytes(), store.len()), (after.as_bytes(), 1));
    *up.lock().unwrap() = true;
    assert!(auth.refresh(refresh_token(&issued)).await.is_ok());
}

/// A window of length zero does not exist, even within the same millisecond and after the clock was set back
/// (rules R2, R3).
#[tokio::test]
async fn r2_no_grace_window_means_none() {
    for back in [Duration::ZERO, HOUR] {
        let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
        let auth = hybrid_with(jwt(), &store, &clock, |refresh| refresh.grace_window(Duration::ZERO));
        let issued = auth.login(login()).await.unwrap();
        let first = refresh_token(&issued);
        let next = auth.refresh(first).await.unwrap();
        assert_ne!(refresh_token(&next), first, "not even a newborn one is given again");
        clock.set(NOW.minus(back));
        let replayed = auth.refresh(first).await.unwrap_err();
        assert!(replayed.incident().is_some(), "{replayed:?}");
        assert_eq!(store.len(), 0);
    }
}
