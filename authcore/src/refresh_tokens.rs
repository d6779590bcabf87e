//! The hybrid strategy's sessions: a refresh token that rotates at every use.

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

/// Sessions proved by a refresh token, which is replaced by its successor when it is used (rules R1 to R12);
/// one that is younger than the grace window is given again.
///
/// The successor is derived, not minted: the same token presented again within the grace window gives the
/// same successor. Two tabs, a lost response or a retried request log nobody out and do not fork the chain; a
/// token used after that was kept by somebody, and ends its session.
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
    /// RefreshTokens sessions in `store`, under the default policy until another is set.
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

/// What is behind a [`RefreshTokens`]: not public, so that refresh tokens cannot be taken for the credential of
/// every request.
#[derive(Debug, Clone)]
pub(crate) struct RefreshSessions {
    sessions: Sessions,
    grace: Duration,
    rotation: Rotation,
    hook: Option<Arc<dyn RefreshHook>>,
}

/// When a token is replaced, and how long it is good afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rotation {
    /// At every use; good for the grace window.
    Window,
    /// At every use; good until the successor is used.
    UntilSuccessorUsed,
    /// Never.
    Off,
}

/// What a refresh gave: a session, the token to use next, what was prepared for its holder, and perhaps news
/// of the store.
pub(crate) struct Refreshed<T> {
    pub(crate) opened: OpenedSession,
    pub(crate) prepared: T,
    pub(crate) incident: Option<Box<Incident>>,
}

/// Whether stored state may change for a record: makes what is handed out with the refresh token, or says
/// why that cannot be (rule R12).
pub(crate) trait Prepare<T>: Fn(&SessionRecord) -> Result<T, Error> + Send + Sync {}

impl<T, F: Fn(&SessionRecord) -> Result<T, Error> + Send + Sync> Prepare<T> for F {}

/// What is to be done with a token that was proved.
enum Verdict {
    /// Hand out a token of the session.
    Go(Step),
    /// End the session.
    End(IncidentKind),
}

/// How a refresh goes on.
#[derive(Clone, Copy)]
struct Step {
    /// The generation whose token is handed out.
    generation: u64,
    /// Whether it becomes the stored one first.
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
    /// Accepts principals of access tokens for that long after their expiry.
    pub(crate) fn set_leeway(&mut self, leeway: Duration) {
        self.sessions.set_leeway(leeway);
    }

    fn mint() -> Result<(SecretBytes<32>, SecretBytes<32>), Error> {
        Ok((SecretBytes::generate()?, SecretBytes::generate()?))
    }

    /// The sessions themselves, whatever their credential.
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

    /// The session that a token of any generation proves, live or expired; `None` if it is gone.
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

    /// Takes a refresh token and gives the next one (rules R1 to R12).
    pub(crate) async fn rotate<T>(
        &self,
        token: &str,
        context: &CallContext<'_>,
        secret_names: &SecretNames,
        prepare: impl Prepare<T>,
    ) -> Result<Refreshed<T>, Error> {
        let token = RefreshToken::parse(token)?;
        let mut asked: Option<(Box<str>, Option<Box<str>>)> = None;
        for _ in 0..ATTEMPTS {
            let record = self.prove(&token, context).await?.ok_or(Rejection::SessionEnded)?;
            self.sessions.policies().of(&record).check_live(&record, context.now)?;
            let step = match self.classify(&token, &record, context.now)? {
                Verdict::Go(step) => step,
                Verdict::End(kind) => return Err(self.end(&record, kind).await),
            };
            if asked.as_ref().is_none_or(|(claims, _)| **claims != *record.claims_json()) {
                let replacement = self.ask_hook(&record, secret_names).await?;
                asked = Some((record.claims_json().into(), replacement));
            }
            let claims = asked.as_ref().and_then(|(_, replacement)| replacement.as_deref());
            if let Some(refreshed) = self.apply(&token, &record, step, claims, context, &prepare).await? {
                return Ok(refreshed);
            }
        }
        Err(Error::Contended)
    }

    /// The session that a token proves, in any generation; `None` if it is gone.
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

    /// What the presented generation means beside the stored one.
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
        // A negative age counts as none (rule R3). A window of no length is none at any moment.
        let in_window = !self.grace.is_zero() && now.since(rotated_at) <= self.grace;
        Ok(if self.rotation == Rotation::Off {
            Verdict::Go(Step::reissue(presented))
        } else if presented > stored {
            Verdict::Go(Step::rotate(next, Some(IncidentKind::StoreRolledBack)))
        } else if presented == stored {
            // Within the window of its own birth, so that a late response overtakes one rotation at most
            // (R11).
            Verdict::Go(if in_window { Step::reissue(stored) } else { Step::rotate(next, None) })
        } else if next < stored {
            Verdict::End(IncidentKind::Reuse)
        } else if in_window || self.rotation == Rotation::UntilSuccessorUsed {
            Verdict::Go(Step::reissue(stored))
        } else {
            Verdict::End(IncidentKind::LateReplay)
        })
    }

    /// Ends the session of a token that was used again; only the call that ended it reports that (rule R3).
    async fn end(&self, record: &SessionRecord, kind: IncidentKind) -> Error {
        match self.sessions.store().remove(record.id()).await {
            Ok(true) => Rejection::RefreshReused(Incident::new(kind, record)).into(),
            Ok(false) => Rejection::SessionEnded.into(),
            Err(error) => error.into(),
        }
    }

    /// The claims that the host wants instead, if it does (rule R10).
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

/// Builds a [`RefreshTokens`].
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
    /// Sets how long sessions of the default kind live and how many of them a subject may have. The idle
    /// timeout must be at least twice the lifetime of access tokens, since only refreshes are uses.
    pub fn policy(mut self, policy: SessionPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets logins open sessions of another kind, under a policy of its own (rule A13).
    pub fn kind(mut self, kind: SessionKind, policy: SessionPolicy) -> Self {
        self.kinds.push((kind, policy));
        self
    }

    /// Sets how long a token that was replaced still gives its successor: default 30 seconds, at most 60
    /// (rule R2). Zero means no window at all: each token is good for one refresh.
    pub fn grace_window(mut self, window: Duration) -> Self {
        self.grace = window;
        self
    }

    /// Lets a token that was replaced give its successor until that successor is used, however long: for
    /// mobile clients that lose a response and sleep (rule R2).
    ///
    /// # Security
    ///
    /// A thief who stays in lockstep, using a stolen token before its owner uses the successor, is not
    /// noticed.
    ///
    /// Only a use of the successor that rotates it counts. Within the grace window of its birth the successor
    /// is given again and nothing is written down (rule R11), so that its predecessor still gives it, however
    /// late, until it is used once more after that window.
    pub fn grace_until_successor_is_used(mut self) -> Self {
        self.rotation = Rotation::UntilSuccessorUsed;
        self
    }

    /// Never replaces a token: for confidential clients, as FAPI 2.0 wants it.
    ///
    /// # Security
    ///
    /// A stolen token is good until its session ends, and its use is not noticed.
    pub fn without_rotation(mut self) -> Self {
        self.rotation = Rotation::Off;
        self
    }

    /// Asks `hook` at every refresh (rule R10).
    pub fn on_refresh(mut self, hook: impl RefreshHook) -> Self {
        self.hook = Some(Arc::new(hook));
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// If the grace window is above 60 seconds, a policy cannot be met, or a kind has two.
    pub fn build(self) -> Result<RefreshTokens, ConfigError> {
        if self.grace > Duration::from_secs(60) {
            return Err(ConfigError::new("the grace window is above 60 seconds"));
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

    /// Tokens of such generations cannot be had by rotating; whoever could make one holds the key.
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
