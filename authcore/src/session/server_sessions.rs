//! Sessions proved by a session token: the stateful strategy.

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

/// Sessions proved by an opaque token: one read of the store for a request, and revoked at once.
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
    /// Sessions in `store`, under the default policy until another is set.
    pub fn builder(store: impl SessionStore) -> ServerSessionsBuilder {
        ServerSessionsBuilder {
            store: Store::new(store),
            policy: SessionPolicy::default(),
            kinds: Vec::new(),
        }
    }

    /// A fresh secret as the client and as the store get it (rule A2).
    fn mint() -> Result<(SecretBytes<32>, StoredCredential), Error> {
        let secret = SecretBytes::generate()?;
        let credential = StoredCredential::Session { secret_digest: SecretBytes::digest_of(secret.expose()) };
        Ok((secret, credential))
    }

    /// The session that a token proves. A token that cannot be one costs no store call (rule A3).
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

    /// As [`SessionStrategy::verify`], without the boxed future that a trait object costs.
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

/// Builds [`ServerSessions`].
#[derive(Debug)]
#[must_use]
pub struct ServerSessionsBuilder {
    store: Store,
    policy: SessionPolicy,
    kinds: Vec<(SessionKind, SessionPolicy)>,
}

impl ServerSessionsBuilder {
    /// Sets how long sessions of the default kind live and how many of them a subject may have.
    pub fn policy(mut self, policy: SessionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets logins open sessions of another kind, under a policy of its own (rule A13).
    pub fn kind(mut self, kind: SessionKind, policy: SessionPolicy) -> Self {
        self.kinds.push((kind, policy));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If a policy cannot be met, such as an idle timeout above the absolute one, or a kind has two.
    pub fn build(self) -> Result<ServerSessions, ConfigError> {
        let policies = Policies::new(self.policy, self.kinds)?;
        Ok(ServerSessions(Sessions::new(self.store, policies, CredentialKind::Session)))
    }
}
