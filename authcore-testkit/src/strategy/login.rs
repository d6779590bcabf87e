//! A1, A3, A7, A9 and A10: logging in.

use super::world::{World, id, policy, token};
use crate::expect::{Must as _, refused, same, unavailable};
use crate::race::at_once;
use crate::records::subject;
use crate::{Call, Fault, Fixture};
use authcore::error::Rejection;
use authcore::store::SessionStore as _;
use authcore::{Login, RefreshCredential, SessionPolicy};

/// A1: every login mints a new id and a new secret, and what a client made up is never adopted.
pub async fn a1_login_always_mints(fixture: Fixture) {
    let world = World::sessions(&fixture, policy());
    let made_up = format!("acs_{}", "A".repeat(64));
    let reason =
        refused("A1: a session token that a client made up", world.auth.authenticate(&made_up).await);
    same("A1: the reason to refuse a made-up token", reason, Rejection::SessionEnded);
    let login = Login::new("ada").must("A1: a login").replacing(made_up.clone());
    let one = world.auth.login(login).await.must("A1: login with a made-up former credential");
    let two = world.login("ada", "A1").await;
    assert!(one.credential().expose() != made_up, "A1: login adopted a credential that the client made up");
    assert!(one.credential().expose() != two.credential().expose(), "A1: two logins gave one credential");
    assert!(id(&one) != id(&two), "A1: two logins gave one session id");
    let _ = refused("A1: the made-up token after the login", world.auth.authenticate(&made_up).await);
    for issued in [&one, &two] {
        world.authenticate(issued.credential().expose(), "A1: a credential just issued").await;
    }
}

/// A3: malformed, over-long and foreign credentials are refused before the store is asked.
pub async fn a3_what_cannot_be_a_credential_costs_no_store_call(fixture: Fixture) {
    let (sessions, hybrid) = (World::sessions(&fixture, policy()), World::hybrid(&fixture));
    let (of_session, of_hybrid) = (sessions.login("ada", "A3").await, hybrid.login("ada", "A3").await);
    let long = format!("acs_{}", "A".repeat(1 << 20));
    let longer = format!("{}A", of_session.credential().expose());
    let cut = &of_session.credential().expose()[..60];
    let before = sessions.store.total();
    for bad in [
        "",
        "acs_",
        "acs_!",
        cut,
        &longer,
        &long,
        "Bearer x",
        token(&of_hybrid),
        of_hybrid.credential().expose(),
    ] {
        let _ = refused("A3: what is no session token", sessions.auth.authenticate(bad).await);
        let _ = refused("A3: what is no session token, at logout", sessions.auth.logout(bad).await);
    }
    same("A3: store calls for what is no session token", sessions.store.total(), before);
    let long = format!("acr_{}", "A".repeat(1 << 20));
    let longer = format!("{}A", token(&of_hybrid));
    let before = hybrid.store.total();
    for bad in [
        "",
        "acr_",
        "acr_!",
        &longer,
        &long,
        of_session.credential().expose(),
        of_hybrid.credential().expose(),
    ] {
        let _ = refused("A3: what is no refresh token", hybrid.auth.refresh(bad).await);
    }
    same("A3: store calls for what is no refresh token", hybrid.store.total(), before);
}

fn limited(max: usize) -> SessionPolicy {
    policy().with_max_sessions_per_subject(max)
}

/// A7: one login after the other, the oldest session makes room, and no other subject's.
pub async fn a7_a_login_above_the_limit_ends_the_oldest(fixture: Fixture) {
    let world = World::sessions(&fixture, limited(3));
    let other = world.login("ben", "A7").await;
    let mut issued = Vec::new();
    for _ in 0..6 {
        issued.push(world.login("ada", "A7").await);
        world.clock.advance(std::time::Duration::from_secs(1));
    }
    for (index, issued) in issued.iter().enumerate() {
        let outcome = world.auth.authenticate(issued.credential().expose()).await;
        if index < 3 {
            let reason = refused("A7: the oldest sessions above the limit", outcome);
            same("A7: the reason to refuse one above the limit", reason, Rejection::SessionEnded);
        } else {
            outcome.must("A7: the newest sessions within the limit");
        }
    }
    world.authenticate(other.credential().expose(), "A7: another subject's session").await;
}

/// A7: logins at the same moment settle at exactly the limit, and a login that fails leaves nothing usable.
pub async fn a7_concurrent_logins_settle_at_the_limit(fixture: Fixture) {
    for round in 0..5 {
        let world = World::sessions(&fixture, limited(5));
        let name = format!("ada-{round}");
        let outcomes = at_once((0..24).map(|_| {
            let (auth, login) = (world.auth.clone(), Login::new(&*name).must("A7: a login"));
            async move { auth.login(login).await }
        }))
        .await;
        let mut live = 0;
        for outcome in outcomes {
            match outcome {
                Ok(issued) => {
                    live += usize::from(world.auth.authenticate(issued.credential().expose()).await.is_ok());
                }
                Err(authcore::Error::SessionLimit) => {}
                Err(error) => panic!("A7: one of many logins: failed with {error:?}"),
            }
        }
        same("A7: live sessions once concurrent logins have settled", live, 5);
        let listed = world.direct.list(&subject(&name)).await.must("A7: list").len();
        same("A7: listed sessions once concurrent logins have settled", listed, 5);
    }
}

/// A7: if the list fails, the login fails and its own session is removed.
pub async fn a7_a_login_whose_list_fails_leaves_no_session(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let before = world.direct.list(&subject("ada")).await.must("A7: list").len();
        world.store.fail_every(Call::List, Fault::BeforeCommit);
        let login = Login::new("ada").must("A7: a login");
        unavailable("A7: login whose list fails", world.auth.login(login).await);
        world.store.heal();
        let after = world.direct.list(&subject("ada")).await.must("A7: list").len();
        same("A7: sessions left by a login whose list failed", after, before);
    }
}

/// A9: with the store out, every call says so; none answers as if there were no session, or a fresh one.
pub async fn a9_a_store_error_is_never_an_answer(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        for world in World::stateful(&fixture) {
            let issued = world.login("ada", "A9").await;
            let (credential, principal) = (issued.credential().expose(), issued.principal());
            let auth = &world.auth;
            world.store.fail_all(fault);
            unavailable("A9: login", auth.login(Login::new("ada").must("A9: a login")).await);
            unavailable("A9: the live check", auth.authenticate_and_check_session(credential).await);
            unavailable("A9: renew", auth.renew(principal).await);
            unavailable("A9: update_claims", auth.update_claims(principal, |_| Ok(())).await);
            unavailable("A9: the list of sessions", auth.sessions_of(principal).await);
            unavailable("A9: logout_others", auth.logout_others(principal).await);
            unavailable("A9: logout_everywhere", auth.logout_everywhere(principal).await);
            unavailable("A9: revoke", auth.revoke(principal, id(&issued)).await);
            unavailable("A9: the admin's list", auth.admin().sessions_of(&principal.to_subject()).await);
            unavailable("A9: logout", auth.logout(credential).await);
            let replacing = Login::new("ada").must("A9: a login").replacing(credential);
            unavailable("A9: login that replaces", auth.login(replacing).await);
            if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
                unavailable("A9: refresh", auth.refresh(refresh).await);
            } else {
                unavailable("A9: authenticate", auth.authenticate(credential).await);
            }
            world.store.heal();
            auth.authenticate_and_check_session(credential)
                .await
                .must("A9: the credential once the store is back");
        }
    }
}

/// A10: a former credential that verifies has its session ended, of the same or another subject; a bare id, a
/// forgery or nonsense ends nothing and fails nothing.
pub async fn a10_login_replaces_only_what_verifies(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        for former_subject in ["ada", "ben"] {
            let former = world.login(former_subject, "A10").await;
            let mut credentials = vec![former.credential().expose().to_owned()];
            credentials.extend(former.refresh_token().map(|token| token.expose().to_owned()));
            let good = credentials.last().cloned().must("A10: a credential");
            let forged = swap_last_but_one(&good);
            for nothing in [id(&former).to_string(), forged, String::new(), "nonsense".to_owned()] {
                let login = Login::new("ada").must("A10: a login").replacing(nothing);
                let issued = world.auth.login(login).await.must("A10: login with a bad former credential");
                assert!(id(&issued) != id(&former), "A10: login adopted a session id");
                assert!(
                    world.stored(id(&former)).await.is_some(),
                    "A10: login ended a session by what does not verify"
                );
            }
            for credential in credentials {
                let former = if world.stored(id(&former)).await.is_some() {
                    (id(&former), credential)
                } else {
                    let another = world.login(former_subject, "A10").await;
                    (id(&another), token(&another).to_owned())
                };
                let login = Login::new("ada").must("A10: a login").replacing(former.1);
                let issued = world.auth.login(login).await.must("A10: login that replaces");
                assert!(world.stored(former.0).await.is_none(), "A10: the replaced session is still there");
                assert!(world.stored(id(&issued)).await.is_some(), "A10: the new session is not there");
            }
        }
    }
}

/// Another text of the same shape, with another secret or tag.
fn swap_last_but_one(text: &str) -> String {
    let at = text.len() - 2;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}
