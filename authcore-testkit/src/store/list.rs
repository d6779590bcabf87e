//! S5: listing sessions by subject.

use crate::Fixture;
use crate::checked_store::CheckedStore;
use crate::records::{next, record, subject, subjects_in_one_partition};

/// Subjects that a lenient comparison takes for equal, or that an unescaped statement misreads.
const SIMILAR_SUBJECTS: &[&str] = &[
    "ada",
    "Ada",
    "ADA",
    "ada ",
    " ada",
    "ada\t",
    "ada\n",
    "ad",
    "ada1",
    "ada:1",
    "ada/1",
    // Looks the same to a reader: composed, decomposed, and without the accent.
    "jos\u{e9}",
    "jose\u{301}",
    "jose",
    "stra\u{df}e",
    "strasse",
    // The Turkish dotless i, and letters that fold to k and s.
    "\u{131}d",
    "id",
    "ID",
    "\u{212a}",
    "k",
    "\u{17f}",
    // Characters that some collations ignore.
    "ada\u{200b}",
    "ada\u{ad}",
    "a-da",
    "\u{1f980}",
    "\u{1f981}",
    "%",
    "_da",
    "ad_",
    "a%",
    "*",
    "a?a",
    "[a]da",
    "{ada}",
    "a{d}a",
    "ada'",
    "ada''",
    "ada\"",
    "ada\\",
    "ada\\'",
    "'; DELETE FROM sessions; --",
    "ada\u{1}",
    "ada\r\n",
    "0",
    "00",
    "0.0",
    "1e0",
    "null",
    "..",
];

/// S5: every session of the subject is listed, each once.
pub async fn s5_list_returns_every_session_of_the_subject(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S5");
    let ada = subject("ada");
    store.expect_equal("list of a subject without sessions", store.ids(&ada).await, vec![]);
    let mut expected = Vec::new();
    for _ in 0..120 {
        let record = record(&ada);
        store.add(&record).await;
        expected.push(record);
    }
    expected.sort_unstable_by_key(authcore::store::SessionRecord::id);
    let listed = store.list(&ada).await;
    store.expect_equal("the number of sessions listed", listed.len(), expected.len());
    for (got, expected) in listed.iter().zip(&expected) {
        store.expect_record("a listed session", got, expected);
    }
}

/// S5: list returns the newest versions and no removed records.
pub async fn s5_list_follows_replace_and_remove(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S5");
    let ada = subject("ada");
    let (first, other) = (record(&ada), record(&ada));
    store.add(&first).await;
    store.add(&other).await;
    let second = next(&first, 1);
    store.advance(&first, &second).await;
    store.expect_stored(&second, "a session after replace").await;
    store.expect_stored(&other, "another session of the subject").await;
    let _ = store.remove(first.id()).await;
    store.expect_equal("the sessions listed after one was removed", store.ids(&ada).await, vec![other.id()]);
    store.add(&record(&ada)).await;
    store.expect_equal("the number of sessions listed after a new login", store.ids(&ada).await.len(), 2);
}

/// S5: case, accents, spaces, quotes and wildcards are significant in `list` and `remove_all`, up to 255
/// bytes.
pub async fn s5_subjects_compare_byte_by_byte(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S5");
    let long = "x".repeat(255);
    let (shorter, other) = (&long[..254], format!("{}y", &long[..254]));
    let wide = "\u{1f980}".repeat(63);
    let texts = SIMILAR_SUBJECTS.iter().copied().chain([&*long, shorter, &*other, &*wide]);
    let records: Vec<_> = texts.map(|text| record(&subject(text))).collect();
    for record in &records {
        store.add(record).await;
    }
    for record in &records {
        let what = format!("the sessions of subject {:?}", record.subject());
        store.expect_equal(&what, store.ids(&record.to_subject()).await, vec![record.id()]);
        store.expect_stored(record, &what).await;
    }
    for (index, gone) in records.iter().enumerate() {
        let what = format!("remove_all of subject {:?}", gone.subject());
        store.expect_equal(&what, store.remove_all(&gone.to_subject(), None).await, vec![gone.id()]);
        for record in &records[index + 1..] {
            let there = store.load(record.id()).await.is_some();
            store.expect(
                there,
                &format!(
                    "{what}: expected it to leave the session of {:?}, but it removed it",
                    record.subject()
                ),
            );
        }
    }
}

/// S5: two subjects whose sessions share a partition stay separate.
pub async fn s5_subjects_in_one_partition_stay_separate(fixture: Fixture) {
    let store = CheckedStore::new(&fixture, "S5");
    let (ada, ben) = subjects_in_one_partition();
    let (of_ada, of_ben) = (record(&ada), record(&ben));
    store.add(&of_ada).await;
    store.add(&of_ben).await;
    store.expect_equal("the sessions of a subject", store.ids(&ada).await, vec![of_ada.id()]);
    store.expect_equal(
        "the sessions of another subject in the same partition",
        store.ids(&ben).await,
        vec![of_ben.id()],
    );
}
