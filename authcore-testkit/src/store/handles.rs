//! S8, S12 and S15: several handles on one store.

use crate::Fixture;
use crate::checked_store::CheckedStore;
use crate::concurrency::run_concurrently;
use crate::records::{next, record, subject};

/// S8: each handle sees what the other one wrote.
pub async fn s8_handles_share_state(fixture: Fixture) {
    let (one, two) = (CheckedStore::new(&fixture, "S8"), CheckedStore::second(&fixture, "S8"));
    let first = record(&subject("ada"));
    one.add(&first).await;
    two.expect_stored(&first, "a session inserted through the other handle").await;
    let second = next(&first, 1);
    two.advance(&first, &second).await;
    one.expect_stored(&second, "a session replaced through the other handle").await;
    let removed = two.remove(first.id()).await;
    two.expect(
        removed,
        "expected remove to return true for a session inserted through the other handle, got false",
    );
    one.expect_absent(&first, "a session removed through the other handle").await;
}

/// S15: `load` and `list` see every write that was acknowledged before they began, through any handle.
pub async fn s15_every_handle_sees_acknowledged_writes(fixture: Fixture) {
    let (one, two) = (CheckedStore::new(&fixture, "S15"), CheckedStore::second(&fixture, "S15"));
    run_concurrently((0..8).map(|task| {
        let (one, two) = (one.clone(), two.clone());
        async move {
            let ada = subject(&format!("ada-{task}"));
            for round in 0..20 {
                let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
                let first = record(&ada);
                writer.add(&first).await;
                reader.expect_stored(&first, "a session just inserted through the other handle").await;
                let second = next(&first, round);
                writer.advance(&first, &second).await;
                reader.expect_stored(&second, "a session just replaced through the other handle").await;
                if round % 3 == 0 {
                    let named = writer.remove_all(&ada, None).await;
                    writer.expect(
                        named.contains(&first.id()),
                        "expected remove_all to return an acknowledged session, but it does not",
                    );
                } else {
                    let removed = writer.remove(first.id()).await;
                    writer.expect(
                        removed,
                        "expected remove to return true for an acknowledged session, got false",
                    );
                }
                reader.expect_absent(&first, "a session just removed through the other handle").await;
            }
        }
    }))
    .await;
}

/// S12: two isolated stores on one server never see each other's data. The fixture's second handle is the
/// other store.
pub async fn s12_isolated_stores_never_see_each_other(fixture: Fixture) {
    let (one, two) = (CheckedStore::new(&fixture, "S12"), CheckedStore::second(&fixture, "S12"));
    let ada = subject("ada");
    let stored = record(&ada);
    one.add(&stored).await;
    two.expect_absent(&stored, "a session of the other store").await;
    let other = next(&stored, 1);
    two.add(&other).await;
    one.expect_stored(&stored, "a session whose id also exists in the other store").await;
    two.expect_stored(&other, "a session whose id also exists in the other store").await;
    two.expect_equal(
        "the sessions that remove_all returns",
        two.remove_all(&ada, None).await,
        vec![stored.id()],
    );
    one.expect_stored(&stored, "a session after remove_all on the other store").await;
    let removed = two.remove(stored.id()).await;
    two.expect(!removed, "expected remove to return false for a session of the other store, got true");
    let _ = two.purge(stored.ends_at().plus(crate::records::HOUR), 100).await;
    one.expect_stored(&stored, "a session after a purge of the other store").await;
}
