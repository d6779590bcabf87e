//! A4, A5 and A8: timeouts, slides and changes of claims.

use std::time::Duration;

use super::world::{ABSOLUTE, IDLE, TICK, World, id, policy};
use crate::expect::{Must as _, refused, same};
use crate::race::at_once;
use crate::records::HOUR;
use crate::{Call, Fault, Fixture};
use authcore::error::Rejection;
use authcore::store::SessionStore as _;
use authcore::{Auth, Claims, Error};

/// A4: however much a session is used, it ends with its absolute timeout, and not before.
pub async fn a4_the_absolute_timeout_holds_to_the_millisecond(fixture: Fixture) {
    let world = World::sessions(&fixture, policy());
    let issued = world.login("ada", "A4").await;
    for _ in 0..23 {
        world.clock.advance(HOUR);
        world.authenticate(issued.credential().expose(), "A4: a session that is used every hour").await;
        let stored = world.stored(id(&issued)).await.must("A4: the session");
        assert!(stored.idle_expires_at() <= stored.expires_at(), "A4: the slide passed the absolute expiry");
        same("A4: the absolute expiry after a slide", stored.expires_at(), issued.expires_at());
    }
    world.clock.advance(HOUR - TICK);
    world
        .authenticate(issued.credential().expose(), "A4: a session a millisecond before its absolute timeout")
        .await;
    world.clock.advance(TICK);
    let outcome = world.auth.authenticate(issued.credential().expose()).await;
    same("A4: at the absolute timeout", refused("A4: at the absolute timeout", outcome), Rejection::Expired);
}

/// A4: the idle timeout ends between (1 - share) and 1 times its length after the last request.
pub async fn a4_the_idle_timeout_ends_within_its_share(fixture: Fixture) {
    let world = World::sessions(&fixture, policy());
    // (when it is used, when it must still be good, when it must be refused)
    let unwritten = HOUR - TICK;
    for (used, ends) in [(Duration::ZERO, IDLE), (unwritten, IDLE), (HOUR, HOUR + IDLE)] {
        let issued = world.login("ada", "A4").await;
        world.clock.advance(used);
        world.authenticate(issued.credential().expose(), "A4: a session within its idle timeout").await;
        world.clock.advance(ends - used - TICK);
        let about_to_end = world.stored(id(&issued)).await.must("A4: the session");
        assert!(
            about_to_end.ends_at() > authcore::clock::Clock::now(&world.clock),
            "A4: a session ends earlier than its idle timeout and its share allow"
        );
        world.clock.advance(TICK);
        let outcome = world.auth.authenticate(issued.credential().expose()).await;
        same(
            "A4: after the idle timeout",
            refused("A4: after the idle timeout", outcome),
            Rejection::Expired,
        );
        let left = ends - used;
        assert!(left >= IDLE.mul_f64(0.75) && left <= IDLE, "A4: {left:?} after the last request");
    }
}

/// A5: however many requests run, a session is written once per share of its idle timeout.
pub async fn a5_a_slide_writes_once_per_share(fixture: Fixture) {
    let world = World::sessions(&fixture, policy());
    let issued = world.login("ada", "A5").await;
    let version = async || world.stored(id(&issued)).await.must("A5: the session").version().number();
    let first = version().await;
    for share in 1..=3 {
        world.clock.advance(HOUR - TICK);
        let writes = world.store.count(Call::Replace);
        for _ in 0..20 {
            world.authenticate(issued.credential().expose(), "A5: a request before a slide is due").await;
        }
        same("A5: writes before a slide is due", world.store.count(Call::Replace), writes);
        world.clock.advance(TICK);
        at_once((0..32).map(|_| {
            let (world, issued) = (world.clone(), issued.clone());
            async move {
                world
                    .authenticate(
                        issued.credential().expose(),
                        "A5: one of many requests when a slide is due",
                    )
                    .await;
            }
        }))
        .await;
        same("A5: the version after many requests when a slide is due", version().await, first + share);
        let writes = world.store.count(Call::Replace);
        world.authenticate(issued.credential().expose(), "A5: a request after a slide").await;
        same("A5: writes just after a slide", world.store.count(Call::Replace), writes);
    }
}

/// A5: a slide that is stale or that the store refuses is no error; one of a session that is gone refuses.
pub async fn a5_a_slide_ignores_what_is_stale_or_unavailable(fixture: Fixture) {
    let world = World::sessions(&fixture, policy());
    let issued = world.login("ada", "A5").await;
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        world.clock.advance(HOUR);
        world.store.fail_every(Call::Replace, fault);
        world.authenticate(issued.credential().expose(), "A5: a request whose slide is unavailable").await;
        world.store.heal();
        world.authenticate(issued.credential().expose(), "A5: the request after it").await;
    }
    world.clock.advance(HOUR);
    let (rival, token) = (world.auth.clone(), issued.credential().expose().to_owned());
    world.store.before_next(Call::Replace, async move {
        rival.authenticate(&token).await.must("A5: the rival's request");
    });
    world.authenticate(issued.credential().expose(), "A5: a request whose slide is stale").await;

    world.clock.advance(HOUR);
    let (direct, session) = (world.direct.clone(), id(&issued));
    world.store.before_next(Call::Replace, async move {
        let _ = direct.remove(session).await.must("A5: the rival's removal");
    });
    let outcome = world.auth.authenticate(issued.credential().expose()).await;
    let reason = refused("A5: a request whose slide finds the session gone", outcome);
    same("A5: the reason to refuse it", reason, Rejection::SessionEnded);
}

/// A5: a change of claims and a renewal are uses too.
pub async fn a5_other_writes_slide_too(fixture: Fixture) {
    for world in World::stateful(&fixture) {
        let issued = world.login("ada", "A5").await;
        world.clock.advance(HOUR / 12);
        let changed =
            world.auth.update_claims(issued.principal(), |_| Ok(())).await.must("A5: update_claims");
        let now = authcore::clock::Clock::now(&world.clock);
        let stored = world.stored(id(&issued)).await.must("A5: the session");
        same("A5: the idle expiry after a change of claims", stored.idle_expires_at(), now.plus(IDLE));
        world.clock.advance(HOUR / 12);
        world.auth.renew(&changed).await.must("A5: renew");
        let stored = world.stored(id(&issued)).await.must("A5: the session");
        let expected = authcore::clock::Clock::now(&world.clock).plus(IDLE);
        same("A5: the idle expiry after a renewal", stored.idle_expires_at(), expected);
        same("A5: the absolute expiry", stored.expires_at(), stored.created_at().plus(ABSOLUTE));
    }
}

async fn count_up(auth: &Auth, principal: &authcore::Principal, own: &str) -> Result<(), Error> {
    auth.update_claims(principal, |claims| {
        claims.set("n", &(claims.get::<u64>("n")?.unwrap_or_default() + 1))?;
        Ok(claims.set(own, &true)?)
    })
    .await
    .map(drop)
}

/// A8: of many changes of one session's claims, none is lost.
pub async fn a8_concurrent_changes_of_claims_lose_none(fixture: Fixture) {
    const WRITERS: u64 = 12;
    const CHANGES: u64 = 4;
    for world in World::stateful(&fixture) {
        let issued = world.login("ada", "A8").await;
        at_once((0..WRITERS).map(|writer| {
            let (auth, principal) = (world.auth.clone(), issued.principal().clone());
            async move {
                for _ in 0..CHANGES {
                    count_up(&auth, &principal, &format!("w{writer}")).await.must("A8: one of many changes");
                }
            }
        }))
        .await;
        // And one that is overtaken between its read and its write for certain.
        let (rival, principal) = (world.auth.clone(), issued.principal().clone());
        world.store.before_next(Call::Replace, async move {
            count_up(&rival, &principal, "rival").await.must("A8: the rival's change");
        });
        count_up(&world.auth, issued.principal(), "overtaken").await.must("A8: a change that is overtaken");
        let last = world.auth.update_claims(issued.principal(), |_| Ok(())).await.must("A8: the last change");
        let claims = last.claims::<Claims>().must("A8: the claims");
        same("A8: changes that are in the claims", claims.get::<u64>("n"), Ok(Some(WRITERS * CHANGES + 2)));
        same("A8: writers that are in the claims", claims.names().count() as u64, WRITERS + 3);
    }
}
