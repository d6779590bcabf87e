//! R12 and T17: undeliverable refreshes, and tokens issued before a change of keys.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use authcore::error::LoginError;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{SessionRecord, SessionStore as _};
use authcore::strategy::{RefreshDecision, RefreshHook};
use authcore::{Auth, Claims, Error, Login, RefreshTokens};

use super::test_app::{AFTER_GRACE, GRACE, TestApp, id, policy, token};
use crate::Fixture;
use crate::assertions::{OrFail as _, expect_equal, expect_refusal};
use crate::records::subject;

/// A hook that replaces the claims with a text of the given size, or keeps them if the size is 0.
#[derive(Debug, Clone, Default)]
struct ClaimsOfSize(Arc<Mutex<usize>>);

impl ClaimsOfSize {
    fn set(&self, size: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = size;
    }
}

#[async_trait]
impl RefreshHook for ClaimsOfSize {
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

/// R12: a refresh whose claims or token are too large changes nothing and is not taken for theft, even long
/// after the grace window.
///
/// The same token works once they fit.
pub async fn r12_an_undeliverable_refresh_changes_nothing(fixture: Fixture) {
    let hook = ClaimsOfSize::default();
    let mut app = TestApp::hybrid_with(&fixture, |builder| builder.on_refresh(hook.clone()));
    app.auth = app.auth.with_max_token_len(2000);
    let issued = app.login("ada", "R12").await;
    let before = app.stored(id(&issued)).await.or_fail("R12: the session").as_bytes().to_vec();
    // More than the configured size of an access token, and more than a record can hold.
    for size in [2500, SessionRecord::MAX_CLAIMS_LEN + 1] {
        hook.set(size);
        for _ in 0..3 {
            app.clock.advance(2 * AFTER_GRACE);
            match app.auth.refresh(token(&issued)).await {
                Err(Error::Login(LoginError::ClaimsTooLarge { .. } | LoginError::TokenTooLarge { .. })) => {}
                other => {
                    panic!("R12: a refresh with claims of {size} bytes: expected a size error, got {other:?}")
                }
            }
            let after = app.stored(id(&issued)).await.or_fail("R12: the session").as_bytes().to_vec();
            assert!(
                before == after,
                "R12: expected the session to stay unchanged after an undeliverable refresh, but it changed"
            );
        }
    }
    hook.set(100);
    app.clock.advance(AFTER_GRACE);
    let next = app.refresh(token(&issued), "R12: the same token once the claims fit").await;
    expect_equal("R12: the generation", app.generation(id(&issued), "R12: the session").await, 1);
    // A change of claims and a login whose tokens are too large.
    let before = app.stored(id(&issued)).await.or_fail("R12: the session").as_bytes().to_vec();
    let grown =
        app.auth.update_claims(next.principal(), |claims| Ok(claims.set("more", &"m".repeat(2500))?)).await;
    assert!(
        matches!(grown, Err(Error::Login(_))),
        "R12: claims that are too large for a token: expected a login error, got {grown:?}"
    );
    let after = app.stored(id(&issued)).await.or_fail("R12: the session").as_bytes().to_vec();
    assert!(
        before == after,
        "R12: expected the session to stay unchanged after claims that are too large, but it changed"
    );
    let mut claims = Claims::new();
    claims.set("roles", &"r".repeat(2500)).or_fail("R12: claims");
    let login = Login::new("ada").and_then(|login| login.claims(&claims)).or_fail("R12: a login");
    let outcome = app.auth.login(login).await;
    assert!(
        matches!(outcome, Err(Error::Login(_))),
        "R12: a login whose token is too large: expected a login error, got {outcome:?}"
    );
    let listed = app.direct.list(&subject("ada")).await.or_fail("R12: list").len();
    expect_equal("R12: sessions after a login whose token is too large", listed, 1);
}

/// T17: after the signing key, the issuer and the audience have changed, a token pair can still be refreshed,
/// logged out and replaced.
///
/// The access token alone, or a forged one, has no effect.
pub async fn t17_a_retired_key_logs_nobody_out(fixture: Fixture) {
    let old = TestApp::hybrid(&fixture);
    let key = Key::hmac("testkit-2", Algorithm::HS256, &[8; 32]).or_fail("T17: a key");
    let jwt = Jwt::builder(KeyRing::new(key))
        .issuer("https://renamed")
        .audience("renamed")
        .build()
        .or_fail("T17: a JWT");
    let refresh = RefreshTokens::builder(old.store.clone()).policy(policy()).grace_window(GRACE).build();
    let new = old.with_auth(
        Auth::with_hybrid(jwt, refresh.or_fail("T17: refresh sessions")).or_fail("T17: the hybrid strategy"),
    );

    let issued = old.login("ada", "T17").await;
    old.clock.advance(2 * AFTER_GRACE);
    let _ = expect_refusal(
        "T17: an access token of a retired key",
        new.auth.authenticate(issued.credential().expose()).await,
    );
    let _ = expect_refusal(
        "T17: logout with that access token alone",
        new.auth.logout(issued.credential().expose()).await,
    );
    let login = Login::new("ada").or_fail("T17: a login").replacing(issued.credential().expose());
    let another = new
        .auth
        .login(login)
        .await
        .or_fail("T17: login with that access token alone as the previous credential");
    assert!(
        new.stored(id(&issued)).await.is_some(),
        "T17: expected an access token of a retired key to end no session, but it ended one"
    );
    let paired = new.auth.refresh_with_access_token(token(&another), issued.credential().expose()).await;
    let _ = expect_refusal("T17: a pair of two sessions", paired);
    let stays = new.auth.logout_with_access_token(token(&another), issued.credential().expose()).await;
    let _ = expect_refusal("T17: logout with a pair of two sessions", stays);
    assert!(
        new.stored(id(&another)).await.is_some(),
        "T17: expected a pair of two sessions to end neither, but it ended one"
    );

    let paired = new.auth.refresh_with_access_token(token(&issued), issued.credential().expose()).await;
    let next = paired.or_fail("T17: refresh of a pair whose access token is of a retired key");
    expect_equal("T17: the session that continues", id(&next), id(&issued));
    new.authenticate(next.credential().expose(), "T17: the access token of the current key").await;

    let again = old.login("ben", "T17").await;
    let ended = new.auth.logout_with_access_token(token(&again), again.credential().expose()).await;
    let ended = ended.or_fail("T17: logout of a pair whose access token is of a retired key").sessions;
    expect_equal("T17: the session that the logout ends", ended, vec![id(&again)]);

    let former = old.login("carl", "T17").await;
    let login = Login::new("carl").or_fail("T17: a login");
    let login = login.replacing(former.credential().expose()).replacing(token(&former));
    let issued = new.auth.login(login).await.or_fail("T17: login that replaces a pair");
    assert!(
        new.stored(id(&former)).await.is_none(),
        "T17: expected login to end the replaced session, but it is still stored"
    );
    assert!(
        new.stored(id(&issued)).await.is_some(),
        "T17: expected the new session to be stored, but it is missing"
    );
}
