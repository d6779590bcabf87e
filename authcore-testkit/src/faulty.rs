//! A store that counts its calls and fails on demand.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};

/// The methods of a [`SessionStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the trait has these seven methods")]
pub enum Call {
    /// [`SessionStore::insert`].
    Insert,
    /// [`SessionStore::load`].
    Load,
    /// [`SessionStore::replace`].
    Replace,
    /// [`SessionStore::remove`].
    Remove,
    /// [`SessionStore::list`].
    List,
    /// [`SessionStore::remove_all`].
    RemoveAll,
    /// [`SessionStore::purge_expired`].
    PurgeExpired,
}

/// The moment at which a call fails as `Unavailable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a call fails before or after its effect")]
pub enum Fault {
    /// Before the call reaches the store: nothing is written.
    BeforeCommit,
    /// After the store has carried out the call: only the response is lost.
    AfterCommit,
}

/// A wrapper around a store that counts calls and makes them fail on demand.
///
/// It can also run other code just before a call.
///
/// Clones share the counts and the planned faults.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use authcore::{Auth, ErrorKind, Login, MemoryStore, ServerSessions};
/// use authcore_testkit::{Call, Fault, FaultyStore};
///
/// let store = FaultyStore::new(MemoryStore::new());
/// let auth = Auth::with_sessions(ServerSessions::builder(store.clone()).build()?);
/// let issued = auth.login(Login::new("ada")?).await?;
///
/// store.fail_every(Call::Load, Fault::BeforeCommit);
/// let error = auth.authenticate(issued.credential().expose()).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unavailable);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn SessionStore>,
    plan: Arc<Mutex<Plan>>,
}

type Interference = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Plan {
    counts: HashMap<Call, usize>,
    /// The number of the call that fails, counted from now.
    nth: Option<(usize, Fault)>,
    every: HashMap<Call, Fault>,
    all: Option<Fault>,
    before: Option<(Call, Interference)>,
}

impl FaultyStore {
    /// Wraps `inner`. The wrapper passes every call on until a fault is planned.
    pub fn new(inner: impl SessionStore) -> Self {
        Self { inner: Arc::new(inner), plan: Arc::default() }
    }

    /// Makes the `nth` call from now fail, whatever its method; 1 is the next call.
    pub fn fail_nth(&self, nth: usize, fault: Fault) {
        self.plan().nth = Some((nth, fault));
    }

    /// Makes every call of this method fail until [`FaultyStore::clear_faults`].
    pub fn fail_every(&self, call: Call, fault: Fault) {
        self.plan().every.insert(call, fault);
    }

    /// Makes every call fail until [`FaultyStore::clear_faults`].
    pub fn fail_all(&self, fault: Fault) {
        self.plan().all = Some(fault);
    }

    /// Awaits `interference` just before the next call of this method reaches the store.
    ///
    /// Use it to place a competing write at the worst moment.
    pub fn before_next(&self, call: Call, interference: impl Future<Output = ()> + Send + 'static) {
        self.plan().before = Some((call, Box::pin(interference)));
    }

    /// Cancels all planned faults and interference.
    ///
    /// Returns `true` if the fault of [`FaultyStore::fail_nth`] had not struck yet.
    pub fn clear_faults(&self) -> bool {
        let mut plan = self.plan();
        let pending = plan.nth.take().is_some();
        plan.every.clear();
        (plan.all, plan.before) = (None, None);
        pending
    }

    /// Returns the number of calls of this method so far, failed ones included.
    pub fn count(&self, call: Call) -> usize {
        self.plan().counts.get(&call).copied().unwrap_or_default()
    }

    /// Returns the number of all calls so far, failed ones included.
    pub fn total(&self) -> usize {
        self.plan().counts.values().sum()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the interference planned for this call, counts the call, and returns the fault planned for it.
    async fn begin(&self, call: Call) -> Option<Fault> {
        let interference = {
            let mut plan = self.plan();
            match plan.before.take() {
                Some((planned, interference)) if planned == call => Some(interference),
                other => {
                    plan.before = other;
                    None
                }
            }
        };
        if let Some(interference) = interference {
            interference.await;
        }
        let mut plan = self.plan();
        *plan.counts.entry(call).or_default() += 1;
        let nth = match plan.nth.take() {
            Some((1, fault)) => Some(fault),
            Some((nth, fault)) => {
                plan.nth = Some((nth - 1, fault));
                None
            }
            None => None,
        };
        nth.or(plan.all).or_else(|| plan.every.get(&call).copied())
    }

    /// Carries out a call, with the fault planned for it.
    async fn call_with_fault<T: Send>(
        &self,
        call: Call,
        response: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.begin(call).await {
            None => response.await,
            Some(Fault::BeforeCommit) => Err(StoreError::unavailable("injected fault before the commit")),
            Some(Fault::AfterCommit) => {
                response.await?;
                Err(StoreError::unavailable("injected fault after the commit"))
            }
        }
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for FaultyStore {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        self.call_with_fault(Call::Insert, self.inner.insert(record)).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.call_with_fault(Call::Load, self.inner.load(id)).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        self.call_with_fault(Call::Replace, self.inner.replace(record, expected)).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.call_with_fault(Call::Remove, self.inner.remove(id)).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.call_with_fault(Call::List, self.inner.list(subject)).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.call_with_fault(Call::RemoveAll, self.inner.remove_all(subject, keep)).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.call_with_fault(Call::PurgeExpired, self.inner.purge_expired(now, limit)).await
    }
}
