//! Sessions in the memory of one process: the embedded default store, and the reference for the contract.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hashbrown::HashTable;

use crate::clock::{Clock, SystemClock};
use crate::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use crate::{SessionId, Subject, Timestamp};

/// How many parts the map is divided into, each under its own lock.
///
/// All sessions of one subject are in the same part, so that every operation is one atomic step.
const SHARDS: usize = 64;
/// How many buckets of the table each write checks for expired records.
const SWEEP: usize = 8;

/// A store that keeps sessions in the memory of one process.
///
/// Clones share their sessions (rule S8). Each write frees a few expired records, so that no background task
/// is needed and no call is slow. [`SessionStore::purge_expired`] frees them sooner.
///
/// For tests, development, and applications of one process that may log everyone out when they restart: the
/// sessions end with the process, and other processes do not see them.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    shards: Box<[Shard]>,
    /// Randomly keyed in every store, so that no client can choose subjects that collide.
    hasher: RandomState,
    clock: Box<dyn Clock>,
    started: Timestamp,
}

/// One part of the map, aligned to two cache lines so that the locks of two shards never share one.
#[repr(align(128))]
#[derive(Default)]
struct Shard(RwLock<Table>);

/// The sessions of some of the subjects.
#[derive(Default)]
struct Table {
    /// By id.
    entries: HashTable<Entry>,
    /// By 32 bits of the subject's hash. A lookup must compare the subject too.
    by_subject: BTreeSet<(u32, SessionId)>,
    /// The bucket of `entries` that the sweep checks next.
    cursor: usize,
}

struct Entry {
    record: SessionRecord,
    subject_hash: u32,
    /// When the record may be dropped, in seconds of the store's clock since its creation, rounded up (rule
    /// S6).
    droppable_at: u32,
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::with_clock(MonotonicClock::default())
    }

    /// Creates an empty store that measures the age of records by `clock`, for tests.
    pub fn with_clock(clock: impl Clock) -> Self {
        let shared = Shared {
            shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
            hasher: RandomState::new(),
            started: clock.now(),
            clock: Box::new(clock),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the number of records, including expired ones that were not freed yet.
    pub fn len(&self) -> usize {
        self.shared.shards.iter().map(|shard| shard.read().entries.len()).sum()
    }

    /// Returns whether the store has no records.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the record with this id, as `load` does.
    pub(crate) fn find(&self, id: SessionId) -> Option<SessionRecord> {
        let table = self.shard(id.partition()).read();
        let record = table.get(id)?;
        // Requests the record's other cache lines now. After the atomic increment of the copy, they would be
        // fetched one by one.
        black_box(record.prefetch());
        Some(record.clone())
    }

    /// Returns the shard of a partition, which the first bits of an id and its subject's digest share.
    fn shard(&self, partition: u16) -> &Shard {
        &self.shared.shards[usize::from(partition) % SHARDS]
    }

    fn subject_hash(&self, key: &str) -> u32 {
        self.shared.hasher.hash_one(key) as u32
    }

    /// Returns the seconds since the store was created, by its clock.
    fn age(&self) -> u32 {
        secs(self.shared.clock.now().since(self.shared.started).as_millis())
    }

    fn entry(&self, record: &SessionRecord) -> Entry {
        let end = self.shared.clock.now().plus(record.time_to_live()).since(self.shared.started);
        Entry {
            record: record.clone(),
            subject_hash: self.subject_hash(record.subject_key()),
            droppable_at: secs(end.as_millis().saturating_add(999)),
        }
    }
}

/// Returns whole seconds. The maximum, some 136 years, stands for anything longer.
fn secs(millis: u128) -> u32 {
    u32::try_from(millis / 1000).unwrap_or(u32::MAX)
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Locks are used even if poisoned, because nothing between two changes of one operation can panic.
impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns 64 random bits of an id, a hash that no client can choose.
fn hash(id: SessionId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *id.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Table {
    fn get(&self, id: SessionId) -> Option<&SessionRecord> {
        self.entries.find(hash(id), |entry| entry.record.id() == id).map(|entry| &entry.record)
    }

    fn insert(&mut self, entry: Entry) -> InsertOutcome {
        let id = entry.record.id();
        if self.get(id).is_some() {
            return InsertOutcome::Conflict;
        }
        self.by_subject.insert((entry.subject_hash, id));
        self.entries.insert_unique(hash(id), entry, |entry| hash(entry.record.id()));
        InsertOutcome::Inserted
    }

    fn replace(&mut self, entry: Entry, expected: RecordVersion) -> ReplaceOutcome {
        let id = entry.record.id();
        match self.entries.find_mut(hash(id), |stored| stored.record.id() == id) {
            None => ReplaceOutcome::Missing,
            Some(stored) if stored.record.version() != expected => ReplaceOutcome::Stale,
            Some(stored) => {
                *stored = entry;
                ReplaceOutcome::Replaced
            }
        }
    }

    fn remove(&mut self, id: SessionId) -> bool {
        match self.entries.find_entry(hash(id), |entry| entry.record.id() == id) {
            Ok(found) => {
                let (entry, _) = found.remove();
                self.by_subject.remove(&(entry.subject_hash, id));
                true
            }
            Err(_) => false,
        }
    }

    /// Removes a record, unless it was written since it had this version.
    fn remove_unchanged(&mut self, id: SessionId, version: RecordVersion) -> bool {
        self.get(id).is_some_and(|record| record.version() == version) && self.remove(id)
    }

    fn of_subject<'t>(&'t self, subject: &'t Subject, hash: u32) -> impl Iterator<Item = &'t SessionRecord> {
        const FIRST: SessionId = SessionId::from_bytes([0; 16]);
        const LAST: SessionId = SessionId::from_bytes([0xff; 16]);
        self.by_subject
            .range((hash, FIRST)..=(hash, LAST))
            .filter_map(|(_, id)| self.get(*id))
            .filter(move |record| record.belongs_to(subject))
    }

    /// Checks the next few buckets and drops what has expired at `age`.
    ///
    /// Every bucket is checked before the table can have grown by an eighth, so expired records remain a
    /// fraction of the live ones.
    fn sweep(&mut self, age: u32) {
        for _ in 0..SWEEP.min(self.entries.num_buckets()) {
            self.cursor = (self.cursor + 1) % self.entries.num_buckets();
            if let Some(entry) = self.entries.get_bucket(self.cursor)
                && entry.droppable_at <= age
            {
                self.remove(entry.record.id());
            }
        }
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        let (entry, age) = (self.entry(record), self.age());
        let mut table = self.shard(record.id().partition()).write();
        table.sweep(age);
        Ok(table.insert(entry))
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.find(id))
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let (entry, age) = (self.entry(record), self.age());
        let mut table = self.shard(record.id().partition()).write();
        let replaced = table.replace(entry, expected);
        table.sweep(age);
        Ok(replaced)
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.shard(id.partition()).write().remove(id))
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        let hash = self.subject_hash(subject.key());
        let table = self.shard(subject.partition()).read();
        Ok(table.of_subject(subject, hash).cloned().collect())
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let hash = self.subject_hash(subject.key());
        let mut table = self.shard(subject.partition()).write();
        let all: Vec<_> =
            table.of_subject(subject, hash).map(SessionRecord::id).filter(|id| Some(*id) != keep).collect();
        for id in &all {
            table.remove(*id);
        }
        Ok(all)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        let mut purged = PurgeOutcome::default();
        for shard in &self.shared.shards {
            // Searched under the shared lock, so that logins wait only for the removal.
            let expired: Vec<_> = {
                let table = shard.read();
                let expired = table.entries.iter().filter(|entry| entry.record.ends_at() <= now);
                expired
                    .map(|entry| (entry.record.id(), entry.record.version()))
                    .take(limit.saturating_sub(purged.removed).saturating_add(1))
                    .collect()
            };
            for (id, version) in expired {
                if purged.removed == limit {
                    purged.more = true;
                    return Ok(purged);
                }
                purged.removed += usize::from(shard.write().remove_unchanged(id, version));
            }
        }
        Ok(purged)
    }
}

/// A clock that never jumps, because a wrong system clock must not drop sessions.
#[derive(Debug)]
struct MonotonicClock {
    started: Instant,
    started_at: Timestamp,
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self { started: Instant::now(), started_at: SystemClock.now() }
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Timestamp {
        self.started_at.plus(Duration::from_millis(self.started.elapsed().as_millis() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::store::{RecordParts, StoredCredential};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn record(subject: &Subject) -> SessionRecord {
        let parts = RecordParts {
            id: SessionId::generate(subject).unwrap(),
            version: RecordVersion::FIRST,
            epoch: 0,
            subject: subject.clone(),
            credential: StoredCredential::Session { secret_digest: [1; 32].into() },
            created_at: NOW,
            authenticated_at: NOW,
            last_seen_at: NOW,
            idle_expires_at: NOW.plus(MINUTE),
            expires_at: NOW.plus(MINUTE),
            device: crate::Device::unknown(),
            details: crate::store::SessionDetails::default(),
            claims: "{}".into(),
        };
        SessionRecord::from_parts(&parts).unwrap()
    }

    fn subject(number: usize) -> Subject {
        Subject::new(format!("user-{number}")).unwrap()
    }

    fn indexed(store: &MemoryStore) -> usize {
        store.shared.shards.iter().map(|shard| shard.read().by_subject.len()).sum()
    }

    #[test]
    fn s11_a_record_that_was_used_since_it_was_found_is_not_purged() {
        let (store, old) = (MemoryStore::new(), record(&subject(1)));
        let mut table = Table::default();
        let _ = table.insert(store.entry(&old));
        let used = old.next(|parts| parts.idle_expires_at = NOW.plus(MINUTE)).unwrap();
        assert_eq!(table.replace(store.entry(&used), old.version()), ReplaceOutcome::Replaced);
        assert!(!table.remove_unchanged(old.id(), old.version()));
        assert!(table.get(old.id()).is_some());
        assert!(table.remove_unchanged(old.id(), used.version()));
        assert!(!table.remove_unchanged(old.id(), used.version()));
    }

    /// Every way of removing a record also removes its entry in the index, which nothing else would free.
    #[tokio::test]
    async fn s4_s11_the_index_has_the_records_that_are_held_and_no_others() {
        let clock = ManualClock::new(NOW);
        let store = MemoryStore::with_clock(clock.clone());
        let mut records = Vec::new();
        for number in 0..400 {
            let record = record(&subject(number % 100));
            let _ = store.insert(&record).await.unwrap();
            records.push(record);
        }
        assert_eq!(indexed(&store), 400);
        for record in &records[..50] {
            assert!(store.remove(record.id()).await.unwrap());
        }
        store.remove_all(&subject(60), Some(records[60].id())).await.unwrap();
        assert_eq!((store.len(), indexed(&store)), (347, 347));
        assert_eq!(store.purge_expired(NOW.plus(MINUTE), 100).await.unwrap().removed, 100);
        assert_eq!((store.len(), indexed(&store)), (247, 247));
        // Writes free the rest.
        clock.advance(2 * MINUTE);
        for number in 0..1000 {
            let _ = store.insert(&record(&subject(number % 100))).await.unwrap();
        }
        assert!(store.len() < 1100, "{}", store.len());
        assert_eq!(indexed(&store), store.len());
    }

    /// Two subjects may have the same hash in the index (rule S5).
    #[test]
    fn s5_a_hash_that_two_subjects_share_mixes_no_sessions() {
        let (store, mut table) = (MemoryStore::new(), Table::default());
        let (one, two) = (subject(1), subject(2));
        for owner in [&one, &two] {
            let entry = store.entry(&record(owner));
            let _ = table.insert(Entry { subject_hash: 7, ..entry });
        }
        for owner in [&one, &two] {
            let found: Vec<_> =
                table.of_subject(owner, 7).map(|record| record.subject().to_owned()).collect();
            assert_eq!(found, [owner.as_str()]);
        }
    }
}
