//! S5: the index by subject.

use crate::Fixture;
use crate::probe::Probe;
use crate::records::{neighbours, next, record, subject};

/// Subjects that a sloppy comparison takes for one another, or a sloppy statement for something else.
const ALIKE: &[&str] = &[
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
    // The same text to a reader: composed, decomposed, and without its accent.
    "jos\u{e9}",
    "jose\u{301}",
    "jose",
    "stra\u{df}e",
    "strasse",
    // The dotless i of Turkish, and the letters that fold to k and s.
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
    let store = Probe::new(&fixture, "S5");
    let ada = subject("ada");
    store.same("list of a subject without sessions", store.ids(&ada).await, vec![]);
    let mut expected = Vec::new();
    for _ in 0..120 {
        let record = record(&ada);
        store.add(&record).await;
        expected.push(record);
    }
    expected.sort_unstable_by_key(authcore::store::SessionRecord::id);
    let listed = store.list(&ada).await;
    store.same("the number of sessions listed", listed.len(), expected.len());
    for (got, expected) in listed.iter().zip(&expected) {
        store.same_record("a listed session", got, expected);
    }
}

/// S5: the list shows the newest version, and not what was removed.
pub async fn s5_list_follows_replace_and_remove(fixture: Fixture) {
    let store = Probe::new(&fixture, "S5");
    let ada = subject("ada");
    let (first, other) = (record(&ada), record(&ada));
    store.add(&first).await;
    store.add(&other).await;
    let second = next(&first, 1);
    store.advance(&first, &second).await;
    store.holds(&second, "a session after replace").await;
    store.holds(&other, "the session beside it").await;
    let _ = store.remove(first.id()).await;
    store.same("the sessions listed after one was removed", store.ids(&ada).await, vec![other.id()]);
    store.add(&record(&ada)).await;
    store.same("the number of sessions listed after a new login", store.ids(&ada).await.len(), 2);
}

/// S5: case, accents, spaces, quotes and wildcards count, in `list` and in `remove_all`, up to 255 bytes.
pub async fn s5_subjects_compare_byte_by_byte(fixture: Fixture) {
    let store = Probe::new(&fixture, "S5");
    let long = "x".repeat(255);
    let (shorter, other) = (&long[..254], format!("{}y", &long[..254]));
    let wide = "\u{1f980}".repeat(63);
    let texts = ALIKE.iter().copied().chain([&*long, shorter, &*other, &*wide]);
    let records: Vec<_> = texts.map(|text| record(&subject(text))).collect();
    for record in &records {
        store.add(record).await;
    }
    for record in &records {
        let what = format!("the sessions of subject {:?}", record.subject());
        store.same(&what, store.ids(&record.to_subject()).await, vec![record.id()]);
        store.holds(record, &what).await;
    }
    for (index, gone) in records.iter().enumerate() {
        let what = format!("remove_all of subject {:?}", gone.subject());
        store.same(&what, store.remove_all(&gone.to_subject(), None).await, vec![gone.id()]);
        for record in &records[index + 1..] {
            let there = store.load(record.id()).await.is_some();
            store.check(there, &format!("{what} removed one of {:?}", record.subject()));
        }
    }
}

/// S5: two subjects whose sessions lie in one partition are still two.
pub async fn s5_neighbours_in_a_partition_are_kept_apart(fixture: Fixture) {
    let store = Probe::new(&fixture, "S5");
    let (ada, ben) = neighbours();
    let (of_ada, of_ben) = (record(&ada), record(&ben));
    store.add(&of_ada).await;
    store.add(&of_ben).await;
    store.same("the sessions of a subject", store.ids(&ada).await, vec![of_ada.id()]);
    store.same("the sessions of its neighbour", store.ids(&ben).await, vec![of_ben.id()]);
}
