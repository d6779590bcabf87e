//! The application under test: an `Auth` over the store, with a controllable clock and faults.

use std::sync::Arc;
use std::time::Duration;

use authcore::clock::ManualClock;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::store::{SessionRecord, SessionStore, StoredCredential};
use authcore::strategy::RefreshTokensBuilder;
use authcore::{
    Auth, Device, IssuedCredentials, Login, Principal, RefreshCredential, RefreshTokens, ServerSessions,
    SessionId, SessionKind, SessionPolicy,
};

use crate::assertions::OrFail as _;
use crate::records::{HOUR, real_now, realm};
use crate::{FaultyStore, Fixture};

/// The idle timeout. A use is written after a quarter of it, which is an hour.
pub(crate) const IDLE: Duration = HOUR.saturating_mul(4);
/// The absolute timeout.
pub(crate) const ABSOLUTE: Duration = HOUR.saturating_mul(24);
/// The grace window of refresh tokens.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// A time just longer than the grace window.
pub(crate) const AFTER_GRACE: Duration = Duration::from_millis(30_001);
/// The resolution of time.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// An application with its clock and its store.
#[derive(Clone)]
pub(crate) struct TestApp {
    pub(crate) auth: Auth,
    pub(crate) clock: ManualClock,
    /// The store that `auth` uses, with counts and faults.
    pub(crate) store: FaultyStore,
    /// The same store, without counts and faults.
    pub(crate) direct: Arc<dyn SessionStore>,
}

pub(crate) fn policy() -> SessionPolicy {
    SessionPolicy::new().with_idle_timeout(IDLE).with_absolute_timeout(ABSOLUTE)
}

pub(crate) fn jwt() -> Jwt {
    let key = Key::hmac("testkit", Algorithm::HS256, &[7; 32]).or_fail("the testkit: a key");
    Jwt::builder(KeyRing::new(key))
        .issuer("https://testkit")
        .audience("api")
        .build()
        .or_fail("the testkit: a JWT")
}

impl TestApp {
    /// Creates an application with server sessions.
    pub(crate) fn sessions(fixture: &Fixture, policy: SessionPolicy) -> Self {
        Self::new(fixture, |store| {
            Auth::with_sessions(
                ServerSessions::builder(store).policy(policy).build().or_fail("the testkit: sessions"),
            )
        })
    }

    /// Creates an application with the hybrid strategy.
    pub(crate) fn hybrid(fixture: &Fixture) -> Self {
        Self::hybrid_with(fixture, |builder| builder)
    }

    /// Creates an application with the hybrid strategy and further settings.
    pub(crate) fn hybrid_with(
        fixture: &Fixture,
        set: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder,
    ) -> Self {
        Self::new(fixture, |store| {
            let builder = RefreshTokens::builder(store).policy(policy()).grace_window(GRACE);
            let refresh = set(builder).build().or_fail("the testkit: refresh sessions");
            Auth::with_hybrid(jwt(), refresh).or_fail("the testkit: the hybrid strategy")
        })
    }

    /// Creates an application for each strategy that keeps sessions.
    pub(crate) fn stateful(fixture: &Fixture) -> [Self; 2] {
        [Self::sessions(fixture, policy()), Self::hybrid(fixture)]
    }

    /// Creates an application for each strategy that keeps sessions, with further kinds of session.
    pub(crate) fn with_kinds(fixture: &Fixture, kinds: &[(SessionKind, SessionPolicy)]) -> [Self; 2] {
        let sessions = Self::new(fixture, |store| {
            let builder = ServerSessions::builder(store).policy(policy());
            let builder =
                kinds.iter().cloned().fold(builder, |builder, (kind, policy)| builder.kind(kind, policy));
            Auth::with_sessions(builder.build().or_fail("the testkit: sessions"))
        });
        let hybrid = Self::hybrid_with(fixture, |builder| {
            kinds.iter().cloned().fold(builder, |builder, (kind, policy)| builder.kind(kind, policy))
        });
        [sessions, hybrid]
    }

    /// Returns an application with another `Auth` on the same clock, store and faults.
    pub(crate) fn with_auth(&self, auth: Auth) -> Self {
        Self { auth: auth.with_clock(self.clock.clone()), ..self.clone() }
    }

    /// Returns the same application for the users of a realm.
    pub(crate) fn in_realm(&self, name: &str) -> Self {
        Self { auth: self.auth.in_realm(&realm(name)), ..self.clone() }
    }

    /// Logs a subject in with a session of this kind.
    pub(crate) async fn login_of_kind(
        &self,
        subject: &str,
        kind: &SessionKind,
        rule: &str,
    ) -> IssuedCredentials {
        let login = Login::new(subject).or_fail("the testkit: a login").kind(kind.clone());
        self.auth.login(login).await.or_fail(&format!("{rule}: login of kind {kind}"))
    }

    /// Creates an API key.
    pub(crate) async fn api_key(&self, subject: &str, rule: &str) -> IssuedCredentials {
        let outcome = self.auth.create_api_key(named_key(subject)).await;
        outcome.or_fail(&format!("{rule}: an API key"))
    }

    fn new(fixture: &Fixture, auth: impl FnOnce(FaultyStore) -> Auth) -> Self {
        let direct = fixture.store();
        let store = FaultyStore::new(Arc::clone(&direct));
        let clock = ManualClock::new(real_now());
        Self { auth: auth(store.clone()).with_clock(clock.clone()), clock, store, direct }
    }

    /// Logs a subject in; `rule` begins the message of a failure.
    pub(crate) async fn login(&self, subject: &str, rule: &str) -> IssuedCredentials {
        let login = Login::new(subject).or_fail("the testkit: a login");
        self.auth.login(login).await.or_fail(&format!("{rule}: login"))
    }

    /// Refreshes with a valid token.
    pub(crate) async fn refresh(&self, token: &str, what: &str) -> IssuedCredentials {
        self.auth.refresh(token).await.or_fail(what)
    }

    /// Returns the principal of a valid credential.
    pub(crate) async fn authenticate(&self, credential: &str, what: &str) -> Principal {
        self.auth.authenticate(credential).await.or_fail(what)
    }

    /// Returns the stored record, without faults.
    pub(crate) async fn stored(&self, id: SessionId) -> Option<SessionRecord> {
        self.direct.load(id).await.or_fail("the store under test: load")
    }

    /// Returns the stored generation of a refresh session; fails the check if the session is missing.
    pub(crate) async fn generation(&self, id: SessionId, what: &str) -> u64 {
        match self.stored(id).await.or_fail(what).credential() {
            StoredCredential::Refresh { generation, .. } => generation,
            other => panic!("{what}: a session of another credential: {other:?}"),
        }
    }
}

/// Returns the login data of an API key.
pub(crate) fn named_key(subject: &str) -> Login {
    Login::new(subject).or_fail("the testkit: a login").device(Device::unknown().with_label("ci"))
}

/// Returns the credential that can end the session: the refresh token, or else the only credential.
pub(crate) fn proof(issued: &IssuedCredentials) -> &str {
    issued.refresh_token().map_or_else(|| issued.credential().expose(), RefreshCredential::expose)
}

/// Returns the issued refresh token.
pub(crate) fn token(issued: &IssuedCredentials) -> &str {
    issued.refresh_token().or_fail("R1: the refresh token of the hybrid strategy").expose()
}

/// Returns the id of the issued session.
pub(crate) fn id(issued: &IssuedCredentials) -> SessionId {
    issued.principal().session_id().or_fail("A1: the session of a strategy that keeps sessions")
}
