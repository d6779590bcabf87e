//! A store as a check sees it: whatever goes wrong is a panic that begins with the rule.

use std::fmt::Debug;
use std::sync::Arc;

use crate::Fixture;
use crate::expect::Must as _;
use crate::records::shown;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore,
};
use authcore::{SessionId, Subject, Timestamp};

/// A store, and the rule that is being checked.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    store: Arc<dyn SessionStore>,
    rule: &'static str,
}

impl Probe {
    pub(crate) fn new(fixture: &Fixture, rule: &'static str) -> Self {
        Self { store: fixture.store(), rule }
    }

    /// The second handle on the same sessions.
    pub(crate) fn second(fixture: &Fixture, rule: &'static str) -> Self {
        Self { store: fixture.second(), rule }
    }

    pub(crate) fn store(&self) -> Arc<dyn SessionStore> {
        Arc::clone(&self.store)
    }

    /// Fails the check unless `holds`.
    #[track_caller]
    pub(crate) fn check(&self, holds: bool, what: &str) {
        assert!(holds, "{}: {what}", self.rule);
    }

    /// Fails the check unless both are equal.
    #[track_caller]
    pub(crate) fn same<T: PartialEq + Debug>(&self, what: &str, got: T, expected: T) {
        assert!(got == expected, "{}: {what}: expected {expected:?}, got {got:?}", self.rule);
    }

    /// Fails the check unless both are the same record in every byte.
    #[track_caller]
    pub(crate) fn same_record(&self, what: &str, got: &SessionRecord, expected: &SessionRecord) {
        assert!(
            got.as_bytes().to_vec() == expected.as_bytes().to_vec(),
            "{}: {what}: expected {}, got {}",
            self.rule,
            shown(expected),
            shown(got)
        );
    }

    pub(crate) async fn insert(&self, record: &SessionRecord) -> InsertOutcome {
        self.store.insert(record).await.must(&format!("{}: insert", self.rule))
    }

    /// Inserts a record whose id is free.
    pub(crate) async fn add(&self, record: &SessionRecord) {
        let inserted = self.insert(record).await;
        self.same("insert of an id that is free", inserted, InsertOutcome::Inserted);
    }

    pub(crate) async fn load(&self, id: SessionId) -> Option<SessionRecord> {
        self.store.load(id).await.must(&format!("{}: load", self.rule))
    }

    pub(crate) async fn replace(&self, record: &SessionRecord, expected: RecordVersion) -> ReplaceOutcome {
        self.store.replace(record, expected).await.must(&format!("{}: replace", self.rule))
    }

    /// Replaces a record that nobody else changes.
    pub(crate) async fn advance(&self, from: &SessionRecord, to: &SessionRecord) {
        let replaced = self.replace(to, from.version()).await;
        self.same("replace of the stored version, without a rival", replaced, ReplaceOutcome::Replaced);
    }

    pub(crate) async fn remove(&self, id: SessionId) -> bool {
        self.store.remove(id).await.must(&format!("{}: remove", self.rule))
    }

    /// What the store lists, by id.
    pub(crate) async fn list(&self, subject: &Subject) -> Vec<SessionRecord> {
        let mut all = self.store.list(subject).await.must(&format!("{}: list", self.rule));
        all.sort_unstable_by_key(SessionRecord::id);
        all
    }

    /// The ids of what the store lists, sorted.
    pub(crate) async fn ids(&self, subject: &Subject) -> Vec<SessionId> {
        self.list(subject).await.iter().map(SessionRecord::id).collect()
    }

    /// What was removed, sorted.
    pub(crate) async fn remove_all(&self, subject: &Subject, keep: Option<SessionId>) -> Vec<SessionId> {
        let mut all = self.store.remove_all(subject, keep).await.must(&format!("{}: remove_all", self.rule));
        all.sort_unstable();
        all
    }

    pub(crate) async fn purge(&self, now: Timestamp, limit: usize) -> PurgeOutcome {
        self.store.purge_expired(now, limit).await.must(&format!("{}: purge_expired", self.rule))
    }

    /// Fails the check unless both `load` and `list` give exactly this record.
    pub(crate) async fn holds(&self, expected: &SessionRecord, what: &str) {
        match self.load(expected.id()).await {
            Some(found) => self.same_record(&format!("{what}, by load"), &found, expected),
            None => panic!("{}: {what}: the record cannot be loaded", self.rule),
        }
        let all = self.list(&expected.to_subject()).await;
        let mut listed = all.iter().filter(|record| record.id() == expected.id());
        match (listed.next(), listed.next()) {
            (Some(found), None) => self.same_record(&format!("{what}, by list"), found, expected),
            (None, _) => panic!("{}: {what}: the record is not listed", self.rule),
            (Some(_), Some(_)) => panic!("{}: {what}: the record is listed twice", self.rule),
        }
    }

    /// Fails the check if either of `load` and `list` still gives a record with this id.
    pub(crate) async fn lacks(&self, gone: &SessionRecord, what: &str) {
        let loaded = self.load(gone.id()).await;
        self.check(loaded.is_none(), &format!("{what}: the record can still be loaded"));
        let ids = self.ids(&gone.to_subject()).await;
        self.check(!ids.contains(&gone.id()), &format!("{what}: the record is still listed"));
    }
}
