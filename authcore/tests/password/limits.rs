//! The limits of concurrent password hashing, and the redaction of passwords (rules P3, P4).

use std::sync::Arc;

use authcore::password::{
    Account, NewPassword, Password, PasswordChanged, PasswordError, PasswordHash, PasswordHasher,
    PasswordLogin,
};
use authcore::{ErrorKind, IssuedCredentials, Login};

use super::{Kind, NEW, OLD, World, is_wrong_password};

#[tokio::test]
async fn p4_more_logins_than_may_wait_are_refused_at_once() {
    let world = World::new(Kind::Sessions).await;
    // A quarter of a second each, so that all have started before the first ends.
    let slow = PasswordHasher::builder().memory_kib(65_536).iterations(4).threads(1).max_waiting(1);
    let passwords = PasswordLogin::new(world.auth.clone(), slow.build().unwrap(), Arc::clone(&world.people));
    let logins = (0..8).map(|_| passwords.login("nobody", Password::new(OLD).unwrap(), |login| login));
    let outcomes = futures_util::future::join_all(logins).await;
    let wrong = outcomes.iter().filter(|outcome| is_wrong_password(outcome)).count();
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(PasswordError::Busy))).count();
    assert_eq!((wrong, busy), (2, 6));
    assert_eq!(PasswordError::Busy.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn p3_nothing_shows_a_password_or_a_hash() {
    let world = World::new(Kind::Sessions).await;
    let stored = PasswordHash::new(world.people.hash_of("ada"));
    let account = Account::new(Login::new("ada").unwrap()).password_hash(stored.clone());
    let (password, new) = (Password::new(OLD).unwrap(), NewPassword::new(NEW).unwrap());
    let own = world.login(OLD).await.unwrap();
    let changed = world.change(&own, OLD, NEW).await.unwrap();
    let PasswordChanged::Renewed { issued, .. } = &changed else { panic!() };
    let shown = format!("{:?}", (&world.passwords, &stored, &account, &password, &new, &changed));
    for secret in [OLD, NEW, "argon2id", issued.credential().expose()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn p4_everything_can_be_sent_between_threads() {
    fn sendable<T: Send>(_: T) {}
    fn check(
        passwords: &PasswordLogin,
        hasher: &PasswordHasher,
        own: &IssuedCredentials,
        password: Password,
        new: NewPassword,
    ) {
        sendable(passwords.login("ada", password.clone(), |login| login));
        sendable(passwords.change_password(own.principal(), password.clone(), new.clone()));
        sendable(hasher.hash(new));
        sendable(hasher.verify(password, None));
    }
    let _ = check;
}
