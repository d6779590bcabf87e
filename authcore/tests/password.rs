//! Login by password and change of password, on a store and accounts that fail and change when they are told to.
#![cfg(feature = "password")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use async_trait::async_trait;
use authcore::password::{
    Account, Accounts, AccountsError, NewPassword, Password, PasswordChanged, PasswordError, PasswordHash,
    PasswordHasher, PasswordLogin,
};
use authcore::{
    Auth, Device, Error, ErrorKind, Inserted, Issued, Jwt, Key, KeyRing, Login, MemoryStore, Purged, Refresh,
    Rejection, Replaced, ServerSessions, SessionId, SessionRecord, SessionStore, StoreError, Subject,
    Timestamp, VerifiedToken, Version as RecordVersion,
};

const OLD: &str = "the old password";
const NEW: &str = "the new password";

/// Lets one call fail: before it does anything, or after it has.
#[derive(Debug, Clone, Default)]
struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: usize,
    fails: Option<(usize, When)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

impl Faults {
    /// Lets the call number `call` from now on fail, counted from 0.
    fn plan(&self, call: usize, when: When) {
        *self.0.lock().unwrap() = Plan { calls: 0, fails: Some((call, when)) };
    }

    /// Whether the planned call has come; nothing fails any more.
    fn clear(&self) -> bool {
        let plan = std::mem::take(&mut *self.0.lock().unwrap());
        plan.fails.is_some_and(|(call, _)| plan.calls > call)
    }

    /// Runs one call.
    async fn during<T>(&self, call: impl Future<Output = T>) -> Result<T, StoreError> {
        let fails = {
            let mut plan = self.0.lock().unwrap();
            let number = plan.calls;
            plan.calls += 1;
            plan.fails.filter(|(planned, _)| *planned == number).map(|(_, when)| when)
        };
        if fails == Some(When::Before) {
            return Err(StoreError::unavailable("on purpose"));
        }
        let answer = call.await;
        if fails == Some(When::After) { Err(StoreError::unavailable("on purpose")) } else { Ok(answer) }
    }
}

#[derive(Debug, Clone)]
struct FaultyStore(MemoryStore, Faults);

#[async_trait]
impl SessionStore for FaultyStore {
    async fn insert(&self, record: &SessionRecord) -> Result<Inserted, StoreError> {
        self.1.during(self.0.insert(record)).await?
    }
    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.1.during(self.0.load(id)).await?
    }
    async fn replace(&self, record: &SessionRecord, expected: RecordVersion) -> Result<Replaced, StoreError> {
        self.1.during(self.0.replace(record, expected)).await?
    }
    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.1.during(self.0.remove(id)).await?
    }
    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.1.during(self.0.list(subject)).await?
    }
    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.1.during(self.0.remove_all(subject, keep)).await?
    }
    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.1.during(self.0.purge_expired(now, limit)).await?
    }
}

type Hashes = HashMap<String, String>;
type Interference = Box<dyn FnOnce(&mut Hashes) + Send>;

/// People whose identifier is their subject, and what happens to their hashes meanwhile.
#[derive(Default)]
struct People {
    hashes: Mutex<Hashes>,
    /// Happens just before the next `password_hash`.
    before_read: Mutex<Option<Interference>>,
    /// Happens just before the next `replace_hash`.
    before_replace: Mutex<Option<Interference>>,
    faults: Faults,
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("People")
    }
}

impl People {
    fn interfere(&self, slot: &Mutex<Option<Interference>>) {
        if let Some(interference) = slot.lock().unwrap().take() {
            interference(&mut self.hashes.lock().unwrap());
        }
    }

    fn hash_of(&self, name: &str) -> String {
        self.hashes.lock().unwrap()[name].clone()
    }

    fn set(&self, name: &str, hash: &str) {
        self.hashes.lock().unwrap().insert(name.into(), hash.into());
    }
}

#[async_trait]
impl Accounts for People {
    async fn find(&self, identifier: &str) -> Result<Option<Account>, AccountsError> {
        let found =
            self.faults.during(async { self.hashes.lock().unwrap().get(identifier).cloned() }).await?;
        let Some(hash) = found else { return Ok(None) };
        let account = Account::new(Login::new(identifier)?);
        Ok(Some(if hash.is_empty() { account } else { account.password_hash(PasswordHash::new(hash)) }))
    }

    async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
        self.interfere(&self.before_read);
        let read = async { self.hashes.lock().unwrap().get(subject.as_str()).map(PasswordHash::new) };
        Ok(self.faults.during(read).await?)
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Replaced, AccountsError> {
        self.interfere(&self.before_replace);
        let replace = async {
            match self.hashes.lock().unwrap().get_mut(subject.as_str()) {
                None => Replaced::Gone,
                Some(stored) if stored != expected.expose() => Replaced::Stale,
                Some(stored) => {
                    *stored = new.expose().to_owned();
                    Replaced::Done
                }
            }
        };
        Ok(self.faults.during(replace).await?)
    }
}

struct World {
    auth: Auth,
    people: Arc<People>,
    store: MemoryStore,
    hasher: PasswordHasher,
    passwords: PasswordLogin,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Sessions,
    Tokens,
    Hybrid,
}

impl World {
    /// Ada is there, with the old password.
    async fn new(kind: Kind) -> Self {
        let (store, people) = (MemoryStore::new(), Arc::new(People::default()));
        let faulty = FaultyStore(store.clone(), people.faults.clone());
        let jwt = || {
            let keys = KeyRing::new(Key::hmac("k1", authcore::Algorithm::HS256, &[7; 32]).unwrap());
            Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
        };
        let auth = match kind {
            Kind::Sessions => Auth::sessions(ServerSessions::builder(faulty).build().unwrap()),
            Kind::Tokens => Auth::tokens(jwt()),
            Kind::Hybrid => Auth::hybrid(jwt(), Refresh::builder(faulty).build().unwrap()).unwrap(),
        };
        let hasher = PasswordHasher::builder().build().unwrap();
        let hash = hasher.hash(NewPassword::new(OLD).unwrap()).await.unwrap();
        people.set("ada", hash.expose());
        let passwords = PasswordLogin::new(auth.clone(), hasher.clone(), Arc::clone(&people));
        Self { auth, people, store, hasher, passwords }
    }

    async fn login(&self, password: &str) -> Result<Issued, PasswordError> {
        self.passwords.login("ada", Password::new(password).unwrap(), |login| login).await
    }

    async fn change(&self, own: &Issued, current: &str, new: &str) -> Result<PasswordChanged, PasswordError> {
        let (current, new) = (Password::new(current).unwrap(), NewPassword::new(new).unwrap());
        self.passwords.change_password(own.principal(), current, new).await
    }

    async fn hash(&self, password: &str) -> String {
        self.hasher.hash(NewPassword::new(password).unwrap()).await.unwrap().expose().to_owned()
    }

    async fn sessions(&self) -> Vec<SessionId> {
        let all = self.store.list(&"ada".parse().unwrap()).await.unwrap();
        all.iter().map(SessionRecord::id).collect()
    }
}

fn is_wrong_password<T>(outcome: &Result<T, PasswordError>) -> bool {
    matches!(outcome, Err(PasswordError::Auth(Error::Unauthenticated(Rejection::WrongPassword))))
}

/// A hash with parameters of long ago.
fn weak_hash(password: &str) -> String {
    let params = Params::new(4_096, 3, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_with_salt(password.as_bytes(), b"sixteen byte sal").unwrap().to_string()
}

#[tokio::test]
async fn a_login_hands_out_a_credential_for_the_right_password_only() {
    for kind in [Kind::Sessions, Kind::Tokens, Kind::Hybrid] {
        let world = World::new(kind).await;
        let issued = world.login(OLD).await.unwrap();
        let principal = world.auth.authenticate(issued.credential()).await.unwrap();
        assert_eq!(principal.subject(), "ada");
        assert!(is_wrong_password(&world.login(NEW).await));
    }
}

#[tokio::test]
async fn a10_a_login_takes_the_device_and_replaces_the_former_session() {
    let world = World::new(Kind::Sessions).await;
    let former = world.login(OLD).await.unwrap();
    let password = Password::new(OLD).unwrap();
    let configure =
        |login: Login| login.device(Device::unknown().with_label("phone")).replacing(former.credential());
    let issued = world.passwords.login("ada", password, configure).await.unwrap();
    let devices = world.auth.sessions_of(issued.principal()).await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].device, Device::unknown().with_label("phone"));
}

#[tokio::test]
async fn p1_a_login_replaces_an_outdated_hash() {
    let world = World::new(Kind::Sessions).await;
    // Shorter than a new one may be.
    world.people.set("ada", &weak_hash("short"));
    world.login("short").await.unwrap();
    let renewed = world.people.hash_of("ada");
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    world.login("short").await.unwrap();
    assert_eq!(world.people.hash_of("ada"), renewed, "once is enough");
    assert!(is_wrong_password(&world.login("other").await));
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
        world.auth.authenticate(issued.credential()).await.unwrap();
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
    world.login(OLD).await.unwrap();
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
async fn p2_a_corrupt_hash_is_neither_right_nor_wrong() {
    let world = World::new(Kind::Sessions).await;
    for stored in ["hunter2", "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$MDEyMzQ1Njc4OWFiY2RlZg"] {
        world.people.set("ada", stored);
        let error = world.login(OLD).await.unwrap_err();
        assert!(matches!(error, PasswordError::CorruptHash), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}

#[tokio::test]
async fn p5_a_login_is_refused_if_the_hash_changed_meanwhile() {
    for kind in [Kind::Sessions, Kind::Tokens, Kind::Hybrid] {
        let world = World::new(kind).await;
        // Even one of the same password: somebody wrote it.
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
        // find, insert, list, and the second look at the hash.
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
    let principal = authcore::Principal::from_token(VerifiedToken {
        subject: "ada".parse().unwrap(),
        session: None,
        foreign_issuer: Some("https://other.example.com".into()),
        issued_at: now,
        authenticated_at: now,
        expires_at: Timestamp::MAX,
        claims: "{}".into(),
    });
    let (current, new) = (Password::new(OLD).unwrap(), NewPassword::new(NEW).unwrap());
    let error = world.passwords.change_password(&principal, current, new).await.unwrap_err();
    assert_eq!(error.rejection(), Some(&Rejection::WrongIssuer));
    assert_eq!(world.people.hash_of("ada"), before);
}

#[tokio::test]
async fn p4_more_logins_than_may_wait_are_refused_at_once() {
    let world = World::new(Kind::Sessions).await;
    // A quarter of a second each, so that all are there before the first is done.
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
    for secret in [OLD, NEW, "argon2id", issued.credential()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn p4_everything_can_be_sent_between_threads() {
    fn sendable<T: Send>(_: T) {}
    fn check(
        passwords: &PasswordLogin,
        hasher: &PasswordHasher,
        own: &Issued,
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
