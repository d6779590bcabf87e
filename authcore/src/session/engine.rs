//! What is done with sessions whatever their credential: all on top of the store's seven methods.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::policy::SessionPolicy;
use super::record::{RecordParts, StoredCredential, Version};
use crate::principal::{CredentialKind, SessionRef};
use crate::{
    ConfigError, Error, Inserted, Login, MemoryStore, Principal, Rejection, Replaced, SessionId,
    SessionRecord, SessionStore, StoreError, StoreErrorKind, Subject, Timestamp,
};

/// How often a change is tried again because others changed the session meanwhile. Each failure means that one
/// of them got through.
pub(crate) const ATTEMPTS: usize = 256;

/// The sessions of a store under a policy: what every [`SessionStrategy`](crate::SessionStrategy) is made on.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    policy: SessionPolicy,
    /// Of the policy, computed once.
    slide_after: Duration,
    kind: CredentialKind,
    /// How long after its expiry a principal's credential is still accepted.
    leeway: Duration,
}

/// The store, known by its type if it is the embedded one: a verification then needs no boxed future.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Memory(MemoryStore),
    Other(Arc<dyn SessionStore>),
}

impl Store {
    pub(crate) fn new(store: impl SessionStore) -> Self {
        let store = Arc::new(store);
        match (&*store as &dyn Any).downcast_ref::<MemoryStore>() {
            Some(memory) => Self::Memory(memory.clone()),
            None => Self::Other(store),
        }
    }
}

impl Sessions {
    pub(crate) fn new(
        store: Store,
        policy: SessionPolicy,
        kind: CredentialKind,
    ) -> Result<Self, ConfigError> {
        policy.check()?;
        Ok(Self { store, slide_after: policy.slide_after(), policy, kind, leeway: Duration::ZERO })
    }

    /// For principals of access tokens, which are accepted for that long after their expiry.
    pub(crate) const fn set_leeway(&mut self, leeway: Duration) {
        self.leeway = leeway;
    }

    /// The store that they live in.
    pub fn store(&self) -> &dyn SessionStore {
        match &self.store {
            Store::Memory(memory) => memory,
            // Not the `Arc`, whose own implementation would cost another boxed future for every call.
            Store::Other(store) => &**store,
        }
    }

    /// How long they live, and how many one subject may have.
    pub const fn policy(&self) -> &SessionPolicy {
        &self.policy
    }

    /// Writes a new session (rule A1), then ends the replaced one (rule A10) and the oldest above the limit (rule
    /// A7). If any of that fails, the new session is ended again, as far as the store can be reached.
    pub(crate) async fn open(
        &self,
        login: &Login,
        replaces: Option<SessionId>,
        now: Timestamp,
        credential: &StoredCredential,
    ) -> Result<SessionRecord, Error> {
        let record = self.insert(login, now, credential).await?;
        match self.settle(&record, replaces, now).await {
            Ok(()) => Ok(record),
            Err(error) => {
                // The client never gets the credential, so a session that stays behind admits nobody.
                let _ = self.store().remove(record.id()).await;
                Err(error)
            }
        }
    }

    async fn insert(
        &self,
        login: &Login,
        now: Timestamp,
        credential: &StoredCredential,
    ) -> Result<SessionRecord, Error> {
        // 112 random bits collide never, or because something is broken: once more, then give up.
        for _ in 0..2 {
            let mut parts = RecordParts {
                id: SessionId::generate(&login.subject)?,
                version: Version::FIRST,
                epoch: 0,
                subject: login.subject.clone(),
                credential: credential.clone(),
                created_at: now,
                authenticated_at: now,
                last_seen_at: now,
                idle_expires_at: now,
                expires_at: self.policy.absolute_end(now),
                device: login.device.clone(),
                claims: login.claims.clone(),
            };
            self.policy.slide(&mut parts, now);
            let record = SessionRecord::from_parts(&parts)?;
            match self.store().insert(&record).await? {
                Inserted::Done => return Ok(record),
                Inserted::Conflict => {}
            }
        }
        Err(StoreError::unavailable("every new session id was taken").into())
    }

    async fn settle(
        &self,
        record: &SessionRecord,
        replaces: Option<SessionId>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some(replaced) = replaces {
            self.store().remove(replaced).await?;
        }
        let Some(limit) = self.policy.limit() else { return Ok(()) };
        let mut all = self.list_live(&record.to_subject(), now).await?;
        if !all.iter().any(|session| session.id() == record.id()) {
            // Others, who log in at the same moment, took its place before it could be seen here.
            return Err(Error::SessionLimit);
        }
        if all.len() <= limit {
            return Ok(());
        }
        all.sort_unstable_by_key(|session| (session.created_at(), session.id()));
        all.truncate(all.len() - limit);
        for oldest in &all {
            self.store().remove(oldest.id()).await?;
        }
        if all.iter().any(|oldest| oldest.id() == record.id()) { Err(Error::SessionLimit) } else { Ok(()) }
    }

    /// The stored record with this id, of our kind of credential.
    pub(crate) async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, Error> {
        let found = match &self.store {
            Store::Memory(memory) => memory.find(id),
            Store::Other(store) => store.as_ref().load(id).await?,
        };
        match found {
            Some(record) if record.id() != id => {
                Err(StoreError::corrupt("the store answered with another session").into())
            }
            Some(record) if record.kind() != self.kind => Err(Rejection::WrongKind.into()),
            found => Ok(found),
        }
    }

    /// Writes down a use, if one is due. Losing that race, or the store, is no error; a session that is gone refuses,
    /// and what no retry can mend is returned (rule A5).
    pub(crate) async fn touch(&self, record: SessionRecord, now: Timestamp) -> Result<SessionRecord, Error> {
        if now.since(record.last_seen_at()) < self.slide_after {
            return Ok(record);
        }
        // Boxed, since it is rare: the future of every other verification stays small.
        Box::pin(self.slide(record, now)).await
    }

    async fn slide(&self, record: SessionRecord, now: Timestamp) -> Result<SessionRecord, Error> {
        let next = record.next(|parts| self.policy.slide(parts, now))?;
        match self.store().replace(&next, record.version()).await {
            Ok(Replaced::Done) => Ok(next),
            Ok(Replaced::Gone) => Err(Rejection::SessionEnded.into()),
            Ok(Replaced::Stale) => Ok(record),
            Err(error) if error.kind() == StoreErrorKind::Unavailable => Ok(record),
            Err(error) => Err(error.into()),
        }
    }

    /// The principal's own session, if the principal has outlived neither it nor its own credential (rule A11).
    pub(crate) async fn own(&self, principal: &Principal, now: Timestamp) -> Result<SessionRecord, Error> {
        if now >= principal.expires_at().plus(self.leeway) {
            return Err(Rejection::Expired.into());
        }
        let record = self.referred(principal).await?.ok_or(Rejection::SessionEnded)?;
        SessionPolicy::check_live(&record, now)?;
        Ok(record)
    }

    /// The principal's session, live or expired; `None` if it is gone.
    pub(crate) async fn referred(&self, principal: &Principal) -> Result<Option<SessionRecord>, Error> {
        let own = principal.session().ok_or(Rejection::WrongKind)?;
        let Some(record) = self.load(own.id).await? else { return Ok(None) };
        check_reference(own, principal.subject(), &record)?;
        Ok(Some(record))
    }

    /// Changes the principal's own session under compare-and-swap; `change` sees a fresh record each time (rules
    /// A8, A11). Every write also counts as a use (rule A5).
    pub(crate) async fn change_own(
        &self,
        principal: &Principal,
        now: Timestamp,
        mut change: impl FnMut(&mut RecordParts) -> Result<(), Error> + Send,
    ) -> Result<SessionRecord, Error> {
        for _ in 0..ATTEMPTS {
            let record = self.own(principal, now).await?;
            let mut outcome = Ok(());
            let next = record.next(|parts| {
                outcome = change(parts);
                self.policy.slide(parts, now);
            });
            outcome?;
            let next = next?;
            match self.store().replace(&next, record.version()).await? {
                Replaced::Done => return Ok(next),
                Replaced::Stale => {}
                Replaced::Gone => return Err(Rejection::SessionEnded.into()),
            }
        }
        Err(Error::Contended)
    }

    /// The subject's live sessions (rules S5, S6).
    pub(crate) async fn list_live(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, Error> {
        let mut all = self.store().list(subject).await?;
        all.retain(|record| {
            SessionPolicy::check_live(record, now).is_ok() && record.subject() == subject.as_str()
        });
        Ok(all)
    }

    /// Removes one session of the subject; `false` if there is none of this id, or it is somebody else's.
    pub(crate) async fn remove_of(&self, subject: &Subject, id: SessionId) -> Result<bool, Error> {
        match self.store().load(id).await? {
            Some(record) if record.subject() == subject.as_str() => Ok(self.store().remove(id).await?),
            _ => Ok(false),
        }
    }
}

fn check_reference(own: SessionRef, subject: &str, record: &SessionRecord) -> Result<(), Rejection> {
    if own.kind != record.kind() || record.subject() != subject {
        return Err(Rejection::WrongKind);
    }
    if own.epoch != record.epoch() {
        return Err(Rejection::Superseded);
    }
    Ok(())
}
