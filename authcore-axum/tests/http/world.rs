//! An application with a handler of each kind, a store that counts calls and can fail, and a simulated
//! browser.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authcore::clock::ManualClock;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::password::{
    Account, Accounts, AccountsError, NewPassword, PasswordHash, PasswordHasher, PasswordLogin,
};
use authcore::store::{
    InsertOutcome, PurgeOutcome, RecordVersion, ReplaceOutcome, SessionRecord, SessionStore, StoreError,
};
use authcore::strategy::RefreshTokensBuilder;
use authcore::{
    Auth, IssuedCredentials, Login, MemoryStore, Realm, RefreshCredential, RefreshTokens, ServerSessions,
    SessionId, SessionKind, SessionPolicy, Subject, Timestamp,
};
use authcore_axum::{AnyPrincipal, AuthState, Claims, Guard, GuardBuilder, Principal};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// The stored hash of Edith's password: beyond the limits.
pub(crate) const UNREADABLE_HASH: &str =
    "$argon2id$v=19$m=1048576,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OWFiY2RlZg";

/// The three strategies, and tokens with re-issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Sessions,
    Tokens,
    Reissue,
    Hybrid,
}

pub(crate) const ALL: [Strategy; 3] = [Strategy::Sessions, Strategy::Tokens, Strategy::Hybrid];

pub(crate) struct World {
    pub(crate) app: Router,
    pub(crate) auth: Auth,
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: ManualClock,
}

impl World {
    pub(crate) async fn new(strategy: Strategy) -> Self {
        Self::with(strategy, |guard| guard).await
    }

    pub(crate) async fn with(
        strategy: Strategy,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        let auth = |store: &Arc<Watched>| match strategy {
            Strategy::Sessions => {
                Auth::with_sessions(ServerSessions::builder(Arc::clone(store)).build().unwrap())
            }
            Strategy::Tokens => Auth::with_tokens(jwt()),
            Strategy::Reissue => Auth::with_tokens_and_reissue(jwt(), Duration::from_secs(3600)).unwrap(),
            Strategy::Hybrid => {
                Auth::with_hybrid(jwt(), RefreshTokens::builder(Arc::clone(store)).build().unwrap()).unwrap()
            }
        };
        Self::over(auth, configure).await
    }

    /// Creates a world with several kinds of session, for a strategy that keeps sessions.
    pub(crate) async fn with_kinds(
        strategy: Strategy,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        let default = SessionPolicy::new().with_idle_timeout(Duration::from_secs(3600));
        let kinds = [
            (SessionKind::REMEMBERED, SessionPolicy::remembered()),
            (
                SessionKind::KIOSK,
                SessionPolicy::kiosk()
                    .with_absolute_timeout(Duration::from_secs(7200))
                    .with_idle_timeout(Duration::from_secs(3600)),
            ),
            (guest(), SessionPolicy::new().not_a_login()),
            (SessionKind::API_KEY, SessionPolicy::api_key()),
        ];
        let auth = |store: &Arc<Watched>| match strategy {
            Strategy::Sessions => {
                let builder = ServerSessions::builder(Arc::clone(store)).policy(default);
                let builder =
                    kinds.into_iter().fold(builder, |builder, (kind, policy)| builder.kind(kind, policy));
                Auth::with_sessions(builder.build().unwrap())
            }
            _ => {
                let builder = RefreshTokens::builder(Arc::clone(store)).policy(default);
                let builder =
                    kinds.into_iter().fold(builder, |builder, (kind, policy)| builder.kind(kind, policy));
                Auth::with_hybrid(jwt(), builder.build().unwrap()).unwrap()
            }
        };
        Self::over(auth, configure).await
    }

    /// Creates a world with the hybrid strategy and further refresh options.
    pub(crate) async fn hybrid(
        refresh: impl FnOnce(RefreshTokensBuilder) -> RefreshTokensBuilder,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        let auth = |store: &Arc<Watched>| {
            Auth::with_hybrid(jwt(), refresh(RefreshTokens::builder(Arc::clone(store))).build().unwrap())
                .unwrap()
        };
        Self::over(auth, configure).await
    }

    pub(crate) async fn over(
        auth: impl FnOnce(&Arc<Watched>) -> Auth,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        let clock = ManualClock::new(Timestamp::from_secs(1_800_000_000));
        let store = Arc::new(Watched::new(clock.clone()));
        let auth = auth(&store);
        Self::started(auth, store, clock, configure).await
    }

    /// Returns the application after a restart: on the same store, with other keys or settings.
    pub(crate) async fn restarted(
        &self,
        auth: Auth,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        Self::started(auth, Arc::clone(&self.store), self.clock.clone(), configure).await
    }

    async fn started(
        auth: Auth,
        store: Arc<Watched>,
        clock: ManualClock,
        configure: impl FnOnce(GuardBuilder) -> GuardBuilder,
    ) -> Self {
        let auth = auth.with_clock(clock.clone());
        let (hasher, people) = people().await;
        let passwords = PasswordLogin::new(auth.clone(), hasher, people);
        let builder = Guard::builder(auth.clone()).passwords(passwords).clock(clock.clone());
        let guard = configure(builder).build().unwrap();
        Self { app: guard.protect(router(&guard)), auth, store, clock }
    }

    /// A guard in `realm` whose logins were built for the unnamed realm.
    pub(crate) async fn with_guard_in(&self, realm: &Realm) -> Self {
        let (hasher, people) = people().await;
        let passwords = PasswordLogin::new(self.auth.clone(), hasher, people);
        let auth = self.auth.in_realm(realm);
        let builder = Guard::builder(auth.clone()).passwords(passwords).clock(self.clock.clone());
        let guard = builder.build().unwrap();
        let app = guard.protect(router(&guard));
        Self { app, auth, store: Arc::clone(&self.store), clock: self.clock.clone() }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { app: self.app.clone(), cookies: BTreeMap::new() }
    }
}

/// Returns tokens under a key that lives as long as they do.
pub(crate) fn jwt() -> Jwt {
    let keys = KeyRing::new(Key::generate("k1", Algorithm::HS256).unwrap());
    Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build().unwrap()
}

/// Sessions of this kind do not represent a login.
pub(crate) fn guest() -> SessionKind {
    SessionKind::new("guest").unwrap()
}

fn router(guard: &Guard) -> Router<AuthState> {
    let poll =
        Router::new().route("/poll", get(me)).route_layer(guard.require_login()).route_layer(guard.passive());
    let fresh =
        Router::new().route("/fresh", get(me)).route_layer(guard.require_fresh(Duration::from_secs(300)));
    let members = Router::new()
        .route("/members", get(role).post(role))
        .route("/members/plain", get(|| async { "hello, member" }))
        .route_layer(guard.require_login());
    Router::new()
        .route("/", get(|| async { "hello" }).post(|| async { "done" }))
        .route("/me", get(me).post(me))
        .route("/maybe", get(maybe))
        .route("/cart", get(cart))
        .route("/facts", get(facts))
        .merge(poll)
        .merge(fresh)
        .merge(members)
}

async fn me(principal: Principal) -> String {
    principal.subject().to_owned()
}

#[derive(Deserialize)]
struct Role {
    role: String,
}

async fn role(Claims(Role { role }): Claims<Role>, principal: Principal) -> String {
    format!("{} is {role}", principal.subject())
}

/// A handler that accepts any kind of session.
async fn cart(principal: AnyPrincipal, user: Option<Principal>) -> String {
    format!("{} {} {}", principal.subject(), principal.kind(), user.is_some())
}

/// Returns the realm, client and actor of a principal.
async fn facts(principal: Principal) -> String {
    let (client, actor) = (principal.client_id(), principal.actor());
    format!("{:?} {:?} {:?}", principal.realm_name(), client.as_deref(), actor.as_deref())
}

async fn maybe(principal: Option<Principal>) -> String {
    principal.map_or("nobody".to_owned(), |principal| principal.subject().to_owned())
}

/// The response that a client got.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// A client that stores cookies and respects their paths.
#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookies: BTreeMap<String, (String, String)>,
}

impl Browser {
    pub(crate) async fn send(&mut self, request: Request<Body>) -> Answer {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .filter(|(_, (_, of))| path.starts_with(&**of))
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() && !parts.headers.contains_key(COOKIE) {
            parts.headers.insert(COOKIE, cookies.join("; ").parse().unwrap());
        }
        parts.headers.entry(HOST).or_insert("app.example.com".parse().unwrap());
        let response = self.app.clone().oneshot(Request::from_parts(parts, body)).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        let answer = Answer { status: parts.status, headers: parts.headers, text };
        for cookie in answer.set_cookies() {
            self.keep(cookie);
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.find_map(|part| part.strip_prefix("Path=")).unwrap();
        if cookie.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        }
    }

    /// Returns the same browser, connected to another application.
    pub(crate) fn at(&self, world: &World) -> Self {
        Self { app: world.app.clone(), cookies: self.cookies.clone() }
    }

    /// Takes over the cookies of another login.
    pub(crate) fn hold(&mut self, issued: &IssuedCredentials) {
        let mut keep = |name: &str, value: &str, path: &str| {
            self.cookies.insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        };
        keep("__Host-session", issued.credential().expose(), "/");
        if let Some(refresh) = issued.refresh_token().map(RefreshCredential::expose) {
            keep("__Secure-session-refresh", refresh, "/auth");
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, json: Value) -> Answer {
        self.send(post(path, &json)).await
    }

    pub(crate) async fn log_in(&mut self) -> Answer {
        let answer = self.post("/auth/login", credentials("ada")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer
    }

    pub(crate) fn cookie(&self, name: &str) -> &str {
        &self.cookies.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.cookies)).0
    }
}

pub(crate) fn request(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) fn post(path: &str, json: &Value) -> Request<Body> {
    let request = request(Method::POST, path).header(CONTENT_TYPE, "application/json");
    request.body(json.to_string().into()).unwrap()
}

pub(crate) fn bearer(path: &str, token: &str) -> Request<Body> {
    request(Method::GET, path).header(AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
}

pub(crate) fn credentials(who: &str) -> Value {
    serde_json::json!({ "username": who, "password": PASSWORD, "device": "a test" })
}

/// The accounts, created only once because hashing passwords takes time.
async fn people() -> (PasswordHasher, People) {
    static MADE: OnceCell<(PasswordHasher, PasswordHash)> = OnceCell::const_new();
    let make = async || {
        let hasher = PasswordHasher::builder().build().unwrap();
        let hash = hasher.hash(NewPassword::new(PASSWORD).unwrap()).await.unwrap();
        (hasher, hash)
    };
    let (hasher, hash) = MADE.get_or_init(make).await;
    (hasher.clone(), People(std::sync::Mutex::new(hash.clone())))
}

#[derive(Debug)]
struct People(std::sync::Mutex<PasswordHash>);

#[async_trait]
impl Accounts for People {
    async fn find(&self, identifier: &str, realm: &Realm) -> Result<Option<Account>, AccountsError> {
        if identifier == "edith" {
            let stored = PasswordHash::new(UNREADABLE_HASH);
            return Ok(Some(Account::new(Login::new("user-43")?).password_hash(stored)));
        }
        let claims = match identifier {
            // The account of each tenant.
            "ada" if !realm.is_unnamed() => serde_json::json!({ "role": realm.name() }),
            "ada" => serde_json::json!({ "role": "admin" }),
            // More than a token in a cookie can hold.
            "grace" => serde_json::json!({ "role": "r".repeat(3000) }),
            // Claims of an earlier or later release.
            "linus" => serde_json::json!({ "role": ["admin"], "name": "not for the log" }),
            // Claims that no release can write.
            "sub" => serde_json::json!({ "sub": "user-43" }),
            "huge" => serde_json::json!({ "role": "r".repeat(5000) }),
            "terminal" => serde_json::json!({ "role": "visitor" }),
            _ => return Ok(None),
        };
        let mut login = Login::new("user-42")?.claims(&claims)?;
        if identifier == "terminal" {
            login = login.kind(SessionKind::KIOSK);
        }
        Ok(Some(Account::new(login).password_hash(self.0.lock().unwrap().clone())))
    }

    async fn password_hash(&self, _: &Subject) -> Result<Option<PasswordHash>, AccountsError> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }

    async fn replace_hash(
        &self,
        _: &Subject,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<ReplaceOutcome, AccountsError> {
        let mut stored = self.0.lock().unwrap();
        if stored.expose() != expected.expose() {
            return Ok(ReplaceOutcome::Stale);
        }
        *stored = new.clone();
        Ok(ReplaceOutcome::Replaced)
    }
}

/// A store that counts its calls and fails on demand.
#[derive(Debug)]
pub(crate) struct Watched {
    store: MemoryStore,
    calls: AtomicUsize,
    out: AtomicBool,
}

impl Watched {
    fn new(clock: ManualClock) -> Self {
        Self {
            store: MemoryStore::with_clock(clock),
            calls: AtomicUsize::new(0),
            out: AtomicBool::new(false),
        }
    }

    /// Returns the number of calls since the last query.
    pub(crate) fn calls(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn set_out(&self, out: bool) {
        self.out.store(out, Ordering::Relaxed);
    }

    fn call(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.out.load(Ordering::Relaxed) { Err(StoreError::unavailable("out")) } else { Ok(()) }
    }
}

#[async_trait]
impl SessionStore for Watched {
    async fn insert(&self, record: &SessionRecord) -> Result<InsertOutcome, StoreError> {
        self.call()?;
        self.store.insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.call()?;
        self.store.load(id).await
    }

    async fn replace(
        &self,
        record: &SessionRecord,
        expected: RecordVersion,
    ) -> Result<ReplaceOutcome, StoreError> {
        self.call()?;
        self.store.replace(record, expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.call()?;
        self.store.remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.call()?;
        self.store.list(subject).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.call()?;
        self.store.remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<PurgeOutcome, StoreError> {
        self.store.purge_expired(now, limit).await
    }
}
