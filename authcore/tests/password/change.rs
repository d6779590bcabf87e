//! Change of password (rule P5).

use authcore::error::Rejection;
use authcore::password::{NewPassword, Password, PasswordChanged, PasswordError};
use authcore::store::SessionStore as _;
use authcore::strategy::VerifiedToken;
use authcore::{Error, ErrorKind, IssuedCredentials, Timestamp};

use super::faults::When;
use super::{Kind, NEW, OLD, World, hash_with, is_wrong_password};

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
            assert!(
                world.auth.authenticate_and_check_session(gone.credential().expose()).await.is_err(),
                "{kind:?}"
            );
        }
        world.auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap();
        assert!(is_wrong_password(&world.login(OLD).await));
        let _ = world.login(NEW).await.unwrap();
    }
}

#[tokio::test]
async fn p5_without_sessions_the_change_says_that_tokens_remain() {
    let world = World::new(Kind::Tokens).await;
    let own = world.login(OLD).await.unwrap();
    assert!(matches!(world.change(&own, OLD, NEW).await.unwrap(), PasswordChanged::TokensRemain));
    assert!(is_wrong_password(&world.login(OLD).await));
    let _ = world.login(NEW).await.unwrap();
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
                    world.auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap();
                }
                Ok(PasswordChanged::TokensRemain) => panic!("{at}"),
                // Only the response of the last step was lost: the caller's credential has been replaced.
                Err(error) => {
                    assert_eq!(error.rejection(), Some(&Rejection::Superseded), "{at}");
                    superseded += 1;
                }
            }
            for gone in [&own, &other] {
                assert!(
                    world.auth.authenticate_and_check_session(gone.credential().expose()).await.is_err(),
                    "{at}"
                );
            }
            assert_eq!(world.sessions().await, [own.principal().session_id().unwrap()], "{at}");
            assert!(is_wrong_password(&world.login(OLD).await), "{at}");
            let _ = world.login(NEW).await.unwrap();
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
    world.auth.authenticate(own.credential().expose()).await.unwrap();
}

#[tokio::test]
async fn p5_a_wrong_current_password_is_refused_even_if_the_new_one_is_the_accounts() {
    for kind in [Kind::Sessions, Kind::Tokens, Kind::Hybrid] {
        let world = World::new(kind).await;
        let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
        let (before, sessions) = (world.people.hash_of("ada"), world.sessions().await);
        assert!(is_wrong_password(&world.change(&own, "a guess", OLD).await), "{kind:?}");
        assert_eq!(world.people.hash_of("ada"), before);
        assert_eq!(world.sessions().await, sessions);
        for issued in [&own, &other] {
            world.auth.authenticate(issued.credential().expose()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn p5_after_a_change_the_new_password_alone_proves_nothing() {
    for kind in [Kind::Sessions, Kind::Hybrid] {
        let world = World::new(kind).await;
        let own = world.login(OLD).await.unwrap();
        let changed = world.change(&own, OLD, NEW).await.unwrap();
        let PasswordChanged::Renewed { issued, .. } = changed else { panic!("{changed:?}") };
        let before = world.people.hash_of("ada");
        assert!(is_wrong_password(&world.change(&issued, OLD, NEW).await), "{kind:?}");
        assert!(is_wrong_password(&world.change(&issued, "a guess", NEW).await), "{kind:?}");
        assert_eq!(world.people.hash_of("ada"), before);
        world.auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap();
        let again = world.change(&issued, NEW, NEW).await.unwrap();
        assert!(matches!(again, PasswordChanged::Renewed { .. }));
    }
    // Without sessions, a token of another login cannot repeat the change.
    let world = World::new(Kind::Tokens).await;
    let own = world.login(OLD).await.unwrap();
    let _remain = world.change(&own, OLD, NEW).await.unwrap();
    let now = Timestamp::from_secs(1_700_000_000);
    let subject = "ada".parse().unwrap();
    let principal =
        authcore::Principal::from_token(VerifiedToken::new(subject, now, Timestamp::MAX, "{}".into()));
    let (current, new) = (Password::new(OLD).unwrap(), NewPassword::new(NEW).unwrap());
    assert!(is_wrong_password(&world.passwords.change_password(&principal, current, new).await));
}

/// Returns a world in which a change of the password has stored the new hash and then failed, with the two
/// remaining sessions: the caller's and another.
async fn half_changed(kind: Kind) -> (World, IssuedCredentials, IssuedCredentials) {
    let world = World::new(kind).await;
    let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
    // The check loads the session; then the hash is read and replaced.
    world.people.faults.plan(2, When::After);
    let error = world.change(&own, OLD, NEW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(world.people.faults.clear());
    assert_eq!(world.sessions().await.len(), 2);
    (world, own, other)
}

#[tokio::test]
async fn p5_a_change_that_failed_half_way_is_completed_by_its_own_session_only() {
    for kind in [Kind::Sessions, Kind::Hybrid] {
        let (world, own, other) = half_changed(kind).await;
        let stored = world.people.hash_of("ada");
        assert!(is_wrong_password(&world.change(&other, OLD, NEW).await), "{kind:?}");
        assert!(is_wrong_password(&world.change(&own, OLD, "another password").await), "{kind:?}");
        assert!(is_wrong_password(&world.change(&own, "a guess", OLD).await), "{kind:?}");
        assert_eq!(world.people.hash_of("ada"), stored);
        assert_eq!(world.sessions().await.len(), 2);
        let changed = world.change(&own, OLD, NEW).await.unwrap();
        let PasswordChanged::Renewed { issued, revoked } = changed else { panic!("{changed:?}") };
        assert_eq!(revoked.sessions, [other.principal().session_id().unwrap()]);
        world.auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap();
        assert_eq!(world.people.hash_of("ada"), stored, "nothing was left to store");
    }
}

#[tokio::test]
async fn p5_a_repeated_change_that_fails_too_is_completed_by_a_third_call() {
    for first in [2, 4, 5] {
        for second in 0.. {
            let at = format!("{first}, {second}");
            let world = World::new(Kind::Sessions).await;
            let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
            world.people.faults.plan(first, When::After);
            assert_eq!(
                world.change(&own, OLD, NEW).await.unwrap_err().kind(),
                ErrorKind::Unavailable,
                "{at}"
            );
            world.people.faults.plan(second, When::Before);
            let repeated = world.change(&own, OLD, NEW).await;
            if !world.people.faults.clear() {
                assert!(repeated.is_ok(), "{at}");
                // Check: one load. Hash: read. Others: load, remove_all. Own: load, replace.
                assert_eq!(second, 6);
                break;
            }
            assert_eq!(repeated.unwrap_err().kind(), ErrorKind::Unavailable, "{at}");
            let changed = world.change(&own, OLD, NEW).await.unwrap();
            let PasswordChanged::Renewed { issued, .. } = changed else { panic!("{at}: {changed:?}") };
            world.auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap();
            assert!(
                world.auth.authenticate_and_check_session(other.credential().expose()).await.is_err(),
                "{at}"
            );
            assert_eq!(world.sessions().await, [own.principal().session_id().unwrap()], "{at}");
        }
    }
}

#[tokio::test]
async fn p5_a_change_that_failed_half_way_is_followed_by_another_one() {
    let (world, own, other) = half_changed(Kind::Sessions).await;
    let third = "a third password";
    let changed = world.change(&own, NEW, third).await.unwrap();
    assert!(matches!(changed, PasswordChanged::Renewed { .. }));
    assert!(world.auth.authenticate(other.credential().expose()).await.is_err());
    assert!(is_wrong_password(&world.login(NEW).await));
    let _ = world.login(third).await.unwrap();
}

#[tokio::test]
async fn p5_a_change_that_failed_half_way_is_not_completed_after_a_reset() {
    let (world, own, _other) = half_changed(Kind::Sessions).await;
    // Even if it set the same password: another caller wrote it.
    for reset in [world.hash(NEW).await, world.hash("a third password").await] {
        world.people.set("ada", &reset);
        assert!(is_wrong_password(&world.change(&own, OLD, NEW).await));
        assert_eq!(world.people.hash_of("ada"), reset);
    }
    assert_eq!(world.sessions().await.len(), 2);
}

#[tokio::test]
async fn p5_a_session_that_ends_during_the_repeated_change_takes_the_others_with_it() {
    let (world, own, other) = half_changed(Kind::Sessions).await;
    let (store, id) = (world.store.clone(), own.principal().session_id().unwrap());
    *world.people.before_read.lock().unwrap() = Some(Box::new(move |_| {
        // The memory store answers at once.
        let removed = futures_util::FutureExt::now_or_never(async move { store.remove(id).await });
        assert!(removed.unwrap().unwrap());
    }));
    let error = world.change(&own, OLD, NEW).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::SessionEnded));
    assert!(world.auth.authenticate(other.credential().expose()).await.is_err());
    assert!(world.sessions().await.is_empty());
}

#[tokio::test]
async fn p6_a_change_stores_no_cheaper_hash_than_the_one_that_it_replaces() {
    let world = World::new(Kind::Sessions).await;
    world.people.set("ada", &hash_with(OLD, (65_536, 3, 4)));
    let own = world.login(OLD).await.unwrap();
    world.change(&own, OLD, NEW).await.map(drop).unwrap();
    let stored = world.people.hash_of("ada");
    assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$"), "{stored}");
    let _ = world.login(NEW).await.unwrap();
    assert_eq!(world.people.hash_of("ada"), stored);
}

#[tokio::test]
async fn p5_a_change_survives_a_login_that_renews_the_hash_meanwhile() {
    let world = World::new(Kind::Sessions).await;
    let own = world.login(OLD).await.unwrap();
    let renewed = world.hash(OLD).await;
    *world.people.before_replace.lock().unwrap() =
        Some(Box::new(|all| drop(all.insert("ada".into(), renewed))));
    world.change(&own, OLD, NEW).await.map(drop).unwrap();
    let _ = world.login(NEW).await.unwrap();
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
    assert!(world.auth.authenticate(other.credential().expose()).await.is_err());
    assert!(world.sessions().await.is_empty());
    let _ = world.login(NEW).await.unwrap();
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

/// An undeliverable renewed credential is detected before the hash is stored or a session ends.
#[tokio::test]
async fn r12_a_change_whose_credential_does_not_fit_changes_nothing() {
    let world = World::new(Kind::Hybrid).await;
    let (own, other) = (world.login(OLD).await.unwrap(), world.login(OLD).await.unwrap());
    let before = world.people.hash_of("ada");
    let tight = world.passwords.clone().with_max_token_len(10);
    let (current, new) = (Password::new(OLD).unwrap(), NewPassword::new(NEW).unwrap());
    let error = tight.change_password(own.principal(), current, new).await.unwrap_err();
    assert!(matches!(error, PasswordError::Auth(Error::Login(_))), "{error:?}");
    assert_eq!(world.people.hash_of("ada"), before);
    for issued in [own, other] {
        assert!(world.auth.authenticate_and_check_session(issued.credential().expose()).await.is_ok());
    }
}

/// The renewed token has an epoch of one more digit, and so a byte or two more.
#[tokio::test]
async fn r12_the_token_of_the_next_epoch_must_fit_before_the_hash_is_changed() {
    let world = World::new(Kind::Hybrid).await;
    let mut own = world.login(OLD).await.unwrap();
    for _ in 0..9 {
        own = world.auth.renew(own.principal()).await.unwrap();
    }
    let fits = own.credential().expose().len();
    let next = world.auth.renew(own.principal()).await.unwrap();
    let longer = next.credential().expose().len();
    assert!(longer > fits, "the epoch has a digit more: {longer} after {fits}");

    let world = World::new(Kind::Hybrid).await;
    let mut own = world.login(OLD).await.unwrap();
    for _ in 0..9 {
        own = world.auth.renew(own.principal()).await.unwrap();
    }
    let before = world.people.hash_of("ada");
    let tight = world.passwords.clone().with_max_token_len(own.credential().expose().len());
    let (current, new) = (Password::new(OLD).unwrap(), NewPassword::new(NEW).unwrap());
    let error = tight.change_password(own.principal(), current, new).await.unwrap_err();
    assert!(matches!(error, PasswordError::Auth(Error::Login(_))), "{error:?}");
    assert_eq!(world.people.hash_of("ada"), before);
}
