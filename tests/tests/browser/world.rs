//! The playground on a port of its own, and a browser that shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use authcore_examples::stores::StoreChoice;
use authcore_examples::{playground, server};
use authcore_tests::browser::Driver;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::COOKIE;
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::webdriver::Browser;

/// How long a panel may take for one click, on however busy a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// One driver for all tests; it ends with the test process.
static DRIVER: OnceLock<Driver> = OnceLock::new();

/// The playground and a browser, on its page.
pub(crate) struct World {
    pub(crate) browser: Browser,
    pub(crate) port: u16,
    requests: Requests,
    /// A runtime of its own: the connections that it has end with it.
    server: Option<Runtime>,
}

/// Paths, and the cookies that the browser sent there.
type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// What a panel shows of its last click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) headline: String,
    /// `200 OK`, or nothing.
    pub(crate) badge: String,
    pub(crate) tone: String,
    pub(crate) text: String,
    /// Store reads and writes.
    pub(crate) reads: String,
    pub(crate) writes: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self::of(playground::router(&StoreChoice::Memory).await.unwrap()).await;
        world.open("/").await;
        world
    }

    /// Another application, and a browser that shows nothing yet.
    pub(crate) async fn of(app: Router) -> Self {
        let requests = Requests::default();
        let app = app.layer(middleware::from_fn_with_state(Arc::clone(&requests), note));
        let server = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let bind = server.spawn(TcpListener::bind("127.0.0.1:0"));
        let listener = bind.await.unwrap().unwrap();
        let port = listener.local_addr().unwrap().port();
        server.spawn(async move { server::serve(listener, app).await.unwrap() });
        Self { browser: browser().await, port, requests, server: Some(server) }
    }

    /// Ends the server with all its connections, and not the test.
    pub(crate) fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) async fn open(&self, path: &str) {
        self.browser.open(&self.url(path)).await;
        if path == "/" {
            self.wait("the panels", "return document.querySelectorAll('.cookies > *').length >= 3").await;
        }
    }

    /// Waits until a script says `true`.
    pub(crate) async fn wait(&self, what: &str, script: &str) {
        let start = Instant::now();
        while self.browser.script(script).await != true {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses a button as a user would, and waits for what the panel says then.
    pub(crate) async fn press(&self, panel: &str, action: &str) -> Shown {
        self.browser.click(&format!("#{panel} [data-action='{action}']")).await;
        self.settled(panel).await
    }

    /// What a panel says when it is no longer busy.
    pub(crate) async fn settled(&self, panel: &str) -> Shown {
        let idle = format!("return document.querySelector('#{panel}').ariaBusy === 'false'");
        self.wait("the panel", &idle).await;
        let shown = self
            .browser
            .script(&format!(
                "const panel = document.querySelector('#{panel}');
                const text = (css) => panel.querySelector(css)?.innerText ?? '';
                const {{ headline = '', badge = '', tone = '' }} = panel.querySelector('.result').dataset;
                const facts = [...panel.querySelectorAll('.facts dd')].map((fact) => fact.innerText);
                return {{ headline, badge, tone, facts, text: panel.innerText }};"
            ))
            .await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Shown {
            headline: text(&shown["headline"]),
            badge: text(&shown["badge"]),
            tone: text(&shown["tone"]),
            text: text(&shown["text"]),
            reads: text(&shown["facts"][0]),
            writes: text(&shown["facts"][1]),
        }
    }

    /// All cookies of the browser, as it keeps them.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        let answer = self.browser.devtools("Storage.getCookies", json!({})).await;
        answer["cookies"].as_array().unwrap().clone()
    }

    /// What the browser wrote to its console since this was asked last, if that is an error or a warning.
    pub(crate) async fn console_errors(&self) -> Vec<Value> {
        let lines = self.browser.console().await;
        let bad = |line: &&Value| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING"));
        lines.iter().filter(bad).cloned().collect()
    }

    /// The cookies of the last request to this path, as the server saw them.
    pub(crate) fn sent_to(&self, path: &str) -> String {
        let requests = self.requests.lock().unwrap();
        let found = requests.iter().rev().find(|(to, _)| to == path);
        found.unwrap_or_else(|| panic!("nothing was sent to {path}")).1.clone()
    }

    /// Ends the test: nothing may have gone wrong in the page.
    pub(crate) async fn close(self) {
        let errors = self.console_errors().await;
        self.browser.close().await;
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A runtime that is only dropped would wait for its tasks, which must not be done here.
        self.stop();
    }
}

async fn note(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let cookies = request.headers().get(COOKIE).map(|value| value.to_str().unwrap().to_owned());
    requests.lock().unwrap().push((request.uri().path().to_owned(), cookies.unwrap_or_default()));
    next.run(request).await
}

/// A browser that knows nothing yet.
async fn browser() -> Browser {
    static LAST: AtomicU64 = AtomicU64::new(0);
    // It waits for the driver, and so do the other tests.
    let driver = tokio::task::spawn_blocking(|| DRIVER.get_or_init(Driver::start)).await.unwrap();
    let profile = format!("profile-{}", LAST.fetch_add(1, Ordering::Relaxed));
    Browser::start(&driver.url(), &driver.arguments(&profile)).await
}
