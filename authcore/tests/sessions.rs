//! The core's handling of wrong, late and contradictory results from a store, with a memory store that lies
//! and fails on demand.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use authcore::clock::ManualClock;
use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
    StoreErrorKind,
};
use authcore::{
    Auth, Error, IssuedCredentials, Login, MemoryStore, RefreshCredential, RefreshTokens, ServerSessions,
    SessionId, SessionPolicy, Subject, Timestamp,
};
use authcore_testkit::{Call, FaultyStore};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const IDLE: Duration = Duration::from_secs(40 * 60);

/// A memory store with planned wrong results.
#[derive(Debug, Clone, Default)]
struct Odd {
    inner: MemoryStore,
    lies: Arc<Mutex<Lies>>,
}

#[derive(Debug, Default)]
struct Lies {
    /// The result of `load` for any id.
    loads: Option<SessionRecord>,
    /// A record that `list` also returns, for any subject.
    lists: Vec<SessionRecord>,
    /// Whether `list` meets an unreadable record.
    list_is_corrupt: bool,
    /// The failure of `replace`.
    replace_fails: Option<StoreErrorKind>,
}

impl Odd {
    fn tell(&self, change: impl FnOnce(&mut Lies)) {
        change(&mut self.lies.lock().unwrap());
    }
}

#[async_trait]
impl SessionStore for Odd {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        self.inner.insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let lie = self.lies.lock().unwrap().loads.clone();
        if lie.is_some() { Ok(lie) } else { self.inner.load(id).await }
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let fails = self.lies.lock().unwrap().replace_fails;
        match fails {
            Some(kind) => Err(StoreError::new(kind, "a lie")),
            None => self.inner.replace(record, expected).await,
        }
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.inner.remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        if self.lies.lock().unwrap().list_is_corrupt {
            return Err(StoreError::corrupt("a lie"));
        }
        let mut all = self.inner.list(subject).await?;
        all.extend(self.lies.lock().unwrap().lists.iter().cloned());
        // Any order is allowed (rule S5).
        all.reverse();
        Ok(all)
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.inner.remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.inner.purge_expired(now, limit).await
    }
}

struct World {
    auth: Auth,
    clock: ManualClock,
    store: Odd,
}

fn policy() -> SessionPolicy {
    SessionPolicy::new().with_idle_timeout(IDLE).with_absolute_timeout(24 * HOUR)
}

fn sessions(policy: SessionPolicy) -> World {
    let (store, clock) = (Odd::default(), ManualClock::new(NOW));
    let sessions = ServerSessions::builder(store.clone()).policy(policy).build().unwrap();
    World { auth: Auth::with_sessions(sessions).with_clock(clock.clone()), clock, store }
}

fn hybrid() -> World {
    let (store, clock) = (Odd::default(), ManualClock::new(NOW));
    let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
    let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap();
    let refresh = RefreshTokens::builder(store.clone()).policy(policy()).build().unwrap();
    let auth = Auth::with_hybrid(jwt, refresh).unwrap().with_clock(clock.clone());
    World { auth, clock, store }
}

impl World {
    async fn login(&self, subject: &str) -> IssuedCredentials {
        self.auth.login(Login::new(subject).unwrap()).await.unwrap()
    }

    async fn stored(&self, issued: &IssuedCredentials) -> SessionRecord {
        self.store.inner.load(id(issued)).await.unwrap().unwrap()
    }
}

fn id(issued: &IssuedCredentials) -> SessionId {
    issued.principal().session_id().unwrap()
}

fn refused<T: fmt::Debug>(outcome: Result<T, Error>) -> Rejection {
    match outcome {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn store_error<T: fmt::Debug>(outcome: Result<T, Error>) -> StoreErrorKind {
    match outcome {
        Err(Error::Store(error)) => error.kind(),
        other => panic!("expected an error of the store, got {other:?}"),
    }
}

/// Returns the record with another idle expiry, as the store might keep it.
async fn end_at(world: &World, issued: &IssuedCredentials, end: Timestamp) {
    let record = world.stored(issued).await;
    let mut parts = record.to_parts();
    (parts.version, parts.idle_expires_at) = (parts.version.next(), end);
    let next = SessionRecord::from_parts(&parts).unwrap();
    assert_eq!(world.store.inner.replace(&next, record.version()).await.unwrap(), ReplaceOutcome::Replaced);
}

#[tokio::test]
async fn a5_a_slide_ignores_no_error_that_stays() {
    for kind in [StoreErrorKind::Corrupt, StoreErrorKind::TooLarge, StoreErrorKind::Misconfigured] {
        let world = sessions(policy());
        let issued = world.login("ada").await;
        world.store.tell(|lies| lies.replace_fails = Some(kind));
        assert!(world.auth.authenticate(issued.credential().expose()).await.is_ok(), "no slide is due");
        world.clock.advance(IDLE / 2);
        assert_eq!(store_error(world.auth.authenticate(issued.credential().expose()).await), kind);
        world.store.tell(|lies| lies.replace_fails = Some(StoreErrorKind::Unavailable));
        assert!(world.auth.authenticate(issued.credential().expose()).await.is_ok());
    }
}

/// A clock that is set back neither undoes a use nor shortens the expiry that it set.
#[tokio::test]
async fn a5_a_clock_that_goes_back_moves_no_use_back() {
    for world in [sessions(policy()), hybrid()] {
        let issued = world.login("ada").await;
        world.clock.set(NOW.minus(10 * MINUTE));
        world.auth.update_claims(issued.principal(), |_| Ok(())).await.unwrap();
        let stored = world.stored(&issued).await;
        assert_eq!((stored.last_seen_at(), stored.idle_expires_at()), (NOW, NOW.plus(IDLE)));
    }
}

/// S6, A11: the core decides expiry, whatever the store returns and whatever the principal's token states.
#[tokio::test]
async fn s6_a11_an_expired_session_admits_no_principal() {
    for world in [sessions(policy()), hybrid()] {
        let issued = world.login("ada").await;
        let (auth, principal) = (&world.auth, issued.principal());
        end_at(&world, &issued, NOW.plus(MINUTE)).await;
        world.clock.set(NOW.plus(MINUTE));
        assert_eq!(
            refused(auth.authenticate_and_check_session(issued.credential().expose()).await),
            Rejection::Expired
        );
        assert_eq!(refused(auth.renew(principal).await), Rejection::Expired);
        let change = auth.update_claims(principal, |_| panic!("is not asked")).await;
        assert_eq!(refused(change), Rejection::Expired);
        assert_eq!(refused(auth.sessions_of(principal).await), Rejection::Expired);
        assert_eq!(refused(auth.logout_everywhere(principal).await), Rejection::Expired);
        assert_eq!(world.store.inner.len(), 1, "nothing was removed");
    }
}

#[tokio::test]
async fn s5_s6_the_list_has_live_sessions_of_the_subject_only() {
    for world in [sessions(policy()), hybrid()] {
        let (expired, other) = (world.login("ada").await, world.login("ben").await);
        let live = world.login("ada").await;
        end_at(&world, &expired, NOW.plus(MINUTE)).await;
        let stranger = world.stored(&other).await;
        world.store.tell(|lies| lies.lists = vec![stranger]);
        world.clock.set(NOW.plus(MINUTE));
        let own = world.auth.sessions_of(live.principal()).await.unwrap();
        assert_eq!(own.iter().map(|info| info.id).collect::<Vec<_>>(), [id(&live)]);
        let subject = live.principal().to_subject();
        let all = world.auth.admin().sessions_of(&subject).await.unwrap();
        assert_eq!(all.iter().map(|info| info.id).collect::<Vec<_>>(), [id(&live)]);
    }
}

/// A result with the record of another session is rejected as corrupt.
#[tokio::test]
async fn s9_a_record_of_another_session_is_corrupt() {
    for world in [sessions(policy()), hybrid()] {
        let (issued, other) = (world.login("ada").await, world.login("ada").await);
        let wrong = world.stored(&other).await;
        world.store.tell(|lies| lies.loads = Some(wrong));
        let (auth, corrupt) = (&world.auth, StoreErrorKind::Corrupt);
        assert_eq!(
            store_error(auth.authenticate_and_check_session(issued.credential().expose()).await),
            corrupt
        );
        assert_eq!(store_error(auth.renew(issued.principal()).await), corrupt);
        assert_eq!(store_error(auth.logout(issued.credential().expose()).await), corrupt);
        if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
            assert_eq!(store_error(auth.refresh(refresh).await), corrupt);
        }
    }
}

/// A11: the session of a principal must belong to its subject, even if the store has changed the owner.
#[tokio::test]
async fn a11_a_session_of_another_subject_is_not_the_principals() {
    for world in [sessions(policy()), hybrid()] {
        let issued = world.login("ada").await;
        let record = world.stored(&issued).await;
        let mut parts = record.to_parts();
        parts.subject = neighbour(&record);
        let stolen = SessionRecord::from_parts(&parts).unwrap();
        world.store.tell(|lies| lies.loads = Some(stolen));
        let (auth, principal) = (&world.auth, issued.principal());
        assert_eq!(refused(auth.renew(principal).await), Rejection::WrongKind);
        assert_eq!(refused(auth.sessions_of(principal).await), Rejection::WrongKind);
        assert_eq!(refused(auth.logout_everywhere(principal).await), Rejection::WrongKind);
        let change = auth.update_claims(principal, |_| panic!("is not asked")).await;
        assert_eq!(refused(change), Rejection::WrongKind);
        if issued.refresh_token().is_some() {
            assert_eq!(
                refused(auth.authenticate_and_check_session(issued.credential().expose()).await),
                Rejection::WrongKind
            );
            assert_eq!(refused(auth.logout(issued.credential().expose()).await), Rejection::WrongKind);
        }
    }
}

/// Returns another subject that the session's id could belong to.
fn neighbour(record: &SessionRecord) -> Subject {
    let mut names = (0..).map(|number| Subject::new(format!("neighbour-{number}")).unwrap());
    let fits = |subject: &Subject| {
        let mut parts = record.to_parts();
        parts.subject = subject.clone();
        SessionRecord::from_parts(&parts).is_ok()
    };
    names.find(fits).unwrap()
}

/// A7: expired sessions do not count towards the limit.
#[tokio::test]
async fn a7_expired_sessions_do_not_count() {
    let world = sessions(policy().with_max_sessions_per_subject(2));
    let one = world.login("ada").await;
    world.clock.advance(MINUTE / 2);
    let two = world.login("ada").await;
    end_at(&world, &two, NOW.plus(MINUTE)).await;
    world.clock.set(NOW.plus(MINUTE));
    let _ = world.login("ada").await;
    assert!(world.auth.authenticate(one.credential().expose()).await.is_ok(), "there was a place");
}

/// A7: of concurrent logins, those with the smallest ids are removed; a login among them fails.
#[tokio::test]
async fn a7_ties_are_broken_by_id_and_the_own_login_fails() {
    let (mut failed, mut made) = (0, 0);
    for _ in 0..64 {
        let world = sessions(policy().with_max_sessions_per_subject(1));
        let first = world.login("ada").await;
        match world.auth.login(Login::new("ada").unwrap()).await {
            Ok(second) => {
                made += 1;
                assert!(id(&second) > id(&first));
                assert_eq!(
                    refused(world.auth.authenticate(first.credential().expose()).await),
                    Rejection::SessionEnded
                );
                assert!(world.auth.authenticate(second.credential().expose()).await.is_ok());
            }
            Err(Error::SessionLimit) => {
                failed += 1;
                assert!(world.auth.authenticate(first.credential().expose()).await.is_ok());
            }
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(world.store.inner.len(), 1);
    }
    assert!(failed > 0 && made > 0, "{failed} failed and {made} were made");
}

/// A7: a login whose session was removed by concurrent logins reports the limit.
#[tokio::test]
async fn a7_a_login_that_was_overtaken_fails() {
    let store = MemoryStore::new();
    let faulty = FaultyStore::new(store.clone());
    let auth = Auth::with_sessions(ServerSessions::builder(faulty.clone()).build().unwrap());
    let subject: Subject = "ada".parse().unwrap();
    faulty.before_next(Call::List, {
        let subject = subject.clone();
        async move { drop(store.remove_all(&subject, None).await.unwrap()) }
    });
    let overtaken = auth.login(Login::from(subject)).await;
    assert!(matches!(overtaken, Err(Error::SessionLimit)), "{overtaken:?}");
}

/// An unreadable record must not keep a thief's session alive: all other sessions end, API keys included.
#[tokio::test]
async fn a13_an_unreadable_session_keeps_no_other_alive() {
    let (store, clock) = (Odd::default(), ManualClock::new(NOW));
    let strategy = ServerSessions::builder(store.clone())
        .kind(authcore::SessionKind::API_KEY, authcore::SessionPolicy::api_key())
        .build()
        .unwrap();
    let world = World { auth: Auth::with_sessions(strategy).with_clock(clock.clone()), clock, store };
    let (thief, own) = (world.login("ada").await, world.login("ada").await);
    world.store.tell(|lies| lies.list_is_corrupt = true);
    let ended = world.auth.logout_others(own.principal()).await.unwrap();
    assert_eq!(ended.sessions, [id(&thief)]);
    assert_eq!(refused(world.auth.authenticate(thief.credential().expose()).await), Rejection::SessionEnded);
    assert!(world.auth.authenticate(own.credential().expose()).await.is_ok());
}
