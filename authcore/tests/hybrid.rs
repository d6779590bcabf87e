//! The hybrid strategy beyond the suite of `authcore-testkit`: the refresh hook, the options, the result of a
//! logout, and which credentials end which session.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use authcore::clock::{Clock as _, ManualClock};
use authcore::error::{IncidentKind, Rejection};
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{SessionRecord, SessionStore, StoreError};
use authcore::strategy::{RefreshDecision, RefreshHook, RefreshTokensBuilder};
use authcore::{
    Auth, Claims, Error, ErrorKind, IssuedCredentials, Login, MemoryStore, RefreshCredential, RefreshTokens,
    RevocationEffect, ServerSessions, SessionPolicy, Timestamp,
};
use authcore_testkit::{Call, Fault, FaultyStore};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const LIFETIME: Duration = Duration::from_secs(15 * 60);
const LEEWAY: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

fn jwt() -> Jwt {
    let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
    Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
}

struct World<S = MemoryStore> {
    auth: Auth,
    clock: ManualClock,
    store: S,
}

fn world(options: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder) -> World {
    world_over(MemoryStore::new(), options)
}

fn world_over<S: SessionStore + Clone>(
    store: S,
    options: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder,
) -> World<S> {
    let clock = ManualClock::new(NOW);
    let refresh = options(RefreshTokens::builder(store.clone())).build().unwrap();
    let auth = Auth::with_hybrid(jwt(), refresh).unwrap().with_clock(clock.clone());
    World { auth, clock, store }
}

impl<S> World<S> {
    async fn login(&self) -> IssuedCredentials {
        let login = Login::new("user-42").unwrap().claims(&json!({ "role": "admin" })).unwrap();
        self.auth.login(login).await.unwrap()
    }

    async fn refresh(&self, issued: &IssuedCredentials) -> Result<IssuedCredentials, Error> {
        self.auth.refresh(issued.refresh_token().unwrap().expose()).await
    }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>) -> Rejection {
    match outcome {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// The next decision of the hook, and the number of its calls.
#[derive(Debug, Clone, Default)]
struct Host {
    says: Arc<Mutex<Option<Result<RefreshDecision, &'static str>>>>,
    asked: Arc<AtomicU32>,
}

impl Host {
    fn say(&self, decision: Result<RefreshDecision, &'static str>) {
        *self.says.lock().unwrap() = Some(decision);
    }

    fn replace(&self, claims: &Value) {
        self.say(Ok(RefreshDecision::Replace(Claims::from_serialize(claims).unwrap())));
    }
}

#[async_trait]
impl RefreshHook for Host {
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error> {
        assert_eq!(session.subject(), "user-42");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let said = self.says.lock().unwrap().clone();
        said.unwrap_or(Ok(RefreshDecision::Keep)).map_err(|context| StoreError::unavailable(context).into())
    }
}

#[tokio::test]
async fn r10_the_hook_replaces_claims_in_session_and_token() {
    let host = Host::default();
    let world = world(|refresh| refresh.on_refresh(host.clone()));
    let first = world.login().await;
    world.clock.advance(MINUTE);
    host.replace(&json!({ "role": "reader" }));
    let second = world.refresh(&first).await.unwrap();
    let principal = world.auth.authenticate(second.credential().expose()).await.unwrap();
    assert_eq!(principal.claims::<Value>().unwrap(), json!({ "role": "reader" }));
    let live = world.auth.authenticate_and_check_session(second.credential().expose()).await.unwrap();
    assert_eq!(live.claims::<Value>().unwrap(), json!({ "role": "reader" }));

    // The hook also runs without a rotation: at a replay within the window.
    host.replace(&json!({ "role": "nobody" }));
    let replayed = world.refresh(&first).await.unwrap();
    assert_eq!(
        replayed.refresh_token().map(RefreshCredential::expose),
        second.refresh_token().map(RefreshCredential::expose)
    );
    let principal = world.auth.authenticate(replayed.credential().expose()).await.unwrap();
    assert_eq!(principal.claims::<Value>().unwrap(), json!({ "role": "nobody" }));
    assert_eq!(host.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn r10_a_denied_refresh_ends_the_session() {
    let host = Host::default();
    let world = world(|refresh| refresh.on_refresh(host.clone()));
    let first = world.login().await;
    host.say(Ok(RefreshDecision::Deny));
    assert_eq!(refused(world.refresh(&first).await), Rejection::Denied);
    assert!(world.store.is_empty());
    host.say(Ok(RefreshDecision::Keep));
    assert_eq!(refused(world.refresh(&first).await), Rejection::SessionEnded);
}

#[tokio::test]
async fn r10_a_denial_that_does_not_reach_the_store_is_unavailable() {
    let host = Host::default();
    let world = world_over(FaultyStore::new(MemoryStore::new()), |refresh| refresh.on_refresh(host.clone()));
    let first = world.login().await;
    host.say(Ok(RefreshDecision::Deny));
    world.store.fail_every(Call::Remove, Fault::BeforeCommit);
    assert_eq!(world.refresh(&first).await.unwrap_err().kind(), ErrorKind::Unavailable);
    world.store.clear_faults();
    assert_eq!(refused(world.refresh(&first).await), Rejection::Denied, "the session was still there");
    assert_eq!(refused(world.refresh(&first).await), Rejection::SessionEnded);
}

/// A hook that increments a counter in the claims.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<AtomicU32>);

#[async_trait]
impl RefreshHook for Counting {
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let mut claims: Value = serde_json::from_str(session.claims_json()).unwrap();
        claims["refreshes"] = json!(claims["refreshes"].as_u64().unwrap_or_default() + 1);
        Ok(RefreshDecision::Replace(Claims::from_serialize(&claims)?))
    }
}

#[tokio::test]
async fn r10_a8_the_hook_is_asked_again_if_the_claims_were_changed_meanwhile() {
    let hook = Counting::default();
    let world = world_over(FaultyStore::new(MemoryStore::new()), |refresh| refresh.on_refresh(hook.clone()));
    let first = world.login().await;
    world.clock.advance(MINUTE);
    let (rival, principal) = (world.auth.clone(), first.principal().clone());
    world.store.before_next(Call::Replace, async move {
        rival.update_claims(&principal, |claims| Ok(claims.set("theme", "dark")?)).await.unwrap();
    });
    let second = world.refresh(&first).await.unwrap();
    let claims = second.principal().claims::<Value>().unwrap();
    assert_eq!(claims, json!({ "role": "admin", "theme": "dark", "refreshes": 1 }));
    assert_eq!(hook.0.load(Ordering::SeqCst), 2);

    // A competing write that leaves the claims unchanged does not call the hook again.
    world.clock.advance(MINUTE);
    let (rival, shared) = (world.auth.clone(), second.clone());
    world.store.before_next(Call::Replace, async move {
        rival.update_claims(shared.principal(), |_| Ok(())).await.unwrap();
    });
    let _ = world.refresh(&second).await.unwrap();
    assert_eq!(hook.0.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn r10_a_failing_hook_refuses_and_changes_nothing() {
    let host = Host::default();
    let world = world(|refresh| refresh.on_refresh(host.clone()));
    let first = world.login().await;
    world.clock.advance(MINUTE);
    host.say(Err("the account database is away"));
    assert_eq!(world.refresh(&first).await.unwrap_err().kind(), ErrorKind::Unavailable);
    host.say(Ok(RefreshDecision::Keep));
    assert!(world.refresh(&first).await.is_ok());
}

#[tokio::test]
async fn r10_t10_the_hook_cannot_bring_in_a_secret() {
    let host = Host::default();
    let world = world(|refresh| refresh.on_refresh(host.clone()));
    let first = world.login().await;
    host.replace(&json!({ "password": "hunter2" }));
    assert_eq!(world.refresh(&first).await.unwrap_err().kind(), ErrorKind::Internal);
    host.say(Ok(RefreshDecision::Keep));
    assert!(world.refresh(&first).await.is_ok());
}

#[tokio::test]
async fn r2_the_mobile_option_waits_for_the_successor_and_no_longer() {
    let world = world(RefreshTokensBuilder::grace_until_successor_is_used);
    let first = world.login().await;
    world.clock.advance(MINUTE);
    let second = world.refresh(&first).await.unwrap();
    world.clock.advance(600 * MINUTE);
    let again = world.refresh(&first).await.unwrap();
    assert_eq!(
        again.refresh_token().map(RefreshCredential::expose),
        second.refresh_token().map(RefreshCredential::expose)
    );
    let third = world.refresh(&second).await.unwrap();
    assert_ne!(
        third.refresh_token().map(RefreshCredential::expose),
        second.refresh_token().map(RefreshCredential::expose)
    );
    let reuse = world.refresh(&first).await.unwrap_err();
    assert_eq!(reuse.incident().unwrap().kind(), IncidentKind::Reuse);
}

/// The documented behaviour of the option for a successor that is used right after its issue.
#[tokio::test]
async fn r2_r11_the_mobile_option_counts_only_uses_that_rotate() {
    let world = world(RefreshTokensBuilder::grace_until_successor_is_used);
    let first = world.login().await;
    world.clock.advance(MINUTE);
    let second = world.refresh(&first).await.unwrap();
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(
        world.refresh(&second).await.unwrap().refresh_token().map(RefreshCredential::expose),
        second.refresh_token().map(RefreshCredential::expose)
    );
    world.clock.advance(600 * MINUTE);
    assert_eq!(
        world.refresh(&first).await.unwrap().refresh_token().map(RefreshCredential::expose),
        second.refresh_token().map(RefreshCredential::expose)
    );
    let _ = world.refresh(&second).await.unwrap();
    assert!(world.refresh(&first).await.unwrap_err().incident().is_some());
}

#[tokio::test]
async fn rotation_is_turned_off_by_name() {
    let world = world(RefreshTokensBuilder::without_rotation);
    let first = world.login().await;
    for _ in 0..3 {
        world.clock.advance(3 * 24 * 60 * MINUTE);
        let next = world.refresh(&first).await.unwrap();
        assert_eq!(
            next.refresh_token().map(RefreshCredential::expose),
            first.refresh_token().map(RefreshCredential::expose)
        );
        assert!(world.auth.authenticate(next.credential().expose()).await.is_ok());
    }
    world.clock.advance(8 * 24 * 60 * MINUTE);
    assert_eq!(refused(world.refresh(&first).await), Rejection::Expired);
}

#[tokio::test]
async fn without_a_window_every_second_use_is_reuse() {
    let world = world(|refresh| refresh.grace_window(Duration::ZERO));
    let first = world.login().await;
    let second = world.refresh(&first).await.unwrap();
    assert_ne!(
        second.refresh_token().map(RefreshCredential::expose),
        first.refresh_token().map(RefreshCredential::expose),
        "no window, so no birth to wait for either"
    );
    world.clock.advance(Duration::from_millis(1));
    let late = world.refresh(&first).await.unwrap_err();
    assert_eq!(late.incident().unwrap().kind(), IncidentKind::ReplayedLate);
}

#[tokio::test]
async fn logout_takes_whichever_credential_the_client_still_has() {
    let world = world(|refresh| refresh);
    // The access token, valid or expired.
    for wait in [Duration::ZERO, 60 * MINUTE] {
        let issued = world.login().await;
        world.clock.advance(wait);
        let revoked = world.auth.logout(issued.credential().expose()).await.unwrap();
        assert_eq!(revoked.sessions, [issued.principal().session_id().unwrap()]);
        assert_eq!(refused(world.refresh(&issued).await), Rejection::SessionEnded);
    }
    // Any generation of the refresh token.
    let first = world.login().await;
    let mut last = first.clone();
    for _ in 0..3 {
        world.clock.advance(MINUTE);
        last = world.refresh(&last).await.unwrap();
    }
    let revoked = world.auth.logout(first.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!(revoked.sessions.len(), 1);
    assert_eq!(refused(world.refresh(&last).await), Rejection::SessionEnded);
    // A second logout: no session is left, which is not an error.
    let again = world.auth.logout(first.refresh_token().unwrap().expose()).await.unwrap();
    assert!(again.sessions.is_empty());
    assert!(world.auth.logout("garbage").await.is_err());
}

#[tokio::test]
async fn logout_says_until_when_the_access_token_verifies() {
    let world = world(|refresh| refresh);
    let issued = world.login().await;
    world.clock.advance(5 * MINUTE);
    let revoked = world.auth.logout(issued.credential().expose()).await.unwrap();
    // Every token issued before the session ended has expired by then.
    let end = NOW.plus(5 * MINUTE).plus(LIFETIME).plus(LEEWAY);
    assert_eq!(revoked.effect, RevocationEffect::At(end));
    let last_moment = Timestamp::from_millis(issued.expires_at().plus(LEEWAY).as_millis() - 1);
    world.clock.set(last_moment);
    assert!(world.auth.authenticate(issued.credential().expose()).await.is_ok(), "as it was said");
    assert!(world.auth.authenticate_and_check_session(issued.credential().expose()).await.is_err());
    world.clock.set(end);
    assert!(world.auth.authenticate(issued.credential().expose()).await.is_err());

    let issued = world.login().await;
    world.clock.advance(60 * MINUTE);
    let late = world.auth.logout(issued.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!(late.effect, RevocationEffect::At(world.clock.now().plus(LIFETIME).plus(LEEWAY)));

    let issued = world.login().await;
    let end = issued.refresh_expires_at().unwrap();
    world.clock.set(end.minus(MINUTE));
    let late = world.auth.logout(issued.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!(late.effect, RevocationEffect::At(end.plus(LEEWAY)), "no token outlives its session (R9)");

    let issued = world.login().await;
    world.clock.set(issued.refresh_expires_at().unwrap().plus(LEEWAY));
    let late = world.auth.logout(issued.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!(late.effect, RevocationEffect::Now, "its access tokens have all expired");
}

#[tokio::test]
async fn logout_counts_the_token_at_hand_if_the_clock_went_back() {
    let world = world(|refresh| refresh);
    let issued = world.login().await;
    world.clock.set(NOW.minus(LEEWAY));
    let revoked = world.auth.logout(issued.credential().expose()).await.unwrap();
    assert_eq!(revoked.effect, RevocationEffect::At(issued.expires_at().plus(LEEWAY)));
}

/// Logout reports how long the last access token verifies, whatever call issued it just before the session
/// ended.
#[tokio::test]
async fn logout_counts_what_was_issued_while_it_ran() {
    for renews in [false, true] {
        let world = world_over(FaultyStore::new(MemoryStore::new()), |refresh| refresh);
        let issued = world.login().await;
        world.clock.advance(10 * MINUTE);
        let (rival, clock, sender) = (world.auth.clone(), world.clock.clone(), Arc::new(Mutex::new(None)));
        let (sent, own) = (Arc::clone(&sender), issued.clone());
        world.store.before_next(Call::Remove, async move {
            clock.advance(MINUTE);
            let next = match renews {
                true => rival.renew(own.principal()).await.unwrap(),
                false => rival.refresh(own.refresh_token().unwrap().expose()).await.unwrap(),
            };
            *sent.lock().unwrap() = Some(next);
        });
        let revoked = world.auth.logout(issued.credential().expose()).await.unwrap();
        let RevocationEffect::At(end) = revoked.effect else { panic!("{revoked:?}") };
        let next = sender.lock().unwrap().take().unwrap();
        assert_eq!(end, next.expires_at().plus(LEEWAY), "renews: {renews}");
        world.clock.set(end);
        assert!(world.auth.authenticate(next.credential().expose()).await.is_err());
    }
}

#[tokio::test]
async fn revocations_count_what_was_issued_while_they_ran() {
    let world = world_over(FaultyStore::new(MemoryStore::new()), |refresh| refresh);
    let issued = world.login().await;
    world.clock.advance(10 * MINUTE);
    let (rival, clock, own) = (world.auth.clone(), world.clock.clone(), issued.clone());
    world.store.before_next(Call::RemoveAll, async move {
        clock.advance(MINUTE);
        let _ = rival.refresh(own.refresh_token().unwrap().expose()).await.unwrap();
    });
    let revoked = world.auth.admin().revoke_all(&issued.principal().to_subject()).await.unwrap();
    assert_eq!(revoked.effect, RevocationEffect::At(NOW.plus(11 * MINUTE).plus(LIFETIME).plus(LEEWAY)));
}

/// A record from before the last refresh does not know the access token of that refresh (R6).
#[tokio::test]
async fn logout_does_not_trust_a_store_that_went_back() {
    let world = world(|refresh| refresh);
    let first = world.login().await;
    let old = world.store.load(first.principal().session_id().unwrap()).await.unwrap().unwrap();
    world.clock.advance(60 * MINUTE);
    let second = world.refresh(&first).await.unwrap();
    assert!(world.store.remove(old.id()).await.unwrap());
    let _ = world.store.insert(&old).await.unwrap();
    let revoked = world.auth.logout(second.refresh_token().unwrap().expose()).await.unwrap();
    assert_eq!(revoked.effect, RevocationEffect::At(second.expires_at().plus(LEEWAY)));
}

#[tokio::test]
async fn a11_a_renewed_session_leaves_older_credentials_behind() {
    let world = world(|refresh| refresh);
    let old = world.login().await;
    let principal = world.auth.authenticate(old.credential().expose()).await.unwrap();
    world.clock.advance(MINUTE);
    let new = world.auth.record_reauthentication(&principal).await.unwrap();
    assert_eq!(new.principal().authenticated_at(), NOW.plus(MINUTE));
    assert_eq!(new.principal().session_id(), principal.session_id());
    assert_eq!(refused(world.refresh(&old).await), Rejection::WrongSecret);
    assert!(world.auth.authenticate_and_check_session(old.credential().expose()).await.is_err());
    assert!(world.auth.logout_everywhere(&principal).await.is_err());
    assert!(world.auth.logout(old.credential().expose()).await.is_err());
    assert!(world.auth.logout(old.refresh_token().unwrap().expose()).await.is_err());
    let fresh = world.auth.authenticate_and_check_session(new.credential().expose()).await.unwrap();
    assert_eq!(world.auth.sessions_of(&fresh).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a11_a_principal_ends_with_its_access_token() {
    let world = world(|refresh| refresh);
    let issued = world.login().await;
    let principal = world.auth.authenticate(issued.credential().expose()).await.unwrap();
    let (auth, id) = (&world.auth, principal.session_id().unwrap());
    world.clock.set(Timestamp::from_millis(issued.expires_at().plus(LEEWAY).as_millis() - 1));
    assert_eq!(auth.sessions_of(&principal).await.unwrap().len(), 1, "as long as the token verifies");
    let changed = auth.update_claims(&principal, |_| Ok(())).await.unwrap();
    world.clock.set(issued.expires_at().plus(LEEWAY));
    for principal in [issued.principal(), &principal, &changed] {
        assert_eq!(refused(auth.renew(principal).await), Rejection::Expired);
        assert_eq!(refused(auth.record_reauthentication(principal).await), Rejection::Expired);
        let change = auth.update_claims(principal, |_| panic!("is not asked")).await;
        assert_eq!(refused(change), Rejection::Expired);
        assert_eq!(refused(auth.sessions_of(principal).await), Rejection::Expired);
        assert_eq!(refused(auth.revoke(principal, id).await), Rejection::Expired);
        assert_eq!(refused(auth.logout_others(principal).await), Rejection::Expired);
        assert_eq!(refused(auth.logout_everywhere(principal).await), Rejection::Expired);
    }
    assert_eq!(
        refused(auth.authenticate_and_check_session(issued.credential().expose()).await),
        Rejection::Expired
    );
    assert_eq!(
        auth.logout(issued.credential().expose()).await.unwrap().sessions,
        [id],
        "logout is not affected"
    );
}

#[tokio::test]
async fn r8_a_session_id_alone_ends_nothing() {
    let world = world(|refresh| refresh);
    let victim = world.login().await;
    let attacker = world.auth.login(Login::new("mallory").unwrap()).await.unwrap();
    let id = victim.principal().session_id().unwrap();
    // The victim's id, with all other parts from the attacker's own session.
    let bytes = |issued: &IssuedCredentials| {
        URL_SAFE_NO_PAD.decode(&issued.refresh_token().unwrap().expose()[4..]).unwrap()
    };
    let mut forged = bytes(&attacker);
    forged[1..17].copy_from_slice(id.as_bytes());
    assert_eq!(forged[..17], bytes(&victim)[..17]);
    let forged = format!("acr_{}", URL_SAFE_NO_PAD.encode(forged));
    assert_eq!(refused(world.auth.refresh(&forged).await), Rejection::WrongSecret);
    assert!(world.auth.logout(&forged).await.is_err());
    let nothing = world.auth.revoke(attacker.principal(), id).await.unwrap();
    assert!(nothing.sessions.is_empty());
    let _ = world.auth.login(Login::new("mallory").unwrap().replacing(forged)).await.unwrap();
    assert!(world.refresh(&victim).await.is_ok());
}

#[tokio::test]
async fn credentials_of_one_strategy_are_nothing_to_another_on_the_same_store() {
    let world = world(|refresh| refresh);
    let sessions = Auth::with_sessions(ServerSessions::builder(world.store.clone()).build().unwrap())
        .with_clock(world.clock.clone());
    let by_refresh = world.login().await;
    let by_session = sessions.login(Login::new("user-42").unwrap()).await.unwrap();
    assert!(sessions.authenticate(by_refresh.refresh_token().unwrap().expose()).await.is_err());
    assert!(sessions.authenticate(by_refresh.credential().expose()).await.is_err());
    assert!(world.auth.refresh(by_session.credential().expose()).await.is_err());
    assert!(world.auth.authenticate(by_session.credential().expose()).await.is_err());
    // The secret of one kind with the prefix of the other.
    let dressed = format!("acs_{}", &by_refresh.refresh_token().unwrap().expose()[4..68]);
    assert!(sessions.authenticate(&dressed).await.is_err());
    assert!(sessions.renew(by_refresh.principal()).await.is_err());
    assert!(world.auth.renew(by_session.principal()).await.is_err());
    assert_eq!(
        sessions.sessions_of(by_session.principal()).await.unwrap().len(),
        2,
        "but the subject sees both"
    );
}

#[tokio::test]
async fn r9_access_tokens_never_outlive_their_session() {
    let hour = 60 * MINUTE;
    let policy = SessionPolicy::new().with_idle_timeout(hour).with_absolute_timeout(hour);
    let world = world(|refresh| refresh.policy(policy));
    let mut issued = world.login().await;
    let end = issued.refresh_expires_at().unwrap();
    for _ in 0..7 {
        world.clock.advance(8 * MINUTE);
        issued = world.refresh(&issued).await.unwrap();
        assert!(issued.expires_at() <= end);
        assert_eq!(issued.refresh_expires_at(), Some(end), "rotation never moves the end (R5)");
    }
    assert_eq!(issued.expires_at(), end);
    world.clock.set(end);
    assert_eq!(refused(world.refresh(&issued).await), Rejection::Expired);
}

#[test]
fn what_cannot_work_is_an_error_when_auth_is_built() {
    let build = |refresh: RefreshTokensBuilder| refresh.build();
    assert!(build(RefreshTokens::builder(MemoryStore::new()).grace_window(Duration::from_secs(60))).is_ok());
    let error =
        build(RefreshTokens::builder(MemoryStore::new()).grace_window(Duration::from_secs(61))).unwrap_err();
    assert!(error.to_string().contains("60 seconds"), "{error}");
    let policy = |idle: Duration, absolute: Duration| {
        SessionPolicy::new().with_idle_timeout(idle).with_absolute_timeout(absolute)
    };
    let upside_down = policy(2 * MINUTE, MINUTE);
    assert!(build(RefreshTokens::builder(MemoryStore::new()).policy(upside_down.clone())).is_err());
    assert!(ServerSessions::builder(MemoryStore::new()).policy(upside_down).build().is_err());
    for (idle, good) in [(30 * MINUTE, true), (30 * MINUTE - Duration::from_secs(1), false)] {
        let refresh =
            build(RefreshTokens::builder(MemoryStore::new()).policy(policy(idle, 60 * MINUTE))).unwrap();
        assert_eq!(Auth::with_hybrid(jwt(), refresh).is_ok(), good);
    }
}

#[tokio::test]
async fn changed_claims_show_in_the_next_access_token() {
    let world = world(|refresh| refresh);
    let issued = world.login().await;
    let principal = world.auth.authenticate(issued.credential().expose()).await.unwrap();
    let changed =
        world.auth.update_claims(&principal, |claims| Ok(claims.set("theme", "dark")?)).await.unwrap();
    assert_eq!(changed.claims::<Value>().unwrap(), json!({ "role": "admin", "theme": "dark" }));
    let next = world.refresh(&issued).await.unwrap();
    let principal = world.auth.authenticate(next.credential().expose()).await.unwrap();
    assert_eq!(principal.claims::<Value>().unwrap(), json!({ "role": "admin", "theme": "dark" }));
    let secret = world.auth.update_claims(&principal, |claims| Ok(claims.set("password", "x")?)).await;
    assert_eq!(secret.unwrap_err().kind(), ErrorKind::Internal);
    let large = world.auth.update_claims(&principal, |claims| Ok(claims.set("x", &"y".repeat(3072))?)).await;
    assert!(matches!(large, Err(Error::Login(authcore::error::LoginError::ClaimsTooLarge { .. }))));
    let record = world.store.load(principal.session_id().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.claims_json(), r#"{"role":"admin","theme":"dark"}"#, "a failed change writes nothing");
}

#[tokio::test]
async fn every_principal_ends_with_its_credential() {
    let world = world(|refresh| refresh);
    let issued = world.login().await;
    let end = NOW.plus(LIFETIME);
    let principal = world.auth.authenticate(issued.credential().expose()).await.unwrap();
    let live = world.auth.authenticate_and_check_session(issued.credential().expose()).await.unwrap();
    let changed = world.auth.update_claims(&live, |claims| Ok(claims.set("a", &1)?)).await.unwrap();
    for principal in [issued.principal(), &principal, &live, &changed] {
        assert_eq!(principal.expires_at(), end);
    }
    assert_eq!(issued.expires_at(), end);
    assert_eq!(issued.expires_in(), LIFETIME);
    assert_eq!(issued.refresh_expires_in(), Some(Duration::from_secs(30 * 24 * 3600)));
}

/// A token strategy with an unlimited lifetime, which must be refused.
#[derive(Debug)]
struct Eternal(Jwt);

impl authcore::strategy::TokenStrategy for Eternal {
    fn issue(
        &self,
        grant: &authcore::strategy::UnsignedToken<'_>,
        now: Timestamp,
    ) -> Result<authcore::strategy::AccessToken, Error> {
        self.0.issue(grant, now)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<authcore::Principal, Rejection> {
        self.0.verify(token, now)
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<authcore::Principal, Rejection> {
        self.0.verify_ignoring_expiry(token, now)
    }

    fn named_session(&self, token: &str) -> Option<authcore::SessionId> {
        self.0.named_session(token)
    }

    fn lifetime(&self) -> Duration {
        Duration::MAX
    }

    fn leeway(&self) -> Duration {
        Duration::MAX
    }
}

#[tokio::test]
async fn an_endless_lifetime_is_refused_and_never_a_panic() {
    let refresh = RefreshTokens::builder(MemoryStore::new()).build().unwrap();
    assert!(Auth::with_hybrid(Eternal(jwt()), refresh).is_err());
    assert!(Auth::with_tokens_and_reissue(Eternal(jwt()), LIFETIME).is_err());
    let auth = Auth::with_tokens(Eternal(jwt())).with_clock(ManualClock::new(NOW));
    let issued = auth.login(Login::new("user-42").unwrap()).await.unwrap();
    assert_eq!(
        auth.logout(issued.credential().expose()).await.unwrap().effect,
        RevocationEffect::At(Timestamp::MAX)
    );
}
