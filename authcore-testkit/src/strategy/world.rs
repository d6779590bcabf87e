//! What the checks of the strategies share: an `Auth` over the store, with a clock and faults under control.

use std::sync::Arc;
use std::time::Duration;

use crate::expect::Must as _;
use crate::records::{HOUR, real_now, realm};
use crate::{FaultyStore, Fixture};
use authcore::clock::ManualClock;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{SessionRecord, SessionStore, StoredCredential};
use authcore::strategy::RefreshTokensBuilder;
use authcore::{
    Auth, Device, IssuedCredentials, Login, Principal, RefreshCredential, RefreshTokens, ServerSessions,
    SessionId, SessionKind, SessionPolicy,
};

/// The idle timeout; a use is written down after a quarter of it, which is an hour.
pub(crate) const IDLE: Duration = HOUR.saturating_mul(4);
/// The absolute timeout.
pub(crate) const ABSOLUTE: Duration = HOUR.saturating_mul(24);
/// The grace window of refresh tokens.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// What is just over the grace window.
pub(crate) const AFTER_GRACE: Duration = Duration::from_millis(30_001);
/// The smallest step of time.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// One application, its clock and its store.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) clock: ManualClock,
    /// What `auth` calls.
    pub(crate) store: FaultyStore,
    /// The store itself, without counts and faults.
    pub(crate) direct: Arc<dyn SessionStore>,
}

pub(crate) fn policy() -> SessionPolicy {
    SessionPolicy::new().with_idle_timeout(IDLE).with_absolute_timeout(ABSOLUTE)
}

pub(crate) fn jwt() -> Jwt {
    let key = Key::hmac("testkit", Algorithm::HS256, &[7; 32]).must("the testkit: a key");
    Jwt::builder(KeyRing::new(key))
        .issuer("https://testkit")
        .audience("api")
        .build()
        .must("the testkit: a JWT")
}

impl World {
    /// The stateful strategy.
    pub(crate) fn sessions(fixture: &Fixture, policy: SessionPolicy) -> Self {
        Self::new(fixture, |store| {
            Auth::with_sessions(
                ServerSessions::builder(store).policy(policy).build().must("the testkit: sessions"),
            )
        })
    }

    /// The hybrid strategy.
    pub(crate) fn hybrid(fixture: &Fixture) -> Self {
        Self::hybrid_with(fixture, |builder| builder)
    }

    /// The hybrid strategy, with more settings.
    pub(crate) fn hybrid_with(
        fixture: &Fixture,
        set: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder,
    ) -> Self {
        Self::new(fixture, |store| {
            let builder = RefreshTokens::builder(store).policy(policy()).grace_window(GRACE);
            let refresh = set(builder).build().must("the testkit: refresh sessions");
            Auth::with_hybrid(jwt(), refresh).must("the testkit: the hybrid strategy")
        })
    }

    /// Both strategies that keep sessions, for checks of what they have in common.
    pub(crate) fn stateful(fixture: &Fixture) -> [Self; 2] {
        [Self::sessions(fixture, policy()), Self::hybrid(fixture)]
    }

    /// Both strategies that keep sessions, with these kinds beside the default one.
    pub(crate) fn with_kinds(fixture: &Fixture, kinds: &[(SessionKind, SessionPolicy)]) -> [Self; 2] {
        let sessions = Self::new(fixture, |store| {
            let builder = ServerSessions::builder(store).policy(policy());
            let builder =
                kinds.iter().cloned().fold(builder, |builder, (kind, policy)| builder.kind(kind, policy));
            Auth::with_sessions(builder.build().must("the testkit: sessions"))
        });
        let hybrid = Self::hybrid_with(fixture, |builder| {
            kinds.iter().cloned().fold(builder, |builder, (kind, policy)| builder.kind(kind, policy))
        });
        [sessions, hybrid]
    }

    /// The same clock, store and faults for another application.
    pub(crate) fn beside(&self, auth: Auth) -> Self {
        Self { auth: auth.with_clock(self.clock.clone()), ..self.clone() }
    }

    /// The same for the users of a realm.
    pub(crate) fn in_realm(&self, name: &str) -> Self {
        Self { auth: self.auth.in_realm(&realm(name)), ..self.clone() }
    }

    /// Logs a subject in by a session of this kind.
    pub(crate) async fn login_of_kind(
        &self,
        subject: &str,
        kind: &SessionKind,
        rule: &str,
    ) -> IssuedCredentials {
        let login = Login::new(subject).must("the testkit: a login").kind(kind.clone());
        self.auth.login(login).await.must(&format!("{rule}: login of kind {kind}"))
    }

    /// Makes an API key.
    pub(crate) async fn api_key(&self, subject: &str, rule: &str) -> IssuedCredentials {
        let outcome = self.auth.create_api_key(named_key(subject)).await;
        outcome.must(&format!("{rule}: an API key"))
    }

    fn new(fixture: &Fixture, auth: impl FnOnce(FaultyStore) -> Auth) -> Self {
        let direct = fixture.store();
        let store = FaultyStore::new(Arc::clone(&direct));
        let clock = ManualClock::new(real_now());
        Self { auth: auth(store.clone()).with_clock(clock.clone()), clock, store, direct }
    }

    /// Logs a subject in; `rule` begins the message if that fails.
    pub(crate) async fn login(&self, subject: &str, rule: &str) -> IssuedCredentials {
        let login = Login::new(subject).must("the testkit: a login");
        self.auth.login(login).await.must(&format!("{rule}: login"))
    }

    /// Presents a refresh token that is good.
    pub(crate) async fn refresh(&self, token: &str, what: &str) -> IssuedCredentials {
        self.auth.refresh(token).await.must(what)
    }

    /// The principal of a credential that is good.
    pub(crate) async fn authenticate(&self, credential: &str, what: &str) -> Principal {
        self.auth.authenticate(credential).await.must(what)
    }

    /// What the store holds, faults aside.
    pub(crate) async fn stored(&self, id: SessionId) -> Option<SessionRecord> {
        self.direct.load(id).await.must("the store under test: load")
    }

    /// The stored generation of a refresh session; fails if it is gone.
    pub(crate) async fn generation(&self, id: SessionId, what: &str) -> u64 {
        match self.stored(id).await.must(what).credential() {
            StoredCredential::Refresh { generation, .. } => generation,
            other => panic!("{what}: a session of another credential: {other:?}"),
        }
    }
}

/// What an API key is asked for by.
pub(crate) fn named_key(subject: &str) -> Login {
    Login::new(subject).must("the testkit: a login").device(Device::unknown().with_label("ci"))
}

/// The credential that a session ends by: the refresh token, or else the only one.
pub(crate) fn proof(issued: &IssuedCredentials) -> &str {
    issued.refresh_token().map_or_else(|| issued.credential().expose(), RefreshCredential::expose)
}

/// The refresh token that was issued.
pub(crate) fn token(issued: &IssuedCredentials) -> &str {
    issued.refresh_token().must("R1: the refresh token of the hybrid strategy").expose()
}

/// The session that was issued.
pub(crate) fn id(issued: &IssuedCredentials) -> SessionId {
    issued.principal().session_id().must("A1: the session of a strategy that keeps sessions")
}
