//! The seven methods.

use std::fmt;

use crate::builder::RedisStoreBuilder;
use crate::connection::{Connection, Effect};
use crate::error::UNEXPECTED;
use crate::keys::{self, Partition, Prefix};
use crate::script::{self, Script};
use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};
use redis::Value;

/// Sessions in Redis or Valkey, on a single node or a Cluster.
///
/// Clones share one connection, which is multiplexed and recovers by itself. To be used on a tokio runtime
/// with its timer; a connection to a Cluster ends with the runtime on which it was made.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use authcore::{Auth, ServerSessions};
/// use authcore_redis::RedisStore;
///
/// let store = RedisStore::connect("redis://127.0.0.1").await?;
/// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    pub(crate) connection: Connection,
    pub(crate) prefix: Prefix,
}

impl RedisStore {
    /// Connects with the default options; see [`RedisStore::builder`].
    ///
    /// # Errors
    ///
    /// As [`RedisStoreBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).connect().await
    }

    /// Starts with the server's URL: `redis://[user][:password@]host[:port][/database]`, `rediss://` with
    /// TLS, or several of one Cluster with commas between them. One node of a Cluster is enough, the others
    /// are found.
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(url)
    }

    /// The records that a script gave, or what it needs to be named first.
    fn records(answer: Value) -> Result<Listed<Vec<SessionRecord>>, StoreError> {
        Listed::read(answer, |record| SessionRecord::decode(&record))
    }

    fn ids(answer: Value) -> Result<Listed<Vec<SessionId>>, StoreError> {
        Listed::read(answer, |id| session_id(&id))
    }

    /// Runs a script over all sessions of a subject, once more if it has to name their keys first.
    async fn over_all<T>(
        &self,
        subject: &Subject,
        script: &Script,
        effect: Effect,
        keep: &str,
        read: fn(Value) -> Result<Listed<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let (partition, index) = keys::of_subject(&self.prefix, subject);
        let alone: &[u8] = if self.connection.is_cluster() { b"0" } else { b"1" };
        let args = [partition.records().as_bytes(), alone, keep.as_bytes()];
        let mut keys = vec![index];
        let deadline = self.connection.deadline();
        for _ in 0..ATTEMPTS {
            match read(self.connection.run_until(deadline, script, effect, &keys, &args).await?)? {
                Listed::Whole(done) => return Ok(done),
                Listed::NeedsKeys(ids) => {
                    keys.truncate(1);
                    keys.extend(ids.into_iter().map(|id| partition.record(id)));
                }
            }
        }
        Err(StoreError::unavailable("the subject's sessions changed at every attempt"))
    }
}

/// How often a script over all sessions of a subject is asked again, because others log in between.
const ATTEMPTS: usize = 16;

/// What a script over all sessions of a subject answers.
enum Listed<T> {
    /// What it was for.
    Whole(T),
    /// Nothing was done: in a Cluster, a record that is not there may be on its way to another node, and only
    /// a command that names its key is told so. These are the subject's sessions.
    NeedsKeys(Vec<SessionId>),
}

impl<T> Listed<Vec<T>> {
    fn read(answer: Value, item: impl Fn(Vec<u8>) -> Result<T, StoreError>) -> Result<Self, StoreError> {
        let Value::Array(items) = answer else { return Err(UNEXPECTED) };
        let mut items = items.into_iter();
        let whole = items.next();
        let items = items.map(bulk);
        match whole {
            Some(Value::Int(1)) => {
                Ok(Self::Whole(items.map(|bytes| item(bytes?)).collect::<Result<_, _>>()?))
            }
            Some(Value::Int(0)) => {
                Ok(Self::NeedsKeys(items.map(|id| session_id(&id?)).collect::<Result<_, _>>()?))
            }
            _ => Err(UNEXPECTED),
        }
    }
}

fn bulk(value: Value) -> Result<Vec<u8>, StoreError> {
    if let Value::BulkString(bytes) = value { Ok(bytes) } else { Err(UNEXPECTED) }
}

fn session_id(text: &[u8]) -> Result<SessionId, StoreError> {
    let id = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    id.ok_or(StoreError::corrupt("something else than a session's id in an index"))
}

/// A record's time to live in milliseconds: rounded up, at least one (rule S6), and small enough for the
/// server to add to its own time without losing digits.
fn time_to_live(record: &SessionRecord) -> String {
    const LONGEST: u128 = 1 << 52;
    record.time_to_live().as_millis().clamp(1, LONGEST).to_string()
}

impl RedisStore {
    fn keys_of(&self, record: &SessionRecord) -> (Partition, String, String) {
        let partition = self.prefix.partition(record.id().partition());
        let (key, index) = (partition.record(record.id()), partition.index(record.subject_key()));
        (partition, key, index)
    }
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        let (_, key, index) = self.keys_of(record);
        let (id, lives) = (record.id().to_string(), time_to_live(record));
        let args = [key.as_bytes(), id.as_bytes(), lives.as_bytes(), record.as_bytes()];
        match self.connection.run(&script::INSERT, Effect::Writes, &[index], &args).await? {
            Value::Int(1) => Ok(InsertOutcome::Inserted),
            Value::Int(0) => Ok(InsertOutcome::Conflict),
            _ => Err(UNEXPECTED),
        }
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        match self.connection.get(self.prefix.record(id).as_bytes()).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => SessionRecord::decode(&bytes).map(Some),
            _ => Err(UNEXPECTED),
        }
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let (_, key, index) = self.keys_of(record);
        let (id, lives) = (record.id().to_string(), time_to_live(record));
        let expected = expected.number().to_be_bytes();
        let args = [id.as_bytes(), lives.as_bytes(), record.as_bytes(), &expected];
        match self.connection.run(&script::REPLACE, Effect::Writes, &[key, index], &args).await? {
            Value::Int(1) => Ok(ReplaceOutcome::Replaced),
            Value::Int(0) => Ok(ReplaceOutcome::Stale),
            Value::Int(-1) => Ok(ReplaceOutcome::Missing),
            Value::Int(-2) => Err(StoreError::corrupt("a session's key holds no session")),
            _ => Err(UNEXPECTED),
        }
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        let partition = self.prefix.partition(id.partition());
        let (key, text, indexes) = (partition.record(id), id.to_string(), partition.indexes());
        let args = [text.as_bytes(), indexes.as_bytes()];
        match self.connection.run(&script::REMOVE, Effect::Writes, &[key], &args).await? {
            Value::Int(removed) => Ok(removed == 1),
            _ => Err(UNEXPECTED),
        }
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.over_all(subject, &script::LIST, Effect::Reads, "", Self::records).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let keep = keep.map(|id| id.to_string()).unwrap_or_default();
        self.over_all(subject, &script::REMOVE_ALL, Effect::Writes, &keep, Self::ids).await
    }

    /// Nothing to do: the server drops expired records by itself.
    async fn purge_expired(&self, _: Timestamp, _: usize) -> Result<PurgeOutcome, StoreError> {
        Ok(PurgeOutcome::default())
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("cluster", &self.connection.is_cluster())
            .field("timeout", &self.connection.timeout)
            .finish_non_exhaustive()
    }
}
