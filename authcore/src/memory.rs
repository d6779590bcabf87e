//! Sessions in the memory of one process: the embedded default, and the reference for the store's contract.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hashbrown::HashTable;

use crate::{
    Clock, Inserted, Purged, Replaced, SessionId, SessionRecord, SessionStore, StoreError, Subject,
    SystemClock, Timestamp, Version,
};

/// How many parts the map is divided into, each under a lock of its own. All sessions of one subject are in one
/// part, so that every operation is one atomic step.
const SHARDS: usize = 64;
/// How many buckets of the table a write looks at for expired records.
const SWEEP: usize = 8;

/// Sessions in the memory of one process.
///
/// Clones share their sessions (rule S8). Expired records are freed as others are written, a few at a time, so
/// that no task is needed and no call is slow; [`SessionStore::purge_expired`] frees them sooner.
///
/// # Security
///
/// The sessions end with the process, and another process does not see them: for tests, development, and
/// applications of one process that may log everybody out when they restart.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    shards: Box<[Shard]>,
    /// Keyed anew in every store, so that no client can choose subjects that collide.
    hasher: RandomState,
    clock: Box<dyn Clock>,
    started: Timestamp,
}

/// Aligned to two cache lines, so that the locks of two shards never share one.
#[repr(align(128))]
#[derive(Default)]
struct Shard(RwLock<Table>);

/// The sessions of a part of all subjects.
#[derive(Default)]
struct Table {
    /// By id.
    entries: HashTable<Entry>,
    /// By the hash of the subject, 32 bits of it: whoever looks compares the subject too.
    by_subject: BTreeSet<(u32, SessionId)>,
    /// The bucket of `entries` that the sweep looks at next.
    cursor: usize,
}

struct Entry {
    record: SessionRecord,
    subject_hash: u32,
    /// When the record may be dropped: seconds of the store's clock since it was made, rounded up (rule S6).
    droppable_at: u32,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_clock(MonotonicClock::default())
    }

    /// An empty store that counts the age of records by `clock`, for tests.
    pub fn with_clock(clock: impl Clock) -> Self {
        let shared = Shared {
            shards: std::iter::repeat_with(Shard::default).take(SHARDS).collect(),
            hasher: RandomState::new(),
            started: clock.now(),
            clock: Box::new(clock),
        };
        Self { shared: Arc::new(shared) }
    }

    /// How many records are held, expired ones that were not freed yet included.
    pub fn len(&self) -> usize {
        self.shared.shards.iter().map(|shard| shard.read().entries.len()).sum()
    }

    /// Whether no record is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `load` answers.
    pub(crate) fn find(&self, id: SessionId) -> Option<SessionRecord> {
        let table = self.shard(id.partition()).read();
        let record = table.get(id)?;
        // Asks for the record's other cache lines now: behind the atomic step of the copy they would come one by one.
        black_box(record.touch());
        Some(record.clone())
    }

    /// The first bits of an id are those of its subject's hash.
    fn shard(&self, partition: u16) -> &Shard {
        &self.shared.shards[usize::from(partition) % SHARDS]
    }

    fn subject_hash(&self, subject: &str) -> u32 {
        self.shared.hasher.hash_one(subject) as u32
    }

    /// Seconds since the store was made, by its clock.
    fn age(&self) -> u32 {
        secs(self.shared.clock.now().since(self.shared.started).as_millis())
    }

    fn entry(&self, record: &SessionRecord) -> Entry {
        let end = self.shared.clock.now().plus(record.time_to_live()).since(self.shared.started);
        Entry {
            record: record.clone(),
            subject_hash: self.subject_hash(record.subject()),
            droppable_at: secs(end.as_millis().saturating_add(999)),
        }
    }
}

/// Whole seconds; the end of time, some 136 years off, stands for anything longer.
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

/// A panic cannot leave a table half changed: nothing between two changes of one operation can panic.
impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids are random: 64 of their random bits are a hash that nobody can choose.
fn hash(id: SessionId) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *id.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Table {
    fn get(&self, id: SessionId) -> Option<&SessionRecord> {
        self.entries.find(hash(id), |entry| entry.record.id() == id).map(|entry| &entry.record)
    }

    fn insert(&mut self, entry: Entry) -> Inserted {
        let id = entry.record.id();
        if self.get(id).is_some() {
            return Inserted::Conflict;
        }
        self.by_subject.insert((entry.subject_hash, id));
        self.entries.insert_unique(hash(id), entry, |entry| hash(entry.record.id()));
        Inserted::Done
    }

    fn replace(&mut self, entry: Entry, expected: Version) -> Replaced {
        let id = entry.record.id();
        match self.entries.find_mut(hash(id), |stored| stored.record.id() == id) {
            None => Replaced::Gone,
            Some(stored) if stored.record.version() != expected => Replaced::Stale,
            Some(stored) => {
                *stored = entry;
                Replaced::Done
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

    fn of_subject<'t>(&'t self, subject: &'t Subject, hash: u32) -> impl Iterator<Item = &'t SessionRecord> {
        const FIRST: SessionId = SessionId::from_bytes([0; 16]);
        const LAST: SessionId = SessionId::from_bytes([0xff; 16]);
        self.by_subject
            .range((hash, FIRST)..=(hash, LAST))
            .filter_map(|(_, id)| self.get(*id))
            .filter(move |record| record.subject() == subject.as_str())
    }

    /// Looks at the next few buckets and drops what has expired at `age`. Every bucket's turn comes before the
    /// table can have grown by an eighth, so that what is dead stays a fraction of what is alive.
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
    async fn insert(&self, record: &SessionRecord) -> Result<Inserted, StoreError> {
        let (entry, age) = (self.entry(record), self.age());
        let mut table = self.shard(record.id().partition()).write();
        table.sweep(age);
        Ok(table.insert(entry))
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.find(id))
    }

    async fn replace(&self, record: &SessionRecord, expected: Version) -> Result<Replaced, StoreError> {
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
        let hash = self.subject_hash(subject.as_str());
        let table = self.shard(subject.partition()).read();
        Ok(table.of_subject(subject, hash).cloned().collect())
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let hash = self.subject_hash(subject.as_str());
        let mut table = self.shard(subject.partition()).write();
        let all: Vec<_> =
            table.of_subject(subject, hash).map(SessionRecord::id).filter(|id| Some(*id) != keep).collect();
        for id in &all {
            table.remove(*id);
        }
        Ok(all)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        let mut purged = Purged::default();
        for shard in &self.shared.shards {
            // Found under the lock that readers share, so that logins wait for the removal only.
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
                let mut table = shard.write();
                if table.get(id).is_some_and(|record| record.version() == version) {
                    table.remove(id);
                    purged.removed += 1;
                }
            }
        }
        Ok(purged)
    }
}

/// Time that never jumps: a wrong system clock must not drop sessions.
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
