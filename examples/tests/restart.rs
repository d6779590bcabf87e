//! Tests of the servers as processes: a login survives a restart if the store does.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use authcore_examples::accounts::{DEMO_EMAIL, DEMO_PASSWORD};
use authcore_tests::application::Application;
use authcore_tests::{mysql, postgres, redis};
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

/// An example server in a separate process.
///
/// It is killed without a graceful shutdown, so acknowledged writes must already be in the store.
struct Server {
    process: Application,
    http: Client,
}

impl Server {
    fn start(program: &str, options: &[&str]) -> Self {
        let process = Application::start(program, &[&["--port", "0"], options].concat());
        Self { process, http: Client::builder().no_proxy().build().unwrap() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.process.url())
    }

    async fn log_in(&self) -> Response {
        let form = [("email", DEMO_EMAIL), ("password", DEMO_PASSWORD)];
        let response = self.http.post(self.url("/auth/login")).form(&form).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response
    }

    async fn me(&self, cookie: &str) -> (StatusCode, Value) {
        let request = self.http.get(self.url("/me")).header(COOKIE, cookie);
        answer(request.send().await.unwrap()).await
    }

    async fn refresh(&self, token: &Value) -> (StatusCode, Value) {
        let request = self.http.post(self.url("/auth/refresh")).json(&json!({ "refresh_token": token }));
        answer(request.send().await.unwrap()).await
    }

    async fn log_out(&self, cookie: &str) {
        let request = self.http.post(self.url("/auth/logout")).header(COOKIE, cookie);
        let (status, body) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, &body["effective"]), (StatusCode::OK, &json!("now")));
    }
}

async fn answer(response: Response) -> (StatusCode, Value) {
    (response.status(), response.json().await.unwrap())
}

fn set_cookie(response: &Response) -> &str {
    response.headers()[SET_COOKIE].to_str().unwrap()
}

async fn a_session_survives_restarts_on(store: &str) {
    let start = || Server::start(env!("CARGO_BIN_EXE_sessions"), &["--store", store]);
    let server = start();
    let response = server.log_in().await;
    let cookie = set_cookie(&response).split(';').next().unwrap();
    let (status, before) = server.me(cookie).await;
    assert_eq!(status, StatusCode::OK);
    drop(server);

    let server = start();
    assert_eq!(server.me(cookie).await, (StatusCode::OK, before));
    server.log_out(cookie).await;
    drop(server);

    // A logout survives a restart too.
    assert_eq!(start().me(cookie).await.0, StatusCode::UNAUTHORIZED);
}

async fn a_refresh_token_survives_restarts_on(store: &str) {
    let start = || Server::start(env!("CARGO_BIN_EXE_hybrid"), &["--store", store]);
    let server = start();
    let (_, login) = answer(server.log_in().await).await;
    drop(server);

    let (status, refreshed) = start().refresh(&login["refresh_token"]).await;
    assert_eq!(status, StatusCode::OK, "{refreshed}");
    assert!(refreshed["access_token"].is_string());
}

#[tokio::test]
async fn logins_survive_restarts_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("sessions.db").display());
    a_session_survives_restarts_on(&store).await;
    a_refresh_token_survives_restarts_on(&store).await;
}

#[tokio::test]
async fn logins_survive_restarts_on_postgres() {
    let server = postgres::Server::start(&[]);
    a_session_survives_restarts_on(&server.url()).await;
    a_refresh_token_survives_restarts_on(&server.url()).await;
}

#[tokio::test]
async fn logins_survive_restarts_on_mysql() {
    let server = mysql::Server::start(&[]);
    a_session_survives_restarts_on(&server.url()).await;
    a_refresh_token_survives_restarts_on(&server.url()).await;
}

#[tokio::test]
async fn logins_survive_restarts_on_redis() {
    let server = redis::Server::start(&[]);
    a_session_survives_restarts_on(&server.url()).await;
    a_refresh_token_survives_restarts_on(&server.url()).await;
}

#[tokio::test]
async fn the_cookie_is_as_strict_as_can_be_unless_it_is_told_otherwise() {
    for (options, name, secure) in
        [(&[] as &[&str], "__Host-session", true), (&["--insecure-loopback-cookie"], "session", false)]
    {
        let server = Server::start(env!("CARGO_BIN_EXE_sessions"), options);
        let response = server.log_in().await;
        let set_cookie = set_cookie(&response);
        assert!(set_cookie.starts_with(&format!("{name}=acs_")), "{set_cookie}");
        assert_eq!(set_cookie.contains("; Secure"), secure, "{set_cookie}");
        let cookie = set_cookie.split(';').next().unwrap();
        assert_eq!(server.me(cookie).await.0, StatusCode::OK);
    }
}
