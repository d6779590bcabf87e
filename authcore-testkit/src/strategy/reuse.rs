//! R3, R6 and R8: refresh tokens that are too old, too new or forged.

use authcore::error::{IncidentKind, Rejection};
use authcore::{Error, Login};

use super::test_app::{AFTER_GRACE, GRACE, TestApp, id, token};
use crate::assertions::{OrFail as _, expect_equal, expect_refusal, expect_unavailable};
use crate::concurrency::run_concurrently;
use crate::{Call, Fault, Fixture};

fn incident(what: &str, reason: Rejection) -> (IncidentKind, authcore::SessionId) {
    match reason {
        Rejection::RefreshReused(incident) => {
            expect_equal(&format!("{what}: the subject"), incident.subject().as_str(), "ada");
            expect_equal(&format!("{what}: the device"), incident.device().label(), Some("phone"));
            (incident.kind(), incident.session_id())
        }
        other => panic!("{what}: expected a refusal as RefreshReused, got {other:?}"),
    }
}

async fn log_in_on_phone(app: &TestApp) -> authcore::IssuedCredentials {
    let phone = authcore::Device::unknown().with_label("phone");
    let login = Login::new("ada").or_fail("R3: a login").device(phone);
    app.auth.login(login).await.or_fail("R3: login")
}

/// R3: after the window, a replaced token ends its session, and only that one, and is reported.
pub async fn r3_a_late_replay_ends_the_session(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let (first, other) = (log_in_on_phone(&app).await, log_in_on_phone(&app).await);
    app.clock.advance(AFTER_GRACE);
    let second = app.refresh(token(&first), "R3: the current refresh token").await;
    app.clock.advance(AFTER_GRACE);
    let reason = expect_refusal("R3: a late replay", app.auth.refresh(token(&first)).await);
    let got = incident("R3: a late replay", reason);
    expect_equal("R3: the incident", got, (IncidentKind::ReplayedLate, id(&first)));
    let reason =
        expect_refusal("R3: the successor after a late replay", app.auth.refresh(token(&second)).await);
    expect_equal("R3: the reason of refusing the successor", reason, Rejection::SessionEnded);
    let _ = expect_refusal(
        "R3: the live check",
        app.auth.authenticate_and_check_session(second.credential().expose()).await,
    );
    let _ = app.refresh(token(&other), "R3: the subject's other session").await;
}

/// R3: a generation that has been replaced twice ends its session at any time.
pub async fn r3_an_older_generation_ends_the_session(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let first = log_in_on_phone(&app).await;
    app.clock.advance(AFTER_GRACE);
    let second = app.refresh(token(&first), "R3: the current refresh token").await;
    app.clock.advance(AFTER_GRACE);
    let _ = app.refresh(token(&second), "R3: its successor").await;
    let reason = expect_refusal("R3: an older generation", app.auth.refresh(token(&first)).await);
    expect_equal(
        "R3: the incident",
        incident("R3: an older generation", reason),
        (IncidentKind::Reuse, id(&first)),
    );
    assert!(
        app.stored(id(&first)).await.is_none(),
        "R3: expected the session of a reused token to be removed, but it is still stored"
    );
}

/// R3: of concurrent replays, one reports the reuse; the others find that the session has ended.
pub async fn r3_one_call_reports_a_reuse(fixture: Fixture) {
    for _ in 0..5 {
        let app = TestApp::hybrid(&fixture);
        let first = log_in_on_phone(&app).await;
        app.clock.advance(AFTER_GRACE);
        let _ = app.refresh(token(&first), "R3: the current refresh token").await;
        app.clock.advance(AFTER_GRACE);
        let all =
            run_concurrently((0..16).map(|_| {
                let (auth, token) = (app.auth.clone(), token(&first).to_owned());
                async move {
                    expect_refusal("R3: one of several concurrent late replays", auth.refresh(&token).await)
                }
            }))
            .await;
        let reports = all.iter().filter(|reason| matches!(reason, Rejection::RefreshReused(_))).count();
        expect_equal("R3: calls that report one late replay", reports, 1);
        let ended = all.iter().filter(|reason| **reason == Rejection::SessionEnded).count();
        expect_equal("R3: calls that find the session ended", ended, 15);
    }
    // Two replays, with the second certain to fall between the read and the removal of the first.
    let app = TestApp::hybrid(&fixture);
    let first = log_in_on_phone(&app).await;
    app.clock.advance(AFTER_GRACE);
    let _ = app.refresh(token(&first), "R3: the current refresh token").await;
    app.clock.advance(AFTER_GRACE);
    let (rival, replayed) = (app.auth.clone(), token(&first).to_owned());
    app.store.before_next(Call::Remove, async move {
        let reason = expect_refusal("R3: the competing late replay", rival.refresh(&replayed).await);
        let _ = incident("R3: the competing late replay", reason);
    });
    let reason =
        expect_refusal("R3: a late replay during a competing one", app.auth.refresh(token(&first)).await);
    expect_equal("R3: the reason that the overtaken call reports", reason, Rejection::SessionEnded);
}

/// R3: if the session of a reused token cannot be removed, the call is unavailable and issues no token. The
/// next call ends the session.
pub async fn r3_a_failed_removal_issues_no_token(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        let app = TestApp::hybrid(&fixture);
        let first = log_in_on_phone(&app).await;
        app.clock.advance(AFTER_GRACE);
        let _ = app.refresh(token(&first), "R3: the current refresh token").await;
        app.clock.advance(AFTER_GRACE);
        app.store.fail_every(Call::Remove, fault);
        expect_unavailable("R3: a reuse while removal fails", app.auth.refresh(token(&first)).await);
        app.store.clear_faults();
        let reason = expect_refusal(
            "R3: the reuse after the store has recovered",
            app.auth.refresh(token(&first)).await,
        );
        let ended = matches!(reason, Rejection::RefreshReused(_) | Rejection::SessionEnded);
        assert!(
            ended,
            "R3: the reuse after recovery: expected RefreshReused or SessionEnded, got {reason:?}"
        );
        assert!(
            app.stored(id(&first)).await.is_none(),
            "R3: expected the session of a reused token to be removed, but it is still stored"
        );
    }
}

/// R3: if the clock is set back to before the rotation, a replay counts as immediate and not as late.
pub async fn r3_a_clock_set_back_is_not_reuse(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let first = log_in_on_phone(&app).await;
    let before = authcore::clock::Clock::now(&app.clock);
    app.clock.advance(AFTER_GRACE);
    let second = app.refresh(token(&first), "R3: the current refresh token").await;
    app.clock.set(before.minus(GRACE));
    let again = app.refresh(token(&first), "R3: a replay after the clock was set back").await;
    expect_equal("R3: the token that it returns", token(&again), token(&second));
}

/// R6: a valid token newer than its session shows that the store has lost writes. The session continues from
/// the token, and the rollback is reported.
pub async fn r6_a_session_recovers_from_a_store_rollback(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let first = log_in_on_phone(&app).await;
    let old = app.stored(id(&first)).await.or_fail("R6: the session");
    let mut newest = first;
    for _ in 0..3 {
        app.clock.advance(AFTER_GRACE);
        newest = app.refresh(token(&newest), "R6: the current refresh token").await;
    }
    for concurrent in [1, 16] {
        // A failover to a node that has not seen the rotations.
        let _ = app.direct.remove(old.id()).await.or_fail("R6: the failover");
        let _ = app.direct.insert(&old).await.or_fail("R6: the failover");
        app.clock.advance(AFTER_GRACE);
        let all = run_concurrently((0..concurrent).map(|_| {
            let (app, newest) = (app.clone(), newest.clone());
            async move { app.refresh(token(&newest), "R6: a token newer than the store").await }
        }))
        .await;
        let reports: Vec<_> = all.iter().filter_map(|issued| issued.incident()).collect();
        expect_equal("R6: calls that report the rollback of the store", reports.len(), 1);
        for report in reports {
            expect_equal("R6: the incident", report.kind(), IncidentKind::StoreWentBack);
            expect_equal("R6: the session of the incident", report.session_id(), old.id());
        }
        for issued in &all {
            expect_equal("R6: the successor", token(issued), token(&all[0]));
        }
        newest = all.into_iter().next().or_fail("R6: the successor");
    }
    expect_equal("R6: the generation", app.generation(old.id(), "R6: the session").await, 5);
    app.clock.advance(AFTER_GRACE);
    let _ = app.refresh(token(&newest), "R6: the next refresh after a failover").await;
}

/// R8: a forged variant of a token is refused and changes nothing; the token itself remains valid.
pub async fn r8_a_forged_token_changes_nothing(fixture: Fixture) {
    let app = TestApp::hybrid(&fixture);
    let (issued, other) = (log_in_on_phone(&app).await, log_in_on_phone(&app).await);
    app.clock.advance(AFTER_GRACE);
    let good = token(&issued);
    let before = app.stored(id(&issued)).await.or_fail("R8: the session").as_bytes().to_vec();
    let flipped = (4..good.len()).map(|at| {
        let swapped = if &good[at..=at] == "A" { "B" } else { "A" };
        format!("{}{swapped}{}", &good[..at], &good[at + 1..])
    });
    // The id of one session, with the generation, secret and tag of another.
    let grafted = [26, 27, 28, 60, 80].map(|at| format!("{}{}", &good[..at], &token(&other)[at..]));
    for forged in flipped.chain(grafted) {
        match app.auth.refresh(&forged).await {
            Err(Error::Unauthenticated(
                Rejection::WrongSecret | Rejection::SessionEnded | Rejection::Malformed(_),
            )) => {}
            other => panic!("R8: a forged refresh token: expected a refusal, got {other:?}"),
        }
        let _ = expect_refusal(
            "R8: logout with a forged token",
            match app.auth.logout(&forged).await {
                Ok(ended) if ended.sessions.is_empty() => Err(Rejection::SessionEnded.into()),
                other => other,
            },
        );
    }
    let after = app.stored(id(&issued)).await.or_fail("R8: the session, after forgeries").as_bytes().to_vec();
    assert!(
        before == after,
        "R8: expected the session to stay unchanged after forged tokens, but it changed"
    );
    let _ = app.refresh(good, "R8: the token itself, after forgeries").await;
}
