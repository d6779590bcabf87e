//! The rules that hold for HTTP, on the servers themselves.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use authcore::{
    Auth, Inserted, MemoryStore, Purged, Replaced, SessionId, SessionRecord, SessionStore, StoreError,
    Subject, Timestamp, Version,
};
use authcore_examples::accounts::{DEMO_EMAIL, DEMO_PASSWORD};
use authcore_examples::app::router;
use authcore_examples::credentials::{SessionCookie, Transport};
use authcore_examples::{server, strategies};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A running server, and a client without a cookie jar.
struct Server {
    url: String,
    http: Client,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(auth: Auth, transport: Transport) -> Self {
        let listener = server::listen(0).await.unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&log);
        let write = Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
        let app = server::app(auth, transport, write, &listener).await.unwrap();
        let url = app.url.clone();
        tokio::spawn(async move { axum::serve(listener, router(app)).await });
        Self { url, http: Client::builder().no_proxy().build().unwrap(), log }
    }

    async fn sessions(store: impl SessionStore) -> Self {
        let auth = strategies::sessions(store).unwrap();
        Self::start(auth, Transport::Cookie(SessionCookie::default())).await
    }

    async fn all() -> [Self; 3] {
        let hybrid = strategies::hybrid(MemoryStore::new()).unwrap();
        [
            Self::sessions(MemoryStore::new()).await,
            Self::start(strategies::tokens().unwrap(), Transport::Bearer { refreshable: false }).await,
            Self::start(hybrid, Transport::Bearer { refreshable: true }).await,
        ]
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    async fn log_in(&self) -> Response {
        let form = [("email", DEMO_EMAIL), ("password", DEMO_PASSWORD)];
        self.post("/login").form(&form).send().await.unwrap()
    }

    /// What the server has logged since it was asked last.
    fn logged(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Logs in and gives the cookie to send.
    async fn cookie(&self) -> String {
        let set_cookie = header(&self.log_in().await, "set-cookie");
        set_cookie.split(';').next().unwrap().to_owned()
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn body(response: Response) -> Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn c3_c6_c7_a_401_is_opaque_challenges_and_clears_nothing() {
    for server in Server::all().await {
        let form = [("email", DEMO_EMAIL), ("password", "wrong")];
        for request in [
            server.get("/me"),
            server.get("/me").bearer_auth("eyJ.e30.x"),
            server.get("/me").header("cookie", "__Host-session=acs_x").header("authorization", "Bearer x"),
            server.post("/login").form(&form),
            server.post("/logout-everywhere"),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(!header(&response, "www-authenticate").is_empty());
            assert_eq!(header(&response, "cache-control"), "no-store");
            assert!(["cookie", "authorization"].contains(&header(&response, "vary").as_str()));
            assert!(!response.headers().contains_key("set-cookie"));
            assert_eq!(body(response).await, json!({ "error": "unauthenticated" }));
        }
    }
}

#[tokio::test]
async fn c1_c8_the_cookie_has_its_attributes_and_never_appears_in_a_body() {
    let server = Server::sessions(MemoryStore::new()).await;
    let response = server.log_in().await;
    let set_cookie = header(&response, "set-cookie");
    let (pair, attributes) = set_cookie.split_once("; ").unwrap();
    let token = pair.strip_prefix("__Host-session=").unwrap().to_owned();
    assert!(token.starts_with("acs_"));
    let (fixed, age) = attributes.rsplit_once('=').unwrap();
    assert_eq!(fixed, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age");
    assert!((2_591_990..=2_592_000).contains(&age.parse::<u64>().unwrap()));
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert!(!response.text().await.unwrap().contains(&token));

    let auth = strategies::sessions(MemoryStore::new()).unwrap();
    let weak = Server::start(auth, Transport::Cookie(SessionCookie::insecure_for_loopback())).await;
    let set_cookie = header(&weak.log_in().await, "set-cookie");
    assert!(set_cookie.starts_with("session=acs_"));
    assert!(!set_cookie.contains("Secure"));
}

#[tokio::test]
async fn c8_tokens_come_in_the_body_and_never_as_a_cookie() {
    let [_, tokens, hybrid] = Server::all().await;
    for (server, refreshable) in [(tokens, false), (hybrid, true)] {
        let form = json!({ "email": DEMO_EMAIL, "password": DEMO_PASSWORD, "device": "test" });
        let response = server.post("/login").json(&form).send().await.unwrap();
        assert!(!response.headers().contains_key("set-cookie"));
        let tokens = body(response).await;
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["refresh_token"].is_string(), refreshable);
        let me = server.get("/me").bearer_auth(tokens["access_token"].as_str().unwrap());
        assert_eq!(me.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn c4_unsafe_requests_of_other_sites_are_refused() {
    for server in Server::all().await {
        let origin = server.url.clone();
        let refused = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ];
        for path in ["/login", "/logout", "/logout-others", "/logout-everywhere", "/refresh"] {
            for (name, value) in refused {
                let response = server.post(path).header(name, value).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {name}: {value}");
            }
            // Twice, each of which would do alone.
            for (name, value) in [("sec-fetch-site", "same-origin"), ("origin", &*origin)] {
                let twice = server.post(path).header(name, value).header(name, value);
                assert_eq!(twice.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path} {name}");
            }
            let twice = server.post(path).header("sec-fetch-site", "same-origin");
            let twice = twice.header("origin", &origin).header("origin", "https://evil.example");
            assert_eq!(twice.send().await.unwrap().status(), StatusCode::FORBIDDEN, "{path}");
        }
        let delete = server.request(Method::DELETE, "/sessions/x").header("sec-fetch-site", "cross-site");
        assert_eq!(delete.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        let form = [("email", DEMO_EMAIL), ("password", DEMO_PASSWORD)];
        for (name, value) in
            [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", &origin)]
        {
            let response = server.post("/login").header(name, value).form(&form).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{name}: {value}");
        }
    }
    let server = Server::sessions(MemoryStore::new()).await;
    let cookie = server.cookie().await;
    let cross_site = server.post("/logout").header("cookie", &cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(cross_site.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let me = server.get("/me").header("cookie", &cookie).header("sec-fetch-site", "cross-site");
    assert_eq!(me.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn c7_logout_clears_also_when_the_store_is_out_and_says_so() {
    let store = Outage::default();
    let out = Arc::clone(&store.out);
    let server = Server::sessions(store).await;
    let cookie = server.cookie().await;

    out.store(true, Ordering::SeqCst);
    let response = server.get("/me").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!response.headers().contains_key("set-cookie"));
    let response = server.post("/logout").header("cookie", &cookie).send().await.unwrap();
    assert_cleared(&response);
    assert_eq!(body(response).await["effective"], "unconfirmed");

    out.store(false, Ordering::SeqCst);
    let response = server.post("/logout").header("cookie", &cookie).send().await.unwrap();
    assert_cleared(&response);
    assert_eq!(body(response).await["effective"], "now");
    let response = server.post("/logout").header("cookie", &cookie).send().await.unwrap();
    assert_cleared(&response);
}

#[tokio::test]
async fn c5_c7_logout_with_two_credentials_ends_neither_and_says_so() {
    let server = Server::sessions(MemoryStore::new()).await;
    let cookie = server.cookie().await;
    let response = server.post("/logout").header("cookie", &cookie).bearer_auth("x").send().await.unwrap();
    assert_cleared(&response);
    assert_eq!(body(response).await["effective"], "unconfirmed");
    assert_eq!(server.logged(), ["a logout is unconfirmed: not one credential"]);
    let me = server.get("/me").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::OK);
}

#[tokio::test]
async fn c6_c7_a_logout_that_ended_nothing_tells_only_the_log_why() {
    let server = Server::sessions(MemoryStore::new()).await;
    let cookie = server.cookie().await;
    let last = if cookie.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{last}", &cookie[..cookie.len() - 1]);
    let logout = |cookie: &str| server.post("/logout").header("cookie", cookie);

    let response = logout(&forged).send().await.unwrap();
    assert_cleared(&response);
    let nothing = body(response).await;
    assert_eq!(server.logged(), ["a logout ended nothing: wrong secret"]);

    assert_cleared(&logout(&cookie).send().await.unwrap());
    assert_eq!(server.logged(), [""; 0]);
    for (cookie, reason) in [
        (&*cookie, "the session has ended"),
        ("__Host-session=x", "a credential of another kind"),
        ("__Host-session=acs_x", "malformed: "),
        ("other=x", "no credential"),
    ] {
        let response = logout(cookie).send().await.unwrap();
        assert_cleared(&response);
        assert_eq!(body(response).await, nothing);
        let log = server.logged();
        assert!(
            log.len() == 1 && log[0].starts_with(&format!("a logout ended nothing: {reason}")),
            "{log:?}"
        );
    }
}

fn assert_cleared(response: &Response) {
    assert_eq!(response.status(), StatusCode::OK);
    assert!(header(response, "set-cookie").starts_with("__Host-session=;"));
    assert!(header(response, "set-cookie").ends_with("Max-Age=0"));
    assert!(response.headers().contains_key("clear-site-data"));
}

#[tokio::test]
async fn a_body_is_refused_for_its_type_its_size_or_its_text() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let server = Server::sessions(MemoryStore::new()).await;
    let form = format!("email={DEMO_EMAIL}&password={DEMO_PASSWORD}");
    let json = json!({ "email": DEMO_EMAIL, "password": DEMO_PASSWORD }).to_string();
    let long = "x".repeat(20_000);
    let long = long.as_str();
    for (kind, text, status) in [
        (FORM, &*form, 200),
        ("Application/X-WWW-Form-URLencoded ; charset=UTF-8", &form, 200),
        ("application/json", &json, 200),
        ("APPLICATION/JSON;charset=utf-8", &json, 200),
        ("text/plain", &form, 415),
        ("application/x-www-form-urlencoded2", &form, 415),
        ("application/json-seq", &json, 415),
        ("", &form, 415),
        ("text/plain", long, 415),
        (FORM, long, 413),
        ("application/json", long, 413),
        (FORM, "", 400),
        (FORM, "email=x", 400),
        ("application/json", &form, 400),
        ("application/json", "[\"email\"]", 400),
    ] {
        let request = server.post("/login").header("content-type", kind).body(text.to_owned());
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{kind}: {}", text.get(..40).unwrap_or(text));
        assert!(status == 200 || body(response).await["error"].is_string());
    }
    let untyped = [server.post("/login"), server.post("/login").body(form.clone())];
    let twice = server.post("/login").header("content-type", FORM).header("content-type", FORM).body(form);
    for request in untyped.into_iter().chain([twice]) {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn a_wrong_id_is_a_404() {
    let server = Server::sessions(MemoryStore::new()).await;
    let cookie = server.cookie().await;
    let request = server.request(Method::DELETE, "/sessions/none").header("cookie", cookie);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_page_shows_commands_that_this_server_understands() {
    for (server, refreshable) in Server::all().await.into_iter().zip([false, false, true]) {
        let page = server.get("/").send().await.unwrap().text().await.unwrap();
        assert!(page.contains(&server.url) && page.contains(DEMO_EMAIL));
        for text in ["REFRESH=", "refresh_token=", "younger than 30 seconds"] {
            assert_eq!(page.contains(text), refreshable, "{text}: {page}");
        }
        for line in page.lines().filter(|line| line.starts_with("  curl")) {
            assert!(line.contains(r"-w '\n'"), "{line}");
        }
    }
}

/// A store that can be out of reach.
#[derive(Debug, Default)]
struct Outage {
    store: MemoryStore,
    out: Arc<AtomicBool>,
}

impl Outage {
    fn reach(&self) -> Result<&MemoryStore, StoreError> {
        if self.out.load(Ordering::SeqCst) {
            Err(StoreError::unavailable("unplugged"))
        } else {
            Ok(&self.store)
        }
    }
}

#[async_trait::async_trait]
impl SessionStore for Outage {
    async fn insert(&self, record: &SessionRecord) -> Result<Inserted, StoreError> {
        self.reach()?.insert(record).await
    }

    async fn load(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.reach()?.load(id).await
    }

    async fn replace(&self, record: &SessionRecord, expected: Version) -> Result<Replaced, StoreError> {
        self.reach()?.replace(record, expected).await
    }

    async fn remove(&self, id: SessionId) -> Result<bool, StoreError> {
        self.reach()?.remove(id).await
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<SessionRecord>, StoreError> {
        self.reach()?.list(subject).await
    }

    async fn remove_all(
        &self,
        subject: &Subject,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.reach()?.remove_all(subject, keep).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<Purged, StoreError> {
        self.reach()?.purge_expired(now, limit).await
    }
}
