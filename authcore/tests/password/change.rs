//! Change of password (rule P5).

use authcore::password::{NewPassword, Password, PasswordChanged};
use authcore::{ErrorKind, Rejection, SessionStore as _, Timestamp, VerifiedToken};

use super::faults::When;
use super::{Kind, NEW, OLD, World, is_wrong_password};

#[tokio::test]
async fn p5_changing_the_password_ends_the_others_and_renews_the_own() {
    for kind in [Kind::Sessions, Kind::Hybrid] {
        let world = World::new(kind).await;
        let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
        let changed = world.change(&own, OLD, NEW).await.unwrap();
        let PasswordChanged::Renewed { issued, revoked } = changed else { panic!("{changed:?}") };
        assert_eq!(revoked.sessions, [other.principal().session_id().unwrap()]);
        assert_eq!(world.sessions().await, [own.principal().session_id().unwrap()]);
        for gone in [&own, &other] {
            assert!(world.auth.authenticate_live(gone.credential()).await.is_err(), "{kind:?}");
        }
        world.auth.authenticate_live(issued.credential()).await.unwrap();
        assert!(is_wrong_password(&world.login(OLD).await));
        world.login(NEW).await.unwrap();
    }
}

#[tokio::test]
async fn p5_without_sessions_the_change_says_that_tokens_remain() {
    let world = World::new(Kind::Tokens).await;
    let own = world.login(OLD).await.unwrap();
    assert!(matches!(world.change(&own, OLD, NEW).await.unwrap(), PasswordChanged::TokensRemain));
    assert!(is_wrong_password(&world.login(OLD).await));
    world.login(NEW).await.unwrap();
    assert!(matches!(world.change(&own, OLD, NEW).await.unwrap(), PasswordChanged::TokensRemain));
}

#[tokio::test]
async fn p5_a_change_that_failed_anywhere_is_completed_by_the_same_call() {
    for (kind, when) in [
        (Kind::Sessions, When::Before),
        (Kind::Sessions, When::After),
        (Kind::Hybrid, When::Before),
        (Kind::Hybrid, When::After),
    ] {
        let (mut failures, mut superseded) = (0, 0);
        for call in 0.. {
            let at = format!("{kind:?}, {when:?}, call {call}");
            let world = World::new(kind).await;
            let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
            world.people.faults.plan(call, when);
            let first = world.change(&own, OLD, NEW).await;
            if !world.people.faults.clear() {
                assert!(first.is_ok());
                break;
            }
            failures += 1;
            let error = first.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{at}: {error:?}");
            match world.change(&own, OLD, NEW).await {
                Ok(PasswordChanged::Renewed { issued, .. }) => {
                    world.auth.authenticate_live(issued.credential()).await.unwrap();
                }
                Ok(PasswordChanged::TokensRemain) => panic!("{at}"),
                // Only the answer to the very last step was lost: the own credential is replaced already.
                Err(error) => {
                    assert_eq!(error.rejection(), Some(&Rejection::Superseded), "{at}");
                    superseded += 1;
                }
            }
            for gone in [&own, &other] {
                assert!(world.auth.authenticate_live(gone.credential()).await.is_err(), "{at}");
            }
            assert_eq!(world.sessions().await, [own.principal().session_id().unwrap()], "{at}");
            assert!(is_wrong_password(&world.login(OLD).await), "{at}");
            world.login(NEW).await.unwrap();
        }
        // Check: one load. Hash: read, replace. Others: load, remove_all. Own: load, replace.
        assert_eq!(failures, 7, "{kind:?}, {when:?}");
        assert_eq!(superseded, usize::from(when == When::After), "{kind:?}, {when:?}");
    }
}

#[tokio::test]
async fn p5_a_change_needs_the_current_password() {
    let world = World::new(Kind::Sessions).await;
    let (own, _other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
    let before = world.people.hash_of("ada");
    assert!(is_wrong_password(&world.change(&own, "a guess", NEW).await));
    assert_eq!(world.people.hash_of("ada"), before);
    assert_eq!(world.sessions().await.len(), 2);
    world.auth.authenticate(own.credential()).await.unwrap();
}

#[tokio::test]
async fn p5_a_change_survives_a_login_that_renews_the_hash_meanwhile() {
    let world = World::new(Kind::Sessions).await;
    let own = world.login(OLD).await.unwrap();
    let renewed = world.hash(OLD).await;
    *world.people.before_replace.lock().unwrap() =
        Some(Box::new(|all| drop(all.insert("ada".into(), renewed))));
    world.change(&own, OLD, NEW).await.map(drop).unwrap();
    world.login(NEW).await.unwrap();
}

#[tokio::test]
async fn p5_of_two_different_changes_the_later_is_refused() {
    let world = World::new(Kind::Sessions).await;
    let own = world.login(OLD).await.unwrap();
    let theirs = world.hash("a third password").await;
    let stored = theirs.clone();
    *world.people.before_replace.lock().unwrap() =
        Some(Box::new(|all| drop(all.insert("ada".into(), stored))));
    assert!(is_wrong_password(&world.change(&own, OLD, NEW).await));
    assert_eq!(world.people.hash_of("ada"), theirs);
}

#[tokio::test]
async fn p5_a_principal_whose_session_has_ended_changes_nothing() {
    for kind in [Kind::Sessions, Kind::Hybrid] {
        let world = World::new(kind).await;
        let own = world.login(OLD).await.unwrap();
        let before = world.people.hash_of("ada");
        let _revoked = world.auth.logout_everywhere(own.principal()).await.unwrap();
        let error = world.change(&own, OLD, NEW).await.unwrap_err();
        assert_eq!(error.rejection(), Some(&Rejection::SessionEnded));
        assert_eq!(world.people.hash_of("ada"), before);
    }
}

#[tokio::test]
async fn p5_a_session_that_ends_during_the_change_takes_the_others_with_it() {
    let world = World::new(Kind::Sessions).await;
    let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
    let (store, id) = (world.store.clone(), own.principal().session_id().unwrap());
    *world.people.before_replace.lock().unwrap() = Some(Box::new(move |_| {
        // The memory store answers at once.
        let removed = futures_util::FutureExt::now_or_never(async move { store.remove(id).await });
        assert!(removed.unwrap().unwrap());
    }));
    let error = world.change(&own, OLD, NEW).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::SessionEnded));
    assert!(world.auth.authenticate(other.credential()).await.is_err());
    assert!(world.sessions().await.is_empty());
    world.login(NEW).await.unwrap();
}

#[tokio::test]
async fn p5_a_subject_of_another_issuer_changes_nothing() {
    let world = World::new(Kind::Tokens).await;
    let before = world.people.hash_of("ada");
    let now = Timestamp::from_secs(1_700_000_000);
    let subject = "ada".parse().unwrap();
    let principal = authcore::Principal::from_token(VerifiedToken {
        foreign_issuer: Some("https://other.example.com".into()),
        ..VerifiedToken::new(subject, now, Timestamp::MAX, "{}".into())
    });
    let (current, new) = (Password::new(OLD).unwrap(), NewPassword::new(NEW).unwrap());
    let error = world.passwords.change_password(&principal, current, new).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::WrongIssuer));
    assert_eq!(world.people.hash_of("ada"), before);
}
