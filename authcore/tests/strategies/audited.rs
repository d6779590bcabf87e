//! A decorator of the stateful strategy.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use authcore::error::Rejection;
use authcore::store::{SessionRecord, StoreError};
use authcore::strategy::{CallContext, OpenedSession, Renewal, SessionStrategy, Sessions};
use authcore::{Error, Login, MemoryStore, Principal, ServerSessions, SessionId};

/// A decorator that records every call and can refuse or fail on demand.
#[derive(Debug, Clone)]
pub(crate) struct Audited {
    inner: ServerSessions,
    audit: Arc<Mutex<Audit>>,
}

#[derive(Debug, Default)]
pub(crate) struct Audit {
    calls: Vec<&'static str>,
    /// The planned results of calls, by the beginning of their names.
    answer: (&'static str, Answer),
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Answer {
    #[default]
    Inner,
    Denied,
    Unavailable,
}

impl Audited {
    pub(crate) fn new(store: &MemoryStore) -> Self {
        let inner = ServerSessions::builder(store.clone()).build().unwrap();
        Self { inner, audit: Arc::default() }
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.audit.lock().unwrap().calls)
    }

    pub(crate) fn answer(&self, call: &'static str, answer: Answer) {
        self.audit.lock().unwrap().answer = (call, answer);
    }

    fn note(&self, call: &'static str) -> Result<(), Error> {
        let mut audit = self.audit.lock().unwrap();
        audit.calls.push(call);
        match audit.answer {
            (to, Answer::Denied) if call.starts_with(to) => Err(Rejection::Denied.into()),
            (to, Answer::Unavailable) if call.starts_with(to) => {
                Err(StoreError::unavailable("asking the address book").into())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl SessionStrategy for Audited {
    async fn open(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error> {
        self.note("open")?;
        self.inner.open(login, replaces, context).await
    }

    async fn verify(&self, credential: &str, context: &CallContext<'_>) -> Result<SessionRecord, Error> {
        self.note("verify")?;
        self.inner.verify(credential, context).await
    }

    async fn find(
        &self,
        credential: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        self.note("find")?;
        self.inner.find(credential, context).await
    }

    async fn renew(
        &self,
        principal: &Principal,
        renewal: Renewal,
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error> {
        self.note(match renewal {
            Renewal::PrivilegeChange => "renew",
            Renewal::Reauthentication => "reauthenticated",
        })?;
        self.inner.renew(principal, renewal, context).await
    }

    fn sessions(&self) -> &Sessions {
        self.inner.sessions()
    }
}
