//! A4, A5 and A8: timeouts, sliding expiry and changes of claims.

use std::time::Duration;

use authcore::error::Rejection;
use authcore::store::SessionStore as _;
use authcore::{Auth, Claims, Error};

use super::test_app::{ABSOLUTE, IDLE, TICK, TestApp, id, policy};
use crate::assertions::{OrFail as _, expect_equal, expect_refusal};
use crate::concurrency::run_concurrently;
use crate::records::HOUR;
use crate::{Call, Fault, Fixture};

/// A4: however often a session is used, it ends at its absolute timeout and not before.
pub async fn a4_the_absolute_timeout_holds_to_the_millisecond(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, policy());
    let issued = app.login("ada", "A4").await;
    for _ in 0..23 {
        app.clock.advance(HOUR);
        app.authenticate(issued.credential().expose(), "A4: a session that is used every hour").await;
        let stored = app.stored(id(&issued)).await.or_fail("A4: the session");
        assert!(
            stored.idle_expires_at() <= stored.expires_at(),
            "A4: expected the idle expiry to stay within the absolute expiry, but a slide passed it"
        );
        expect_equal("A4: the absolute expiry after a slide", stored.expires_at(), issued.expires_at());
    }
    app.clock.advance(HOUR - TICK);
    app.authenticate(issued.credential().expose(), "A4: a session a millisecond before its absolute timeout")
        .await;
    app.clock.advance(TICK);
    let outcome = app.auth.authenticate(issued.credential().expose()).await;
    expect_equal(
        "A4: at the absolute timeout",
        expect_refusal("A4: at the absolute timeout", outcome),
        Rejection::Expired,
    );
}

/// A4: the idle timeout takes effect between (1 - share) and 1 times its length after the last request.
pub async fn a4_the_idle_timeout_takes_effect_within_its_share(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, policy());
    // (time of the last use, time at which it ends)
    let unwritten = HOUR - TICK;
    for (used, ends) in [(Duration::ZERO, IDLE), (unwritten, IDLE), (HOUR, HOUR + IDLE)] {
        let issued = app.login("ada", "A4").await;
        app.clock.advance(used);
        app.authenticate(issued.credential().expose(), "A4: a session within its idle timeout").await;
        app.clock.advance(ends - used - TICK);
        let about_to_end = app.stored(id(&issued)).await.or_fail("A4: the session");
        assert!(
            about_to_end.ends_at() > authcore::clock::Clock::now(&app.clock),
            "A4: expected a session to last for its idle timeout less the share, but it ends earlier"
        );
        app.clock.advance(TICK);
        let outcome = app.auth.authenticate(issued.credential().expose()).await;
        expect_equal(
            "A4: after the idle timeout",
            expect_refusal("A4: after the idle timeout", outcome),
            Rejection::Expired,
        );
        let left = ends - used;
        assert!(
            left >= IDLE.mul_f64(0.75) && left <= IDLE,
            "A4: expected an end between 0.75 and 1 idle timeouts after the last request, got {left:?}"
        );
    }
}

/// A5: however many requests run, a session is written once per share of its idle timeout.
pub async fn a5_a_slide_writes_once_per_share(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, policy());
    let issued = app.login("ada", "A5").await;
    let version = async || app.stored(id(&issued)).await.or_fail("A5: the session").version().number();
    let first = version().await;
    for share in 1..=3 {
        app.clock.advance(HOUR - TICK);
        let writes = app.store.count(Call::Replace);
        for _ in 0..20 {
            app.authenticate(issued.credential().expose(), "A5: a request before a slide is due").await;
        }
        expect_equal("A5: writes before a slide is due", app.store.count(Call::Replace), writes);
        app.clock.advance(TICK);
        run_concurrently((0..32).map(|_| {
            let (app, issued) = (app.clone(), issued.clone());
            async move {
                app.authenticate(
                    issued.credential().expose(),
                    "A5: one of several concurrent requests when a slide is due",
                )
                .await;
            }
        }))
        .await;
        expect_equal(
            "A5: the version after concurrent requests when a slide was due",
            version().await,
            first + share,
        );
        let writes = app.store.count(Call::Replace);
        app.authenticate(issued.credential().expose(), "A5: a request after a slide").await;
        expect_equal("A5: writes just after a slide", app.store.count(Call::Replace), writes);
    }
}

/// A5: a stale or unavailable slide is ignored; a slide that finds no session refuses the request.
pub async fn a5_a_stale_or_unavailable_slide_is_ignored(fixture: Fixture) {
    let app = TestApp::sessions(&fixture, policy());
    let issued = app.login("ada", "A5").await;
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        app.clock.advance(HOUR);
        app.store.fail_every(Call::Replace, fault);
        app.authenticate(issued.credential().expose(), "A5: a request whose slide is unavailable").await;
        app.store.clear_faults();
        app.authenticate(issued.credential().expose(), "A5: the request after it").await;
    }
    app.clock.advance(HOUR);
    let (rival, token) = (app.auth.clone(), issued.credential().expose().to_owned());
    app.store.before_next(Call::Replace, async move {
        rival.authenticate(&token).await.or_fail("A5: the competing request");
    });
    app.authenticate(issued.credential().expose(), "A5: a request whose slide is stale").await;

    app.clock.advance(HOUR);
    let (direct, session) = (app.direct.clone(), id(&issued));
    app.store.before_next(Call::Replace, async move {
        let _ = direct.remove(session).await.or_fail("A5: the competing removal");
    });
    let outcome = app.auth.authenticate(issued.credential().expose()).await;
    let reason = expect_refusal("A5: a request whose slide finds no session", outcome);
    expect_equal("A5: the reason of the refusal", reason, Rejection::SessionEnded);
}

/// A5: a change of claims and a renewal count as uses too.
pub async fn a5_other_writes_slide_too(fixture: Fixture) {
    for app in TestApp::stateful(&fixture) {
        let issued = app.login("ada", "A5").await;
        app.clock.advance(HOUR / 12);
        let changed =
            app.auth.update_claims(issued.principal(), |_| Ok(())).await.or_fail("A5: update_claims");
        let now = authcore::clock::Clock::now(&app.clock);
        let stored = app.stored(id(&issued)).await.or_fail("A5: the session");
        expect_equal(
            "A5: the idle expiry after a change of claims",
            stored.idle_expires_at(),
            now.plus(IDLE),
        );
        app.clock.advance(HOUR / 12);
        let _ = app.auth.renew(&changed).await.or_fail("A5: renew");
        let stored = app.stored(id(&issued)).await.or_fail("A5: the session");
        let expected = authcore::clock::Clock::now(&app.clock).plus(IDLE);
        expect_equal("A5: the idle expiry after a renewal", stored.idle_expires_at(), expected);
        expect_equal("A5: the absolute expiry", stored.expires_at(), stored.created_at().plus(ABSOLUTE));
    }
}

async fn increment_claim(auth: &Auth, principal: &authcore::Principal, own: &str) -> Result<(), Error> {
    auth.update_claims(principal, |claims| {
        claims.set("n", &(claims.get::<u64>("n")?.unwrap_or_default() + 1))?;
        Ok(claims.set(own, &true)?)
    })
    .await
    .map(drop)
}

/// A8: concurrent changes of one session's claims lose no change.
pub async fn a8_concurrent_changes_of_claims_lose_none(fixture: Fixture) {
    const WRITERS: u64 = 12;
    const CHANGES: u64 = 4;
    for app in TestApp::stateful(&fixture) {
        let issued = app.login("ada", "A8").await;
        run_concurrently((0..WRITERS).map(|writer| {
            let (auth, principal) = (app.auth.clone(), issued.principal().clone());
            async move {
                for _ in 0..CHANGES {
                    increment_claim(&auth, &principal, &format!("w{writer}"))
                        .await
                        .or_fail("A8: one of several concurrent changes");
                }
            }
        }))
        .await;
        // One more change, with a competing change certain to fall between its read and its write.
        let (rival, principal) = (app.auth.clone(), issued.principal().clone());
        app.store.before_next(Call::Replace, async move {
            increment_claim(&rival, &principal, "rival").await.or_fail("A8: the competing change");
        });
        increment_claim(&app.auth, issued.principal(), "overtaken")
            .await
            .or_fail("A8: a change that is overtaken");
        let last =
            app.auth.update_claims(issued.principal(), |_| Ok(())).await.or_fail("A8: the last change");
        let claims = last.claims::<Claims>().or_fail("A8: the claims");
        expect_equal(
            "A8: the number of changes counted in the claims",
            claims.get::<u64>("n"),
            Ok(Some(WRITERS * CHANGES + 2)),
        );
        expect_equal("A8: the number of names in the claims", claims.names().count() as u64, WRITERS + 3);
    }
}
