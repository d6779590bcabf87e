//! A store that counts its calls and fails when it is told to.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::{SessionId, Subject, Timestamp};

/// The calls of a [`SessionStore`].
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

/// When a call fails as `Unavailable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a call fails before or after its effect")]
pub enum Fault {
    /// Before it reaches the store: nothing was written.
    BeforeCommit,
    /// After the store carried it out: the answer was lost.
    AfterCommit,
}

/// A store around another that counts calls, fails on demand, and lets something else happen just before a call.
///
/// Clones share counts and plans.
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

type Happening = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Plan {
    counts: HashMap<Call, usize>,
    /// The call, counted from now, that fails.
    nth: Option<(usize, Fault)>,
    every: HashMap<Call, Fault>,
    all: Option<Fault>,
    before: Option<(Call, Happening)>,
}

impl FaultyStore {
    /// A store that does what `inner` does until it is told otherwise.
    pub fn new(inner: impl SessionStore) -> Self {
        Self { inner: Arc::new(inner), plan: Arc::default() }
    }

    /// Lets the `nth` call from now fail, whichever it is; 1 is the next.
    pub fn fail_nth(&self, nth: usize, fault: Fault) {
        self.plan().nth = Some((nth, fault));
    }

    /// Lets every call of this method fail until [`FaultyStore::heal`].
    pub fn fail_every(&self, call: Call, fault: Fault) {
        self.plan().every.insert(call, fault);
    }

    /// Lets every call fail until [`FaultyStore::heal`].
    pub fn fail_all(&self, fault: Fault) {
        self.plan().all = Some(fault);
    }

    /// Awaits `happening` just before the next call of this method reaches the store: what a rival does at the
    /// worst moment.
    pub fn before_next(&self, call: Call, happening: impl Future<Output = ()> + Send + 'static) {
        self.plan().before = Some((call, Box::pin(happening)));
    }

    /// Lets nothing fail any more; `true` if [`FaultyStore::fail_nth`] still waited for its call.
    pub fn heal(&self) -> bool {
        let mut plan = self.plan();
        let waited = plan.nth.take().is_some();
        plan.every.clear();
        (plan.all, plan.before) = (None, None);
        waited
    }

    /// How many calls of this method there were, failed ones included.
    pub fn count(&self, call: Call) -> usize {
        self.plan().counts.get(&call).copied().unwrap_or_default()
    }

    /// How many calls there were, failed ones included.
    pub fn total(&self) -> usize {
        self.plan().counts.values().sum()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call and says how it is to fail, after what was to happen before it.
    async fn begin(&self, call: Call) -> Option<Fault> {
        let happening = {
            let mut plan = self.plan();
            match plan.before.take() {
                Some((planned, happening)) if planned == call => Some(happening),
                other => {
                    plan.before = other;
                    None
                }
            }
        };
        if let Some(happening) = happening {
            happening.await;
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

    /// Carries out a call as far as its fault lets it.
    async fn meddle<T: Send>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.begin(call).await {
            None => answer.await,
            Some(Fault::BeforeCommit) => Err(StoreError::unavailable("a fault before the commit")),
            Some(Fault::AfterCommit) => {
                answer.await?;
                Err(StoreError::unavailable("a fault after the commit"))
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
        self.meddle(Call::Insert, self.inner.insert(record)).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.meddle(Call::Load, self.inner.load(id)).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        self.meddle(Call::Replace, self.inner.replace(record, expected)).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.meddle(Call::Remove, self.inner.remove(id)).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.meddle(Call::List, self.inner.list(subject)).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.meddle(Call::RemoveAll, self.inner.remove_all(subject, keep)).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.meddle(Call::PurgeExpired, self.inner.purge_expired(now, limit)).await
    }
}
