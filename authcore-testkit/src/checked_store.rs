//! The store under test, with assertions: every failure is a panic that begins with the rule.

use std::fmt::Debug;
use std::sync::Arc;

use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore,
};
use authcore::{SessionId, Subject, Timestamp};

use crate::Fixture;
use crate::assertions::OrFail as _;
use crate::records::{describe, next_with};

/// The store under test, and the rule that is being checked.
#[derive(Debug, Clone)]
pub(crate) struct CheckedStore {
    store: Arc<dyn SessionStore>,
    rule: &'static str,
}

impl CheckedStore {
    pub(crate) fn new(fixture: &Fixture, rule: &'static str) -> Self {
        Self { store: fixture.store(), rule }
    }

    /// Returns the second handle on the same sessions.
    pub(crate) fn second(fixture: &Fixture, rule: &'static str) -> Self {
        Self { store: fixture.second(), rule }
    }

    pub(crate) fn store(&self) -> Arc<dyn SessionStore> {
        Arc::clone(&self.store)
    }

    /// Fails the check unless `condition` holds; `failure` says what was expected and what happened.
    #[track_caller]
    pub(crate) fn expect(&self, condition: bool, failure: &str) {
        assert!(condition, "{}: {failure}", self.rule);
    }

    /// Fails the check unless the two values are equal.
    #[track_caller]
    pub(crate) fn expect_equal<T: PartialEq + Debug>(&self, what: &str, got: T, expected: T) {
        assert!(got == expected, "{}: {what}: expected {expected:?}, got {got:?}", self.rule);
    }

    /// Fails the check unless the two records are equal in every byte.
    #[track_caller]
    pub(crate) fn expect_record(&self, what: &str, got: &SessionRecord, expected: &SessionRecord) {
        assert!(
            got.as_bytes().to_vec() == expected.as_bytes().to_vec(),
            "{}: {what}: expected {}, got {}",
            self.rule,
            describe(expected),
            describe(got)
        );
    }

    pub(crate) async fn insert(&self, record: &SessionRecord) -> InsertOutcome {
        self.store.insert(record).await.or_fail(&format!("{}: insert", self.rule))
    }

    /// Inserts a record whose id is unused.
    pub(crate) async fn add(&self, record: &SessionRecord) {
        let inserted = self.insert(record).await;
        self.expect_equal("insert of an unused id", inserted, InsertOutcome::Inserted);
    }

    pub(crate) async fn load(&self, id: SessionId) -> Option<SessionRecord> {
        self.store.load(id).await.or_fail(&format!("{}: load", self.rule))
    }

    pub(crate) async fn replace(&self, record: &SessionRecord, expected: RecordVersion) -> ReplaceOutcome {
        self.store.replace(record, expected).await.or_fail(&format!("{}: replace", self.rule))
    }

    /// Replaces a record that no other writer changes.
    pub(crate) async fn advance(&self, from: &SessionRecord, to: &SessionRecord) {
        let replaced = self.replace(to, from.version()).await;
        self.expect_equal(
            "replace of the stored version, with no other writer",
            replaced,
            ReplaceOutcome::Replaced,
        );
    }

    pub(crate) async fn remove(&self, id: SessionId) -> bool {
        self.store.remove(id).await.or_fail(&format!("{}: remove", self.rule))
    }

    /// Returns the listed records, sorted by id.
    pub(crate) async fn list(&self, subject: &Subject) -> Vec<SessionRecord> {
        let mut all = self.store.list(subject).await.or_fail(&format!("{}: list", self.rule));
        all.sort_unstable_by_key(SessionRecord::id);
        all
    }

    /// Returns the ids of the listed records, sorted.
    pub(crate) async fn ids(&self, subject: &Subject) -> Vec<SessionId> {
        self.list(subject).await.iter().map(SessionRecord::id).collect()
    }

    /// Removes all sessions of the subject and returns the removed ids, sorted.
    pub(crate) async fn remove_all(&self, subject: &Subject, keep: Option<SessionId>) -> Vec<SessionId> {
        let mut all =
            self.store.remove_all(subject, keep).await.or_fail(&format!("{}: remove_all", self.rule));
        all.sort_unstable();
        all
    }

    pub(crate) async fn purge(&self, now: Timestamp, limit: usize) -> PurgeOutcome {
        self.store.purge_expired(now, limit).await.or_fail(&format!("{}: purge_expired", self.rule))
    }

    /// Fails the check unless `load` and `list` both return exactly this record; `what` describes the record.
    pub(crate) async fn expect_stored(&self, expected: &SessionRecord, what: &str) {
        match self.load(expected.id()).await {
            Some(found) => self.expect_record(&format!("{what}, as returned by load"), &found, expected),
            None => panic!("{}: {what}: expected load to return it, got none", self.rule),
        }
        let all = self.list(&expected.to_subject()).await;
        let mut listed = all.iter().filter(|record| record.id() == expected.id());
        match (listed.next(), listed.next()) {
            (Some(found), None) => {
                self.expect_record(&format!("{what}, as returned by list"), found, expected)
            }
            (None, _) => panic!("{}: {what}: expected list to return it, but it is not listed", self.rule),
            (Some(_), Some(_)) => {
                panic!("{}: {what}: expected list to return it once, but it is listed twice", self.rule)
            }
        }
    }

    /// Fails the check unless the record is stored unchanged by an insert, and by a replace with its next
    /// version.
    pub(crate) async fn expect_round_trip(&self, record: &SessionRecord, what: &str) {
        self.add(record).await;
        self.expect_stored(record, &format!("{what}, after insert")).await;
        let next = next_with(record, |_| {});
        self.advance(record, &next).await;
        self.expect_stored(&next, &format!("{what}, after replace")).await;
    }

    /// Fails the check if `load` or `list` returns a record with this id; `what` describes the record.
    pub(crate) async fn expect_absent(&self, gone: &SessionRecord, what: &str) {
        let loaded = self.load(gone.id()).await;
        self.expect(loaded.is_none(), &format!("{what}: expected no record, but load returns one"));
        let ids = self.ids(&gone.to_subject()).await;
        self.expect(!ids.contains(&gone.id()), &format!("{what}: expected no record, but list returns one"));
    }
}
