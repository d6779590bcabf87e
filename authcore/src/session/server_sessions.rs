//! The session strategy: sessions authenticated by a session token.

use async_trait::async_trait;

use super::kind::SessionKind;
use super::policies::Policies;
use super::policy::SessionPolicy;
use super::session_token::{PresentedToken, SessionToken};
use super::sessions::{Own, Sessions, Store};
use crate::error::{ConfigError, Rejection};
use crate::secret::SecretBytes;
use crate::session::credential_kind::CredentialKind;
use crate::store::{RecordParts, SessionRecord, SessionStore, StoredCredential};
use crate::strategy::call_context::CallContext;
use crate::strategy::{OpenedSession, Renewal, SessionStrategy};
use crate::{Error, Login, Principal, SessionId};

/// Server-side sessions authenticated by an opaque token: one read of the store per request, revocable at
/// once.
///
/// ```
/// # fn main() -> Result<(), authcore::error::ConfigError> {
/// use authcore::{Auth, MemoryStore, ServerSessions, SessionPolicy};
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let sessions = ServerSessions::builder(MemoryStore::new())
///     .policy(SessionPolicy::new().with_idle_timeout(hour).with_absolute_timeout(12 * hour))
///     .build()?;
/// let auth = Auth::with_sessions(sessions);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ServerSessions(Sessions);

impl ServerSessions {
    /// Returns a builder for sessions in `store`, with the default policy.
    pub fn builder(store: impl SessionStore) -> ServerSessionsBuilder {
        ServerSessionsBuilder {
            store: Store::new(store),
            policy: SessionPolicy::default(),
            kinds: Vec::new(),
        }
    }

    /// Returns a new secret for the client and its stored form (rule A2).
    fn mint() -> Result<(SecretBytes<32>, StoredCredential), Error> {
        let secret = SecretBytes::generate()?;
        let credential = StoredCredential::Session { secret_digest: SecretBytes::digest_of(secret.expose()) };
        Ok((secret, credential))
    }

    /// Returns the session that a token authenticates. A malformed token causes no store call (rule A3).
    async fn prove(&self, token: &str, context: &CallContext<'_>) -> Result<Option<SessionRecord>, Error> {
        let mut buffer = [0; 51];
        let token = PresentedToken::parse(token, SessionToken::PREFIX, &mut buffer)?;
        let Some(record) = self.0.load(token.id, CredentialKind::Session, context).await? else {
            return Ok(None);
        };
        if !record.has_digest(&token.digest()) {
            return Err(Rejection::WrongSecret.into());
        }
        Ok(Some(record))
    }

    /// Like [`SessionStrategy::verify`], without the boxed future of a trait object.
    pub(crate) async fn verify_unboxed(
        &self,
        token: &str,
        context: &CallContext<'_>,
    ) -> Result<SessionRecord, Error> {
        let Some(record) = self.prove(token, context).await? else {
            return Err(Rejection::SessionEnded.into());
        };
        self.0.use_live(record, context).await
    }
}

#[async_trait]
impl SessionStrategy for ServerSessions {
    async fn open(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error> {
        let (secret, stored) = Self::mint()?;
        let (record, ()) = self.0.open(login, replaces, context, &stored, |_| Ok(())).await?;
        let credential = SessionToken { id: record.id(), secret }.to_text(SessionToken::PREFIX);
        Ok(OpenedSession { record, credential })
    }

    async fn verify(&self, credential: &str, context: &CallContext<'_>) -> Result<SessionRecord, Error> {
        self.verify_unboxed(credential, context).await
    }

    async fn find(
        &self,
        credential: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        self.prove(credential, context).await
    }

    async fn renew(
        &self,
        principal: &Principal,
        renewal: Renewal,
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error> {
        let (secret, stored) = Self::mint()?;
        let change = |parts: &mut RecordParts| {
            parts.renew(stored.clone(), renewal, context.now);
            Ok(())
        };
        let (record, ()) = self.0.change_own(principal, Own::Login, context, change, |_| Ok(())).await?;
        let credential = SessionToken { id: record.id(), secret }.to_text(SessionToken::PREFIX);
        Ok(OpenedSession { record, credential })
    }

    fn sessions(&self) -> &Sessions {
        &self.0
    }
}

/// Builds [`ServerSessions`]: sets policies and kinds.
#[derive(Debug)]
#[must_use]
pub struct ServerSessionsBuilder {
    store: Store,
    policy: SessionPolicy,
    kinds: Vec<(SessionKind, SessionPolicy)>,
}

impl ServerSessionsBuilder {
    /// Sets how long sessions of the default kind live, and how many of them a subject may have.
    pub fn policy(mut self, policy: SessionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Registers another kind of session that logins can open, with its own policy (rule A13).
    ///
    /// Every process that shares the store must register the same kinds: a process holds sessions of a kind
    /// that it does not know to the strictest of its timeouts.
    pub fn kind(mut self, kind: SessionKind, policy: SessionPolicy) -> Self {
        self.kinds.push((kind, policy));
        self
    }

    /// Checks the settings and builds the strategy.
    ///
    /// # Errors
    ///
    /// If a policy is invalid, such as one with an idle timeout above the absolute timeout, or if a kind has
    /// two policies.
    pub fn build(self) -> Result<ServerSessions, ConfigError> {
        let policies = Policies::new(self.policy, self.kinds)?;
        Ok(ServerSessions(Sessions::new(self.store, policies, CredentialKind::Session)))
    }
}
