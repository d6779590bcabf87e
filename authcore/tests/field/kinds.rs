//! Sessions of several kinds under one `Auth` (rule A13).

use std::sync::{Arc, Mutex};

use authcore::error::LoginError;
use authcore::store::{RecordParts, SessionDetails, SessionRecord, SessionStore as _, StoreErrorKind};
use authcore::{Device, Principal, SessionKind, SessionPolicy};
use authcore_testkit::{Fault, FaultyStore};

use super::*;

fn guest() -> SessionKind {
    SessionKind::new("guest").unwrap()
}

fn with_kinds(store: &MemoryStore, clock: &ManualClock) -> Auth {
    sessions(store, clock, |builder| {
        builder
            .policy(SessionPolicy::new().with_idle_timeout(30 * MINUTE).with_absolute_timeout(12 * HOUR))
            .kind(SessionKind::REMEMBERED, SessionPolicy::remembered())
            .kind(SessionKind::KIOSK, SessionPolicy::kiosk().with_max_sessions_per_subject(1))
            .kind(SessionKind::API_KEY, SessionPolicy::api_key().with_max_sessions_per_subject(2))
            .kind(guest(), SessionPolicy::new().not_a_login())
    })
}

fn hybrid_with_kinds(store: &MemoryStore, clock: &ManualClock) -> Auth {
    hybrid_with(jwt(), store, clock, |builder| {
        builder
            .kind(SessionKind::REMEMBERED, SessionPolicy::remembered())
            .kind(SessionKind::API_KEY, SessionPolicy::api_key().with_max_sessions_per_subject(2))
            .kind(guest(), SessionPolicy::new().not_a_login())
    })
}

fn named(name: &str) -> Login {
    login().device(Device::unknown().with_label(name))
}

/// Case 5: 'keep me logged in'.
#[tokio::test]
async fn a13_each_kind_has_timeouts_and_a_cookie_of_its_own() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = with_kinds(&store, &clock);
    let default = auth.login(login()).await.unwrap();
    let kept = auth.login(login().kind(SessionKind::REMEMBERED)).await.unwrap();
    let kiosk = auth.login(login().kind(SessionKind::KIOSK)).await.unwrap();
    assert_eq!((default.is_persistent(), kept.is_persistent()), (false, true));
    assert_eq!((default.expires_in(), kept.expires_in()), (12 * HOUR, 90 * DAY));
    assert_eq!(kept.principal().kind(), SessionKind::REMEMBERED);
    clock.advance(6 * MINUTE);
    assert_eq!(refused(auth.authenticate(kiosk.credential().expose()).await), Rejection::Expired);
    assert!(auth.authenticate(default.credential().expose()).await.is_ok());
    clock.advance(20 * DAY);
    assert_eq!(refused(auth.authenticate(default.credential().expose()).await), Rejection::Expired);
    assert!(auth.authenticate(kept.credential().expose()).await.is_ok());
    let listed = auth.sessions_of(kept.principal()).await.unwrap();
    assert_eq!(listed[0].details.kind, SessionKind::REMEMBERED);
}

/// Case 5: a process with a short policy does not shorten a session that another process keeps.
#[tokio::test]
async fn a13_a_stricter_policy_is_checked_and_never_written() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let long = sessions(&store, &clock, |builder| {
        builder.policy(SessionPolicy::new().with_idle_timeout(7 * DAY).with_last_use_precision(MINUTE))
    });
    let short = sessions(&store, &clock, |builder| {
        builder.policy(SessionPolicy::new().with_idle_timeout(30 * MINUTE).with_absolute_timeout(HOUR))
    });
    let issued = long.login(login()).await.unwrap();
    clock.advance(20 * MINUTE);
    assert!(short.authenticate(issued.credential().expose()).await.is_ok());
    let record = store.load(id(&issued)).await.unwrap().unwrap();
    assert_eq!(
        record.idle_expires_at(),
        NOW.plus(20 * MINUTE).plus(7 * DAY),
        "the use was written as recorded"
    );
    clock.advance(31 * MINUTE);
    assert_eq!(refused(short.authenticate(issued.credential().expose()).await), Rejection::Expired);
    assert!(long.authenticate(issued.credential().expose()).await.is_ok());
    clock.advance(10 * MINUTE);
    let ended = refused(short.authenticate(issued.credential().expose()).await);
    assert_eq!(ended, Rejection::Expired, "61 minutes after the login");
    assert!(long.authenticate(issued.credential().expose()).await.is_ok());
}

/// ASVS 7.3.1, 7.3.2: a stricter policy applies to existing sessions from the first request on.
#[tokio::test]
async fn a13_a_stricter_policy_reaches_sessions_that_exist() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let before = sessions(&store, &clock, |builder| builder);
    let (idle, old) = (before.login(login()).await.unwrap(), before.login(login()).await.unwrap());
    clock.advance(2 * DAY);
    before.authenticate(old.credential().expose()).await.unwrap();
    let after = sessions(&store, &clock, |builder| {
        builder.policy(SessionPolicy::new().with_idle_timeout(DAY).with_absolute_timeout(3 * DAY))
    });
    assert_eq!(refused(after.authenticate(idle.credential().expose()).await), Rejection::Expired);
    let principal = after.authenticate(old.credential().expose()).await.unwrap();
    assert_eq!(principal.expires_at(), NOW.plus(3 * DAY));
    assert_eq!(after.sessions_of(&principal).await.unwrap().len(), 1);
    clock.advance(DAY);
    assert_eq!(refused(after.authenticate(old.credential().expose()).await), Rejection::Expired);
    // A more generous policy extends nothing.
    let generous = sessions(&store, &clock, |builder| {
        builder.policy(SessionPolicy::new().with_idle_timeout(200 * DAY).with_absolute_timeout(300 * DAY))
    });
    clock.advance(6 * DAY);
    assert_eq!(refused(generous.authenticate(old.credential().expose()).await), Rejection::Expired);
}

/// A shorter idle timeout does not log out an active user, however close the session is to its end.
#[tokio::test]
async fn a13_a_stricter_idle_timeout_keeps_those_who_are_active() {
    let minutes = |count: u32| SessionPolicy::new().with_idle_timeout(count * MINUTE);
    for (before, age) in [
        (SessionPolicy::new(), 24 * DAY),
        (SessionPolicy::new().without_idle_timeout(), DAY),
        (SessionPolicy::new(), DAY),
    ] {
        let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
        let auth = sessions(&store, &clock, |builder| builder.policy(before));
        let issued = auth.login(login()).await.unwrap();
        let days = u32::try_from(age.as_secs() / DAY.as_secs()).unwrap();
        for _ in 0..days {
            clock.advance(DAY);
            auth.authenticate(issued.credential().expose()).await.unwrap();
        }
        let stricter = sessions(&store, &clock, |builder| builder.policy(minutes(15)));
        for minute in 0..120 {
            clock.advance(MINUTE);
            let used = stricter.authenticate(issued.credential().expose()).await;
            assert!(used.is_ok(), "{days} days old, minute {minute}: {used:?}");
        }
        clock.advance(15 * MINUTE);
        assert_eq!(refused(stricter.authenticate(issued.credential().expose()).await), Rejection::Expired);
    }
}

/// A user without the second factor cannot manage sessions.
#[tokio::test]
async fn a13_a_session_that_is_no_login_manages_no_session() {
    let clock = ManualClock::new(NOW);
    for auth in [with_kinds(&MemoryStore::new(), &clock), hybrid_with_kinds(&MemoryStore::new(), &clock)] {
        let owner = auth.login(login()).await.unwrap();
        let half = auth.login(login().kind(guest())).await.unwrap();
        let half = auth.authenticate_any_kind(half.credential().expose()).await.unwrap();
        assert_eq!(refused(auth.sessions_of(&half).await), Rejection::NotALogin);
        assert_eq!(refused(auth.revoke(&half, id(&owner)).await), Rejection::NotALogin);
        assert_eq!(refused(auth.logout_others(&half).await), Rejection::NotALogin);
        assert_eq!(refused(auth.logout_everywhere(&half).await), Rejection::NotALogin);
        assert_eq!(refused(auth.renew(&half).await), Rejection::NotALogin);
        assert_eq!(refused(auth.record_reauthentication(&half).await), Rejection::NotALogin);
        assert!(
            auth.update_claims(&half, |claims| Ok(claims.set("cart", &3)?)).await.is_ok(),
            "its own claims"
        );
        assert!(auth.authenticate(owner.credential().expose()).await.is_ok());
    }
}

#[tokio::test]
async fn a13_a_revoked_key_is_refused_at_once_in_the_hybrid_strategy_too() {
    let clock = ManualClock::new(NOW);
    let auth = hybrid_with_kinds(&MemoryStore::new(), &clock);
    let owner = auth.login(login()).await.unwrap();
    let key = auth.create_api_key(named("ci")).await.unwrap();
    let revoked = auth.revoke(owner.principal(), id(&key)).await.unwrap();
    assert_eq!((revoked.sessions, revoked.effect), (vec![id(&key)], authcore::RevocationEffect::Now));
    let key = auth.create_api_key(named("ci")).await.unwrap();
    let pair = auth.logout_with_access_token(refresh_token(&owner), key.credential().expose()).await;
    assert_eq!(refused(pair), Rejection::WrongKind);
    assert!(auth.authenticate(key.credential().expose()).await.is_ok());
}

#[tokio::test]
async fn a13_each_kind_has_a_limit_of_its_own() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = with_kinds(&store, &clock);
    let kept = auth.login(login().kind(SessionKind::REMEMBERED)).await.unwrap();
    let first = auth.login(login().kind(SessionKind::KIOSK)).await.unwrap();
    clock.advance(MINUTE);
    let second = auth.login(login().kind(SessionKind::KIOSK)).await.unwrap();
    assert_eq!(refused(auth.authenticate(first.credential().expose()).await), Rejection::SessionEnded);
    for credential in [kept.credential().expose(), second.credential().expose()] {
        assert!(auth.authenticate(credential).await.is_ok());
    }
}

/// Case 6: logins never evict an API key, and of the bulk logouts only 'everywhere' ends it.
#[tokio::test]
async fn a13_an_api_key_outlives_logins_and_logouts() {
    let clock = ManualClock::new(NOW);
    for auth in [with_kinds(&MemoryStore::new(), &clock), hybrid_with_kinds(&MemoryStore::new(), &clock)] {
        let key = auth.create_api_key(named("deploy")).await.unwrap();
        assert!(
            key.credential().expose().starts_with(authcore::Credential::API_KEY_PREFIX)
                && key.refresh_token().is_none()
        );
        let mut last = auth.login(login()).await.unwrap();
        for _ in 0..110 {
            clock.advance(Duration::from_secs(1));
            last = auth.login(login()).await.unwrap();
        }
        let ended = auth.logout_others(last.principal()).await.unwrap().sessions;
        assert_eq!(ended.len(), 99);
        let principal = auth.authenticate(key.credential().expose()).await.unwrap();
        assert!(principal.is_api_key() && principal.kind() == SessionKind::API_KEY);
        assert!(
            auth.authenticate_and_check_session(key.credential().expose()).await.is_ok(),
            "checked in the store in any case"
        );
        let listed = auth.sessions_of(last.principal()).await.unwrap();
        let shown = listed.iter().find(|session| session.is_api_key).unwrap();
        assert_eq!((shown.device.label(), listed.len()), (Some("deploy"), 2));
        let revoked = auth.revoke(last.principal(), shown.id).await.unwrap();
        assert_eq!(revoked.sessions, [shown.id]);
        assert_eq!(refused(auth.authenticate(key.credential().expose()).await), Rejection::SessionEnded);
        let another = auth.create_api_key(named("ci")).await.unwrap();
        assert_eq!(auth.logout_everywhere(last.principal()).await.unwrap().sessions.len(), 2);
        assert!(auth.authenticate(another.credential().expose()).await.is_err());
    }
}

#[tokio::test]
async fn a13_a_key_above_the_limit_is_refused_and_evicts_nothing() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = with_kinds(&store, &clock);
    let one = auth.create_api_key(named("one")).await.unwrap();
    clock.advance(MINUTE);
    let two = auth.create_api_key(named("two")).await.unwrap();
    clock.advance(MINUTE);
    assert!(matches!(auth.create_api_key(named("three")).await, Err(Error::SessionLimit)));
    assert_eq!(store.len(), 2);
    for key in [one, two] {
        assert!(auth.authenticate(key.credential().expose()).await.is_ok());
    }
}

/// The limit also holds for keys created at the same moment, and after the clock was set back.
#[tokio::test]
async fn a13_no_order_of_creation_lets_a_key_above_the_limit_in() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = with_kinds(&store, &clock);
    let mut made = 0;
    for number in 0..200 {
        if number == 100 {
            clock.set(NOW.minus(DAY));
        }
        made += usize::from(auth.create_api_key(named("script")).await.is_ok());
    }
    assert_eq!((made, store.len()), (2, 2));
    let racing = (0..50).map(|_| auth.create_api_key(named("script")));
    assert!(futures_util::future::join_all(racing).await.iter().all(Result::is_err));
    assert_eq!(store.len(), 2);
}

#[tokio::test]
async fn a13_an_api_key_has_no_idle_timeout_and_may_live_for_years() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = sessions(&store, &clock, |builder| {
        builder.kind(SessionKind::API_KEY, SessionPolicy::api_key().with_absolute_timeout(5 * 365 * DAY))
    });
    let key = auth.create_api_key(named("cron")).await.unwrap();
    clock.advance(5 * 365 * DAY - HOUR);
    let principal = auth.authenticate(key.credential().expose()).await.unwrap();
    assert_eq!(principal.expires_at(), key.expires_at());
    clock.advance(HOUR);
    assert_eq!(refused(auth.authenticate(key.credential().expose()).await), Rejection::Expired);
}

#[tokio::test]
async fn a13_a_key_is_no_session_token_and_the_reverse() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = with_kinds(&store, &clock);
    let (key, issued) = (auth.create_api_key(named("x")).await.unwrap(), auth.login(login()).await.unwrap());
    let renamed = format!("acs_{}", &key.credential().expose()[4..]);
    assert_eq!(refused(auth.authenticate(&renamed).await), Rejection::WrongKind);
    let renamed = format!("ack_{}", &issued.credential().expose()[4..]);
    assert_eq!(refused(auth.authenticate(&renamed).await), Rejection::WrongKind);
    // A key cannot manage its owner's sessions, and no login ends it.
    let script: Principal = auth.authenticate(key.credential().expose()).await.unwrap();
    assert_eq!(refused(auth.renew(&script).await), Rejection::WrongKind);
    assert_eq!(refused(auth.record_reauthentication(&script).await), Rejection::WrongKind);
    assert_eq!(refused(auth.logout_everywhere(&script).await), Rejection::WrongKind);
    assert_eq!(refused(auth.logout_others(&script).await), Rejection::WrongKind);
    assert_eq!(refused(auth.sessions_of(&script).await), Rejection::WrongKind);
    let _ = auth.login(login().replacing(key.credential().expose())).await.unwrap();
    assert!(auth.authenticate(key.credential().expose()).await.is_ok());
    // A key can end itself, so that the finder of a leaked key can revoke it.
    assert_eq!(auth.logout(key.credential().expose()).await.unwrap().sessions.len(), 1);
    assert!(auth.authenticate(key.credential().expose()).await.is_err());
}

#[tokio::test]
async fn a13_what_cannot_be_opened_is_an_error_at_login() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = with_kinds(&store, &clock);
    let unknown = auth.login(login().kind(SessionKind::new("tv").unwrap())).await;
    assert!(matches!(unknown, Err(Error::Login(LoginError::UnknownKind(_)))), "{unknown:?}");
    let key_by_login = auth.login(login().kind(SessionKind::API_KEY)).await;
    assert!(matches!(key_by_login, Err(Error::Login(LoginError::UnsuitableKind(_)))));
    let login_by_key = auth.create_api_key(named("x").kind(SessionKind::KIOSK)).await;
    assert!(matches!(login_by_key, Err(Error::Login(LoginError::UnsuitableKind(_)))));
    let unnamed = auth.create_api_key(login()).await;
    assert!(matches!(unnamed, Err(Error::Login(LoginError::UnnamedKey))));
    let unregistered = sessions(&store, &clock, |builder| builder).create_api_key(named("x")).await;
    assert!(matches!(unregistered, Err(Error::Login(LoginError::UnknownKind(_)))));
    let tokens = Auth::with_tokens(jwt());
    assert!(matches!(tokens.create_api_key(named("x")).await, Err(Error::Unsupported { .. })));
    let by_tokens = tokens.login(login().kind(guest())).await;
    assert!(matches!(by_tokens, Err(Error::Login(LoginError::NoSessions(_)))));
    for blank in [" ", "\u{200b}", "\u{a0}\u{feff}"] {
        let unnamed = auth.create_api_key(named(blank)).await;
        assert!(matches!(unnamed, Err(Error::Login(LoginError::UnnamedKey))), "{blank:?}");
    }
    assert!(tokens.authenticate(&format!("ack_{}", "A".repeat(64))).await.is_err());
    assert_eq!(store.len(), 0);
}

#[test]
fn a13_policies_that_cannot_be_met_do_not_build() {
    let builder = || ServerSessions::builder(MemoryStore::new());
    let kiosk = || SessionPolicy::kiosk();
    for bad in [
        builder().kind(SessionKind::DEFAULT, SessionPolicy::new()),
        builder().kind(guest(), kiosk()).kind(guest(), kiosk()),
        builder().kind(guest(), kiosk().with_idle_timeout(2 * HOUR)),
        builder().policy(SessionPolicy::api_key()),
        builder().policy(SessionPolicy::new().not_a_login()),
        builder().kind(SessionKind::API_KEY, SessionPolicy::new()),
        builder().kind(SessionKind::REMEMBERED, SessionPolicy::api_key()),
    ] {
        assert!(bad.build().is_err());
    }
    // In the hybrid strategy only refreshes are uses, so every kind must outlive two access tokens.
    let refresh =
        RefreshTokens::builder(MemoryStore::new()).kind(SessionKind::KIOSK, kiosk()).build().unwrap();
    assert!(Auth::with_hybrid(jwt(), refresh).is_err());
}

#[tokio::test]
async fn a13_a_session_that_is_no_login_is_refused_as_one() {
    let clock = ManualClock::new(NOW);
    for auth in [with_kinds(&MemoryStore::new(), &clock), hybrid_with_kinds(&MemoryStore::new(), &clock)] {
        let issued = auth.login(login().kind(guest())).await.unwrap();
        assert_eq!(refused(auth.authenticate(issued.credential().expose()).await), Rejection::NotALogin);
        assert_eq!(
            refused(auth.authenticate_passively(issued.credential().expose()).await),
            Rejection::NotALogin
        );
        assert_eq!(
            refused(auth.authenticate_and_check_session(issued.credential().expose()).await),
            Rejection::NotALogin
        );
        assert_eq!(auth.authenticate_any_kind(issued.credential().expose()).await.unwrap().kind(), guest());
    }
}

/// Access tokens carry every kind except the default, and a service without kinds can tell a guest from a
/// login.
#[tokio::test]
async fn a13_access_tokens_carry_their_kind() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = hybrid_with_kinds(&store, &clock);
    let service = Auth::with_tokens(jwt()).with_clock(clock.clone());
    let default = auth.login(login()).await.unwrap();
    let kept = auth.login(login().kind(SessionKind::REMEMBERED)).await.unwrap();
    let cart = auth.login(login().kind(guest())).await.unwrap();
    let kind = |principal: &Principal| principal.token().unwrap().get::<serde_json::Value>("session_kind");
    let principal = service.authenticate(default.credential().expose()).await.unwrap();
    assert_eq!((principal.kind(), kind(&principal)), (SessionKind::DEFAULT, None));
    let principal = service.authenticate(kept.credential().expose()).await.unwrap();
    assert_eq!((principal.kind(), kind(&principal)), (SessionKind::REMEMBERED, Some("remembered".into())));
    assert_eq!(refused(service.authenticate(cart.credential().expose()).await), Rejection::NotALogin);
    assert_eq!(service.authenticate_any_kind(cart.credential().expose()).await.unwrap().kind(), guest());
    clock.advance(MINUTE);
    let next = auth.refresh(refresh_token(&kept)).await.unwrap();
    assert!(next.is_persistent() && next.principal().kind() == SessionKind::REMEMBERED);
}

/// A session written by a newer release or another configuration.
#[tokio::test]
async fn a13_a_kind_that_is_not_known_is_held_to_the_strictest_timeouts() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let newer = sessions(&store, &clock, |builder| {
        builder
            .kind(SessionKind::REMEMBERED, SessionPolicy::remembered())
            .kind(guest(), SessionPolicy::new().not_a_login())
    });
    let older = sessions(&store, &clock, |builder| builder.kind(SessionKind::KIOSK, SessionPolicy::kiosk()));
    let (kept, used, cart) = (
        newer.login(login().kind(SessionKind::REMEMBERED)).await.unwrap(),
        newer.login(login().kind(SessionKind::REMEMBERED)).await.unwrap(),
        newer.login(login().kind(guest())).await.unwrap(),
    );
    clock.advance(4 * MINUTE);
    assert!(older.authenticate(used.credential().expose()).await.is_ok());
    assert_eq!(refused(older.authenticate(cart.credential().expose()).await), Rejection::NotALogin);
    clock.advance(MINUTE);
    assert_eq!(refused(older.authenticate(kept.credential().expose()).await), Rejection::Expired);
    clock.advance(2 * HOUR);
    newer.authenticate(used.credential().expose()).await.unwrap();
    assert_eq!(
        refused(older.authenticate(used.credential().expose()).await),
        Rejection::Expired,
        "an hour in any case"
    );
    clock.advance(20 * DAY);
    for session in [kept, used] {
        assert!(
            newer.authenticate(session.credential().expose()).await.is_ok(),
            "nothing of that was written"
        );
    }
}

/// The log lines of a test's thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("authcore")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }
        let mut text = Text(event.metadata().level().to_string());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a13_a_kind_that_is_not_known_is_logged_once() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let issued = with_kinds(&store, &clock).login(login().kind(SessionKind::REMEMBERED)).await.unwrap();
    let lines = Lines::default();
    let _log = tracing::subscriber::set_default(lines.clone());
    let older = sessions(&store, &clock, |builder| builder);
    for _ in 0..3 {
        older.authenticate(issued.credential().expose()).await.unwrap();
    }
    let lines = lines.0.lock().unwrap().clone();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains(r#"kind="remembered""#), "{lines:?}");
}

#[tokio::test]
async fn a13_a_bulk_logout_that_fails_midway_can_be_repeated() {
    let (inner, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let store = FaultyStore::new(inner.clone());
    let sessions = ServerSessions::builder(store.clone())
        .kind(SessionKind::API_KEY, SessionPolicy::api_key())
        .build()
        .unwrap();
    let auth = Auth::with_sessions(sessions).with_clock(clock);
    let own = auth.login(login()).await.unwrap();
    let key = auth.create_api_key(named("x")).await.unwrap();
    for _ in 0..3 {
        let _ = auth.login(login()).await.unwrap();
    }
    // The caller's session is loaded, the list is read, one session ends; then the store becomes unavailable.
    store.fail_nth(4, Fault::BeforeCommit);
    let failed = auth.logout_others(own.principal()).await.unwrap_err();
    assert!(matches!(failed, Error::Store(error) if error.kind() == StoreErrorKind::Unavailable));
    assert!((2..5).contains(&inner.len()), "{}", inner.len());
    store.clear_faults();
    assert!(auth.logout_others(own.principal()).await.is_ok());
    assert_eq!(inner.len(), 2);
    assert!(auth.authenticate(key.credential().expose()).await.is_ok());
}

/// The kind, like all fields fixed by S17, is the same after every write.
#[tokio::test]
async fn s17_no_write_changes_realm_kind_or_details() {
    let (store, clock) = (MemoryStore::new(), ManualClock::new(NOW));
    let auth = hybrid_with_kinds(&store, &clock).in_realm(&authcore::Realm::new("t").unwrap());
    let staff = "support-7".parse().unwrap();
    let login = login().kind(SessionKind::REMEMBERED).actor(&staff).client_id("app").unwrap();
    let issued = auth.login(login).await.unwrap();
    let fixed = |record: &SessionRecord| {
        let RecordParts { id, subject, details, created_at, expires_at, .. } = record.to_parts();
        (id, subject, details, created_at, expires_at)
    };
    let before = store.load(id(&issued)).await.unwrap().unwrap();
    clock.advance(2 * HOUR);
    let next = auth.refresh(refresh_token(&issued)).await.unwrap();
    auth.update_claims(next.principal(), |claims| Ok(claims.set("a", &1)?)).await.unwrap();
    let _ = auth.renew(next.principal()).await.unwrap();
    let after = store.load(id(&issued)).await.unwrap().unwrap();
    assert_eq!(fixed(&after), fixed(&before));
    assert!(after.version().number() >= 4 && after.details() != SessionDetails::default());
}
