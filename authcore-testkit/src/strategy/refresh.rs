//! R1, R2, R4, R5 and R9 to R11: the rotation as clients see it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::world::{AFTER_GRACE, GRACE, IDLE, TICK, World, id, token};
use crate::expect::{Must as _, refused, same, unavailable};
use crate::race::at_once;
use crate::records::HOUR;
use crate::{Call, Fixture};
use async_trait::async_trait;
use authcore::clock::{Clock, ManualClock};
use authcore::error::Rejection;
use authcore::store::{SessionRecord, SessionStore as _, StoreError};
use authcore::strategy::{RefreshDecision, RefreshHook};
use authcore::{Claims, Error, IssuedCredentials, SessionPolicy, Timestamp};

/// R1: every generation gives the next, and the access token that comes with it is good.
pub async fn r1_every_generation_gives_the_next_once(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let mut issued = world.login("ada", "R1").await;
    let mut seen = BTreeSet::from([token(&issued).to_owned()]);
    for generation in 1..=5 {
        world.clock.advance(AFTER_GRACE);
        issued = world.refresh(token(&issued), "R1: the current refresh token").await;
        assert!(seen.insert(token(&issued).to_owned()), "R1: a refresh token came a second time");
        same("R1: the generation", world.generation(id(&issued), "R1: the session").await, generation);
        let principal = world.authenticate(issued.credential().expose(), "R1: the access token").await;
        same("R1: the session of the access token", principal.session_id(), Some(id(&issued)));
    }
}

/// R2: a token that was replaced gives the same successor, and a fresh access token, to the end of its
/// window.
pub async fn r2_a_replay_within_the_window_gives_the_same_successor(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let first = world.login("ada", "R2").await;
    world.clock.advance(AFTER_GRACE);
    let second = world.refresh(token(&first), "R2: the current refresh token").await;
    let begun = world.clock.now();
    for after in [Duration::ZERO, TICK, GRACE / 2, GRACE] {
        world.clock.set(begun.plus(after));
        let again = world.refresh(token(&first), "R2: a replay within the window").await;
        same("R2: the successor", token(&again), token(&second));
        world.authenticate(again.credential().expose(), "R2: the access token of a replay").await;
    }
    same("R2: the generation after replays", world.generation(id(&first), "R2: the session").await, 1);
    // Fixed from the rotation: a replay does not make the window longer.
    world.clock.set(begun.plus(AFTER_GRACE));
    let _ = refused("R2: a replay after the window", world.auth.refresh(token(&first)).await);
}

/// R2: 64 requests with one token all succeed, with one successor and one step of the generation.
pub async fn r2_all_concurrent_presentations_get_one_successor(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let mut issued = world.login("ada", "R2").await;
    for generation in 1..=3 {
        world.clock.advance(AFTER_GRACE);
        let all = at_once((0..64).map(|_| {
            let (world, issued) = (world.clone(), issued.clone());
            async move { world.refresh(token(&issued), "R2: one of 64 presentations at once").await }
        }))
        .await;
        let successors: BTreeSet<_> = all.iter().map(token).collect();
        same("R2: successors of one token", successors.len(), 1);
        same("R2: the generation", world.generation(id(&issued), "R2: the session").await, generation);
        for issued in &all {
            world.authenticate(issued.credential().expose(), "R2: the access token of one of 64").await;
        }
        issued = all.into_iter().next().must("R2: the successor");
    }
}

/// R2: with the option for mobile clients, the window stays open until the successor is used.
pub async fn r2_the_named_option_keeps_the_window_open(fixture: Fixture) {
    let world =
        World::hybrid_with(&fixture, authcore::strategy::RefreshTokensBuilder::grace_until_successor_is_used);
    let first = world.login("ada", "R2").await;
    world.clock.advance(AFTER_GRACE);
    let second = world.refresh(token(&first), "R2: the current refresh token").await;
    world.clock.advance(HOUR);
    let again = world.refresh(token(&first), "R2: a replay before the successor is used").await;
    same("R2: the successor", token(&again), token(&second));
    let third = world.refresh(token(&second), "R2: the successor").await;
    assert!(token(&third) != token(&second), "R2: the successor was not rotated");
    world.clock.advance(AFTER_GRACE);
    let reason =
        refused("R2: a replay after its successor was used", world.auth.refresh(token(&first)).await);
    assert!(matches!(reason, Rejection::RefreshReused(_)), "R2: a replay is refused as {reason:?}");
}

/// R4: a session that was revoked or has expired is refused also inside the window, and not as a reuse.
pub async fn r4_revoked_or_expired_refuses_inside_the_window(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let first = world.login("ada", "R4").await;
    world.clock.advance(AFTER_GRACE);
    let second = world.refresh(token(&first), "R4: the current refresh token").await;
    let ended = world.auth.logout(token(&first)).await.must("R4: logout by an older generation");
    same("R4: sessions that the logout ended", ended.sessions, vec![id(&first)]);
    for token in [token(&first), token(&second)] {
        let reason = refused("R4: a token whose session was revoked", world.auth.refresh(token).await);
        same("R4: the reason to refuse it", reason, Rejection::SessionEnded);
    }

    let short = SessionPolicy::new().with_idle_timeout(IDLE).with_absolute_timeout(IDLE);
    let world = World::hybrid_with(&fixture, |builder| builder.policy(short));
    let first = world.login("ben", "R4").await;
    world.clock.advance(IDLE - GRACE / 2);
    let second = world.refresh(token(&first), "R4: the current refresh token").await;
    world.clock.advance(GRACE / 2);
    for token in [token(&first), token(&second)] {
        let reason = refused("R4: a token whose session has expired", world.auth.refresh(token).await);
        // The store may have dropped it by now.
        let over = matches!(reason, Rejection::Expired | Rejection::SessionEnded);
        assert!(over, "R4: a token whose session has expired is refused as {reason:?}");
    }
}

/// R5: rotation moves the idle expiry and never the absolute one, which it does not pass either.
pub async fn r5_rotation_never_moves_the_end(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let mut issued = world.login("ada", "R5").await;
    let end = issued.refresh_expires_at();
    for _ in 0..23 {
        world.clock.advance(HOUR);
        issued = world.refresh(token(&issued), "R5: the current refresh token").await;
        same("R5: the end after a rotation", issued.refresh_expires_at(), end);
        let stored = world.stored(id(&issued)).await.must("R5: the session");
        same("R5: the stored end after a rotation", Some(stored.expires_at()), end);
        assert!(
            stored.idle_expires_at() <= stored.expires_at(),
            "R5: the idle expiry passed the absolute one"
        );
    }
    world.clock.advance(HOUR);
    let _ = refused("R5: a token at the absolute expiry", world.auth.refresh(token(&issued)).await);
}

/// Counts how often it is asked.
#[derive(Debug, Clone)]
struct CountingClock(ManualClock, Arc<Mutex<usize>>);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.now()
    }
}

/// R9: a call reads the clock once; the access token's times come from that, and it never outlives its
/// session.
pub async fn r9_one_moment_decides_a_call(fixture: Fixture) {
    let mut world = World::hybrid(&fixture);
    let asked = Arc::new(Mutex::new(0));
    let clock = CountingClock(world.clock.clone(), Arc::clone(&asked));
    world.auth = world.auth.with_clock(clock);
    let take = || std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
    let issued = world.login("ada", "R9").await;
    same("R9: readings of the clock by login", take(), 1);
    world.clock.advance(AFTER_GRACE);
    // A retry after a lost race must not read it again.
    let (rival, shared) = (world.auth.clone(), token(&issued).to_owned());
    world.store.before_next(Call::Replace, async move {
        rival.refresh(&shared).await.must("R9: the rival's refresh");
    });
    let next = world.refresh(token(&issued), "R9: refresh beside a rival").await;
    same("R9: readings of the clock by two refreshes", take(), 2);
    let principal = world.authenticate(next.credential().expose(), "R9: the access token").await;
    same("R9: `exp` of the access token", next.expires_at().as_millis() % 1000, 0);
    assert!(principal.expires_at() <= next.expires_at(), "R9: `exp` is later than what was said at issue");

    // An hour of use after the other, to the last minutes of the session.
    let mut issued: IssuedCredentials = next;
    let end = issued.refresh_expires_at().must("R9: the end of the session");
    while world.clock.now().plus(HOUR + HOUR / 12) < end {
        world.clock.advance(HOUR);
        issued = world.refresh(token(&issued), "R9: the current refresh token").await;
    }
    world.clock.set(end.minus(HOUR / 12));
    issued = world.refresh(token(&issued), "R9: a refresh five minutes before the end").await;
    assert!(issued.expires_at() <= end, "R9: the access token outlives its session");
}

/// What the hook answers next.
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
        same("R10: the subject that the hook is asked about", session.subject(), "ada");
        let answer = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Answer::Keep => Ok(RefreshDecision::Keep),
            Answer::Reader => {
                let mut claims = Claims::new();
                claims.set("role", "reader")?;
                Ok(RefreshDecision::Replace(claims))
            }
            Answer::Fail => Err(StoreError::unavailable("the accounts").into()),
            Answer::Deny => Ok(RefreshDecision::Deny),
        }
    }
}

/// R10: the hook's claims go into the session and the token, its error changes nothing, its denial ends the
/// session.
pub async fn r10_the_hook_replaces_claims_or_denies(fixture: Fixture) {
    let hook = Hook(Arc::new(Mutex::new(Answer::Keep)));
    let world = World::hybrid_with(&fixture, |builder| builder.on_refresh(hook.clone()));
    let mut admin = Claims::new();
    admin.set("role", "admin").must("R10: claims");
    let login = authcore::Login::new("ada").and_then(|login| login.claims(&admin)).must("R10: a login");
    let mut issued = world.auth.login(login).await.must("R10: login");
    let role = async |issued: &IssuedCredentials| {
        let principal = world.authenticate(issued.credential().expose(), "R10: the access token").await;
        principal.claims::<Claims>().must("R10: claims").get::<String>("role").must("R10: a role")
    };
    for (answer, expected) in [(Answer::Keep, "admin"), (Answer::Reader, "reader"), (Answer::Keep, "reader")]
    {
        world.clock.advance(AFTER_GRACE);
        hook.set(answer);
        issued = world.refresh(token(&issued), "R10: a refresh with a hook").await;
        same("R10: the role in the access token", role(&issued).await.as_deref(), Some(expected));
    }
    world.clock.advance(AFTER_GRACE);
    hook.set(Answer::Fail);
    let before = world.stored(id(&issued)).await.must("R10: the session").as_bytes().to_vec();
    unavailable("R10: a refresh whose hook fails", world.auth.refresh(token(&issued)).await);
    let after = world.stored(id(&issued)).await.must("R10: the session").as_bytes().to_vec();
    assert!(before == after, "R10: a refresh whose hook failed changed the session");
    hook.set(Answer::Deny);
    let reason = refused("R10: a refresh that the hook denies", world.auth.refresh(token(&issued)).await);
    same("R10: the reason to refuse it", reason, Rejection::Denied);
    assert!(world.stored(id(&issued)).await.is_none(), "R10: a denied session is still there");
    let listed = world.direct.list(&issued.principal().to_subject()).await.must("R10: list");
    same("R10: sessions listed after a denial", listed.len(), 0);
}

/// R11: within the window of its birth the current token is handed out again, without a rotation.
pub async fn r11_a_fresh_token_is_not_rotated(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let first = world.login("ada", "R11").await;
    world.clock.advance(GRACE);
    let same_again = world.refresh(token(&first), "R11: a token within the window of its birth").await;
    same("R11: the token within the window of its birth", token(&same_again), token(&first));
    same("R11: the generation", world.generation(id(&first), "R11: the session").await, 0);
    world.clock.advance(TICK);
    let second = world.refresh(token(&first), "R11: a token after that window").await;
    assert!(token(&second) != token(&first), "R11: a token was not rotated after the window of its birth");
    let again = world.refresh(token(&second), "R11: a successor just born").await;
    same("R11: the successor just born", token(&again), token(&second));
    let late = world.refresh(token(&first), "R11: its predecessor, late").await;
    same("R11: what the predecessor gives", token(&late), token(&second));
}
