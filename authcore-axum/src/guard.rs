//! The one thing that a host builds, and the one call by which a router gets state and layers together.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use authcore::clock::{Clock, SystemClock};
use authcore::password::{LoginThrottle, MemoryThrottle, PasswordLogin};
use authcore::{Auth, Realm};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::request::Parts;
use tower_http::csrf::CsrfLayer;

use crate::cookies::Cookies;
use crate::credentials::Transport;
use crate::csrf::CrossSite;
use crate::mismatches::Mismatches;
use crate::protect::Protect;
use crate::{Passive, Require, routes};

/// Bodies of the ready-made routes are short.
const LARGEST_BODY: usize = 16 * 1024;

/// Protects routers: by [`Auth`], with cookies, CSRF protection and ready-made routes.
///
/// ```
/// use authcore::{Auth, MemoryStore, ServerSessions};
/// use authcore_axum::{Guard, Principal};
/// use axum::Router;
/// use axum::routing::get;
///
/// async fn me(principal: Principal) -> String {
///     format!("You are {}.", principal.subject())
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
/// let guard = Guard::builder(auth).build()?;
/// let app: Router = guard.protect(Router::new().route("/me", get(me)));
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard(pub(crate) Arc<Settings>);

/// What extractors find a [`Guard`] by: the state that [`Guard::protect`] gives to a router.
///
/// Nothing else makes one, so that a router which has it also has the layers.
#[derive(Debug, Clone)]
pub struct AuthState(pub(crate) Arc<Settings>);

/// Builds a [`Guard`].
#[must_use]
pub struct GuardBuilder {
    auth: Auth,
    passwords: Option<PasswordLogin>,
    throttle: Option<Arc<dyn LoginThrottle>>,
    transport: Transport,
    cookie_name: String,
    plain_on_loopback: bool,
    routes_path: String,
    login_page: Option<String>,
    csrf: Result<CsrfLayer, tower_http::csrf::ConfigError>,
    strict: bool,
    client_address: ClientAddress,
    choose_realm: Option<ChooseRealm>,
    clock: Arc<dyn Clock>,
}

type ClientAddress = Arc<dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync>;
type ChooseRealm = Arc<dyn Fn(&Parts) -> Option<Realm> + Send + Sync>;

/// What a guard was built with cannot be used: which option, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// What a guard knows.
pub(crate) struct Settings {
    pub(crate) auth: Auth,
    pub(crate) passwords: Option<PasswordLogin>,
    pub(crate) throttle: Option<Arc<dyn LoginThrottle>>,
    pub(crate) transport: Transport,
    pub(crate) cookies: Cookies,
    pub(crate) cross_site: CrossSite,
    pub(crate) routes_path: String,
    pub(crate) login_page: Option<String>,
    pub(crate) client_address: ClientAddress,
    pub(crate) choose_realm: Option<ChooseRealm>,
    pub(crate) mismatches: Mismatches,
    /// Whether the log has it that logins come without an address.
    pub(crate) missed_address: AtomicBool,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Guard {
    /// Starts with the strategy. By default credentials travel in cookies.
    pub fn builder(auth: Auth) -> GuardBuilder {
        GuardBuilder {
            auth,
            passwords: None,
            throttle: Some(Arc::new(MemoryThrottle::new())),
            transport: Transport::Cookies,
            cookie_name: "session".to_owned(),
            plain_on_loopback: false,
            routes_path: "/auth".to_owned(),
            login_page: None,
            csrf: Ok(CsrfLayer::new()),
            strict: false,
            client_address: Arc::new(peer),
            choose_realm: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The router with its state, the CSRF protection of all its routes, the headers that keep answers out of
    /// caches, and the ready-made routes if there are [passwords](GuardBuilder::passwords).
    ///
    /// To be called once for each guard, with everything merged that it protects: where two protected routers
    /// of one guard meet, both have the ready-made routes, and axum panics when it merges them.
    pub fn protect(&self, router: Router<AuthState>) -> Router {
        self.protect_with(router, |state| state)
    }

    /// As [`Guard::protect`], for a router with a state of the host's, in which the [`AuthState`] is a part:
    ///
    /// ```
    /// # use authcore::{Auth, MemoryStore, ServerSessions};
    /// use authcore_axum::{AuthState, Guard, Principal};
    /// use axum::Router;
    /// use axum::extract::{FromRef, State};
    /// use axum::routing::get;
    ///
    /// #[derive(Clone)]
    /// struct App {
    ///     auth: AuthState,
    ///     greeting: &'static str,
    /// }
    ///
    /// impl FromRef<App> for AuthState {
    ///     fn from_ref(app: &App) -> Self {
    ///         app.auth.clone()
    ///     }
    /// }
    ///
    /// async fn greet(principal: Principal, State(app): State<App>) -> String {
    ///     format!("{}, {}!", app.greeting, principal.subject())
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
    /// let guard = Guard::builder(auth).build()?;
    /// let router = Router::new().route("/greet", get(greet));
    /// let app: Router = guard.protect_with(router, |auth| App { auth, greeting: "Hello" });
    /// # Ok(())
    /// # }
    /// ```
    pub fn protect_with<S>(&self, router: Router<S>, state: impl FnOnce(AuthState) -> S) -> Router
    where
        S: Clone + Send + Sync + 'static,
    {
        let auth = AuthState(Arc::clone(&self.0));
        let ready_made = if self.0.passwords.is_some() {
            let routes = routes::routes().layer(DefaultBodyLimit::max(LARGEST_BODY));
            Router::new().nest(&self.0.routes_path, routes.with_state(auth.clone()))
        } else {
            Router::new()
        };
        router.with_state(state(auth)).merge(ready_made).layer(Protect(Arc::clone(&self.0)))
    }

    /// A layer that lets only requests of authenticated users through, for whole routers:
    /// `router.route_layer(guard.require_login())`.
    pub fn require_login(&self) -> Require {
        Require::new(Arc::clone(&self.0), None)
    }

    /// A layer for routes that a page asks by itself, such as a poll for messages:
    /// `router.route_layer(guard.passive())`. Their requests do not count as a use of the session, so that
    /// they keep no absent user logged in (rule A14).
    ///
    /// Add it after the guard's other layers:
    /// `router.route_layer(guard.require_login()).route_layer(guard.passive())`. In the hybrid strategy only
    /// refreshes count as uses; a page should not refresh for a poll.
    pub fn passive(&self) -> Passive {
        Passive::new(Arc::clone(&self.0))
    }

    /// As [`Guard::require_login`], for what only somebody may do who proved themselves not longer ago than
    /// this: a change of address, a payment. Others are told to log in once more (RFC 9470).
    pub fn require_fresh(&self, age: std::time::Duration) -> Require {
        Require::new(Arc::clone(&self.0), Some(age))
    }
}

impl GuardBuilder {
    /// Adds the ready-made routes for people who log in by password: `POST /auth/login` and the others, which
    /// [the crate's documentation](crate#routes) lists.
    pub fn passwords(mut self, passwords: PasswordLogin) -> Self {
        self.passwords = Some(passwords);
        self
    }

    /// Sets what counts attempts to log in, for a fleet that shares them. The default is [`MemoryThrottle`].
    pub fn throttle(mut self, throttle: impl LoginThrottle) -> Self {
        self.throttle = Some(Arc::new(throttle));
        self
    }

    /// Lets everybody guess passwords as fast as they can be hashed.
    ///
    /// # Security
    ///
    /// Only where something before this server slows guesses down.
    pub fn without_throttle(mut self) -> Self {
        self.throttle = None;
        self
    }

    /// Sets where the ready-made routes are, and so where the refresh cookie goes: the default is `/auth`.
    ///
    /// Where the router is nested in another one, the refresh cookie goes below that one's path. What a proxy
    /// strips from paths nobody here can know: it should not strip any before these routes, or a browser that
    /// was given the refresh cookie for `/auth` never sends it to `/app/auth/refresh`.
    pub fn routes_at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.routes_path);
        self
    }

    /// Hands credentials out in JSON bodies, for clients that are no browsers; they come back in
    /// `Authorization: Bearer`.
    ///
    /// An access token then has at most 8,192 bytes; in a cookie there is room for 4,096 bytes of name and
    /// value together. A login or refresh whose claims do not fit changes nothing and is answered with 500
    /// (rule R12).
    pub fn credentials_in_bodies(mut self) -> Self {
        self.transport = Transport::Bodies;
        self
    }

    /// Sets the name that the cookies are made of, so that two services on one host do not overwrite each
    /// other's: `__Host-<name>` and `__Secure-<name>-refresh`. The default is `session`.
    pub fn cookie_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.cookie_name);
        self
    }

    /// For development over plain HTTP with browsers that want HTTPS for a `Secure` cookie even from this
    /// very machine (Safari): to requests that name a loopback host, cookies are given without `Secure`,
    /// under the bare name.
    ///
    /// # Security
    ///
    /// Other programs of this machine can read and plant them. Requests that name any other host are not
    /// concerned.
    pub fn plain_cookies_on_loopback(mut self) -> Self {
        self.plain_on_loopback = true;
        self
    }

    /// Sends browsers that navigate without a login to this page, a path of this host, with the way back in
    /// `?next=`. Without it, they get 401 as everybody else. Its form leads back here when a login fails,
    /// with a word in `?error=`: [the crate's documentation](crate#pages-without-scripts) lists them.
    ///
    /// # Security
    ///
    /// Everybody can write what stands in these parameters. A page that shows one or hands it on escapes it,
    /// as anything that it did not write itself.
    pub fn login_page(mut self, path: &str) -> Self {
        self.login_page = Some(path.to_owned());
        self
    }

    /// Trusts pages of this origin (`https://app.example.com`) to send requests here with the user's cookies
    /// (rule C4).
    ///
    /// # Security
    ///
    /// Whoever controls a page there acts for every user who is logged in here.
    pub fn trust_origin(mut self, origin: &str) -> Self {
        self.csrf = self.csrf.and_then(|csrf| csrf.add_trusted_origin(origin));
        self
    }

    /// Refuses unsafe requests that tell neither origin nor site too, unless they have a bearer token: where
    /// browsers that are too old to tell are a concern, and other clients are not. A login by cookies is
    /// refused even with one.
    pub const fn refuse_silent_clients(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Sets how the address of a client is found, for throttling and the list of devices. The default is the
    /// peer of the connection, which is there if the host serves with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    ///
    /// # Security
    ///
    /// Behind a proxy that is its address, and all clients are one. Read a header only if the proxy sets it
    /// and nobody else can: who invents an address each time is never slowed down.
    pub fn client_address(mut self, find: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        self.client_address = Arc::new(find);
        self
    }

    /// Chooses the [realm](Realm) that each request is for, by its host name or its path: the application or
    /// tenant whose users log in (rule A12). All extractors, layers and ready-made routes keep to it, and the
    /// throttle and [`Accounts`](authcore::password::Accounts) are given it. For `None` the request is
    /// answered with 404, and nothing else happens. Without this option, every request is for the realm of
    /// the guard's [`Auth`].
    ///
    /// ```
    /// # use authcore::{Auth, MemoryStore, Realm, ServerSessions};
    /// # use authcore_axum::Guard;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
    /// use authcore_axum::host_name;
    ///
    /// const TENANTS: [&str; 2] = ["acme", "globex"];
    ///
    /// let guard = Guard::builder(auth).realm(|parts| {
    ///     let host = host_name(parts)?;
    ///     let tenant = host.strip_suffix(".example.com")?;
    ///     TENANTS.contains(&tenant).then(|| Realm::new(tenant).ok())?
    /// });
    /// # guard.build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A handler gets at the same realm by `auth.in_realm(&principal.realm())`. Tenants on one host name
    /// share its cookies, so that a browser is logged in to one of them at a time.
    pub fn realm(mut self, choose: impl Fn(&Parts) -> Option<Realm> + Send + Sync + 'static) -> Self {
        self.choose_realm = Some(Arc::new(choose));
        self
    }

    /// Sets the clock, for tests: that of [`Auth`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The guard.
    ///
    /// # Errors
    ///
    /// If a name, a path or an origin cannot be used.
    pub fn build(self) -> Result<Guard, ConfigError> {
        let refuse = |what: &str| Err(ConfigError(what.to_owned()));
        if !is_token(&self.cookie_name) || self.cookie_name.len() > 64 || self.cookie_name.starts_with("__") {
            return refuse(
                "a cookie's name is 1 to 64 letters, digits, `-`, `_` or `.`, and does not begin with `__`",
            );
        }
        if !is_path(&self.routes_path) || self.routes_path == "/" || self.routes_path.ends_with('/') {
            return refuse("the path of the routes is like `/auth`, without an end slash");
        }
        if self.login_page.as_deref().is_some_and(|page| !is_path(page)) {
            return refuse("the login page is a path of this host, like `/login`");
        }
        let csrf = self.csrf.map_err(|error| ConfigError(error.to_string()))?;
        let cookies = Cookies::new(&self.cookie_name, &self.routes_path, self.plain_on_loopback);
        let mut auth = self.auth;
        // Logins are for the realm that requests are checked against, whichever `Auth` they were built with.
        let mut passwords = self.passwords.map(|passwords| passwords.in_realm(auth.realm()));
        if self.transport == Transport::Cookies {
            // Before anything changes, not when the cookie is made (rule R12).
            auth = auth.with_max_token_len(cookies.room());
            passwords = passwords.map(|passwords| passwords.with_max_token_len(cookies.room()));
        }
        Ok(Guard(Arc::new(Settings {
            cookies,
            auth,
            passwords,
            throttle: self.throttle,
            transport: self.transport,
            cross_site: CrossSite::new(&csrf, self.strict),
            routes_path: self.routes_path,
            login_page: self.login_page,
            client_address: self.client_address,
            choose_realm: self.choose_realm,
            mismatches: Mismatches::default(),
            missed_address: AtomicBool::new(false),
            clock: self.clock,
        })))
    }
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip())
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
}

/// Whether this is a path without anything in it that cookies or links would need to escape.
pub(crate) fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"/-_.~".contains(&c))
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("auth", &self.auth)
            .field("transport", &self.transport)
            .field("cookies", &self.cookies)
            .field("routes_path", &self.routes_path)
            .field("login_page", &self.login_page)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardBuilder")
            .field("auth", &self.auth)
            .field("transport", &self.transport)
            .field("cookie_name", &self.cookie_name)
            .finish_non_exhaustive()
    }
}
