//! Tests of the playground's server on every store. `tests/tests/browser` tests the page in a browser.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use authcore_examples::accounts::{DEMO_EMAIL, DEMO_PASSWORD};
use authcore_tests::application::Application;
use authcore_tests::{mysql, postgres, redis};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// The playground in a separate process, and a client with a cookie jar.
struct Playground {
    process: Application,
    http: Client,
}

impl Playground {
    fn start(store: &str) -> Self {
        let options = ["--port", "0", "--store", store];
        let process = Application::start(env!("CARGO_BIN_EXE_playground"), &options);
        Self { process, http: Client::builder().no_proxy().cookie_store(true).build().unwrap() }
    }

    fn url(&self) -> &str {
        self.process.url()
    }

    /// Returns a response in its envelope.
    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.url()));
        let request = request.header("playground-envelope", "1").json(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, &Value::Null).await
    }
}

/// Returns the status and the numbers of reads and writes.
fn cost(envelope: &Value) -> [u64; 3] {
    ["status", "reads", "writes"].map(|key| envelope[key].as_u64().unwrap())
}

async fn it_plays_on(store: &str) {
    let playground = Playground::start(store);
    for (strategy, login, me) in [
        ("sessions", [200, 1, 1], [200, 1, 0]),
        ("tokens", [200, 0, 0], [200, 0, 0]),
        ("hybrid", [200, 1, 1], [200, 0, 0]),
    ] {
        let credentials = json!({ "username": DEMO_EMAIL, "password": DEMO_PASSWORD });
        let demo = json!({ "email": DEMO_EMAIL, "password": DEMO_PASSWORD });
        let answer = playground.post(&format!("/{strategy}/auth/login"), &credentials).await;
        assert_eq!(cost(&answer), login, "{answer}");
        assert_eq!(cost(&playground.get(&format!("/{strategy}/me")).await), me, "{strategy}");
        let opened = playground.post(&format!("/{strategy}/auth/lab/devices"), &demo).await;
        assert_eq!(cost(&opened["body"]["answer"]), login, "{opened}");
        let listed = playground.get(&format!("/{strategy}/auth/sessions")).await;
        let devices = listed["body"].as_array().map(Vec::len);
        assert_eq!(devices, (strategy != "tokens").then_some(2), "{listed}");
    }
}

#[tokio::test]
async fn it_plays_in_memory() {
    it_plays_on("memory").await;
}

#[tokio::test]
async fn it_plays_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    it_plays_on(&format!("sqlite:{}", folder.path().join("sessions.db").display())).await;
}

#[tokio::test]
async fn it_plays_on_postgres() {
    it_plays_on(&postgres::Server::start(&[]).url()).await;
}

#[tokio::test]
async fn it_plays_on_mysql() {
    it_plays_on(&mysql::Server::start(&[]).url()).await;
}

#[tokio::test]
async fn it_plays_on_redis() {
    it_plays_on(&redis::Server::start(&[]).url()).await;
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline() {
    let playground = Playground::start("memory");
    let page = playground.http.get(playground.url()).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let page = page.text().await.unwrap();
    let count = |text: &str| page.matches(text).count();
    assert_eq!((count("://"), count("style="), count("<style")), (0, 0, 0));
    assert_eq!(count("<script"), count("<script type=\"module\" src=\"/"));
}

/// Without the header, a response is that of `authcore-axum`.
#[tokio::test]
async fn answers_come_bare_to_who_asks_for_no_envelope() {
    let playground = Playground::start("memory");
    let response = playground.http.get(format!("{}/sessions/me", playground.url())).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.text().await.unwrap(), r#"{"error":"unauthenticated"}"#);
}

#[tokio::test]
async fn secrets_are_told_in_part_only() {
    let playground = Playground::start("memory");
    let body = json!({ "username": DEMO_EMAIL, "password": DEMO_PASSWORD });
    let request = playground.http.post(format!("{}/hybrid/auth/login", playground.url())).json(&body);
    let response = request.header("playground-envelope", "1").send().await.unwrap();
    let secrets: Vec<_> = response.cookies().map(|cookie| cookie.value().to_owned()).collect();
    assert_eq!(secrets.len(), 2);
    let told = response.text().await.unwrap() + &playground.get("/hybrid/auth/lab/held").await.to_string();
    for secret in secrets {
        assert!(secret.split('.').all(|part| !told.contains(part)), "{told}");
    }
}

/// Pages under a foreign name that resolves to this server must not share its origin.
#[tokio::test]
async fn it_answers_under_the_names_of_this_machine_only() {
    let playground = Playground::start("memory");
    let port = playground.url().rsplit_once(':').unwrap().1.to_owned();
    for (host, expected) in [
        ("localhost", StatusCode::OK),
        ("play.localhost", StatusCode::OK),
        ("127.0.0.2", StatusCode::OK),
        ("[::1]", StatusCode::OK),
        ("rebound.example", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1.rebound.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        for path in ["/", "/hybrid/auth/lab/held"] {
            let request = playground.http.get(format!("{}{path}", playground.url()));
            let request = request.header("host", format!("{host}:{port}"));
            let response = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
            assert_eq!(response.status(), expected, "{host} {path}");
            let text = response.text().await.unwrap();
            assert_eq!(
                text.starts_with("The playground answers only on this machine"),
                expected != StatusCode::OK
            );
        }
    }
}
