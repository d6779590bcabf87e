//! The hybrid strategy's sessions, whose refresh tokens rotate at every use.

pub(crate) mod hook;
pub(crate) mod token;

use std::sync::Arc;
use std::time::Duration;

use self::hook::{RefreshDecision, RefreshHook};
use self::token::RefreshToken;
use crate::claims::SecretNames;
use crate::error::{ConfigError, Incident, IncidentKind, Rejection};
use crate::secret::SecretBytes;
use crate::session::credential_kind::CredentialKind;
use crate::session::policies::Policies;
use crate::session::sessions::{ATTEMPTS, Own, Store};
use crate::session::timeouts;
use crate::store::{RecordParts, ReplaceOutcome, SessionRecord, SessionStore, StoredCredential};
use crate::strategy::{CallContext, OpenedSession, Renewal, Sessions};
use crate::{Error, Login, Principal, SessionId, SessionKind, SessionPolicy, Timestamp};

/// The store-backed sessions of the hybrid strategy, each authenticated by a refresh token that rotates.
///
/// A use replaces the token by its successor, unless the token is younger than the grace window (rules R1 to
/// R12). [`RefreshTokensBuilder`] sets timeouts, kinds, the grace window and the refresh hook.
///
/// The successor is derived, not random:
/// presenting the same token again within the grace window returns the same successor. Two tabs, a lost
/// response or a retried request therefore log no one out and do not fork the chain. A replaced
/// token that is used after the window suggests theft, and ends its session.
///
/// ```
/// # fn main() -> Result<(), authcore::error::ConfigError> {
/// use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
/// use authcore::{Auth, MemoryStore, RefreshTokens};
/// # let secret = [7; 32];
/// # let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &secret)?);
///
/// let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build()?;
/// let auth = Auth::with_hybrid(jwt, RefreshTokens::builder(MemoryStore::new()).build()?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RefreshTokens(pub(crate) RefreshSessions);

impl RefreshTokens {
    /// Returns a builder for refresh sessions in `store`, with the default policy.
    pub fn builder(store: impl SessionStore) -> RefreshTokensBuilder {
        RefreshTokensBuilder {
            store: Store::new(store),
            policy: SessionPolicy::default(),
            kinds: Vec::new(),
            grace: Duration::from_secs(30),
            rotation: Rotation::Window,
            hook: None,
        }
    }
}

/// The implementation of [`RefreshTokens`], not public so that refresh tokens cannot be used as the
/// credential of every request.
#[derive(Debug, Clone)]
pub(crate) struct RefreshSessions {
    sessions: Sessions,
    grace: Duration,
    rotation: Rotation,
    hook: Option<Arc<dyn RefreshHook>>,
}

/// When a token is replaced, and how long it remains usable afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rotation {
    /// At every use; the old token is usable for the grace window.
    Window,
    /// At every use; the old token is usable until its successor is used.
    UntilSuccessorUsed,
    /// Never.
    Off,
}

/// The result of a refresh: the session with its next token, what `prepare` made, and an incident of the
/// store, if any.
pub(crate) struct Refreshed<T> {
    pub(crate) opened: OpenedSession,
    pub(crate) prepared: T,
    pub(crate) incident: Option<Box<Incident>>,
}

/// Makes what is handed out with the refresh token, or fails, before anything is written (rule R12).
pub(crate) trait Prepare<T>: Fn(&SessionRecord) -> Result<T, Error> + Send + Sync {}

impl<T, F: Fn(&SessionRecord) -> Result<T, Error> + Send + Sync> Prepare<T> for F {}

/// What a verified token leads to.
enum Verdict {
    /// A token of the session is handed out.
    Continue(Step),
    /// The session ends.
    End(IncidentKind),
}

/// How a refresh continues.
#[derive(Clone, Copy)]
struct Step {
    /// The generation whose token is handed out.
    generation: u64,
    /// Whether that generation becomes the stored one first.
    rotates: bool,
    incident: Option<IncidentKind>,
}

impl Step {
    const fn reissue(generation: u64) -> Self {
        Self { generation, rotates: false, incident: None }
    }

    const fn rotate(generation: u64, incident: Option<IncidentKind>) -> Self {
        Self { generation, rotates: true, incident }
    }
}

impl RefreshSessions {
    /// Sets how long after their expiry principals of access tokens are accepted.
    pub(crate) fn set_leeway(&mut self, leeway: Duration) {
        self.sessions.set_leeway(leeway);
    }

    fn mint() -> Result<(SecretBytes<32>, SecretBytes<32>), Error> {
        Ok((SecretBytes::generate()?, SecretBytes::generate()?))
    }

    /// Returns the sessions, for operations that do not depend on the credential.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Opens a session with a refresh token.
    pub(crate) async fn open<T>(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
        prepare: impl Prepare<T>,
    ) -> Result<(OpenedSession, T), Error> {
        let (secret, mac_key) = Self::mint()?;
        let stored = stored(&secret, &mac_key, context.now);
        let (record, prepared) = self.sessions.open(login, replaces, context, &stored, prepare).await?;
        let credential = RefreshToken::new(record.id(), 0, secret, &mac_key).to_text();
        Ok((OpenedSession { record, credential }, prepared))
    }

    /// Returns the session that a token of any generation authenticates, live or expired; `None` if it is
    /// gone.
    pub(crate) async fn find(
        &self,
        credential: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        self.prove(&RefreshToken::parse(credential)?, context).await
    }

    /// Gives the principal's session a new refresh token and a new epoch.
    pub(crate) async fn renew<T: Send>(
        &self,
        principal: &Principal,
        renewal: Renewal,
        context: &CallContext<'_>,
        prepare: impl Prepare<T>,
    ) -> Result<(OpenedSession, T), Error> {
        let (secret, mac_key) = Self::mint()?;
        let change = |parts: &mut RecordParts| {
            parts.renew(stored(&secret, &mac_key, context.now), renewal, context.now);
            Ok(())
        };
        let (record, prepared) =
            self.sessions.change_own(principal, Own::Login, context, change, prepare).await?;
        let credential = RefreshToken::new(record.id(), 0, secret, &mac_key).to_text();
        Ok((OpenedSession { record, credential }, prepared))
    }

    /// Exchanges a refresh token for the next one (rules R1 to R12).
    pub(crate) async fn rotate<T>(
        &self,
        token: &str,
        context: &CallContext<'_>,
        secret_names: &SecretNames,
        prepare: impl Prepare<T>,
    ) -> Result<Refreshed<T>, Error> {
        let token = RefreshToken::parse(token)?;
        let mut hook_result: Option<(Box<str>, Option<Box<str>>)> = None;
        for _ in 0..ATTEMPTS {
            let record = self.prove(&token, context).await?.ok_or(Rejection::SessionEnded)?;
            self.sessions.policies().of(&record).check_live(&record, context.now)?;
            let step = match self.classify(&token, &record, context.now)? {
                Verdict::Continue(step) => step,
                Verdict::End(kind) => return Err(self.end(&record, kind).await),
            };
            if hook_result.as_ref().is_none_or(|(claims, _)| **claims != *record.claims_json()) {
                let replacement = self.ask_hook(&record, secret_names).await?;
                hook_result = Some((record.claims_json().into(), replacement));
            }
            let claims = hook_result.as_ref().and_then(|(_, replacement)| replacement.as_deref());
            if let Some(refreshed) = self.apply(&token, &record, step, claims, context, &prepare).await? {
                return Ok(refreshed);
            }
        }
        Err(Error::Contended)
    }

    /// Returns the session that a token of any generation authenticates; `None` if it is gone.
    async fn prove(
        &self,
        token: &RefreshToken,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        let found = self.sessions.load(token.id, CredentialKind::Refresh, context).await?;
        let Some(record) = found else { return Ok(None) };
        match record.credential() {
            StoredCredential::Refresh { secret_digest, mac_key, .. }
                if token.is_proved(&secret_digest, &mac_key) =>
            {
                Ok(Some(record))
            }
            _ => Err(Rejection::WrongSecret.into()),
        }
    }

    /// Compares the presented generation with the stored one and decides how to continue.
    fn classify(
        &self,
        token: &RefreshToken,
        record: &SessionRecord,
        now: Timestamp,
    ) -> Result<Verdict, Rejection> {
        let StoredCredential::Refresh { generation: stored, rotated_at, .. } = record.credential() else {
            return Err(Rejection::WrongKind);
        };
        let presented = token.generation;
        let next = presented.checked_add(1).ok_or(Rejection::Malformed("no generation is left"))?;
        // A negative age counts as 0 (rule R3). A window of zero length never applies.
        let in_window = !self.grace.is_zero() && now.since(rotated_at) <= self.grace;
        Ok(if self.rotation == Rotation::Off {
            Verdict::Continue(Step::reissue(presented))
        } else if presented > stored {
            Verdict::Continue(Step::rotate(next, Some(IncidentKind::StoreWentBack)))
        } else if presented == stored {
            // Re-issued within the window after its creation, so that a late response overtakes at most one
            // rotation (R11).
            Verdict::Continue(if in_window { Step::reissue(stored) } else { Step::rotate(next, None) })
        } else if next < stored {
            Verdict::End(IncidentKind::Reuse)
        } else if in_window || self.rotation == Rotation::UntilSuccessorUsed {
            Verdict::Continue(Step::reissue(stored))
        } else {
            Verdict::End(IncidentKind::ReplayedLate)
        })
    }

    /// Ends the session of a reused token. Only the call that ended it reports the incident (rule R3).
    async fn end(&self, record: &SessionRecord, kind: IncidentKind) -> Error {
        match self.sessions.store().remove(record.id()).await {
            Ok(true) => Rejection::RefreshReused(Incident::new(kind, record)).into(),
            Ok(false) => Rejection::SessionEnded.into(),
            Err(error) => error.into(),
        }
    }

    /// Returns the claims with which the hook replaces the session's, if it does (rule R10).
    async fn ask_hook(
        &self,
        record: &SessionRecord,
        secret_names: &SecretNames,
    ) -> Result<Option<Box<str>>, Error> {
        let Some(hook) = &self.hook else { return Ok(None) };
        match hook.on_refresh(record).await? {
            RefreshDecision::Keep => Ok(None),
            RefreshDecision::Replace(claims) => {
                let json = claims.to_json()?;
                secret_names.check(&json)?;
                Ok(Some(json))
            }
            RefreshDecision::Deny => {
                self.sessions.store().remove(record.id()).await?;
                Err(Rejection::Denied.into())
            }
        }
    }

    /// Carries out a step; `None` if the session was changed meanwhile.
    async fn apply<T>(
        &self,
        token: &RefreshToken,
        record: &SessionRecord,
        step: Step,
        claims: Option<&str>,
        context: &CallContext<'_>,
        prepare: &impl Prepare<T>,
    ) -> Result<Option<Refreshed<T>>, Error> {
        let StoredCredential::Refresh { mac_key, .. } = record.credential() else {
            return Err(Rejection::WrongKind.into());
        };
        let credential = token.of_generation(step.generation, &mac_key).to_text();
        let claims = claims.filter(|claims| *claims != record.claims_json());
        let (record, prepared) = if step.rotates || claims.is_some() {
            let next = record.next(|parts| {
                if step.rotates {
                    rotate_to(parts, step.generation, context.now);
                }
                if let Some(claims) = claims {
                    parts.claims = claims.into();
                }
                timeouts::slide(parts, context.now);
            })?;
            let prepared = prepare(&next)?;
            match self.sessions.store().replace(&next, record.version()).await? {
                ReplaceOutcome::Replaced => (next, prepared),
                ReplaceOutcome::Stale => return Ok(None),
                ReplaceOutcome::Missing => return Err(Rejection::SessionEnded.into()),
            }
        } else {
            let prepared = prepare(record)?;
            (self.sessions.record_use(record.clone(), context).await?, prepared)
        };
        let incident = step.incident.map(|kind| Incident::new(kind, &record));
        Ok(Some(Refreshed { opened: OpenedSession { record, credential }, prepared, incident }))
    }
}

fn rotate_to(parts: &mut RecordParts, to: u64, now: Timestamp) {
    if let StoredCredential::Refresh { generation, rotated_at, .. } = &mut parts.credential {
        (*generation, *rotated_at) = (to, now);
    }
}

fn stored(secret: &SecretBytes<32>, mac_key: &SecretBytes<32>, now: Timestamp) -> StoredCredential {
    StoredCredential::Refresh {
        secret_digest: SecretBytes::digest_of(secret.expose()),
        mac_key: mac_key.clone(),
        generation: 0,
        rotated_at: now,
    }
}

/// Builds [`RefreshTokens`]: sets policies, kinds, the grace window and the refresh hook.
#[derive(Debug)]
#[must_use]
pub struct RefreshTokensBuilder {
    store: Store,
    policy: SessionPolicy,
    kinds: Vec<(SessionKind, SessionPolicy)>,
    grace: Duration,
    rotation: Rotation,
    hook: Option<Arc<dyn RefreshHook>>,
}

impl RefreshTokensBuilder {
    /// Sets how long sessions of the default kind live, and how many of them a subject may have.
    ///
    /// The idle timeout must be at least twice the lifetime of access tokens, because only refreshes count as
    /// uses.
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

    /// Sets how long a replaced token still returns its successor: 30 seconds by default, at most 60 (rule
    /// R2).
    ///
    /// With zero, there is no window: each token is usable for one refresh.
    pub fn grace_window(mut self, window: Duration) -> Self {
        self.grace = window;
        self
    }

    /// Lets a replaced token return its successor until that successor is used, however long that takes (rule
    /// R2).
    ///
    /// For mobile clients that lose a response and then sleep.
    ///
    /// Only a use that rotates the successor counts. Within the grace window after its creation, the
    /// successor is returned again and nothing is written (rule R11), so its predecessor still returns it
    /// until the successor is used once more after that window.
    ///
    /// # Security
    ///
    /// A thief who stays in lockstep, using a stolen token before its owner uses the successor, is not
    /// detected.
    pub fn grace_until_successor_is_used(mut self) -> Self {
        self.rotation = Rotation::UntilSuccessorUsed;
        self
    }

    /// Never replaces a token, as FAPI 2.0 requires for confidential clients.
    ///
    /// # Security
    ///
    /// A stolen token is usable until its session ends, and its use is not detected.
    pub fn without_rotation(mut self) -> Self {
        self.rotation = Rotation::Off;
        self
    }

    /// Sets the hook that decides about every refresh (rule R10).
    pub fn on_refresh(mut self, hook: impl RefreshHook) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Checks the settings and builds the strategy's sessions.
    ///
    /// # Errors
    ///
    /// If the grace window is above 60 seconds, a policy is invalid, or a kind has two policies.
    pub fn build(self) -> Result<RefreshTokens, ConfigError> {
        if self.grace > Duration::from_secs(60) {
            return Err(ConfigError::with_value(format!(
                "the grace window, {:?}, is above 60 seconds; shorten it",
                self.grace
            )));
        }
        let policies = Policies::new(self.policy, self.kinds)?;
        Ok(RefreshTokens(RefreshSessions {
            sessions: Sessions::new(self.store, policies, CredentialKind::Refresh),
            grace: self.grace,
            rotation: self.rotation,
            hook: self.hook,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, Realm};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    /// Rotation never reaches such generations, and making one requires the key.
    #[tokio::test]
    async fn r1_the_last_generation_does_not_wrap() {
        let store = MemoryStore::new();
        let RefreshTokens(refresh) = RefreshTokens::builder(store.clone()).build().unwrap();
        let context = CallContext::new(&Realm::UNNAMED, NOW);
        let login = Login::new("user-42").unwrap();
        let (opened, ()) = refresh.open(&login, &[], &context, |_| Ok(())).await.unwrap();
        let StoredCredential::Refresh { mac_key, .. } = opened.record.credential() else { panic!("a kind") };
        let token = RefreshToken::parse(opened.credential.expose()).unwrap();
        let names = SecretNames::default();
        let of = |generation| token.of_generation(generation, &mac_key).to_text();
        for _ in 0..2 {
            let last = refresh.rotate(of(u64::MAX).expose(), &context, &names, |_| Ok(())).await;
            let refused = matches!(last, Err(Error::Unauthenticated(Rejection::Malformed(_))));
            assert!(refused, "no generation comes after the last");
            let one_before = refresh.rotate(of(u64::MAX - 1).expose(), &context, &names, |_| Ok(())).await;
            assert_eq!(one_before.unwrap().opened.credential.expose(), of(u64::MAX).expose());
        }
        assert_eq!(store.len(), 1);
    }
}
