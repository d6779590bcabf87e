//! Stores with one defect each, built on the store in memory.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use authcore::clock::{Clock as _, SystemClock};
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordParts, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore,
    StoreError, StoredCredential,
};
use authcore::{MemoryStore, SessionId, Subject, Timestamp};
use tokio::task::yield_now;

/// The defect of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    InsertOverwrites,
    InsertReadsThenWrites,
    InsertIndexesLater,
    ReplaceUpserts,
    ReplaceIgnoresVersion,
    ReplaceTakesLowerVersions,
    ReplaceComparesDoubles,
    ReplaceReadsThenWrites,
    ReplaceReportsMissingForStale,
    RemoveAlwaysTrue,
    RemoveNeverTrue,
    RemoveForgetsIndex,
    RemoveAllIgnoresKeep,
    RemoveAllLeavesOne,
    RemoveAllReturnsKept,
    RemoveAllOneByOne,
    ListMissesOne,
    ListIsTruncated,
    ListFoldsCase,
    ListTrims,
    ListByPartition,
    ExpiresByItsOwnClock,
    LifetimeInWholeSeconds,
    IgnoresNewExpiry,
    LargestExpiryOverflows,
    ClaimsReserialized,
    ClaimsTrimmed,
    DeviceDropped,
    DetailsDropped,
    ApiKeyAsSession,
    ReadsOneFormat,
    RealmIgnored,
    RealmJoinedBySeparator,
    RemoveAllCrossesRealms,
    PurgesOneRealm,
    MillisecondsTruncated,
    NumbersAsDoubles,
    CloneDoesNotShare,
    DebugShowsClaims,
    PurgeRemovesLive,
    PurgeRemovesTooEarly,
    PurgeIgnoresLimit,
    PurgeNeverMore,
    PurgeDoesNothing,
    PurgeRemovesUsed,
    ReadsAReplica,
    ConflictsSometimes,
}

/// A store with a defect.
pub(crate) struct Broken {
    defect: Defect,
    inner: MemoryStore,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    subjects: HashSet<Subject>,
    removed: Vec<SessionRecord>,
    seen: Vec<SessionRecord>,
    calls: usize,
}

impl Broken {
    pub(crate) fn new(defect: Defect) -> Self {
        Self { defect, inner: MemoryStore::new(), shared: Arc::default() }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn shared<T>(&self, access: impl FnOnce(&mut Shared) -> T) -> T {
        access(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the record that is written instead of `record`.
    fn written(&self, record: &SessionRecord) -> SessionRecord {
        let mut parts = record.to_parts();
        match self.defect {
            Defect::ClaimsReserialized => {
                let value: serde_json::Value = serde_json::from_str(&parts.claims).unwrap_or_default();
                parts.claims = value.to_string().into();
            }
            Defect::ClaimsTrimmed => parts.claims = parts.claims.trim().into(),
            Defect::DeviceDropped => parts.device = authcore::Device::unknown(),
            Defect::DetailsDropped => parts.details = authcore::store::SessionDetails::default(),
            Defect::ApiKeyAsSession => {
                if let StoredCredential::ApiKey { secret_digest } = parts.credential {
                    parts.credential = StoredCredential::Session { secret_digest };
                }
            }
            Defect::MillisecondsTruncated => {
                parts.last_seen_at = Timestamp::from_secs(parts.last_seen_at.as_secs())
            }
            Defect::NumbersAsDoubles => {
                parts.expires_at = Timestamp::from_millis(parts.expires_at.as_millis() as f64 as u64);
            }
            _ => return record.clone(),
        }
        rebuilt(parts)
    }

    /// Returns whether the defect loses this record because of its times.
    fn dropped(&self, record: &SessionRecord) -> bool {
        match self.defect {
            Defect::ExpiresByItsOwnClock => record.ends_at() <= SystemClock.now(),
            Defect::LifetimeInWholeSeconds => record.time_to_live().as_secs() == 0,
            Defect::LargestExpiryOverflows => record.ends_at() == Timestamp::MAX,
            _ => false,
        }
    }

    /// Returns the known subjects that this store takes for `subject`.
    fn alike(&self, subject: &Subject) -> Vec<Subject> {
        let joined = |subject: &Subject| subject.key().replace('\0', "\u{1f}");
        let same = |one: &Subject, two: &Subject| match self.defect {
            Defect::ListFoldsCase => one.key().to_lowercase() == two.key().to_lowercase(),
            Defect::ListTrims => one.key().trim() == two.key().trim(),
            Defect::RealmIgnored => one.as_str() == two.as_str(),
            Defect::RealmJoinedBySeparator => joined(one) == joined(two),
            _ => one == two,
        };
        let partition = |subject: &Subject| SessionId::generate(subject).map(SessionId::partition).ok();
        let by_partition = self.has(Defect::ListByPartition);
        let known = self.shared(|shared| shared.subjects.clone());
        known
            .into_iter()
            .filter(|other| same(other, subject) || by_partition && partition(other) == partition(subject))
            .collect()
    }
}

fn rebuilt(parts: RecordParts) -> SessionRecord {
    SessionRecord::from_parts(&parts).expect("a record")
}

impl Clone for Broken {
    fn clone(&self) -> Self {
        if self.has(Defect::CloneDoesNotShare) {
            return Self::new(self.defect);
        }
        Self { defect: self.defect, inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl std::fmt::Debug for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.has(Defect::DebugShowsClaims) {
            let claims =
                self.shared(|shared| shared.seen.last().map(|record| record.claims_json().to_owned()));
            return write!(f, "Broken {{ {claims:?} }}");
        }
        write!(f, "Broken({:?})", self.defect)
    }
}

#[async_trait]
impl SessionStore for Broken {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        let calls = self.shared(|shared| {
            shared.subjects.insert(record.to_subject());
            shared.seen.push(record.clone());
            shared.calls += 1;
            shared.calls
        });
        match self.defect {
            Defect::ConflictsSometimes if calls % 40 == 39 => return Ok(InsertOutcome::Conflict),
            Defect::InsertOverwrites => {
                self.inner.remove(record.id()).await?;
            }
            Defect::InsertReadsThenWrites => {
                if self.inner.load(record.id()).await?.is_some() {
                    return Ok(InsertOutcome::Conflict);
                }
                yield_now().await;
                self.inner.remove(record.id()).await?;
            }
            Defect::InsertIndexesLater => {
                let taken = self.inner.insert(record).await?;
                if taken == InsertOutcome::Inserted {
                    self.shared(|shared| shared.removed.push(record.clone()));
                    yield_now().await;
                    self.shared(|shared| shared.removed.retain(|hidden| hidden.id() != record.id()));
                }
                return Ok(taken);
            }
            _ => {}
        }
        self.inner.insert(&self.written(record)).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        if self.has(Defect::ReadsAReplica) {
            let newest = self.inner.load(id).await?;
            let lagging = self.shared(|shared| {
                let former = shared.seen.iter().rev().find(|record| record.id() == id).cloned();
                shared.seen.extend(newest.clone());
                former
            });
            return Ok(newest.map(|newest| lagging.unwrap_or(newest)));
        }
        let found = self.inner.load(id).await?.filter(|record| !self.dropped(record));
        match found {
            Some(record) if self.has(Defect::ReadsOneFormat) && record.as_bytes()[0] != 1 => {
                Err(StoreError::corrupt("unknown format"))
            }
            found => Ok(found),
        }
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let stored = self.inner.load(record.id()).await?;
        match (self.defect, &stored) {
            (Defect::ReplaceUpserts, None) => {
                let _ = self.inner.insert(record).await?;
                return Ok(ReplaceOutcome::Replaced);
            }
            (Defect::ReplaceIgnoresVersion, Some(stored)) => {
                return self.inner.replace(record, stored.version()).await;
            }
            (Defect::ReplaceTakesLowerVersions, Some(stored)) if stored.version() < expected => {
                return self.inner.replace(record, stored.version()).await;
            }
            (Defect::ReplaceComparesDoubles, Some(stored))
                if stored.version().number() as f64 == expected.number() as f64 =>
            {
                return self.inner.replace(record, stored.version()).await;
            }
            (Defect::ReplaceReadsThenWrites, Some(stored)) => {
                if stored.version() != expected {
                    return Ok(ReplaceOutcome::Stale);
                }
                yield_now().await;
                self.inner.remove(record.id()).await?;
                let _ = self.inner.insert(record).await?;
                return Ok(ReplaceOutcome::Replaced);
            }
            (Defect::ReplaceReportsMissingForStale, Some(stored)) if stored.version() != expected => {
                return Ok(ReplaceOutcome::Missing);
            }
            (Defect::IgnoresNewExpiry, Some(_)) => {
                self.shared(|shared| shared.seen.extend(stored.clone()));
            }
            (Defect::ExpiresByItsOwnClock | Defect::LifetimeInWholeSeconds, Some(stored))
                if self.dropped(stored) =>
            {
                return Ok(ReplaceOutcome::Missing);
            }
            _ => {}
        }
        self.inner.replace(&self.written(record), expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        if self.has(Defect::RemoveForgetsIndex)
            && let Some(record) = self.inner.load(id).await?
        {
            self.shared(|shared| shared.removed.push(record));
        }
        let removed = self.inner.remove(id).await?;
        Ok(match self.defect {
            Defect::RemoveAlwaysTrue => true,
            Defect::RemoveNeverTrue => false,
            _ => removed,
        })
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        let mut all = Vec::new();
        for alike in self.alike(subject) {
            all.extend(self.inner.list(&alike).await?);
        }
        all.retain(|record| !self.dropped(record));
        match self.defect {
            Defect::ListMissesOne if all.len() > 1 => drop(all.pop()),
            Defect::ListIsTruncated => all.truncate(100),
            Defect::RemoveForgetsIndex => self.shared(|shared| {
                all.extend(shared.removed.iter().filter(|gone| gone.belongs_to(subject)).cloned());
            }),
            Defect::InsertIndexesLater => {
                let hidden = self.shared(|shared| shared.removed.clone());
                all.retain(|record| hidden.iter().all(|hidden| hidden.id() != record.id()));
            }
            _ => {}
        }
        Ok(all)
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        match self.defect {
            Defect::RemoveAllIgnoresKeep => return self.inner.remove_all(subject, None).await,
            Defect::RemoveAllLeavesOne => {
                let left = self.inner.list(subject).await?.first().map(SessionRecord::id);
                return self.inner.remove_all(subject, keep.or(left)).await;
            }
            Defect::RemoveAllReturnsKept => {
                let mut removed = self.inner.remove_all(subject, keep).await?;
                removed.extend(keep);
                return Ok(removed);
            }
            Defect::RemoveAllOneByOne => {
                let mut named = Vec::new();
                for record in self.inner.list(subject).await?.iter().filter(|one| Some(one.id()) != keep) {
                    yield_now().await;
                    self.inner.remove(record.id()).await?;
                    named.push(record.id());
                }
                return Ok(named);
            }
            _ => {}
        }
        if self.has(Defect::RemoveAllCrossesRealms) {
            let mut removed = Vec::new();
            let known = self.shared(|shared| shared.subjects.clone());
            for other in known.iter().filter(|other| other.as_str() == subject.as_str()) {
                removed.extend(self.inner.remove_all(other, keep).await?);
            }
            return Ok(removed);
        }
        let mut removed = Vec::new();
        for alike in self.alike(subject) {
            removed.extend(self.inner.remove_all(&alike, keep).await?);
        }
        Ok(removed)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        match self.defect {
            Defect::PurgeRemovesLive => {
                let later = now.plus(std::time::Duration::from_secs(3600));
                self.inner.purge_expired(later, limit).await
            }
            Defect::PurgeRemovesTooEarly => {
                let next = now.plus(std::time::Duration::from_millis(1));
                self.inner.purge_expired(next, limit).await
            }
            Defect::PurgesOneRealm => {
                let subjects = self.shared(|shared| shared.subjects.clone());
                let mut kept = Vec::new();
                for subject in subjects.iter().filter(|subject| !subject.realm_name().is_empty()) {
                    kept.extend(self.inner.list(subject).await?);
                    self.inner.remove_all(subject, None).await?;
                }
                let purged = self.inner.purge_expired(now, limit).await?;
                for record in &kept {
                    let _ = self.inner.insert(record).await?;
                }
                Ok(purged)
            }
            Defect::PurgeIgnoresLimit => self.inner.purge_expired(now, usize::MAX).await,
            Defect::PurgeNeverMore => {
                Ok(PurgeOutcome { more: false, ..self.inner.purge_expired(now, limit).await? })
            }
            Defect::PurgeDoesNothing => Ok(PurgeOutcome::default()),
            Defect::IgnoresNewExpiry => {
                let former = self.shared(|shared| std::mem::take(&mut shared.seen));
                let mut purged = self.inner.purge_expired(now, limit).await?;
                for record in former.iter().filter(|record| record.ends_at() <= now) {
                    purged.removed += usize::from(self.inner.remove(record.id()).await?);
                }
                Ok(purged)
            }
            Defect::PurgeRemovesUsed => {
                // Collects the expired records, waits, and removes them without another check.
                let subjects = self.shared(|shared| shared.subjects.clone());
                let mut expired = Vec::new();
                for subject in &subjects {
                    expired.extend(self.inner.list(subject).await?);
                }
                expired.retain(|record| record.ends_at() <= now);
                let more = expired.len() > limit;
                expired.truncate(limit);
                let mut removed = 0;
                for record in &expired {
                    for _ in 0..10 {
                        yield_now().await;
                    }
                    removed += usize::from(self.inner.remove(record.id()).await?);
                }
                Ok(PurgeOutcome { removed, more })
            }
            _ => self.inner.purge_expired(now, limit).await,
        }
    }
}
