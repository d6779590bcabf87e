//! S8, S12 and S15: several handles.

use crate::Fixture;
use crate::probe::Probe;
use crate::race::at_once;
use crate::records::{next, record, subject};

/// S8: a second handle sees what the first wrote, and the reverse.
pub async fn s8_handles_share_state(fixture: Fixture) {
    let (one, two) = (Probe::new(&fixture, "S8"), Probe::second(&fixture, "S8"));
    let first = record(&subject("ada"));
    one.add(&first).await;
    two.holds(&first, "a session that the other handle wrote").await;
    let second = next(&first, 1);
    two.advance(&first, &second).await;
    one.holds(&second, "a session that the other handle replaced").await;
    let removed = two.remove(first.id()).await;
    two.check(removed, "remove of a session that the other handle wrote removed nothing");
    one.lacks(&first, "after the other handle removed it").await;
}

/// S15: `load` and `list` see every write that was acknowledged before they began, through any handle.
pub async fn s15_every_handle_sees_acknowledged_writes(fixture: Fixture) {
    let (one, two) = (Probe::new(&fixture, "S15"), Probe::second(&fixture, "S15"));
    at_once((0..8).map(|task| {
        let (one, two) = (one.clone(), two.clone());
        async move {
            let ada = subject(&format!("ada-{task}"));
            for round in 0..20 {
                let (writer, reader) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
                let first = record(&ada);
                writer.add(&first).await;
                reader.holds(&first, "a session just inserted through the other handle").await;
                let second = next(&first, round);
                writer.advance(&first, &second).await;
                reader.holds(&second, "a session just replaced through the other handle").await;
                if round % 3 == 0 {
                    let named = writer.remove_all(&ada, None).await;
                    writer.check(named.contains(&first.id()), "remove_all missed an acknowledged insert");
                } else {
                    let removed = writer.remove(first.id()).await;
                    writer.check(removed, "remove missed an acknowledged insert");
                }
                reader.lacks(&first, "a session just removed through the other handle").await;
            }
        }
    }))
    .await;
}

/// S12: two stores apart on one server; the fixture's second handle is the other store.
pub async fn s12_stores_apart_never_see_each_other(fixture: Fixture) {
    let (one, two) = (Probe::new(&fixture, "S12"), Probe::second(&fixture, "S12"));
    let ada = subject("ada");
    let stored = record(&ada);
    one.add(&stored).await;
    two.lacks(&stored, "a session of the other store").await;
    let other = next(&stored, 1);
    two.add(&other).await;
    one.holds(&stored, "a session whose id the other store has too").await;
    two.holds(&other, "a session whose id the other store has too").await;
    two.same("remove_all", two.remove_all(&ada, None).await, vec![stored.id()]);
    one.holds(&stored, "a session after remove_all in the other store").await;
    let removed = two.remove(stored.id()).await;
    two.check(!removed, "remove reached into the other store");
    let _ = two.purge(stored.ends_at().plus(crate::records::HOUR), 100).await;
    one.holds(&stored, "a session after a purge of the other store").await;
}
