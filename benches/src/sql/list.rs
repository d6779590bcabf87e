//! The time of listing the sessions of one subject, in a small and in a large table.

use std::sync::Arc;

use authcore::store::SessionStore as _;
use authcore::{Auth, Subject};

use super::crowd::{Life, fill_postgres};
use super::{CONNECTIONS, auth, login, postgres_server, postgres_store};
use crate::remote::{in_turn, runtime, single};
use crate::report::Finding;
use crate::tokens::expect_ok;

const NAME: &str = "session.postgres.list";
const FEW: usize = 1_000;
const MANY: usize = 1_000_000;
/// The number of sessions of the subject.
const OWN: usize = 5;
const ROUNDS: usize = 15;

pub(super) fn find() -> Finding {
    let (runtime, server) = (runtime(), postgres_server());
    let calls = [("few", FEW), ("many", MANY)].map(|(table, count)| {
        let store = runtime.block_on(async {
            let (pool, store) = postgres_store(&server, table, CONNECTIONS).await;
            log_in(&auth(store.clone())).await;
            fill_postgres(&pool, table, count - OWN, Life::Alive).await;
            store
        });
        let subject: Arc<Subject> = Arc::new(expect_ok("user000000".parse()));
        single(move |_| {
            let (store, subject) = (store.clone(), Arc::clone(&subject));
            async move { assert_eq!(expect_ok(store.list(&subject).await).len(), OWN) }
        })
    });
    let mut measure = in_turn(&runtime, calls.into());
    let mut rounds: Vec<_> = (0..ROUNDS).map(|_| measure()).collect();
    // Sort by the ratio: the two timings of a round ran under the same conditions.
    rounds.sort_by(|one, other| f64::total_cmp(&(one[1] / one[0]), &(other[1] / other[0])));
    let [few, many] = rounds[ROUNDS / 2][..] else { unreachable!("two were measured") };
    Finding::new(NAME).with("among_1k_ns", few).with("among_1m_ns", many).with("ratio", many / few)
}

async fn log_in(auth: &Auth) {
    for _ in 0..OWN {
        let _ = expect_ok(auth.login(login(0)).await);
    }
}
