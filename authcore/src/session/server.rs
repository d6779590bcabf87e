//! Sessions proved by a session token: the stateful strategy.

use async_trait::async_trait;

use super::engine::{Sessions, Store};
use super::policy::SessionPolicy;
use super::record::StoredCredential;
use super::token::{PresentedToken, SessionToken};
use super::{OpenedSession, Renewal, SessionStrategy};
use crate::principal::CredentialKind;
use crate::secret::SecretBytes;
use crate::{
    ConfigError, Error, Login, Principal, Rejection, SessionId, SessionRecord, SessionStore, Timestamp,
};

/// Sessions proved by an opaque token: one read of the store for a request, and revoked at once.
///
/// ```
/// # fn main() -> Result<(), authcore::ConfigError> {
/// use authcore::{Auth, MemoryStore, ServerSessions, SessionPolicy};
/// use std::time::Duration;
///
/// let hour = Duration::from_secs(3600);
/// let sessions = ServerSessions::builder(MemoryStore::new())
///     .policy(SessionPolicy::new().idle_timeout(hour).absolute_timeout(12 * hour))
///     .build()?;
/// let auth = Auth::sessions(sessions);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ServerSessions(Sessions);

impl ServerSessions {
    /// Sessions in `store`, under the default policy until another is set.
    pub fn builder(store: impl SessionStore) -> ServerSessionsBuilder {
        ServerSessionsBuilder { store: Store::new(store), policy: SessionPolicy::default() }
    }

    /// A fresh secret as the client and as the store get it (rule A2).
    fn mint() -> Result<(SecretBytes<32>, StoredCredential), Error> {
        let secret = SecretBytes::generate()?;
        let credential = StoredCredential::Session { secret_digest: SecretBytes::digest_of(secret.expose()) };
        Ok((secret, credential))
    }

    /// The session that a token proves. A token that cannot be one costs no store call (rule A3).
    async fn prove(&self, token: &str) -> Result<Option<SessionRecord>, Error> {
        let mut buffer = [0; _];
        let token = PresentedToken::parse(token, &mut buffer)?;
        let Some(record) = self.0.load(token.id).await? else { return Ok(None) };
        if !record.has_digest(&token.digest()) {
            return Err(Rejection::WrongSecret.into());
        }
        Ok(Some(record))
    }

    /// As [`SessionStrategy::verify`], without the boxed future that a trait object costs.
    pub(crate) async fn verify_unboxed(&self, token: &str, now: Timestamp) -> Result<SessionRecord, Error> {
        let record = self.prove(token).await?.ok_or(Rejection::SessionEnded)?;
        SessionPolicy::check_live(&record, now)?;
        self.0.touch(record, now).await
    }
}

#[async_trait]
impl SessionStrategy for ServerSessions {
    async fn open(
        &self,
        login: &Login,
        replaces: Option<SessionId>,
        now: Timestamp,
    ) -> Result<OpenedSession, Error> {
        let (secret, credential) = Self::mint()?;
        let record = self.0.open(login, replaces, now, &credential).await?;
        let credential = SessionToken { id: record.id(), secret }.to_text();
        Ok(OpenedSession { record, credential })
    }

    async fn verify(&self, credential: &str, now: Timestamp) -> Result<SessionRecord, Error> {
        self.verify_unboxed(credential, now).await
    }

    async fn find(&self, credential: &str) -> Result<Option<SessionRecord>, Error> {
        self.prove(credential).await
    }

    async fn renew(
        &self,
        principal: &Principal,
        renewal: Renewal,
        now: Timestamp,
    ) -> Result<OpenedSession, Error> {
        let (secret, credential) = Self::mint()?;
        let record = self
            .0
            .change_own(principal, now, |parts| {
                parts.renew(credential.clone(), renewal, now);
                Ok(())
            })
            .await?;
        let credential = SessionToken { id: record.id(), secret }.to_text();
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
}

impl ServerSessionsBuilder {
    /// Sets how long sessions live and how many a subject may have.
    pub fn policy(mut self, policy: SessionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If the policy cannot be met, such as an idle timeout above the absolute one.
    pub fn build(self) -> Result<ServerSessions, ConfigError> {
        Sessions::new(self.store, self.policy, CredentialKind::Session).map(ServerSessions)
    }
}
