//! A12: the strategies where realms share a store.

use super::world::{ABSOLUTE, World, id, policy, proof, token};
use crate::Fixture;
use crate::expect::{Must as _, refused, same};
use crate::records::subject;
use authcore::{IssuedCredentials, Login, RefreshCredential, SessionKind, SessionPolicy};

fn worlds(fixture: &Fixture) -> [World; 2] {
    World::with_kinds(
        fixture,
        &[(SessionKind::API_KEY, SessionPolicy::api_key().with_absolute_timeout(ABSOLUTE))],
    )
}

async fn bytes(world: &World, issued: &IssuedCredentials) -> Vec<u8> {
    world.stored(id(issued)).await.must("A12: the session of another realm").as_bytes().to_vec()
}

/// A12: a credential of one realm opens, changes and ends nothing in another, nor by a login that replaces
/// it.
pub async fn a12_no_credential_counts_in_another_realm(fixture: Fixture) {
    for world in worlds(&fixture) {
        for (name, others) in [("t1", ["", "t2"]), ("", ["t1", "t2"])] {
            let home = if name.is_empty() { world.clone() } else { world.in_realm(name) };
            let issued = home.login("ada", "A12").await;
            let key = home.api_key("ada", "A12").await;
            let before = [bytes(&world, &issued).await, bytes(&world, &key).await];
            for other in others {
                let other = if other.is_empty() { world.clone() } else { world.in_realm(other) };
                let mut credentials = vec![issued.credential().expose(), key.credential().expose()];
                credentials.extend(issued.refresh_token().map(RefreshCredential::expose));
                for credential in &credentials {
                    let what = "A12: a credential of another realm";
                    let _ = refused(what, other.auth.authenticate(credential).await);
                    let _ = refused(what, other.auth.authenticate_any_kind(credential).await);
                    let _ = refused(what, other.auth.authenticate_passively(credential).await);
                    let _ = refused(what, other.auth.authenticate_and_check_session(credential).await);
                    let _ = refused(what, other.auth.logout(credential).await);
                    let login = Login::new("ada").must("A12: a login").replacing(*credential);
                    let fresh = other.auth.login(login).await.must("A12: login that names another realm's");
                    let _ = other.auth.logout(proof(&fresh)).await.must("A12: logout");
                }
                if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
                    let what = "A12: a refresh token of another realm";
                    let access = issued.credential().expose();
                    let _ = refused(what, other.auth.refresh(refresh).await);
                    let _ = refused(what, other.auth.refresh_with_access_token(refresh, access).await);
                    let _ = refused(what, other.auth.logout_with_access_token(refresh, access).await);
                }
                let what = "A12: a principal of another realm";
                let (auth, principal) = (&other.auth, issued.principal());
                let _ = refused(what, auth.renew(principal).await);
                let _ = refused(what, auth.update_claims(principal, |_| Ok(())).await);
                let _ = refused(what, auth.sessions_of(principal).await);
                let _ = refused(what, auth.revoke(principal, id(&key)).await);
                let _ = refused(what, auth.logout_others(principal).await);
                let _ = refused(what, auth.logout_everywhere(principal).await);
            }
            let after = [bytes(&world, &issued).await, bytes(&world, &key).await];
            assert!(before == after, "A12: a session was changed from another realm");
            home.authenticate(issued.credential().expose(), "A12: a credential in its own realm").await;
            home.authenticate(key.credential().expose(), "A12: an API key in its own realm").await;
            if issued.refresh_token().is_some() {
                home.refresh(token(&issued), "A12: a refresh token in its own realm").await;
            }
        }
    }
}

/// A12: sessions of the same name in several realms are counted, listed and ended in each by themselves.
pub async fn a12_lists_limits_and_logouts_stay_in_their_realm(fixture: Fixture) {
    let limited = policy().with_max_sessions_per_subject(2);
    let world = World::sessions(&fixture, limited);
    let realms = [world.clone(), world.in_realm("t1"), world.in_realm("t2"), world.in_realm("t")];
    // A subject that reads like one of a named realm.
    let names = ["ada", "t1\u{1f}ada"];
    let mut all = Vec::new();
    for realm in &realms {
        for name in names {
            let both = [realm.login(name, "A12").await, realm.login(name, "A12").await];
            all.push((realm.clone(), name, both));
        }
    }
    let count = async |realm: &World, name: &str| {
        let listed = realm.auth.admin().sessions_of(&subject(name)).await.must("A12: the admin's list");
        listed.len()
    };
    for (realm, name, both) in &all {
        same("A12: sessions of a subject of a realm", count(realm, name).await, 2);
        for issued in both {
            realm
                .authenticate(issued.credential().expose(), "A12: a session within the limit of its realm")
                .await;
        }
        let listed = realm.auth.sessions_of(both[0].principal()).await.must("A12: the list").len();
        same("A12: sessions that a principal is shown", listed, 2);
    }
    for (index, (realm, name, both)) in all.iter().enumerate() {
        let (_, _, others) = &all[(index + 1) % all.len()];
        let foreign = id(&others[0]);
        let principal = both[0].principal();
        let revoked = realm.auth.revoke(principal, foreign).await.must("A12: revoke");
        same("A12: sessions of another realm or subject revoked by id", revoked.sessions.len(), 0);
        let revoked =
            realm.auth.admin().revoke(&subject(name), foreign).await.must("A12: the admin's revoke");
        same("A12: sessions of another realm or subject revoked by an admin", revoked.sessions.len(), 0);
        let ended = realm.auth.logout_others(principal).await.must("A12: logout_others").sessions;
        same("A12: what logout_others ends", ended, vec![id(&both[1])]);
        let ended = if index % 2 == 0 {
            realm.auth.logout_everywhere(principal).await.must("A12: logout_everywhere").sessions
        } else {
            realm.auth.admin().revoke_all(&subject(name)).await.must("A12: revoke_all").sessions
        };
        same("A12: what a logout everywhere ends", ended, vec![id(&both[0])]);
        for (realm, name, both) in &all[index + 1..] {
            same("A12: sessions of the other realms and subjects", count(realm, name).await, both.len());
        }
    }
}

/// A12, S11: an admin of any realm purges the sessions of all.
pub async fn a12_purging_cleans_all_realms(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let mut all = Vec::new();
        for realm in ["t1", "t2"] {
            all.push(world.in_realm(realm).login("ada", "A12").await);
        }
        all.push(world.login("ada", "A12").await);
        world.clock.advance(ABSOLUTE);
        let lives = world.in_realm("t3").login("ada", "A12").await;
        let purged = world.in_realm("t1").auth.admin().purge_expired(100).await.must("A12: a purge");
        same("A12: what a purge removes", purged.removed, if fixture.purges() { all.len() } else { 0 });
        for issued in &all {
            let there = world.stored(id(issued)).await.is_some();
            assert!(
                !(there && fixture.purges()),
                "A12: an expired session of a realm is there after a purge"
            );
        }
        assert!(world.stored(id(&lives)).await.is_some(), "A12: a purge took a live session of a realm");
    }
}
