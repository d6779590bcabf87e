//! R1, R2, R4, R5 and R9 to R11: rotation as clients see it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use authcore::clock::{Clock, ManualClock};
use authcore::error::Rejection;
use authcore::store::{SessionRecord, SessionStore as _, StoreError};
use authcore::strategy::{RefreshDecision, RefreshHook};
use authcore::{Claims, Error, IssuedCredentials, SessionPolicy, Timestamp};

use super::test_app::{AFTER_GRACE, GRACE, IDLE, TICK, TestApp, id, token};
use crate::assertions::{OrFail as _, expect_equal, expect_refusal, expect_unavailable};
use crate::concurrency::run_concurrently;
use crate::records::HOUR;
use crate::{Call, Fixture};

/// R1: each refresh issues the next generation, with a valid access token.
pub async fn r1_each_refresh_issues_the_next_generation(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let mut issued = app.login("ada", "R1").await;
    let mut seen = BTreeSet::from([token(&issued).to_owned()]);
    for generation in 1..=5 {
        app.clock.advance(AFTER_GRACE);
        issued = app.refresh(token(&issued), "R1: the current refresh token").await;
        assert!(
            seen.insert(token(&issued).to_owned()),
            "R1: expected a new refresh token, got an earlier one"
        );
        expect_equal("R1: the generation", app.generation(id(&issued), "R1: the session").await, generation);
        let principal = app.authenticate(issued.credential().expose(), "R1: the access token").await;
        expect_equal("R1: the session of the access token", principal.session_id(), Some(id(&issued)));
    }
}

/// R2: until the end of its window, a replaced token returns the same successor and a new access token.
pub async fn r2_a_replay_within_the_window_returns_the_same_successor(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let first = app.login("ada", "R2").await;
    app.clock.advance(AFTER_GRACE);
    let second = app.refresh(token(&first), "R2: the current refresh token").await;
    let begun = app.clock.now();
    for after in [Duration::ZERO, TICK, GRACE / 2, GRACE] {
        app.clock.set(begun.plus(after));
        let again = app.refresh(token(&first), "R2: a replay within the window").await;
        expect_equal("R2: the successor", token(&again), token(&second));
        app.authenticate(again.credential().expose(), "R2: the access token of a replay").await;
    }
    expect_equal("R2: the generation after replays", app.generation(id(&first), "R2: the session").await, 1);
    // The window is fixed at the rotation; a replay does not extend it.
    app.clock.set(begun.plus(AFTER_GRACE));
    let _ = expect_refusal("R2: a replay after the window", app.auth.refresh(token(&first)).await);
}

/// R2: 64 concurrent requests with one token all succeed, with one successor and one step of the generation.
pub async fn r2_concurrent_presentations_get_one_successor(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let mut issued = app.login("ada", "R2").await;
    for generation in 1..=3 {
        app.clock.advance(AFTER_GRACE);
        let all = run_concurrently((0..64).map(|_| {
            let (app, issued) = (app.clone(), issued.clone());
            async move { app.refresh(token(&issued), "R2: one of 64 concurrent presentations").await }
        }))
        .await;
        let successors: BTreeSet<_> = all.iter().map(token).collect();
        expect_equal("R2: successors of one token", successors.len(), 1);
        expect_equal("R2: the generation", app.generation(id(&issued), "R2: the session").await, generation);
        for issued in &all {
            app.authenticate(issued.credential().expose(), "R2: the access token of one of 64").await;
        }
        issued = all.into_iter().next().or_fail("R2: the successor");
    }
}

/// R2: with the option for mobile clients, the window stays open until the successor is used.
pub async fn r2_an_option_keeps_the_window_open(fixture: Fixture) {
    let app = TestApp::hybrid_with(
        &fixture,
        authcore::strategy::RefreshTokensBuilder::grace_until_successor_is_used,
    );
    let first = app.login("ada", "R2").await;
    app.clock.advance(AFTER_GRACE);
    let second = app.refresh(token(&first), "R2: the current refresh token").await;
    app.clock.advance(HOUR);
    let again = app.refresh(token(&first), "R2: a replay before the successor is used").await;
    expect_equal("R2: the successor", token(&again), token(&second));
    let third = app.refresh(token(&second), "R2: the successor").await;
    assert!(token(&third) != token(&second), "R2: expected the successor to be rotated, got it again");
    app.clock.advance(AFTER_GRACE);
    let reason =
        expect_refusal("R2: a replay after its successor was used", app.auth.refresh(token(&first)).await);
    assert!(
        matches!(reason, Rejection::RefreshReused(_)),
        "R2: a replay after its successor was used: expected RefreshReused, got {reason:?}"
    );
}

/// R4: a revoked or expired session refuses the token even inside the window, and not as a reuse.
pub async fn r4_revoked_or_expired_refuses_inside_the_window(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let first = app.login("ada", "R4").await;
    app.clock.advance(AFTER_GRACE);
    let second = app.refresh(token(&first), "R4: the current refresh token").await;
    let ended = app.auth.logout(token(&first)).await.or_fail("R4: logout by an older generation");
    expect_equal("R4: sessions that the logout ended", ended.sessions, vec![id(&first)]);
    for token in [token(&first), token(&second)] {
        let reason = expect_refusal("R4: a token whose session was revoked", app.auth.refresh(token).await);
        expect_equal("R4: the reason of the refusal", reason, Rejection::SessionEnded);
    }

    let short = SessionPolicy::new().with_idle_timeout(IDLE).with_absolute_timeout(IDLE);
    let app = TestApp::hybrid_with(&fixture, |builder| builder.policy(short));
    let first = app.login("ben", "R4").await;
    app.clock.advance(IDLE - GRACE / 2);
    let second = app.refresh(token(&first), "R4: the current refresh token").await;
    app.clock.advance(GRACE / 2);
    for token in [token(&first), token(&second)] {
        let reason = expect_refusal("R4: a token whose session has expired", app.auth.refresh(token).await);
        // The store may have dropped the session by now.
        let over = matches!(reason, Rejection::Expired | Rejection::SessionEnded);
        assert!(
            over,
            "R4: a token whose session has expired: expected Expired or SessionEnded, got {reason:?}"
        );
    }
}

/// R5: rotation moves the idle expiry, which never passes the absolute expiry, and never the absolute expiry
/// itself.
pub async fn r5_rotation_never_moves_the_absolute_expiry(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let mut issued = app.login("ada", "R5").await;
    let end = issued.refresh_expires_at();
    for _ in 0..23 {
        app.clock.advance(HOUR);
        issued = app.refresh(token(&issued), "R5: the current refresh token").await;
        expect_equal("R5: the absolute expiry after a rotation", issued.refresh_expires_at(), end);
        let stored = app.stored(id(&issued)).await.or_fail("R5: the session");
        expect_equal("R5: the stored absolute expiry after a rotation", Some(stored.expires_at()), end);
        assert!(
            stored.idle_expires_at() <= stored.expires_at(),
            "R5: expected the idle expiry to stay within the absolute expiry, but it passed it"
        );
    }
    app.clock.advance(HOUR);
    let _ = expect_refusal("R5: a token at the absolute expiry", app.auth.refresh(token(&issued)).await);
}

/// A clock that counts its readings.
#[derive(Debug, Clone)]
struct CountingClock(ManualClock, Arc<Mutex<usize>>);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.now()
    }
}

/// R9: a call reads the clock once. The times of the access token come from that reading, and the token never
/// outlives its session.
pub async fn r9_a_refresh_reads_the_clock_once(fixture: Fixture) {
    let mut app = TestApp::hybrid(&fixture);
    let asked = Arc::new(Mutex::new(0));
    let clock = CountingClock(app.clock.clone(), Arc::clone(&asked));
    app.auth = app.auth.with_clock(clock);
    let take = || std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
    let issued = app.login("ada", "R9").await;
    expect_equal("R9: readings of the clock by login", take(), 1);
    app.clock.advance(AFTER_GRACE);
    // A retry after a lost race must not read the clock again.
    let (rival, shared) = (app.auth.clone(), token(&issued).to_owned());
    app.store.before_next(Call::Replace, async move {
        let _ = rival.refresh(&shared).await.or_fail("R9: the competing refresh");
    });
    let next = app.refresh(token(&issued), "R9: refresh during a competing refresh").await;
    expect_equal("R9: readings of the clock by two refreshes", take(), 2);
    let principal = app.authenticate(next.credential().expose(), "R9: the access token").await;
    expect_equal(
        "R9: the milliseconds of `exp` of the access token",
        next.expires_at().as_millis() % 1000,
        0,
    );
    assert!(
        principal.expires_at() <= next.expires_at(),
        "R9: expected `exp` to be at most the expiry stated at issue, but it is later"
    );

    // Use it once an hour until the last minutes of the session.
    let mut issued: IssuedCredentials = next;
    let end = issued.refresh_expires_at().or_fail("R9: the absolute expiry of the session");
    while app.clock.now().plus(HOUR + HOUR / 12) < end {
        app.clock.advance(HOUR);
        issued = app.refresh(token(&issued), "R9: the current refresh token").await;
    }
    app.clock.set(end.minus(HOUR / 12));
    issued = app.refresh(token(&issued), "R9: a refresh five minutes before the end").await;
    assert!(
        issued.expires_at() <= end,
        "R9: expected the access token to expire with its session, but it outlives it"
    );
}

/// The next answer of the hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Keep,
    Reader,
    Fail,
    Deny,
}

#[derive(Debug, Clone)]
struct Hook(Arc<Mutex<Answer>>);

impl Hook {
    fn set(&self, answer: Answer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }
}

#[async_trait]
impl RefreshHook for Hook {
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error> {
        expect_equal("R10: the subject that the hook is asked about", session.subject(), "ada");
        let answer = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Answer::Keep => Ok(RefreshDecision::Keep),
            Answer::Reader => {
                let mut claims = Claims::new();
                claims.set("role", "reader")?;
                Ok(RefreshDecision::Replace(claims))
            }
            Answer::Fail => Err(StoreError::unavailable("the account service").into()),
            Answer::Deny => Ok(RefreshDecision::Deny),
        }
    }
}

/// R10: the hook's claims go into the session and the token, its error changes nothing, and its denial ends
/// the session.
pub async fn r10_the_hook_replaces_claims_or_denies(fixture: Fixture) {
    let hook = Hook(Arc::new(Mutex::new(Answer::Keep)));
    let app = TestApp::hybrid_with(&fixture, |builder| builder.on_refresh(hook.clone()));
    let mut admin = Claims::new();
    admin.set("role", "admin").or_fail("R10: claims");
    let login = authcore::Login::new("ada").and_then(|login| login.claims(&admin)).or_fail("R10: a login");
    let mut issued = app.auth.login(login).await.or_fail("R10: login");
    let role = async |issued: &IssuedCredentials| {
        let principal = app.authenticate(issued.credential().expose(), "R10: the access token").await;
        principal.claims::<Claims>().or_fail("R10: claims").get::<String>("role").or_fail("R10: a role")
    };
    for (answer, expected) in [(Answer::Keep, "admin"), (Answer::Reader, "reader"), (Answer::Keep, "reader")]
    {
        app.clock.advance(AFTER_GRACE);
        hook.set(answer);
        issued = app.refresh(token(&issued), "R10: a refresh with a hook").await;
        expect_equal("R10: the role in the access token", role(&issued).await.as_deref(), Some(expected));
    }
    app.clock.advance(AFTER_GRACE);
    hook.set(Answer::Fail);
    let before = app.stored(id(&issued)).await.or_fail("R10: the session").as_bytes().to_vec();
    expect_unavailable("R10: a refresh whose hook fails", app.auth.refresh(token(&issued)).await);
    let after = app.stored(id(&issued)).await.or_fail("R10: the session").as_bytes().to_vec();
    assert!(
        before == after,
        "R10: expected the session to stay unchanged after a refresh whose hook failed, but it changed"
    );
    hook.set(Answer::Deny);
    let reason =
        expect_refusal("R10: a refresh that the hook denies", app.auth.refresh(token(&issued)).await);
    expect_equal("R10: the reason of the refusal", reason, Rejection::Denied);
    assert!(
        app.stored(id(&issued)).await.is_none(),
        "R10: expected a denied refresh to end its session, but it is still stored"
    );
    let listed = app.direct.list(&issued.principal().to_subject()).await.or_fail("R10: list");
    expect_equal("R10: sessions listed after a denial", listed.len(), 0);
}

/// R11: within the grace window after its creation, the current token is returned again without a rotation.
pub async fn r11_a_fresh_token_is_not_rotated(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let first = app.login("ada", "R11").await;
    app.clock.advance(GRACE);
    let same_again =
        app.refresh(token(&first), "R11: a token within the grace window after its creation").await;
    expect_equal(
        "R11: the token returned within the grace window after its creation",
        token(&same_again),
        token(&first),
    );
    expect_equal("R11: the generation", app.generation(id(&first), "R11: the session").await, 0);
    app.clock.advance(TICK);
    let second = app.refresh(token(&first), "R11: a token after that window").await;
    assert!(
        token(&second) != token(&first),
        "R11: expected a rotation after the grace window, got the same token"
    );
    let again = app.refresh(token(&second), "R11: a new successor").await;
    expect_equal("R11: the token returned for a new successor", token(&again), token(&second));
    let late = app.refresh(token(&first), "R11: a late replay of its predecessor").await;
    expect_equal("R11: the token returned for the predecessor", token(&late), token(&second));
}
