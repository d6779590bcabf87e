//! R12 and T17: what cannot be handed out changes nothing, and what has changed since logs nobody out.

use std::sync::{Arc, Mutex, PoisonError};

use super::world::{AFTER_GRACE, GRACE, World, id, policy, token};
use crate::Fixture;
use crate::expect::{Must as _, refused, same};
use crate::records::subject;
use async_trait::async_trait;
use authcore::error::LoginError;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{SessionRecord, SessionStore as _};
use authcore::strategy::{RefreshDecision, RefreshHook};
use authcore::{Auth, Claims, Error, Login, RefreshTokens};

/// Answers claims with a text of so many bytes; keeps those there are at 0.
#[derive(Debug, Clone, Default)]
struct Growing(Arc<Mutex<usize>>);

impl Growing {
    fn set(&self, size: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = size;
    }
}

#[async_trait]
impl RefreshHook for Growing {
    async fn on_refresh(&self, _: &SessionRecord) -> Result<RefreshDecision, Error> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            0 => Ok(RefreshDecision::Keep),
            size => {
                let mut claims = Claims::new();
                claims.set("roles", &"r".repeat(size))?;
                Ok(RefreshDecision::Replace(claims))
            }
        }
    }
}

/// R12: a refresh whose claims, or whose token, fit nowhere changes nothing and is no theft, also long after
/// the grace window; the same token works once they fit.
pub async fn r12_what_cannot_be_handed_out_changes_nothing(fixture: Fixture) {
    let hook = Growing::default();
    let mut world = World::hybrid_with(&fixture, |builder| builder.on_refresh(hook.clone()));
    world.auth = world.auth.with_max_token_len(2000);
    let issued = world.login("ada", "R12").await;
    let before = world.stored(id(&issued)).await.must("R12: the session").as_bytes().to_vec();
    // More than an access token may have here, and more than a record takes.
    for size in [2500, SessionRecord::MAX_CLAIMS_LEN + 1] {
        hook.set(size);
        for _ in 0..3 {
            world.clock.advance(2 * AFTER_GRACE);
            match world.auth.refresh(token(&issued)).await {
                Err(Error::Login(LoginError::ClaimsTooLarge { .. } | LoginError::TokenTooLarge { .. })) => {}
                other => panic!("R12: a refresh with claims of {size} bytes was answered with {other:?}"),
            }
            let after = world.stored(id(&issued)).await.must("R12: the session").as_bytes().to_vec();
            assert!(before == after, "R12: a refresh that could not be handed out changed the session");
        }
    }
    hook.set(100);
    world.clock.advance(AFTER_GRACE);
    let next = world.refresh(token(&issued), "R12: the same token once the claims fit").await;
    same("R12: the generation", world.generation(id(&issued), "R12: the session").await, 1);
    // A change of claims, and a login, that could not be handed out.
    let before = world.stored(id(&issued)).await.must("R12: the session").as_bytes().to_vec();
    let grown =
        world.auth.update_claims(next.principal(), |claims| Ok(claims.set("more", &"m".repeat(2500))?)).await;
    assert!(matches!(grown, Err(Error::Login(_))), "R12: claims that fit no token were taken: {grown:?}");
    let after = world.stored(id(&issued)).await.must("R12: the session").as_bytes().to_vec();
    assert!(before == after, "R12: claims that fit no token changed the session");
    let mut claims = Claims::new();
    claims.set("roles", &"r".repeat(2500)).must("R12: claims");
    let login = Login::new("ada").and_then(|login| login.claims(&claims)).must("R12: a login");
    let outcome = world.auth.login(login).await;
    assert!(matches!(outcome, Err(Error::Login(_))), "R12: a login that fits no token: {outcome:?}");
    let listed = world.direct.list(&subject("ada")).await.must("R12: list").len();
    same("R12: sessions after a login that fits no token", listed, 1);
}

/// T17: after the signing key, the issuer and the audience have changed, a pair still refreshes, logs out and
/// is replaced. The access token alone, or a forged one, achieves nothing.
pub async fn t17_a_retired_key_logs_nobody_out(fixture: Fixture) {
    let old = World::hybrid(&fixture);
    let key = Key::hmac("testkit-2", Algorithm::HS256, &[8; 32]).must("T17: a key");
    let jwt = Jwt::builder(KeyRing::new(key))
        .issuer("https://renamed")
        .audience("renamed")
        .build()
        .must("T17: a JWT");
    let refresh = RefreshTokens::builder(old.store.clone()).policy(policy()).grace_window(GRACE).build();
    let new = old.beside(
        Auth::with_hybrid(jwt, refresh.must("T17: refresh sessions")).must("T17: the hybrid strategy"),
    );

    let issued = old.login("ada", "T17").await;
    old.clock.advance(2 * AFTER_GRACE);
    let _ = refused(
        "T17: an access token of a retired key",
        new.auth.authenticate(issued.credential().expose()).await,
    );
    let _ = refused("T17: logout by it alone", new.auth.logout(issued.credential().expose()).await);
    let login = Login::new("ada").must("T17: a login").replacing(issued.credential().expose());
    let beside = new.auth.login(login).await.must("T17: login that names it alone");
    assert!(new.stored(id(&issued)).await.is_some(), "T17: an access token of a retired key ended a session");
    let paired = new.auth.refresh_with_access_token(token(&beside), issued.credential().expose()).await;
    let _ = refused("T17: a pair of two sessions", paired);
    let stays = new.auth.logout_with_access_token(token(&beside), issued.credential().expose()).await;
    let _ = refused("T17: logout by a pair of two sessions", stays);
    assert!(new.stored(id(&beside)).await.is_some(), "T17: a pair of two sessions ended one of them");

    let paired = new.auth.refresh_with_access_token(token(&issued), issued.credential().expose()).await;
    let next = paired.must("T17: refresh of a pair whose access token is of a retired key");
    same("T17: the session that goes on", id(&next), id(&issued));
    new.authenticate(next.credential().expose(), "T17: the access token of today's key").await;

    let again = old.login("ben", "T17").await;
    let ended = new.auth.logout_with_access_token(token(&again), again.credential().expose()).await;
    let ended = ended.must("T17: logout of a pair whose access token is of a retired key").sessions;
    same("T17: the session that it ends", ended, vec![id(&again)]);

    let former = old.login("carl", "T17").await;
    let login = Login::new("carl").must("T17: a login");
    let login = login.replacing(former.credential().expose()).replacing(token(&former));
    let issued = new.auth.login(login).await.must("T17: login that replaces a pair");
    assert!(new.stored(id(&former)).await.is_none(), "T17: the replaced session is still there");
    assert!(new.stored(id(&issued)).await.is_some(), "T17: the new session is not there");
}
