//! A13 to A15: kinds of session, API keys and uses of a session.

use std::time::Duration;

use authcore::clock::Clock as _;
use authcore::error::Rejection;
use authcore::store::SessionStore as _;
use authcore::{Auth, Error, ServerSessions, SessionKind, SessionPolicy};

use super::test_app::{ABSOLUTE, IDLE, TICK, TestApp, id, named_key, policy, proof};
use crate::assertions::{OrFail as _, expect_equal, expect_refusal, expect_unavailable};
use crate::records::{HOUR, subject};
use crate::{Call, Fault, Fixture};

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

/// A13: each kind of session ends by its own timeouts, and an API key only by its absolute timeout.
pub async fn a13_each_kind_has_its_own_timeouts(fixture: Fixture) {
    for app in TestApp::with_kinds(&fixture, &kinds()) {
        let started = app.clock.now();
        let of_kind = [
            (app.login("ada", "A13").await, IDLE, ABSOLUTE),
            (app.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await, LONG, 2 * LONG),
            (app.login_of_kind("ada", &SessionKind::KIOSK, "A13").await, 2 * HOUR, 3 * HOUR),
            (app.api_key("ada", "A13").await, 4 * LONG, 4 * LONG),
        ];
        for (issued, idle, absolute) in &of_kind {
            let stored = app.stored(id(issued)).await.or_fail("A13: the session");
            expect_equal("A13: the idle expiry of a kind", stored.idle_expires_at(), started.plus(*idle));
            expect_equal("A13: the absolute expiry of a kind", stored.expires_at(), started.plus(*absolute));
        }
        // Checked in the list of live sessions, which counts as no use in either strategy.
        let listed = async |issued| {
            let all = app.auth.admin().sessions_of(&subject("ada")).await.or_fail("A13: the list");
            all.iter().any(|session| session.id == id(issued))
        };
        let mut by_end: Vec<_> = of_kind.iter().map(|(issued, idle, _)| (*idle, issued)).collect();
        by_end.sort_by_key(|(idle, _)| *idle);
        for (idle, issued) in by_end {
            app.clock.set(started.plus(idle).minus(TICK));
            assert!(
                listed(issued).await,
                "A13: expected a session to live until the idle timeout of its kind, but it ended earlier"
            );
            app.clock.advance(TICK);
            assert!(
                !listed(issued).await,
                "A13: expected a session to end at the idle timeout of its kind, but it is still live"
            );
        }
    }
}

/// A13: logins evict only sessions of their own kind. An API key above the limit is refused and evicts
/// nothing.
pub async fn a13_each_kind_has_its_own_limits(fixture: Fixture) {
    for app in TestApp::with_kinds(&fixture, &kinds()) {
        let plain = app.login("ada", "A13").await;
        let keys = [app.api_key("ada", "A13").await, app.api_key("ada", "A13").await];
        let mut remembered = Vec::new();
        for _ in 0..4 {
            app.clock.advance(Duration::from_secs(1));
            remembered.push(app.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await);
        }
        for (index, issued) in remembered.iter().enumerate() {
            let there = app.stored(id(issued)).await.is_some();
            expect_equal(
                "A13: whether a session is stored, after logins above the limit of its kind",
                there,
                index >= 2,
            );
        }
        match app.auth.create_api_key(named_key("ada")).await {
            Err(Error::SessionLimit) => {}
            other => panic!("A13: an API key above the limit: expected SessionLimit, got {other:?}"),
        }
        for key in &keys {
            app.authenticate(
                key.credential().expose(),
                "A13: an API key after logins and a refused further key",
            )
            .await;
        }
        assert!(
            app.stored(id(&plain)).await.is_some(),
            "A13: expected logins of another kind to leave a session, but they ended it"
        );
        let listed = app.auth.admin().sessions_of(&subject("ada")).await.or_fail("A13: the list");
        expect_equal(
            "A13: API keys in the list",
            listed.iter().filter(|session| session.is_api_key).count(),
            2,
        );
        let of_kind = listed.iter().filter(|session| session.details.kind == SessionKind::REMEMBERED);
        expect_equal("A13: remembered sessions in the list", of_kind.count(), 2);
        // The other strategy runs on the same store next.
        let _ = app.auth.admin().revoke_all(&subject("ada")).await.or_fail("A13: revoke_all");
    }
}

/// A13: a stricter policy applies to existing sessions at once, and is never written to them.
pub async fn a13_a_stricter_policy_reaches_existing_sessions(fixture: Fixture) {
    let [app, _] = TestApp::with_kinds(&fixture, &kinds());
    let stricter = |policy: SessionPolicy| {
        let sessions = ServerSessions::builder(app.store.clone()).policy(policy.clone());
        let sessions = sessions.kind(SessionKind::REMEMBERED, policy).build().or_fail("A13: sessions");
        app.with_auth(Auth::with_sessions(sessions))
    };
    let by_idle = stricter(policy().with_idle_timeout(2 * HOUR));
    let by_absolute = stricter(policy().with_idle_timeout(2 * HOUR).with_absolute_timeout(3 * HOUR));
    for kind in [SessionKind::DEFAULT, SessionKind::REMEMBERED] {
        let issued = app.login_of_kind("ada", &kind, "A13").await;
        let written = app.stored(id(&issued)).await.or_fail("A13: the session");
        app.clock.advance(2 * HOUR - TICK);
        let passive = by_idle.auth.authenticate_passively(issued.credential().expose()).await;
        passive.or_fail("A13: a session within the stricter idle timeout");
        app.clock.advance(TICK);
        let outcome = by_idle.auth.authenticate(issued.credential().expose()).await;
        expect_equal(
            "A13: beyond the stricter idle timeout",
            expect_refusal("A13", outcome),
            Rejection::Expired,
        );
        let kept = app.stored(id(&issued)).await.or_fail("A13: the session under a stricter policy");
        assert!(
            kept.as_bytes() == written.as_bytes(),
            "A13: expected the stored session to stay unchanged under a stricter policy, but it changed"
        );
        // Another process with the previous policy keeps it alive. The stricter absolute timeout ends it even
        // so.
        app.authenticate(issued.credential().expose(), "A13: a session under the previous policy").await;
        app.clock.advance(HOUR);
        by_idle.authenticate(issued.credential().expose(), "A13: a session that was used meanwhile").await;
        let outcome = by_absolute.auth.authenticate(issued.credential().expose()).await;
        expect_equal(
            "A13: beyond the stricter absolute timeout",
            expect_refusal("A13", outcome),
            Rejection::Expired,
        );
        let kept = app.stored(id(&issued)).await.or_fail("A13: the session under a stricter policy");
        expect_equal("A13: the stored absolute expiry", kept.expires_at(), written.expires_at());
    }
}

/// A13: a session of an unknown kind is subject to the strictest timeouts, which are never written to it.
pub async fn a13_an_unknown_kind_is_held_to_the_strictest_timeouts(fixture: Fixture) {
    let [newer, _] = TestApp::with_kinds(&fixture, &kinds());
    let kiosk = kinds().into_iter().filter(|(kind, _)| *kind == SessionKind::KIOSK).collect::<Vec<_>>();
    let [app, _] = TestApp::with_kinds(&fixture, &kiosk);
    let app = newer.with_auth(app.auth);
    let issued = newer.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await;
    let written = newer.stored(id(&issued)).await.or_fail("A13: the session");
    // The timeouts of the kiosk kind are the strictest: two hours idle, three hours absolute.
    app.clock.advance(HOUR);
    app.authenticate(issued.credential().expose(), "A13: a session of an unknown kind").await;
    let used = app.stored(id(&issued)).await.or_fail("A13: the session of an unknown kind");
    expect_equal("A13: the stored idle timeout", used.time_to_live(), LONG);
    app.clock.advance(2 * HOUR);
    let outcome = app.auth.authenticate(issued.credential().expose()).await;
    expect_equal(
        "A13: an unknown kind beyond the strictest timeouts",
        expect_refusal("A13", outcome),
        Rejection::Expired,
    );
    let kept = app.stored(id(&issued)).await.or_fail("A13: the session of an unknown kind");
    expect_equal("A13: the stored absolute expiry", kept.expires_at(), written.expires_at());
    newer
        .authenticate(issued.credential().expose(), "A13: the session in an application that knows its kind")
        .await;
}

/// A13: `logout_others` spares the kinds whose policy says so; `logout_everywhere` spares none.
pub async fn a13_spared_kinds_survive_only_logout_others(fixture: Fixture) {
    for app in TestApp::with_kinds(&fixture, &kinds()) {
        let own = app.login("ada", "A13").await;
        let spared = [
            app.login_of_kind("ada", &SessionKind::REMEMBERED, "A13").await,
            app.api_key("ada", "A13").await,
        ];
        let mut ends = [
            id(&app.login("ada", "A13").await),
            id(&app.login_of_kind("ada", &SessionKind::KIOSK, "A13").await),
        ];
        let others = app.auth.logout_others(own.principal()).await;
        let mut ended = others.or_fail("A13: logout_others").sessions;
        ended.sort_unstable();
        ends.sort_unstable();
        expect_equal("A13: the sessions that logout_others ends", ended, ends.to_vec());
        for issued in spared.iter().chain([&own]) {
            assert!(
                app.stored(id(issued)).await.is_some(),
                "A13: expected logout_others to spare a session, but it ended it"
            );
        }
        let all = app.auth.logout_everywhere(own.principal()).await;
        expect_equal(
            "A13: the number of sessions that logout_everywhere ends",
            all.or_fail("A13: logout_everywhere").sessions.len(),
            3,
        );
        let left = app.direct.list(&subject("ada")).await.or_fail("A13: list").len();
        expect_equal("A13: sessions after logout_everywhere", left, 0);
    }
}

/// A13: a `logout_others` that spares kinds is unavailable if any of its store calls fails. Repeated, it ends
/// the remaining sessions.
pub async fn a13_a_failed_logout_others_can_be_repeated(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        for app in TestApp::with_kinds(&fixture, &kinds()) {
            let mut waited = false;
            for nth in 1..20 {
                let own = app.login("ada", "A13").await;
                let key = app.api_key("ada", "A13").await;
                for _ in 0..3 {
                    let _ = app.login("ada", "A13").await;
                }
                app.store.fail_nth(nth, fault);
                let outcome = app.auth.logout_others(own.principal()).await;
                waited = app.store.clear_faults();
                if !waited {
                    expect_unavailable("A13: logout_others while the store fails", outcome);
                    let again = app.auth.logout_others(own.principal()).await;
                    let _ = again.or_fail("A13: logout_others once the store is back");
                }
                let left = app.direct.list(&subject("ada")).await.or_fail("A13: list");
                expect_equal("A13: sessions after logout_others", left.len(), 2);
                assert!(
                    left.iter().all(|record| [id(&own), id(&key)].contains(&record.id())),
                    "A13: expected only the caller's session and the API key after logout_others, got others"
                );
                let _ = app.auth.logout_everywhere(own.principal()).await.or_fail("A13: logout_everywhere");
                if waited {
                    break;
                }
            }
            assert!(
                waited,
                "A13: expected logout_others to make fewer than 20 store calls, but it makes more"
            );
        }
    }
}

/// A13: an API key authenticates its holder, fails from its revocation on in both strategies, and cannot
/// manage sessions.
pub async fn a13_an_api_key_is_checked_in_the_store(fixture: Fixture) {
    for app in TestApp::with_kinds(&fixture, &kinds()) {
        let (own, key) = (app.login("ada", "A13").await, app.api_key("ada", "A13").await);
        let principal = app.authenticate(key.credential().expose(), "A13: an API key").await;
        assert!(
            principal.is_api_key(),
            "A13: expected is_api_key to be true for the principal of an API key, got false"
        );
        let _ =
            expect_refusal("A13: list of sessions with an API key", app.auth.sessions_of(&principal).await);
        let _ = expect_refusal(
            "A13: logout_everywhere with an API key",
            app.auth.logout_everywhere(&principal).await,
        );
        let _ = expect_refusal("A13: renew with an API key", app.auth.renew(&principal).await);
        // The secret of an API key is no other credential, and the reverse.
        for prefix in ["acs_", "acr_"] {
            let other = format!("{prefix}{}", &key.credential().expose()[4..]);
            assert!(
                app.auth.authenticate(&other).await.is_err(),
                "A13: expected a refusal of an API key with the prefix '{prefix}', but it is accepted"
            );
        }
        let other = format!("ack_{}", &proof(&own)[4..]);
        assert!(
            app.auth.authenticate(&other).await.is_err(),
            "A13: expected a refusal of another credential with the prefix of an API key, but it is accepted"
        );
        let revoked = app.auth.revoke(own.principal(), id(&key)).await.or_fail("A13: revoke");
        expect_equal("A13: the API key that was revoked", revoked.sessions, vec![id(&key)]);
        let outcome = app.auth.authenticate(key.credential().expose()).await;
        expect_equal(
            "A13: a revoked API key",
            expect_refusal("A13: a revoked API key", outcome),
            Rejection::SessionEnded,
        );
    }
}

/// A14: passive verification does not count as a use: it writes nothing and extends no timeout.
pub async fn a14_passive_verification_does_not_count_as_use(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, policy());
    let issued = app.login("ada", "A14").await;
    for _ in 0..4 {
        app.clock.advance(HOUR - TICK);
        let passive = app.auth.authenticate_passively(issued.credential().expose()).await;
        passive.or_fail("A14: a passive verification within the idle timeout");
    }
    expect_equal("A14: writes by passive verifications", app.store.count(Call::Replace), 0);
    app.clock.advance(4 * TICK);
    let outcome = app.auth.authenticate_passively(issued.credential().expose()).await;
    let reason = expect_refusal("A14: a session that was only verified passively", outcome);
    expect_equal("A14: a session that was only verified passively", reason, Rejection::Expired);
}

/// A15: the displayed time of the last use lags by at most its precision, whatever the idle timeout.
pub async fn a15_the_last_use_lags_by_at_most_its_precision(fixture: Fixture) {
    let precision = Duration::from_secs(600);
    let policy = policy().with_idle_timeout(ABSOLUTE).with_last_use_precision(precision);
    let app = TestApp::sessions(&fixture, policy);
    let issued = app.login("ada", "A15").await;
    for step in [precision - TICK, TICK, Duration::from_secs(1), precision, 3 * precision] {
        app.clock.advance(step);
        let now = app.clock.now();
        app.authenticate(issued.credential().expose(), "A15: a session in use").await;
        let listed = app.auth.sessions_of(issued.principal()).await.or_fail("A15: the list");
        let lag = now.since(listed.first().or_fail("A15: the session").last_seen_at);
        assert!(
            lag < precision,
            "A15: expected the displayed last use to lag by less than {precision:?}, got {lag:?}"
        );
    }
    expect_equal("A15: writes of the last use", app.store.count(Call::Replace), 3);
}
