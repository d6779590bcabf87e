//! What is done with sessions whatever their credential: all on top of the store's seven methods.

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

/// How often a change is tried again because others changed the session meanwhile. Each failure means that
/// one of them got through.
pub(crate) const ATTEMPTS: usize = 256;

/// The sessions of a store under policies: what every [`SessionStrategy`](crate::strategy::SessionStrategy) is made on.
#[derive(Debug, Clone)]
pub struct Sessions {
    store: Store,
    policies: Policies,
    kind: CredentialKind,
    /// How long after its expiry a principal's credential is still accepted.
    leeway: Duration,
}

/// Which sessions of its own a principal may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// One that represents a login.
    Login,
    /// Any, a guest's too.
    AnyKind,
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
    pub(crate) fn new(store: Store, policies: Policies, kind: CredentialKind) -> Self {
        Self { store, policies, kind, leeway: Duration::ZERO }
    }

    /// For principals of access tokens, which are accepted for that long after their expiry.
    pub(crate) fn set_leeway(&mut self, leeway: Duration) {
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

    /// The policy of the default kind of session.
    pub fn policy(&self) -> &SessionPolicy {
        self.policies.default_kind()
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Writes a new session (rule A1), then ends the replaced ones (rule A10) and those above the limit of
    /// its kind (rule A7). If any of that fails, the new session is ended again, as far as the store can be
    /// reached.
    ///
    /// `prepare` makes what is handed out, before anything is written (rule R12).
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
                // The client never gets the credential, so a session that stays behind admits nobody.
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
        // 112 random bits collide never, or because something is broken: once more, then give up.
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
        Err(StoreError::unavailable("every new session id was taken").into())
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
            // Others, who log in at the same moment, took its place before it could be seen here.
            return Err(Error::SessionLimit);
        }
        all.retain(|session| session.session_kind() == record.session_kind());
        if all.len() <= limit {
            return Ok(());
        }
        if policy.is_for_api_keys() {
            // A key that a script holds never makes room for another. Of keys that are made at the same
            // moment, all may be refused.
            return Err(Error::SessionLimit);
        }
        all.sort_unstable_by_key(|session| (session.created_at(), session.id()));
        all.truncate(all.len() - limit);
        for oldest in &all {
            self.store().remove(oldest.id()).await?;
        }
        if all.iter().any(|oldest| oldest.id() == record.id()) { Err(Error::SessionLimit) } else { Ok(()) }
    }

    /// The stored record with this id, of this kind of credential and of the call's realm.
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
                Err(StoreError::corrupt("the store answered with another session").into())
            }
            Some(record) if !record.is_of_realm(context.realm) => Err(Rejection::OtherRealm.into()),
            Some(record) if record.kind() != kind => Err(Rejection::WrongKind.into()),
            found => Ok(found),
        }
    }

    /// Refuses a session whose time is over, and writes down the use of another.
    pub(crate) async fn use_live(
        &self,
        record: SessionRecord,
        context: &CallContext<'_>,
    ) -> Result<SessionRecord, Error> {
        self.policies.of(&record).check_live(&record, context.now)?;
        self.record_use(record, context).await
    }

    /// Writes down a use, if it counts and is due. Losing that race, or the store, is no error; a session
    /// that is gone refuses, and what no retry can repair is returned (rules A5, A14).
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
        // Boxed, since it is rare: the future of every other verification stays small.
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

    /// The principal's own session, if the principal has outlived neither it nor its own credential (rule
    /// A11).
    ///
    /// An API key cannot manage its owner's sessions, and neither can a session that does not represent a
    /// login: its user may have shown a password and no second factor yet (rule A13).
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

    /// The principal's session, live or expired; `None` if it is gone.
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

    /// Changes the principal's own session under compare-and-swap; `change` sees a fresh record each time
    /// (rules A8, A11). Every write also counts as a use (rule A5).
    ///
    /// `prepare` makes what is handed out, before anything is written (rule R12).
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

    /// The subject's live sessions (rules S5, S6).
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

    /// Removes one session of the subject, and gives it; `None` if there is none of this id, or it is
    /// somebody else's.
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

    /// Removes the subject's sessions but its own and those whose kind survives that (rule A13).
    pub(crate) async fn remove_others(
        &self,
        subject: &Subject,
        own: SessionId,
    ) -> Result<Vec<SessionId>, Error> {
        if !self.policies.spare_any() {
            return Ok(self.store().remove_all(subject, Some(own)).await?);
        }
        // One by one, since a store knows no kinds: until a list shows none that should end. Whoever logs in
        // meanwhile may be listed or not, as with the single call.
        let mut removed = Vec::new();
        for _ in 0..ATTEMPTS {
            let mut all = match self.store().list(subject).await {
                Ok(all) => all,
                Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                    // Nobody can say which kind an unreadable session is of, and a thief's must not live on
                    // for that.
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
