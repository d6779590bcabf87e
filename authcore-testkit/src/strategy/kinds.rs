//! A13 to A15: kinds of session, API keys, and what counts as a use.

use std::time::Duration;

use super::world::{ABSOLUTE, IDLE, TICK, World, id, named_key, policy, proof};
use crate::expect::{Must as _, refused, same, unavailable};
use crate::records::{HOUR, subject};
use crate::{Call, Fault, Fixture};
use authcore::clock::Clock as _;
use authcore::error::Rejection;
use authcore::store::SessionStore as _;
use authcore::{Auth, Error, ServerSessions, SessionKind, SessionPolicy};

const LONG: Duration = HOUR.saturating_mul(48);

fn kinds() -> [(SessionKind, SessionPolicy); 3] {
    let remembered =
        policy().with_idle_timeout(LONG).with_absolute_timeout(2 * LONG).with_max_sessions_per_subject(2);
    let api_key = SessionPolicy::api_key().with_absolute_timeout(4 * LONG).with_max_sessions_per_subject(2);
    let kiosk = policy().with_idle_timeout(2 * HOUR).with_absolute_timeout(3 * HOUR);
    [
        (SessionKind::REMEMBERED, remembered.surviving_logout_others()),
        (SessionKind::KIOSK, kiosk),
        (SessionKind::API_KEY, api_key),
    ]
}

/// A13: each kind ends by its own timeouts, and an API key by its absolute one alone.
pub async fn a13_each_kind_has_its_own_timeouts(fixture: Fixture) {
    for world in World::with_kinds(&fixture, &kinds()) {
        let started = world.clock.now();
        let of_kind = [
            (world.login("ada", "A13").await, IDLE, ABSOLUTE),
            (world.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await, LONG, 2 * LONG),
            (world.login_of_kind("ada", &SessionKind::KIOSK, "A13").await, 2 * HOUR, 3 * HOUR),
            (world.api_key("ada", "A13").await, 4 * LONG, 4 * LONG),
        ];
        for (issued, idle, absolute) in &of_kind {
            let stored = world.stored(id(issued)).await.must("A13: the session");
            same("A13: the idle expiry of a kind", stored.idle_expires_at(), started.plus(*idle));
            same("A13: the absolute expiry of a kind", stored.expires_at(), started.plus(*absolute));
        }
        // Verified where it is a use in both strategies: in the list of the subject's live sessions.
        let listed = async |issued| {
            let all = world.auth.admin().sessions_of(&subject("ada")).await.must("A13: the list");
            all.iter().any(|session| session.id == id(issued))
        };
        let mut by_end: Vec<_> = of_kind.iter().map(|(issued, idle, _)| (*idle, issued)).collect();
        by_end.sort_by_key(|(idle, _)| *idle);
        for (idle, issued) in by_end {
            world.clock.set(started.plus(idle).minus(TICK));
            assert!(listed(issued).await, "A13: a session ended before the idle timeout of its kind");
            world.clock.advance(TICK);
            assert!(!listed(issued).await, "A13: a session outlived the idle timeout of its kind");
        }
    }
}

/// A13: logins of one kind make room among themselves; an API key above its limit is refused and evicts
/// nothing.
pub async fn a13_each_kind_has_its_own_limits(fixture: Fixture) {
    for world in World::with_kinds(&fixture, &kinds()) {
        let plain = world.login("ada", "A13").await;
        let keys = [world.api_key("ada", "A13").await, world.api_key("ada", "A13").await];
        let mut remembered = Vec::new();
        for _ in 0..4 {
            world.clock.advance(Duration::from_secs(1));
            remembered.push(world.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await);
        }
        for (index, issued) in remembered.iter().enumerate() {
            let there = world.stored(id(issued)).await.is_some();
            same("A13: whether a session within the limit of its kind is there", there, index >= 2);
        }
        match world.auth.create_api_key(named_key("ada")).await {
            Err(Error::SessionLimit) => {}
            other => panic!("A13: an API key above the limit: expected 'session limit', got {other:?}"),
        }
        for key in &keys {
            world
                .authenticate(key.credential().expose(), "A13: an API key after logins and a key too many")
                .await;
        }
        assert!(world.stored(id(&plain)).await.is_some(), "A13: logins of another kind ended a session");
        let listed = world.auth.admin().sessions_of(&subject("ada")).await.must("A13: the list");
        same("A13: API keys in the list", listed.iter().filter(|session| session.is_api_key).count(), 2);
        let of_kind = listed.iter().filter(|session| session.details.kind == SessionKind::REMEMBERED);
        same("A13: remembered sessions in the list", of_kind.count(), 2);
        // The other strategy's turn is on the same store.
        let _ = world.auth.admin().revoke_all(&subject("ada")).await.must("A13: revoke_all");
    }
}

/// A13: a policy that has become stricter reaches sessions that exist, at once, and is never written to them.
pub async fn a13_a_stricter_policy_reaches_existing_sessions(fixture: Fixture) {
    let [world, _] = World::with_kinds(&fixture, &kinds());
    let stricter = |policy: SessionPolicy| {
        let sessions = ServerSessions::builder(world.store.clone()).policy(policy.clone());
        let sessions = sessions.kind(SessionKind::REMEMBERED, policy).build().must("A13: sessions");
        world.beside(Auth::with_sessions(sessions))
    };
    let by_idle = stricter(policy().with_idle_timeout(2 * HOUR));
    let by_absolute = stricter(policy().with_idle_timeout(2 * HOUR).with_absolute_timeout(3 * HOUR));
    for kind in [SessionKind::DEFAULT, SessionKind::REMEMBERED] {
        let issued = world.login_of_kind("ada", &kind, "A13").await;
        let written = world.stored(id(&issued)).await.must("A13: the session");
        world.clock.advance(2 * HOUR - TICK);
        let passive = by_idle.auth.authenticate_passively(issued.credential().expose()).await;
        passive.must("A13: a session within the stricter idle timeout");
        world.clock.advance(TICK);
        let outcome = by_idle.auth.authenticate(issued.credential().expose()).await;
        same("A13: beyond the stricter idle timeout", refused("A13", outcome), Rejection::Expired);
        let kept = world.stored(id(&issued)).await.must("A13: the session under a stricter policy");
        assert!(kept.as_bytes() == written.as_bytes(), "A13: a stricter policy was written to a session");
        // Another process, with the policy of before, keeps it alive; its absolute timeout is shortened too.
        world.authenticate(issued.credential().expose(), "A13: a session under the policy of before").await;
        world.clock.advance(HOUR);
        by_idle.authenticate(issued.credential().expose(), "A13: a session that was used meanwhile").await;
        let outcome = by_absolute.auth.authenticate(issued.credential().expose()).await;
        same("A13: beyond the stricter absolute timeout", refused("A13", outcome), Rejection::Expired);
        let kept = world.stored(id(&issued)).await.must("A13: the session under a stricter policy");
        same("A13: the absolute expiry that is written", kept.expires_at(), written.expires_at());
    }
}

/// A13: a session of an unknown kind is held to the strictest timeouts, which are never written to it.
pub async fn a13_an_unknown_kind_is_held_to_the_strictest_timeouts(fixture: Fixture) {
    let [newer, _] = World::with_kinds(&fixture, &kinds());
    let kiosk = kinds().into_iter().filter(|(kind, _)| *kind == SessionKind::KIOSK).collect::<Vec<_>>();
    let [world, _] = World::with_kinds(&fixture, &kiosk);
    let world = newer.beside(world.auth);
    let issued = newer.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await;
    let written = newer.stored(id(&issued)).await.must("A13: the session");
    // The kiosk's are the strictest: two hours without use, three in any case.
    world.clock.advance(HOUR);
    world.authenticate(issued.credential().expose(), "A13: a session of an unknown kind").await;
    let used = world.stored(id(&issued)).await.must("A13: the session of an unknown kind");
    same("A13: the idle timeout that is written", used.time_to_live(), LONG);
    world.clock.advance(2 * HOUR);
    let outcome = world.auth.authenticate(issued.credential().expose()).await;
    same("A13: an unknown kind beyond the strictest timeouts", refused("A13", outcome), Rejection::Expired);
    let kept = world.stored(id(&issued)).await.must("A13: the session of an unknown kind");
    same("A13: the absolute expiry that is written", kept.expires_at(), written.expires_at());
    newer.authenticate(issued.credential().expose(), "A13: the session where its kind is known").await;
}

/// A13: 'log out the others' spares the kinds that say so; 'log out everywhere' spares none.
pub async fn a13_spared_kinds_survive_logout_others_alone(fixture: Fixture) {
    for world in World::with_kinds(&fixture, &kinds()) {
        let own = world.login("ada", "A13").await;
        let spared = [
            world.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await,
            world.api_key("ada", "A13").await,
        ];
        let mut ends = [
            id(&world.login("ada", "A13").await),
            id(&world.login_of_kind("ada", &SessionKind::KIOSK, "A13").await),
        ];
        let others = world.auth.logout_others(own.principal()).await;
        let mut ended = others.must("A13: logout_others").sessions;
        ended.sort_unstable();
        ends.sort_unstable();
        same("A13: what logout_others ends", ended, ends.to_vec());
        for issued in spared.iter().chain([&own]) {
            assert!(
                world.stored(id(issued)).await.is_some(),
                "A13: logout_others ended a session of a spared kind"
            );
        }
        let all = world.auth.logout_everywhere(own.principal()).await;
        same("A13: how many logout_everywhere ends", all.must("A13: logout_everywhere").sessions.len(), 3);
        let left = world.direct.list(&subject("ada")).await.must("A13: list").len();
        same("A13: sessions after logout_everywhere", left, 0);
    }
}

/// A13: the store fails at every call of a 'log out the others' that spares kinds: it is unavailable, never
/// done, and the same call ends the rest.
pub async fn a13_a_logout_of_others_that_failed_can_be_repeated(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        for world in World::with_kinds(&fixture, &kinds()) {
            let mut waited = false;
            for nth in 1..20 {
                let own = world.login("ada", "A13").await;
                let key = world.api_key("ada", "A13").await;
                for _ in 0..3 {
                    world.login("ada", "A13").await;
                }
                world.store.fail_nth(nth, fault);
                let outcome = world.auth.logout_others(own.principal()).await;
                waited = world.store.heal();
                if !waited {
                    unavailable("A13: a logout_others whose store fails", outcome);
                    let again = world.auth.logout_others(own.principal()).await;
                    let _ = again.must("A13: logout_others once the store is back");
                }
                let left = world.direct.list(&subject("ada")).await.must("A13: list");
                same("A13: sessions after logout_others", left.len(), 2);
                assert!(
                    left.iter().all(|record| [id(&own), id(&key)].contains(&record.id())),
                    "A13: logout_others left a session that should end, or ended one that should not"
                );
                let _ = world.auth.logout_everywhere(own.principal()).await.must("A13: logout_everywhere");
                if waited {
                    break;
                }
            }
            assert!(waited, "A13: logout_others makes more calls than there are faults");
        }
    }
}

/// A13: an API key admits its holder and ends when it is revoked, at once, in both strategies, and manages
/// nothing.
pub async fn a13_an_api_key_is_checked_in_the_store(fixture: Fixture) {
    for world in World::with_kinds(&fixture, &kinds()) {
        let (own, key) = (world.login("ada", "A13").await, world.api_key("ada", "A13").await);
        let principal = world.authenticate(key.credential().expose(), "A13: an API key").await;
        assert!(principal.is_api_key(), "A13: the principal of an API key is none of one");
        let _ = refused("A13: an API key that lists sessions", world.auth.sessions_of(&principal).await);
        let _ = refused("A13: an API key that ends sessions", world.auth.logout_everywhere(&principal).await);
        let _ = refused("A13: an API key that renews", world.auth.renew(&principal).await);
        // No secret of a key proves the session of another credential, nor the reverse.
        for prefix in ["acs_", "acr_"] {
            let other = format!("{prefix}{}", &key.credential().expose()[4..]);
            assert!(world.auth.authenticate(&other).await.is_err(), "A13: an API key is good as '{prefix}'");
        }
        let other = format!("ack_{}", &proof(&own)[4..]);
        assert!(
            world.auth.authenticate(&other).await.is_err(),
            "A13: another credential is good as an API key"
        );
        let revoked = world.auth.revoke(own.principal(), id(&key)).await.must("A13: revoke");
        same("A13: the API key that was revoked", revoked.sessions, vec![id(&key)]);
        let outcome = world.auth.authenticate(key.credential().expose()).await;
        same("A13: a revoked API key", refused("A13: a revoked API key", outcome), Rejection::SessionEnded);
    }
}

/// A14: a passive verification is no use: it writes nothing and moves no timeout.
pub async fn a14_a_passive_verification_is_no_use(fixture: Fixture) {
    let world = World::sessions(&fixture, policy());
    let issued = world.login("ada", "A14").await;
    for _ in 0..4 {
        world.clock.advance(HOUR - TICK);
        let passive = world.auth.authenticate_passively(issued.credential().expose()).await;
        passive.must("A14: a passive verification within the idle timeout");
    }
    same("A14: writes by passive verifications", world.store.count(Call::Replace), 0);
    world.clock.advance(4 * TICK);
    let outcome = world.auth.authenticate_passively(issued.credential().expose()).await;
    let reason = refused("A14: a session that was only verified passively", outcome);
    same("A14: a session that was only verified passively", reason, Rejection::Expired);
}

/// A15: the displayed time of last use lags by at most its precision, whatever the idle timeout.
pub async fn a15_the_last_use_lags_by_at_most_its_precision(fixture: Fixture) {
    let precision = Duration::from_secs(600);
    let policy = policy().with_idle_timeout(ABSOLUTE).with_last_use_precision(precision);
    let world = World::sessions(&fixture, policy);
    let issued = world.login("ada", "A15").await;
    for step in [precision - TICK, TICK, Duration::from_secs(1), precision, 3 * precision] {
        world.clock.advance(step);
        let now = world.clock.now();
        world.authenticate(issued.credential().expose(), "A15: a session in use").await;
        let listed = world.auth.sessions_of(issued.principal()).await.must("A15: the list");
        let lag = now.since(listed.first().must("A15: the session").last_seen_at);
        assert!(
            lag < precision,
            "A15: the displayed last use lags by {lag:?}, the precision is {precision:?}"
        );
    }
    same("A15: writes of the last use", world.store.count(Call::Replace), 3);
}
