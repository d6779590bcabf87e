//! A1, A3, A7, A9 and A10: login.

use authcore::error::Rejection;
use authcore::store::SessionStore as _;
use authcore::{Login, RefreshCredential, SessionPolicy};

use super::test_app::{TestApp, id, policy, token};
use crate::assertions::{OrFail as _, expect_equal, expect_refusal, expect_unavailable};
use crate::concurrency::run_concurrently;
use crate::records::subject;
use crate::{Call, Fault, Fixture};

/// A1: every login mints a new id and a new secret, and never adopts a credential that the client made up.
pub async fn a1_login_always_mints(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, policy());
    let made_up = format!("acs_{}", "A".repeat(64));
    let reason =
        expect_refusal("A1: a session token that a client made up", app.auth.authenticate(&made_up).await);
    expect_equal("A1: the reason of refusing a made-up token", reason, Rejection::SessionEnded);
    let login = Login::new("ada").or_fail("A1: a login").replacing(made_up.clone());
    let one = app.auth.login(login).await.or_fail("A1: login with a made-up previous credential");
    let two = app.login("ada", "A1").await;
    assert!(
        one.credential().expose() != made_up,
        "A1: expected a new credential, but login adopted the one that the client made up"
    );
    assert!(
        one.credential().expose() != two.credential().expose(),
        "A1: expected two logins to issue two credentials, got the same one"
    );
    assert!(id(&one) != id(&two), "A1: expected two logins to create two session ids, got the same one");
    let _ = expect_refusal("A1: the made-up token after the login", app.auth.authenticate(&made_up).await);
    for issued in [&one, &two] {
        app.authenticate(issued.credential().expose(), "A1: a newly issued credential").await;
    }
}

/// A3: malformed, over-long and foreign credentials are refused without a store call.
pub async fn a3_a_malformed_credential_causes_no_store_call(fixture: Fixture) {
    let (sessions, hybrid) = (TestApp::sessions(&fixture, policy()), TestApp::hybrid(&fixture));
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
        let _ = expect_refusal("A3: a malformed session token", sessions.auth.authenticate(bad).await);
        let _ = expect_refusal("A3: logout with a malformed session token", sessions.auth.logout(bad).await);
    }
    expect_equal(
        "A3: the number of store calls after malformed session tokens",
        sessions.store.total(),
        before,
    );
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
        let _ = expect_refusal("A3: a malformed refresh token", hybrid.auth.refresh(bad).await);
    }
    expect_equal(
        "A3: the number of store calls after malformed refresh tokens",
        hybrid.store.total(),
        before,
    );
}

fn limited(max: usize) -> SessionPolicy {
    policy().with_max_sessions_per_subject(max)
}

/// A7: with sequential logins, a login above the limit ends the oldest session of its subject and no other
/// subject's.
pub async fn a7_a_login_above_the_limit_ends_the_oldest(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, limited(3));
    let other = app.login("ben", "A7").await;
    let mut issued = Vec::new();
    for _ in 0..6 {
        issued.push(app.login("ada", "A7").await);
        app.clock.advance(std::time::Duration::from_secs(1));
    }
    for (index, issued) in issued.iter().enumerate() {
        let outcome = app.auth.authenticate(issued.credential().expose()).await;
        if index < 3 {
            let reason = expect_refusal("A7: the oldest sessions above the limit", outcome);
            expect_equal(
                "A7: the reason of refusing a session above the limit",
                reason,
                Rejection::SessionEnded,
            );
        } else {
            outcome.or_fail("A7: the newest sessions within the limit");
        }
    }
    app.authenticate(other.credential().expose(), "A7: another subject's session").await;
}

/// A7: after concurrent logins, exactly as many sessions as the limit are live, and a failed login leaves
/// nothing usable.
pub async fn a7_concurrent_logins_end_at_the_limit(fixture: Fixture) {
    for round in 0..5 {
        let app = TestApp::sessions(&fixture, limited(5));
        let name = format!("ada-{round}");
        let outcomes = run_concurrently((0..24).map(|_| {
            let (auth, login) = (app.auth.clone(), Login::new(&*name).or_fail("A7: a login"));
            async move { auth.login(login).await }
        }))
        .await;
        let mut live = 0;
        for outcome in outcomes {
            match outcome {
                Ok(issued) => {
                    live += usize::from(app.auth.authenticate(issued.credential().expose()).await.is_ok());
                }
                Err(authcore::Error::SessionLimit) => {}
                Err(error) => panic!(
                    "A7: one of several concurrent logins: expected success or SessionLimit, got {error:?}"
                ),
            }
        }
        expect_equal("A7: live sessions after concurrent logins", live, 5);
        let listed = app.direct.list(&subject(&name)).await.or_fail("A7: list").len();
        expect_equal("A7: listed sessions after concurrent logins", listed, 5);
    }
}

/// A7: if the list fails, the login fails and its session is removed.
pub async fn a7_a_login_whose_list_fails_leaves_no_session(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let before = app.direct.list(&subject("ada")).await.or_fail("A7: list").len();
        app.store.fail_every(Call::List, Fault::BeforeCommit);
        let login = Login::new("ada").or_fail("A7: a login");
        expect_unavailable("A7: a login whose list fails", app.auth.login(login).await);
        app.store.clear_faults();
        let after = app.direct.list(&subject("ada")).await.or_fail("A7: list").len();
        expect_equal("A7: sessions left by a login whose list failed", after, before);
    }
}

/// A9: while the store fails, every call is unavailable; none behaves as if there were no session or a new
/// one.
pub async fn a9_a_store_error_never_becomes_a_session(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        for app in TestApp::stateful(&fixture) {
            let issued = app.login("ada", "A9").await;
            let (credential, principal) = (issued.credential().expose(), issued.principal());
            let auth = &app.auth;
            app.store.fail_all(fault);
            expect_unavailable("A9: login", auth.login(Login::new("ada").or_fail("A9: a login")).await);
            expect_unavailable("A9: the live check", auth.authenticate_and_check_session(credential).await);
            expect_unavailable("A9: renew", auth.renew(principal).await);
            expect_unavailable("A9: update_claims", auth.update_claims(principal, |_| Ok(())).await);
            expect_unavailable("A9: the list of sessions", auth.sessions_of(principal).await);
            expect_unavailable("A9: logout_others", auth.logout_others(principal).await);
            expect_unavailable("A9: logout_everywhere", auth.logout_everywhere(principal).await);
            expect_unavailable("A9: revoke", auth.revoke(principal, id(&issued)).await);
            expect_unavailable(
                "A9: the admin's list",
                auth.admin().sessions_of(&principal.to_subject()).await,
            );
            expect_unavailable("A9: logout", auth.logout(credential).await);
            let replacing = Login::new("ada").or_fail("A9: a login").replacing(credential);
            expect_unavailable("A9: login with a previous credential", auth.login(replacing).await);
            if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
                expect_unavailable("A9: refresh", auth.refresh(refresh).await);
            } else {
                expect_unavailable("A9: authenticate", auth.authenticate(credential).await);
            }
            app.store.clear_faults();
            auth.authenticate_and_check_session(credential)
                .await
                .or_fail("A9: the credential after the store has recovered");
        }
    }
}

/// A10: login ends the session of a verified previous credential, of the same or another subject.
///
/// A bare id, a forgery or an arbitrary text ends nothing and does not fail the login.
pub async fn a10_login_replaces_only_verified_credentials(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        for former_subject in ["ada", "ben"] {
            let former = app.login(former_subject, "A10").await;
            let mut credentials = vec![former.credential().expose().to_owned()];
            credentials.extend(former.refresh_token().map(|token| token.expose().to_owned()));
            let good = credentials.last().cloned().or_fail("A10: a credential");
            let forged = with_changed_character(&good);
            for nothing in [id(&former).to_string(), forged, String::new(), "nonsense".to_owned()] {
                let login = Login::new("ada").or_fail("A10: a login").replacing(nothing);
                let issued =
                    app.auth.login(login).await.or_fail("A10: login with an invalid previous credential");
                assert!(
                    id(&issued) != id(&former),
                    "A10: expected a new session id, but login adopted the given one"
                );
                assert!(
                    app.stored(id(&former)).await.is_some(),
                    "A10: expected an unverified credential to end no session, but login ended one"
                );
            }
            for credential in credentials {
                let former = if app.stored(id(&former)).await.is_some() {
                    (id(&former), credential)
                } else {
                    let another = app.login(former_subject, "A10").await;
                    (id(&another), token(&another).to_owned())
                };
                let login = Login::new("ada").or_fail("A10: a login").replacing(former.1);
                let issued = app.auth.login(login).await.or_fail("A10: login with a previous credential");
                assert!(
                    app.stored(former.0).await.is_none(),
                    "A10: expected login to end the replaced session, but it is still stored"
                );
                assert!(
                    app.stored(id(&issued)).await.is_some(),
                    "A10: expected the new session to be stored, but it is missing"
                );
            }
        }
    }
}

/// Returns a text of the same shape with another secret or tag.
fn with_changed_character(text: &str) -> String {
    let at = text.len() - 2;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}
