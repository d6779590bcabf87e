//! Login by password (rules P1, P2, P5).

use authcore::error::Rejection;
use authcore::password::{Password, PasswordError};
use authcore::store::StoreError;
use authcore::{Device, ErrorKind, Login};

use super::faults::When;
use super::{Kind, NEW, OLD, World, hash_with, is_wrong_password, weak_hash};

#[tokio::test]
async fn a_login_hands_out_a_credential_for_the_right_password_only() {
    for kind in [Kind::Sessions, Kind::Tokens, Kind::Hybrid] {
        let world = World::new(kind).await;
        let issued = world.login(OLD).await.unwrap();
        let principal = world.auth.authenticate(issued.credential().expose()).await.unwrap();
        assert_eq!(principal.subject(), "ada");
        assert!(is_wrong_password(&world.login(NEW).await));
    }
}

#[tokio::test]
async fn a10_a_login_takes_the_device_and_replaces_the_former_session() {
    let world = World::new(Kind::Sessions).await;
    let former = world.login(OLD).await.unwrap();
    let password = Password::new(OLD).unwrap();
    let configure = |login: Login| {
        login.device(Device::unknown().with_label("phone")).replacing(former.credential().expose())
    };
    let issued = world.passwords.login("ada", password, configure).await.unwrap();
    let devices = world.auth.sessions_of(issued.principal()).await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].device, Device::unknown().with_label("phone"));
}

#[tokio::test]
async fn p1_a_login_replaces_an_outdated_hash() {
    let world = World::new(Kind::Sessions).await;
    // Shorter than allowed for a new password.
    world.people.set("ada", &weak_hash("short"));
    let _ = world.login("short").await.unwrap();
    let renewed = world.people.hash_of("ada");
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    let _ = world.login("short").await.unwrap();
    assert_eq!(world.people.hash_of("ada"), renewed, "once is enough");
    assert!(is_wrong_password(&world.login("other").await));
}

#[tokio::test]
async fn p1_a_login_never_weakens_a_hash() {
    let world = World::new(Kind::Sessions).await;
    for params in [(65_536, 3, 4), (65_536, 1, 1), (4_096, 3, 1), (19_456, 2, 4)] {
        let stored = hash_with(OLD, params);
        world.people.set("ada", &stored);
        let _ = world.login(OLD).await.unwrap();
        assert_eq!(world.people.hash_of("ada"), stored);
    }
}

#[tokio::test]
async fn p1_a_wrong_password_replaces_no_hash() {
    let world = World::new(Kind::Sessions).await;
    world.people.set("ada", &weak_hash(OLD));
    assert!(is_wrong_password(&world.login(NEW).await));
    assert_eq!(world.people.hash_of("ada"), weak_hash(OLD));
}

#[tokio::test]
async fn p1_a_login_whose_new_hash_is_not_stored_succeeds() {
    for when in [When::Before, When::After] {
        let world = World::new(Kind::Sessions).await;
        world.people.set("ada", &weak_hash(OLD));
        // find, then replace_hash.
        world.people.faults.plan(1, when);
        let issued = world.login(OLD).await.unwrap();
        assert!(world.people.faults.clear());
        world.auth.authenticate(issued.credential().expose()).await.unwrap();
        assert_eq!(world.people.hash_of("ada") == weak_hash(OLD), when == When::Before);
    }
}

#[tokio::test]
async fn p1_a_new_hash_overwrites_no_change_of_others() {
    let world = World::new(Kind::Sessions).await;
    world.people.set("ada", &weak_hash(OLD));
    let other = world.hash(NEW).await;
    let stored = other.clone();
    *world.people.before_replace.lock().unwrap() =
        Some(Box::new(|all| drop(all.insert("ada".into(), stored))));
    assert!(is_wrong_password(&world.login(OLD).await));
    assert_eq!(world.people.hash_of("ada"), other);
    assert!(world.sessions().await.is_empty());
}

#[tokio::test]
async fn p1_two_logins_that_renew_the_same_hash_both_succeed() {
    let world = World::new(Kind::Sessions).await;
    world.people.set("ada", &weak_hash(OLD));
    let by_the_other = world.hash(OLD).await;
    *world.people.before_replace.lock().unwrap() =
        Some(Box::new(|all| drop(all.insert("ada".into(), by_the_other))));
    let _ = world.login(OLD).await.unwrap();
}

#[tokio::test]
async fn p2_who_is_unknown_is_told_the_same_as_who_is_wrong() {
    let world = World::new(Kind::Sessions).await;
    world.people.set("no password", "");
    let mut told = Vec::new();
    for name in ["ada", "no password", "nobody", "", "a\0b"] {
        let outcome = world.passwords.login(name, Password::new(NEW).unwrap(), |login| login).await;
        assert!(is_wrong_password(&outcome), "{name}");
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        told.push((error.to_string(), format!("{error:?}")));
    }
    assert_eq!(told[0].0, "unauthenticated");
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

#[tokio::test]
async fn p8_an_account_whose_hash_cannot_be_read_looks_like_an_unknown_one() {
    let world = World::new(Kind::Sessions).await;
    let told = |error: &PasswordError| (error.kind(), error.to_string());
    let unknown = world.passwords.login("nobody", Password::new(OLD).unwrap(), |login| login).await;
    let unknown = told(&unknown.unwrap_err());
    assert_eq!(unknown.0, ErrorKind::Unauthenticated);
    for stored in [
        "hunter2",
        "$2y$10$abcdefghijklmnopqrstuuN0e3bCqTqyHCx1DPRM9bMdWQBAlHyQa",
        "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
        "$argon2id$v=19$m=1048576,t=3,p=1$c29tZXNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg",
    ] {
        world.people.set("ada", stored);
        let error = world.login(OLD).await.unwrap_err();
        assert_eq!(told(&error), unknown, "{stored}");
        // Operators see the account but not the stored hash.
        let Some(Rejection::UnreadableHash(subject)) = error.rejection() else { panic!("{error:?}") };
        assert_eq!(subject.as_str(), "ada");
        let shown = format!("{error:?} {}", error.rejection().unwrap());
        assert!(shown.contains("\"ada\"") && !shown.contains(stored), "{shown}");
    }
    assert!(world.sessions().await.is_empty());
}

#[tokio::test]
async fn p8_a_hash_that_becomes_unreadable_during_the_login_refuses_it() {
    let world = World::new(Kind::Sessions).await;
    world.people.set("ada", &weak_hash(OLD));
    *world.people.before_replace.lock().unwrap() =
        Some(Box::new(|all| drop(all.insert("ada".into(), "hunter2".into()))));
    let error = world.login(OLD).await.unwrap_err();
    assert!(matches!(error.rejection(), Some(Rejection::UnreadableHash(_))), "{error:?}");
    assert!(world.sessions().await.is_empty());
}

#[tokio::test]
async fn p5_a_login_is_refused_if_the_hash_changed_meanwhile() {
    for kind in [Kind::Sessions, Kind::Tokens, Kind::Hybrid] {
        let world = World::new(kind).await;
        // Even a hash of the same password counts as a change.
        for other in [world.hash(NEW).await, world.hash(OLD).await] {
            let before = world.hash(OLD).await;
            world.people.set("ada", &before);
            *world.people.before_read.lock().unwrap() =
                Some(Box::new(|all| drop(all.insert("ada".into(), other))));
            assert!(is_wrong_password(&world.login(OLD).await), "{kind:?}");
            assert!(world.sessions().await.is_empty(), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn p5_a_login_is_refused_if_the_account_is_gone_meanwhile() {
    let world = World::new(Kind::Sessions).await;
    *world.people.before_read.lock().unwrap() = Some(Box::new(|all| drop(all.remove("ada"))));
    assert!(is_wrong_password(&world.login(OLD).await));
    assert!(world.sessions().await.is_empty());
}

#[tokio::test]
async fn p5_a_login_that_fails_anywhere_leaves_no_session() {
    for kind in [Kind::Sessions, Kind::Hybrid] {
        let world = World::new(kind).await;
        let mut failures = 0;
        for call in 0.. {
            world.people.faults.plan(call, When::Before);
            let outcome = world.login(OLD).await;
            if !world.people.faults.clear() {
                break;
            }
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{call}");
            assert!(world.sessions().await.is_empty(), "{kind:?}, {call}");
            failures += 1;
        }
        // find, insert, list, and the second read of the hash.
        assert_eq!(failures, 4);
    }
}

#[tokio::test]
async fn p5_an_error_of_the_accounts_is_kept_as_source() {
    let world = World::new(Kind::Sessions).await;
    world.people.faults.plan(0, When::Before);
    let error = world.login(OLD).await.unwrap_err();
    assert!(matches!(error, PasswordError::Accounts(_)));
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<StoreError>().is_some());
    assert!(!format!("{error:?} {error} {source}").contains(OLD));
}

/// Claims that are too large are not reported as a temporary failure.
#[test]
fn r12_a_mistake_in_the_accounts_is_no_outage() {
    let kind = |error: authcore::password::AccountsError| PasswordError::Accounts(error).kind();
    let claims = serde_json::json!({ "sub": "grace" });
    let Err(mistake) = authcore::Login::new("ada").unwrap().claims(&claims) else { panic!("no error") };
    assert_eq!(kind(mistake.into()), ErrorKind::Internal);
    assert_eq!(kind(Box::new(StoreError::unavailable("out"))), ErrorKind::Unavailable);
}
