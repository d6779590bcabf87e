//! R3, R6 and R8: tokens that are too old, too new, or forged.

use super::world::{AFTER_GRACE, GRACE, World, id, token};
use crate::expect::{Must as _, refused, same, unavailable};
use crate::race::at_once;
use crate::{Call, Fault, Fixture};
use authcore::error::{IncidentKind, Rejection};
use authcore::{Error, Login};

fn incident(what: &str, reason: Rejection) -> (IncidentKind, authcore::SessionId) {
    match reason {
        Rejection::RefreshReused(incident) => {
            same(&format!("{what}: the subject"), incident.subject().as_str(), "ada");
            same(&format!("{what}: the device"), incident.device().label(), Some("phone"));
            (incident.kind(), incident.session_id())
        }
        other => panic!("{what}: refused as {other:?}, not as a reuse"),
    }
}

async fn login(world: &World) -> authcore::IssuedCredentials {
    let phone = authcore::Device::unknown().with_label("phone");
    let login = Login::new("ada").must("R3: a login").device(phone);
    world.auth.login(login).await.must("R3: login")
}

/// R3: after the window, a token that was replaced ends its session, that one only, and is reported.
pub async fn r3_a_late_replay_ends_the_session(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let (first, other) = (login(&world).await, login(&world).await);
    world.clock.advance(AFTER_GRACE);
    let second = world.refresh(token(&first), "R3: the current refresh token").await;
    world.clock.advance(AFTER_GRACE);
    let reason = refused("R3: a late replay", world.auth.refresh(token(&first)).await);
    let got = incident("R3: a late replay", reason);
    same("R3: the incident", got, (IncidentKind::LateReplay, id(&first)));
    let reason = refused("R3: the successor after a late replay", world.auth.refresh(token(&second)).await);
    same("R3: the reason to refuse the successor", reason, Rejection::SessionEnded);
    let _ = refused(
        "R3: the live check",
        world.auth.authenticate_and_check_session(second.credential().expose()).await,
    );
    world.refresh(token(&other), "R3: the subject's other session").await;
}

/// R3: a generation that was replaced twice ends its session at any time.
pub async fn r3_an_older_generation_ends_the_session(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let first = login(&world).await;
    world.clock.advance(AFTER_GRACE);
    let second = world.refresh(token(&first), "R3: the current refresh token").await;
    world.clock.advance(AFTER_GRACE);
    world.refresh(token(&second), "R3: its successor").await;
    let reason = refused("R3: an older generation", world.auth.refresh(token(&first)).await);
    same("R3: the incident", incident("R3: an older generation", reason), (IncidentKind::Reuse, id(&first)));
    assert!(world.stored(id(&first)).await.is_none(), "R3: the session of a reused token is still there");
}

/// R3: of many replays at once, one reports; the others find the session ended.
pub async fn r3_one_call_reports_a_reuse(fixture: Fixture) {
    for _ in 0..5 {
        let world = World::hybrid(&fixture);
        let first = login(&world).await;
        world.clock.advance(AFTER_GRACE);
        world.refresh(token(&first), "R3: the current refresh token").await;
        world.clock.advance(AFTER_GRACE);
        let all = at_once((0..16).map(|_| {
            let (auth, token) = (world.auth.clone(), token(&first).to_owned());
            async move { refused("R3: one of many late replays", auth.refresh(&token).await) }
        }))
        .await;
        let reports = all.iter().filter(|reason| matches!(reason, Rejection::RefreshReused(_))).count();
        same("R3: calls that report one late replay", reports, 1);
        let ended = all.iter().filter(|reason| **reason == Rejection::SessionEnded).count();
        same("R3: calls that find the session ended", ended, 15);
    }
    // And two of which the second is between its read and its removal for certain.
    let world = World::hybrid(&fixture);
    let first = login(&world).await;
    world.clock.advance(AFTER_GRACE);
    world.refresh(token(&first), "R3: the current refresh token").await;
    world.clock.advance(AFTER_GRACE);
    let (rival, replayed) = (world.auth.clone(), token(&first).to_owned());
    world.store.before_next(Call::Remove, async move {
        let reason = refused("R3: the rival's late replay", rival.refresh(&replayed).await);
        let _ = incident("R3: the rival's late replay", reason);
    });
    let reason = refused("R3: a late replay that is overtaken", world.auth.refresh(token(&first)).await);
    same("R3: what the overtaken call reports", reason, Rejection::SessionEnded);
}

/// R3: if the session of a reused token cannot be removed, the call says so and gives no token; the next one
/// ends the session.
pub async fn r3_a_removal_that_fails_gives_no_token(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        let world = World::hybrid(&fixture);
        let first = login(&world).await;
        world.clock.advance(AFTER_GRACE);
        world.refresh(token(&first), "R3: the current refresh token").await;
        world.clock.advance(AFTER_GRACE);
        world.store.fail_every(Call::Remove, fault);
        unavailable("R3: a reuse whose removal fails", world.auth.refresh(token(&first)).await);
        world.store.heal();
        let reason = refused("R3: the reuse once the store is back", world.auth.refresh(token(&first)).await);
        let ended = matches!(reason, Rejection::RefreshReused(_) | Rejection::SessionEnded);
        assert!(ended, "R3: the reuse once the store is back is refused as {reason:?}");
        assert!(world.stored(id(&first)).await.is_none(), "R3: the session of a reused token is still there");
    }
}

/// R3: if the clock went back behind the rotation, a replay has no age, and is none too late.
pub async fn r3_a_clock_that_went_back_is_no_reuse(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let first = login(&world).await;
    let before = authcore::clock::Clock::now(&world.clock);
    world.clock.advance(AFTER_GRACE);
    let second = world.refresh(token(&first), "R3: the current refresh token").await;
    world.clock.set(before.minus(GRACE));
    let again = world.refresh(token(&first), "R3: a replay by a clock that went back").await;
    same("R3: what it gives", token(&again), token(&second));
}

/// R6: a good token newer than its session means that the store lost writes: the session goes on from the token,
/// and that is reported.
pub async fn r6_a_store_that_went_back_is_caught_up_with(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let first = login(&world).await;
    let old = world.stored(id(&first)).await.must("R6: the session");
    let mut newest = first;
    for _ in 0..3 {
        world.clock.advance(AFTER_GRACE);
        newest = world.refresh(token(&newest), "R6: the current refresh token").await;
    }
    for concurrent in [1, 16] {
        // A failover to a node that had not seen the rotations.
        let _ = world.direct.remove(old.id()).await.must("R6: the failover");
        let _ = world.direct.insert(&old).await.must("R6: the failover");
        world.clock.advance(AFTER_GRACE);
        let all = at_once((0..concurrent).map(|_| {
            let (world, newest) = (world.clone(), newest.clone());
            async move { world.refresh(token(&newest), "R6: a token newer than the store").await }
        }))
        .await;
        let reports: Vec<_> = all.iter().filter_map(|issued| issued.incident()).collect();
        same("R6: calls that report that the store went back", reports.len(), 1);
        for report in reports {
            same("R6: the incident", report.kind(), IncidentKind::StoreRolledBack);
            same("R6: its session", report.session_id(), old.id());
        }
        for issued in &all {
            same("R6: the successor", token(issued), token(&all[0]));
        }
        newest = all.into_iter().next().must("R6: the successor");
    }
    same("R6: the generation", world.generation(old.id(), "R6: the session").await, 5);
    world.clock.advance(AFTER_GRACE);
    world.refresh(token(&newest), "R6: the chain after a failover").await;
}

/// R8: whatever is forged from a token is refused and changes nothing; the token itself stays good.
pub async fn r8_a_forged_token_changes_nothing(fixture: Fixture) {
    let world = World::hybrid(&fixture);
    let (issued, other) = (login(&world).await, login(&world).await);
    world.clock.advance(AFTER_GRACE);
    let good = token(&issued);
    let before = world.stored(id(&issued)).await.must("R8: the session").as_bytes().to_vec();
    let flipped = (4..good.len()).map(|at| {
        let swapped = if &good[at..=at] == "A" { "B" } else { "A" };
        format!("{}{swapped}{}", &good[..at], &good[at + 1..])
    });
    // The id of one session with the generation, secret and tag of another.
    let grafted = [26, 27, 28, 60, 80].map(|at| format!("{}{}", &good[..at], &token(&other)[at..]));
    for forged in flipped.chain(grafted) {
        match world.auth.refresh(&forged).await {
            Err(Error::Unauthenticated(
                Rejection::WrongSecret | Rejection::SessionEnded | Rejection::Malformed(_),
            )) => {}
            other => panic!("R8: a forged refresh token was answered with {other:?}"),
        }
        let _ = refused(
            "R8: logout by a forged token, or nothing to end",
            match world.auth.logout(&forged).await {
                Ok(ended) if ended.sessions.is_empty() => Err(Rejection::SessionEnded.into()),
                other => other,
            },
        );
    }
    let after = world.stored(id(&issued)).await.must("R8: the session, after forgeries").as_bytes().to_vec();
    assert!(before == after, "R8: a forged refresh token changed the session");
    world.refresh(good, "R8: the token itself, after forgeries").await;
}
