//! Operations on sessions that do not depend on their credential, built on the store's seven methods.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use super::credential_kind::CredentialKind;
use super::policies::Policies;
use super::policy::SessionPolicy;
use super::timeouts;
use crate::error::Rejection;
use crate::principal::SessionRef;
use crate::store::{
    InsertOutcome, RecordParts, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
    StoreErrorKind, StoredCredential,
};
use crate::strategy::call_context::{CallContext, Usage};
use crate::{Error, Login, MemoryStore, Principal, SessionId, Subject, Timestamp};

/// How often a change is retried when other calls changed the session meanwhile. Each failure means that one
/// of them succeeded.
pub(crate) const ATTEMPTS: usize = 256;

/// The sessions of a store under policies, on which every
/// [`SessionStrategy`](crate::strategy::SessionStrategy) is built.
///
/// For authors of a strategy, who pass on the `Sessions` of a built-in one.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    policies: Policies,
    kind: CredentialKind,
    /// How long after its expiry a principal's credential is still accepted.
    leeway: Duration,
}

/// Which of its own sessions a principal may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// A session that represents a login.
    Login,
    /// Any session, including a guest's.
    AnyKind,
}

/// A store. The embedded one is known by its type, so that a verification needs no boxed future.
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
    pub(crate) fn new(store: Store, policies: Policies, kind: CredentialKind) -> Self {
        Self { store, policies, kind, leeway: Duration::ZERO }
    }

    /// Sets how long after their expiry principals of access tokens are accepted.
    pub(crate) fn set_leeway(&mut self, leeway: Duration) {
        self.leeway = leeway;
    }

    /// Returns the store that keeps the sessions.
    pub fn store(&self) -> &dyn SessionStore {
        match &self.store {
            Store::Memory(memory) => memory,
            // Not the `Arc`, whose implementation would add another boxed future to every call.
            Store::Other(store) => &**store,
        }
    }

    /// Returns the policy of the default kind of session.
    pub fn policy(&self) -> &SessionPolicy {
        self.policies.default_kind()
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Writes a new session (rule A1), then ends the replaced sessions (rule A10) and those above the limit
    /// of its kind (rule A7).
    ///
    /// If any of that fails, the new session is removed again, as far as the store can be reached. `prepare`
    /// makes what is handed out, before anything is written (rule R12).
    pub(crate) async fn open<T>(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
        credential: &StoredCredential,
        prepare: impl Fn(&SessionRecord) -> Result<T, Error>,
    ) -> Result<(SessionRecord, T), Error> {
        let (record, prepared) = self.insert(login, context, credential, prepare).await?;
        match self.end_replaced_and_excess(&record, replaces, context).await {
            Ok(()) => Ok((record, prepared)),
            Err(error) => {
                // The client never receives the credential, so no one can use a session that remains.
                let _ = self.store().remove(record.id()).await;
                Err(error)
            }
        }
    }

    async fn insert<T>(
        &self,
        login: &Login,
        context: &CallContext<'_>,
        credential: &StoredCredential,
        prepare: impl Fn(&SessionRecord) -> Result<T, Error>,
    ) -> Result<(SessionRecord, T), Error> {
        let api_key = matches!(credential, StoredCredential::ApiKey { .. });
        let policy = self.policies.for_login(&login.details.kind, api_key)?;
        let (subject, now) = (login.subject.in_realm(context.realm), context.now);
        let mut details = login.details.clone();
        details.is_login = policy.represents_login();
        // 112 random bits do not collide unless something is broken: one retry, then give up.
        for _ in 0..2 {
            let mut parts = RecordParts {
                id: SessionId::generate(&subject)?,
                version: RecordVersion::FIRST,
                epoch: 0,
                subject: subject.clone(),
                credential: credential.clone(),
                created_at: now,
                authenticated_at: login.authenticated_at.map_or(now, |at| at.min(now)),
                last_seen_at: now,
                idle_expires_at: now,
                expires_at: now,
                device: login.device.clone(),
                details: details.clone(),
                claims: login.claims.clone(),
            };
            policy.begin(&mut parts, now);
            let record = SessionRecord::from_parts(&parts)?;
            let prepared = prepare(&record)?;
            match self.store().insert(&record).await? {
                InsertOutcome::Inserted => return Ok((record, prepared)),
                InsertOutcome::Conflict => {}
            }
        }
        Err(StoreError::unavailable("two new session ids in a row were taken").into())
    }

    async fn end_replaced_and_excess(
        &self,
        record: &SessionRecord,
        replaces: &[SessionId],
        context: &CallContext<'_>,
    ) -> Result<(), Error> {
        for replaced in replaces {
            self.store().remove(*replaced).await?;
        }
        let policy = self.policies.of(record);
        let Some(limit) = policy.max_sessions_per_subject() else { return Ok(()) };
        let mut all = self.list_live(&record.to_subject(), context.now).await?;
        if !all.iter().any(|session| session.id() == record.id()) {
            // Concurrent logins of the same subject removed it as excess.
            return Err(Error::SessionLimit);
        }
        all.retain(|session| session.session_kind() == record.session_kind());
        if all.len() <= limit {
            return Ok(());
        }
        if policy.is_for_api_keys() {
            // An existing key is never removed to make room for another. Of keys that are created
            // concurrently, all may be refused.
            return Err(Error::SessionLimit);
        }
        all.sort_unstable_by_key(|session| (session.created_at(), session.id()));
        all.truncate(all.len() - limit);
        for oldest in &all {
            self.store().remove(oldest.id()).await?;
        }
        if all.iter().any(|oldest| oldest.id() == record.id()) { Err(Error::SessionLimit) } else { Ok(()) }
    }

    /// Returns the stored record with this id, if it has this kind of credential and belongs to the call's
    /// realm.
    pub(crate) async fn load(
        &self,
        id: SessionId,
        kind: CredentialKind,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        let found = match &self.store {
            Store::Memory(memory) => memory.find(id),
            Store::Other(store) => store.as_ref().load(id).await?,
        };
        match found {
            Some(record) if record.id() != id => {
                Err(StoreError::corrupt("the store returned the record of another session").into())
            }
            Some(record) if !record.is_of_realm(context.realm) => Err(Rejection::OtherRealm.into()),
            Some(record) if record.kind() != kind => Err(Rejection::WrongKind.into()),
            found => Ok(found),
        }
    }

    /// Refuses a session that has expired, and records the use of a live one.
    pub(crate) async fn use_live(
        &self,
        record: SessionRecord,
        context: &CallContext<'_>,
    ) -> Result<SessionRecord, Error> {
        self.policies.of(&record).check_live(&record, context.now)?;
        self.record_use(record, context).await
    }

    /// Records a use, if it counts and is due (rules A5, A14).
    ///
    /// Losing a race, or an unavailable store, is not an error. A session that is gone is refused, and errors
    /// that no retry can fix are returned.
    pub(crate) async fn record_use(
        &self,
        record: SessionRecord,
        context: &CallContext<'_>,
    ) -> Result<SessionRecord, Error> {
        if context.usage == Usage::DoesNotCount
            || !self.policies.of(&record).timeouts().is_due(&record, context.now)
        {
            return Ok(record);
        }
        // Boxed because it is rare, so that the future of every other verification stays small.
        Box::pin(self.slide(record, context.now)).await
    }

    async fn slide(&self, record: SessionRecord, now: Timestamp) -> Result<SessionRecord, Error> {
        let next = record.next(|parts| timeouts::slide(parts, now))?;
        match self.store().replace(&next, record.version()).await {
            Ok(ReplaceOutcome::Replaced) => Ok(next),
            Ok(ReplaceOutcome::Missing) => Err(Rejection::SessionEnded.into()),
            Ok(ReplaceOutcome::Stale) => Ok(record),
            Err(error) if error.kind() == StoreErrorKind::Unavailable => Ok(record),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the principal's own session, if both the session and the principal's credential are still
    /// valid (rule A11).
    ///
    /// An API key cannot manage its owner's sessions. Neither can a session that does not represent a login:
    /// its user may have entered a password but no second factor yet (rule A13).
    pub(crate) async fn own(
        &self,
        principal: &Principal,
        context: &CallContext<'_>,
    ) -> Result<SessionRecord, Error> {
        self.own_session(principal, Own::Login, context).await
    }

    async fn own_session(
        &self,
        principal: &Principal,
        own: Own,
        context: &CallContext<'_>,
    ) -> Result<SessionRecord, Error> {
        if context.now >= principal.expires_at().plus(self.leeway) {
            return Err(Rejection::Expired.into());
        }
        let record = self.referred(principal, context).await?.ok_or(Rejection::SessionEnded)?;
        let policy = self.policies.of(&record);
        policy.check_live(&record, context.now)?;
        if own == Own::Login && !(record.is_login() && policy.represents_login()) {
            return Err(Rejection::NotALogin.into());
        }
        Ok(record)
    }

    /// Returns the principal's session, live or expired; `None` if it is gone.
    pub(crate) async fn referred(
        &self,
        principal: &Principal,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        let own = principal.session().ok_or(Rejection::WrongKind)?;
        if own.kind != self.kind {
            return Err(Rejection::WrongKind.into());
        }
        let Some(record) = self.load(own.id, self.kind, context).await? else { return Ok(None) };
        check_reference(own, principal, &record)?;
        Ok(Some(record))
    }

    /// Changes the principal's own session by compare-and-swap (rules A8, A11). The write counts as a use
    /// (rule A5).
    ///
    /// `change` may run several times, each time on the latest record. `prepare` makes what is handed out,
    /// before anything is written (rule R12).
    pub(crate) async fn change_own<T>(
        &self,
        principal: &Principal,
        own: Own,
        context: &CallContext<'_>,
        mut change: impl FnMut(&mut RecordParts) -> Result<(), Error> + Send,
        prepare: impl Fn(&SessionRecord) -> Result<T, Error> + Send,
    ) -> Result<(SessionRecord, T), Error>
    where
        T: Send,
    {
        for _ in 0..ATTEMPTS {
            let record = self.own_session(principal, own, context).await?;
            let mut outcome = Ok(());
            let next = record.next(|parts| {
                outcome = change(parts);
                timeouts::slide(parts, context.now);
            });
            outcome?;
            let next = next?;
            let prepared = prepare(&next)?;
            match self.store().replace(&next, record.version()).await? {
                ReplaceOutcome::Replaced => return Ok((next, prepared)),
                ReplaceOutcome::Stale => {}
                ReplaceOutcome::Missing => return Err(Rejection::SessionEnded.into()),
            }
        }
        Err(Error::Contended)
    }

    /// Returns the subject's live sessions (rules S5, S6).
    pub(crate) async fn list_live(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, Error> {
        let mut all = self.store().list(subject).await?;
        all.retain(|record| {
            record.belongs_to(subject) && self.policies.of(record).check_live(record, now).is_ok()
        });
        Ok(all)
    }

    /// Removes one session of the subject and returns it; `None` if the subject has no session with this id.
    pub(crate) async fn remove_of(
        &self,
        subject: &Subject,
        id: SessionId,
    ) -> Result<Option<SessionRecord>, Error> {
        match self.store().load(id).await? {
            Some(record) if record.belongs_to(subject) => {
                Ok(self.store().remove(id).await?.then_some(record))
            }
            _ => Ok(None),
        }
    }

    /// Removes the subject's sessions except `own` and those whose kind survives this (rule A13).
    pub(crate) async fn remove_others(
        &self,
        subject: &Subject,
        own: SessionId,
    ) -> Result<Vec<SessionId>, Error> {
        if !self.policies.spare_any() {
            return Ok(self.store().remove_all(subject, Some(own)).await?);
        }
        // One by one, because a store does not know the kinds, until the list contains none that should end.
        // A concurrent login may be listed or not, as with the single call.
        let mut removed = Vec::new();
        for _ in 0..ATTEMPTS {
            let mut all = match self.store().list(subject).await {
                Ok(all) => all,
                Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                    // The kind of an unreadable session is unknown. It could be a thief's, so it must end.
                    tracing::warn!(
                        subject = ?subject.as_str(),
                        realm = subject.realm_name(),
                        "a session cannot be read, so sessions of all kinds are ended"
                    );
                    removed.extend(self.store().remove_all(subject, Some(own)).await?);
                    return Ok(removed);
                }
                Err(error) => return Err(error.into()),
            };
            all.retain(|record| {
                record.belongs_to(subject)
                    && record.id() != own
                    && !self.policies.of(record).survives_logout_others()
            });
            if all.is_empty() {
                return Ok(removed);
            }
            for record in all {
                if self.store().remove(record.id()).await? {
                    removed.push(record.id());
                }
            }
        }
        Err(Error::Contended)
    }
}

fn check_reference(own: SessionRef, principal: &Principal, record: &SessionRecord) -> Result<(), Rejection> {
    if record.subject() != principal.subject() || record.realm_name() != principal.realm_name() {
        return Err(Rejection::WrongKind);
    }
    if own.epoch != record.epoch() {
        return Err(Rejection::Superseded);
    }
    Ok(())
}
