//! A12: strategies of several realms on one store.

use authcore::{IssuedCredentials, Login, RefreshCredential, SessionKind, SessionPolicy};

use super::test_app::{ABSOLUTE, TestApp, id, policy, proof, token};
use crate::Fixture;
use crate::assertions::{OrFail as _, expect_equal, expect_refusal};
use crate::records::subject;

fn apps(fixture: &Fixture) -> [TestApp; 2] {
    TestApp::with_kinds(
        fixture,
        &[(SessionKind::API_KEY, SessionPolicy::api_key().with_absolute_timeout(ABSOLUTE))],
    )
}

async fn bytes(app: &TestApp, issued: &IssuedCredentials) -> Vec<u8> {
    app.stored(id(issued)).await.or_fail("A12: the session of another realm").as_bytes().to_vec()
}

/// A12: a credential of one realm authenticates, changes and ends nothing in another realm, not even as the
/// previous credential of a login.
pub async fn a12_credentials_are_refused_in_other_realms(fixture: Fixture) {
    for app in apps(&fixture) {
        for (name, others) in [("t1", ["", "t2"]), ("", ["t1", "t2"])] {
            let home = if name.is_empty() { app.clone() } else { app.in_realm(name) };
            let issued = home.login("ada", "A12").await;
            let key = home.api_key("ada", "A12").await;
            let before = [bytes(&app, &issued).await, bytes(&app, &key).await];
            for other in others {
                let other = if other.is_empty() { app.clone() } else { app.in_realm(other) };
                let mut credentials = vec![issued.credential().expose(), key.credential().expose()];
                credentials.extend(issued.refresh_token().map(RefreshCredential::expose));
                for credential in &credentials {
                    let what = "A12: a credential of another realm";
                    let _ = expect_refusal(what, other.auth.authenticate(credential).await);
                    let _ = expect_refusal(what, other.auth.authenticate_any_kind(credential).await);
                    let _ = expect_refusal(what, other.auth.authenticate_passively(credential).await);
                    let _ = expect_refusal(what, other.auth.authenticate_and_check_session(credential).await);
                    let _ = expect_refusal(what, other.auth.logout(credential).await);
                    let login = Login::new("ada").or_fail("A12: a login").replacing(*credential);
                    let fresh = other
                        .auth
                        .login(login)
                        .await
                        .or_fail("A12: login with a previous credential of another realm");
                    let _ = other.auth.logout(proof(&fresh)).await.or_fail("A12: logout");
                }
                if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
                    let what = "A12: a refresh token of another realm";
                    let access = issued.credential().expose();
                    let _ = expect_refusal(what, other.auth.refresh(refresh).await);
                    let _ = expect_refusal(what, other.auth.refresh_with_access_token(refresh, access).await);
                    let _ = expect_refusal(what, other.auth.logout_with_access_token(refresh, access).await);
                }
                let what = "A12: a principal of another realm";
                let (auth, principal) = (&other.auth, issued.principal());
                let _ = expect_refusal(what, auth.renew(principal).await);
                let _ = expect_refusal(what, auth.update_claims(principal, |_| Ok(())).await);
                let _ = expect_refusal(what, auth.sessions_of(principal).await);
                let _ = expect_refusal(what, auth.revoke(principal, id(&key)).await);
                let _ = expect_refusal(what, auth.logout_others(principal).await);
                let _ = expect_refusal(what, auth.logout_everywhere(principal).await);
            }
            let after = [bytes(&app, &issued).await, bytes(&app, &key).await];
            assert!(
                before == after,
                "A12: expected the sessions to stay unchanged by calls from another realm, but one changed"
            );
            home.authenticate(issued.credential().expose(), "A12: a credential in its own realm").await;
            home.authenticate(key.credential().expose(), "A12: an API key in its own realm").await;
            if issued.refresh_token().is_some() {
                let _ = home.refresh(token(&issued), "A12: a refresh token in its own realm").await;
            }
        }
    }
}

/// A12: sessions of equally named subjects in several realms are counted, listed and ended separately.
pub async fn a12_lists_limits_and_logouts_stay_in_their_realm(fixture: Fixture) {
    let limited = policy().with_max_sessions_per_subject(2);
    let app = TestApp::sessions(&fixture, limited);
    let realms = [app.clone(), app.in_realm("t1"), app.in_realm("t2"), app.in_realm("t")];
    // The second subject looks like an encoding of a subject in a named realm.
    let names = ["ada", "t1\u{1f}ada"];
    let mut all = Vec::new();
    for realm in &realms {
        for name in names {
            let both = [realm.login(name, "A12").await, realm.login(name, "A12").await];
            all.push((realm.clone(), name, both));
        }
    }
    let count = async |realm: &TestApp, name: &str| {
        let listed = realm.auth.admin().sessions_of(&subject(name)).await.or_fail("A12: the admin's list");
        listed.len()
    };
    for (realm, name, both) in &all {
        expect_equal("A12: sessions listed for a subject of a realm", count(realm, name).await, 2);
        for issued in both {
            realm
                .authenticate(issued.credential().expose(), "A12: a session within the limit of its realm")
                .await;
        }
        let listed = realm.auth.sessions_of(both[0].principal()).await.or_fail("A12: the list").len();
        expect_equal("A12: sessions listed for a principal", listed, 2);
    }
    for (index, (realm, name, both)) in all.iter().enumerate() {
        let (_, _, others) = &all[(index + 1) % all.len()];
        let foreign = id(&others[0]);
        let principal = both[0].principal();
        let revoked = realm.auth.revoke(principal, foreign).await.or_fail("A12: revoke");
        expect_equal("A12: sessions of another realm or subject revoked by id", revoked.sessions.len(), 0);
        let revoked =
            realm.auth.admin().revoke(&subject(name), foreign).await.or_fail("A12: the admin's revoke");
        expect_equal(
            "A12: sessions of another realm or subject revoked by an admin",
            revoked.sessions.len(),
            0,
        );
        let ended = realm.auth.logout_others(principal).await.or_fail("A12: logout_others").sessions;
        expect_equal("A12: the sessions that logout_others ends", ended, vec![id(&both[1])]);
        let ended = if index % 2 == 0 {
            realm.auth.logout_everywhere(principal).await.or_fail("A12: logout_everywhere").sessions
        } else {
            realm.auth.admin().revoke_all(&subject(name)).await.or_fail("A12: revoke_all").sessions
        };
        expect_equal(
            "A12: the sessions that logout_everywhere or revoke_all ends",
            ended,
            vec![id(&both[0])],
        );
        for (realm, name, both) in &all[index + 1..] {
            expect_equal(
                "A12: sessions listed for other realms and subjects",
                count(realm, name).await,
                both.len(),
            );
        }
    }
}

/// A12, S11: an admin of any realm purges expired sessions of all realms.
pub async fn a12_an_admin_purge_covers_all_realms(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let mut all = Vec::new();
        for realm in ["t1", "t2"] {
            all.push(app.in_realm(realm).login("ada", "A12").await);
        }
        all.push(app.login("ada", "A12").await);
        app.clock.advance(ABSOLUTE);
        let lives = app.in_realm("t3").login("ada", "A12").await;
        let purged = app.in_realm("t1").auth.admin().purge_expired(100).await.or_fail("A12: a purge");
        expect_equal(
            "A12: sessions removed by a purge",
            purged.removed,
            if fixture.purges() { all.len() } else { 0 },
        );
        for issued in &all {
            let there = app.stored(id(issued)).await.is_some();
            assert!(
                !(there && fixture.purges()),
                "A12: expected a purge to remove expired sessions of every realm, but one is still stored"
            );
        }
        assert!(
            app.stored(id(&lives)).await.is_some(),
            "A12: expected a purge to keep live sessions of every realm, but it removed one"
        );
    }
}
