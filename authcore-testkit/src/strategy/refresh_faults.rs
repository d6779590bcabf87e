//! R7: rotation with a failing store.

use authcore::store::SessionStore as _;
use authcore::{Error, ErrorKind};

use super::test_app::{AFTER_GRACE, GRACE, TestApp, id, token};
use crate::assertions::{OrFail as _, expect_equal};
use crate::records::subject;
use crate::{Fault, Fixture};

/// R7: each store call of a refresh fails in turn, before or after its effect. The same token presented again
/// works and returns the one successor, and the session continues.
pub async fn r7_no_fault_ends_or_forks_a_session(fixture: Fixture) {
    for fault in [Fault::BeforeCommit, Fault::AfterCommit] {
        let app = TestApp::hybrid(&fixture);
        let mut reached = 0;
        for nth in 1..20 {
            let name = format!("ada-{nth}-{fault:?}");
            let first = app.login(&name, "R7").await;
            app.clock.advance(AFTER_GRACE);
            app.store.fail_nth(nth, fault);
            let outcome = app.auth.refresh(token(&first)).await;
            let waited = app.store.clear_faults();
            expect_equal(
                "R7: whether a refresh succeeds, against whether no fault struck it",
                outcome.is_ok(),
                waited,
            );
            if let Err(error) = &outcome {
                assert!(
                    error.kind() == ErrorKind::Unavailable && matches!(error, Error::Store(_)),
                    "R7: a refresh with {fault:?} at store call {nth}: expected Unavailable, got {error:?}"
                );
            }
            expect_chain_continues(&app, &first, outcome.ok().as_ref(), &name).await;
            if waited {
                break;
            }
            reached = nth;
        }
        assert!(reached >= 2, "R7: expected a refresh to make at least 2 store calls, got {reached}");
    }
}

/// Presents the token again twice, then its successor, and expects all three to succeed.
async fn expect_chain_continues(
    app: &TestApp,
    first: &authcore::IssuedCredentials,
    outcome: Option<&authcore::IssuedCredentials>,
    name: &str,
) {
    app.clock.advance(GRACE / 3);
    let second = app.refresh(token(first), "R7: the same token after a fault").await;
    app.clock.advance(GRACE / 3);
    let again = app.refresh(token(first), "R7: the same token once more").await;
    expect_equal("R7: the successor after a fault", token(&again), token(&second));
    if let Some(outcome) = outcome {
        expect_equal("R7: the successor", token(outcome), token(&second));
    }
    expect_equal("R7: the generation after a fault", app.generation(id(first), "R7: the session").await, 1);
    let listed = app.direct.list(&subject(name)).await.or_fail("R7: list");
    expect_equal("R7: the subject's sessions after a fault", listed.len(), 1);
    app.clock.advance(AFTER_GRACE);
    let third = app.refresh(token(&second), "R7: the successor after a fault").await;
    app.authenticate(third.credential().expose(), "R7: the access token after a fault").await;
    expect_equal("R7: the generation", app.generation(id(first), "R7: the session").await, 2);
}
