//! The session store.

use std::fmt;

use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};
use redis::Value;

use crate::command::Access;
use crate::connection::Connection;
use crate::error::UNEXPECTED_ANSWER;
use crate::keys::Prefix;
use crate::script::{self, Script};

/// A [`SessionStore`] in Redis or Valkey, on a single node or a Cluster.
///
/// Clones share one connection, which is multiplexed and recovers by itself. The store needs a tokio runtime
/// with its timer. A connection to a Cluster ends with the runtime on which it was made.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use authcore::{Auth, ServerSessions};
/// use authcore_redis::RedisStore;
///
/// let store = RedisStore::builder("redis://:password@10.0.0.1/2")
///     .prefix("shop:")
///     .timeout(Duration::from_millis(500))
///     .connect()
///     .await?;
/// let auth = Auth::with_sessions(ServerSessions::builder(store).build()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    connection: Connection,
    prefix: Prefix,
}

impl RedisStore {
    pub(crate) fn new(connection: Connection, prefix: Prefix) -> Self {
        Self { connection, prefix }
    }

    /// Returns the key of a record and that of its subject's index.
    fn keys_of(&self, record: &SessionRecord) -> (String, String) {
        let partition = self.prefix.partition(record.id().partition());
        (partition.record(record.id()), partition.index(record.subject_key()))
    }

    /// Runs a script over all sessions of a subject, again if it needs their keys first.
    async fn run_over_sessions<T>(
        &self,
        subject: &Subject,
        script: &Script,
        access: Access,
        keep: &str,
        read: fn(Vec<u8>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let partition = self.prefix.partition(subject.partition());
        let is_single_node: &[u8] = if self.connection.is_cluster() { b"0" } else { b"1" };
        let args = [partition.record_prefix().as_bytes(), is_single_node, keep.as_bytes()];
        let mut keys = vec![partition.index(subject.key())];
        let deadline = self.connection.deadline();
        for _ in 0..MAX_ATTEMPTS {
            let answer = self.connection.run_until(deadline, script, access, &keys, &args).await?;
            match SessionsAnswer::read(answer, read)? {
                SessionsAnswer::Complete(sessions) => return Ok(sessions),
                SessionsAnswer::NeedsKeys(ids) => {
                    keys.truncate(1);
                    keys.extend(ids.into_iter().map(|id| partition.record(id)));
                }
            }
        }
        Err(StoreError::unavailable("the subject's sessions changed during every attempt"))
    }
}

/// How often a script over all sessions of a subject is run while other logins change these sessions.
const MAX_ATTEMPTS: usize = 16;

/// The answer of a script over all sessions of a subject.
enum SessionsAnswer<T> {
    /// The sessions that were listed or removed.
    Complete(Vec<T>),
    /// The ids of the subject's sessions, without any effect. In a Cluster, a record that is missing may be
    /// on its way to another node, and only a command that names its key is told so.
    NeedsKeys(Vec<SessionId>),
}

impl<T> SessionsAnswer<T> {
    fn read(answer: Value, read: fn(Vec<u8>) -> Result<T, StoreError>) -> Result<Self, StoreError> {
        let Value::Array(items) = answer else { return Err(UNEXPECTED_ANSWER) };
        let mut items = items.into_iter();
        match items.next() {
            Some(Value::Int(1)) => {
                Ok(Self::Complete(items.map(|item| read(bytes(item)?)).collect::<Result<_, _>>()?))
            }
            Some(Value::Int(0)) => {
                Ok(Self::NeedsKeys(items.map(|item| session_id(bytes(item)?)).collect::<Result<_, _>>()?))
            }
            _ => Err(UNEXPECTED_ANSWER),
        }
    }
}

fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    if let Value::BulkString(bytes) = value { Ok(bytes) } else { Err(UNEXPECTED_ANSWER) }
}

fn session_record(bytes: Vec<u8>) -> Result<SessionRecord, StoreError> {
    SessionRecord::decode(&bytes)
}

fn session_id(text: Vec<u8>) -> Result<SessionId, StoreError> {
    let id = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    id.ok_or(StoreError::corrupt("an index holds something other than a session id"))
}

/// Returns a record's time to live in milliseconds: rounded up, at least one (rule S6), and small enough for
/// the server to add it to its own time without losing digits.
fn time_to_live(record: &SessionRecord) -> String {
    const MAX: u128 = 1 << 52;
    record.time_to_live().as_millis().clamp(1, MAX).to_string()
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        let (key, index) = self.keys_of(record);
        let (id, time_to_live) = (record.id().to_string(), time_to_live(record));
        let args = [key.as_bytes(), id.as_bytes(), time_to_live.as_bytes(), record.as_bytes()];
        match self.connection.run(&script::INSERT, Access::Write, &[index], &args).await? {
            Value::Int(1) => Ok(InsertOutcome::Inserted),
            Value::Int(0) => Ok(InsertOutcome::Conflict),
            _ => Err(UNEXPECTED_ANSWER),
        }
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        match self.connection.get(self.prefix.record(id).as_bytes()).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => SessionRecord::decode(&bytes).map(Some),
            _ => Err(UNEXPECTED_ANSWER),
        }
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        let (key, index) = self.keys_of(record);
        let (id, time_to_live) = (record.id().to_string(), time_to_live(record));
        let expected = expected.number().to_be_bytes();
        let args = [id.as_bytes(), time_to_live.as_bytes(), record.as_bytes(), &expected];
        match self.connection.run(&script::REPLACE, Access::Write, &[key, index], &args).await? {
            Value::Int(1) => Ok(ReplaceOutcome::Replaced),
            Value::Int(0) => Ok(ReplaceOutcome::Stale),
            Value::Int(-1) => Ok(ReplaceOutcome::Missing),
            Value::Int(-2) => Err(StoreError::corrupt("a session's key does not hold a session")),
            _ => Err(UNEXPECTED_ANSWER),
        }
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        let partition = self.prefix.partition(id.partition());
        let (key, text, index_prefix) = (partition.record(id), id.to_string(), partition.index_prefix());
        let args = [text.as_bytes(), index_prefix.as_bytes()];
        match self.connection.run(&script::REMOVE, Access::Write, &[key], &args).await? {
            Value::Int(removed) => Ok(removed == 1),
            _ => Err(UNEXPECTED_ANSWER),
        }
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.run_over_sessions(subject, &script::LIST, Access::Read, "", session_record).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let keep = keep.map(|id| id.to_string()).unwrap_or_default();
        self.run_over_sessions(subject, &script::REMOVE_ALL, Access::Write, &keep, session_id).await
    }

    /// Does nothing: the server drops expired records by itself.
    async fn purge_expired(&self, _: Timestamp, _: usize) -> Result<PurgeOutcome, StoreError> {
        Ok(PurgeOutcome::default())
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("cluster", &self.connection.is_cluster())
            .field("timeout", &self.connection.timeout())
            .finish_non_exhaustive()
    }
}
