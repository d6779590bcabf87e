//! R7: the rotation over a store that fails.

use super::world::{AFTER_GRACE, GRACE, World, id, token};
use crate::expect::{Must as _, same};
use crate::records::subject;
use crate::{Fault, Fixture};
use authcore::store::SessionStore as _;
use authcore::{Error, ErrorKind};

/// R7: the store fails at every call of a refresh in turn, before or after its effect. The same token presented
/// again works, gives the one successor, and the chain goes on.
pub async fn r7_no_fault_logs_out_or_forks(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        let world = World::hybrid(&fixture);
        let mut reached = 0;
        for nth in 1..20 {
            let name = format!("ada-{nth}-{fault:?}");
            let first = world.login(&name, "R7").await;
            world.clock.advance(AFTER_GRACE);
            world.store.fail_nth(nth, fault);
            let outcome = world.auth.refresh(token(&first)).await;
            let waited = world.store.heal();
            same("R7: a refresh succeeds exactly if no fault strikes", outcome.is_ok(), waited);
            if let Err(error) = &outcome {
                assert!(
                    error.kind() == ErrorKind::Unavailable && matches!(error, Error::Store(_)),
                    "R7: a refresh whose call {nth} fails {fault:?} is answered with {error:?}"
                );
            }
            same_chain(&world, &first, outcome.ok().as_ref(), &name).await;
            if waited {
                break;
            }
            reached = nth;
        }
        assert!(reached >= 2, "R7: a refresh made {reached} store calls, and none was a write");
    }
}

/// The token presented again, twice, and its successor after that.
async fn same_chain(
    world: &World,
    first: &authcore::IssuedCredentials,
    outcome: Option<&authcore::IssuedCredentials>,
    name: &str,
) {
    world.clock.advance(GRACE / 3);
    let second = world.refresh(token(first), "R7: the same token after a fault").await;
    world.clock.advance(GRACE / 3);
    let again = world.refresh(token(first), "R7: the same token once more").await;
    same("R7: the successor after a fault", token(&again), token(&second));
    if let Some(outcome) = outcome {
        same("R7: the successor", token(outcome), token(&second));
    }
    same("R7: the generation after a fault", world.generation(id(first), "R7: the session").await, 1);
    let listed = world.direct.list(&subject(name)).await.must("R7: list");
    same("R7: the subject's sessions after a fault", listed.len(), 1);
    world.clock.advance(AFTER_GRACE);
    let third = world.refresh(token(&second), "R7: the successor after a fault").await;
    world.authenticate(third.credential().expose(), "R7: the access token after a fault").await;
    same("R7: the generation", world.generation(id(first), "R7: the session").await, 2);
}
