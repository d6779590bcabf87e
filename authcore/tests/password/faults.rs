//! A store and accounts that fail and change on demand.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authcore::password::{Account, Accounts, AccountsError, PasswordHash};
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{Login, MemoryStore, Realm, SessionId, Subject, Timestamp};

/// A plan that makes one call fail, before or after its effect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    calls: usize,
    fails: Option<(usize, When)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

impl Faults {
    /// Makes the call with this number fail, counted from 0.
    pub(crate) fn plan(&self, call: usize, when: When) {
        *self.0.lock().unwrap() = Plan { calls: 0, fails: Some((call, when)) };
    }

    /// Cancels the plan and returns whether the planned call has occurred.
    pub(crate) fn clear(&self) -> bool {
        let plan = std::mem::take(&mut *self.0.lock().unwrap());
        plan.fails.is_some_and(|(call, _)| plan.calls > call)
    }

    /// Runs one call.
    async fn during<T>(&self, call: impl Future<Output = T>) -> Result<T, StoreError> {
        let fails = {
            let mut plan = self.0.lock().unwrap();
            let number = plan.calls;
            plan.calls += 1;
            plan.fails.filter(|(planned, _)| *planned == number).map(|(_, when)| when)
        };
        if fails == Some(When::Before) {
            return Err(StoreError::unavailable("on purpose"));
        }
        let answer = call.await;
        if fails == Some(When::After) { Err(StoreError::unavailable("on purpose")) } else { Ok(answer) }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct FaultyStore(pub(crate) MemoryStore, pub(crate) Faults);

#[async_trait]
impl SessionStore for FaultyStore {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        self.1.during(self.0.insert(record)).await?
    }
    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.1.during(self.0.load(id)).await?
    }
    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        self.1.during(self.0.replace(record, expected)).await?
    }
    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.1.during(self.0.remove(id)).await?
    }
    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.1.during(self.0.list(subject)).await?
    }
    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.1.during(self.0.remove_all(subject, keep)).await?
    }
    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.1.during(self.0.purge_expired(now, limit)).await?
    }
}

pub(crate) type Hashes = HashMap<String, String>;

pub(crate) type Interference = Box<dyn FnOnce(&mut Hashes) + Send>;

/// Accounts whose identifier is their subject, with planned changes of their hashes.
#[derive(Default)]
pub(crate) struct People {
    hashes: Mutex<Hashes>,
    /// Runs just before the next `password_hash`.
    pub(crate) before_read: Mutex<Option<Interference>>,
    /// Runs just before the next `replace_hash`.
    pub(crate) before_replace: Mutex<Option<Interference>>,
    pub(crate) faults: Faults,
}

impl fmt::Debug for People {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("People")
    }
}

impl People {
    fn interfere(&self, slot: &Mutex<Option<Interference>>) {
        if let Some(interference) = slot.lock().unwrap().take() {
            interference(&mut self.hashes.lock().unwrap());
        }
    }

    pub(crate) fn hash_of(&self, name: &str) -> String {
        self.hashes.lock().unwrap()[name].clone()
    }

    pub(crate) fn set(&self, name: &str, hash: &str) {
        self.hashes.lock().unwrap().insert(name.into(), hash.into());
    }
}

#[async_trait]
impl Accounts for People {
    async fn find(&self, identifier: &str, _: &Realm) -> Result<Option<Account>, AccountsError> {
        let found =
            self.faults.during(async { self.hashes.lock().unwrap().get(identifier).cloned() }).await?;
        let Some(hash) = found else { return Ok(None) };
        let account = Account::new(Login::new(identifier)?);
        Ok(Some(if hash.is_empty() { account } else { account.password_hash(PasswordHash::new(hash)) }))
    }

    async fn password_hash(&self, subject: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
        self.interfere(&self.before_read);
        let read = async { self.hashes.lock().unwrap().get(subject.as_str()).map(PasswordHash::new) };
        Ok(self.faults.during(read).await?)
    }

    async fn replace_hash(
        &self,
        subject: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<ReplaceOutcome, AccountsError> {
        self.interfere(&self.before_replace);
        let replace = async {
            match self.hashes.lock().unwrap().get_mut(subject.as_str()) {
                None => ReplaceOutcome::Missing,
                Some(stored) if stored != expected.expose() => ReplaceOutcome::Stale,
                Some(stored) => {
                    *stored = new.expose().to_owned();
                    ReplaceOutcome::Replaced
                }
            }
        };
        Ok(self.faults.during(replace).await?)
    }
}
