//! Tests of the three servers over HTTP: credentials, responses and log lines.
//!
//! Behaviour that is common to all applications is tested in `authcore-axum`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use authcore::MemoryStore;
use authcore_examples::accounts::{DEMO_EMAIL, DEMO_PASSWORD};
use authcore_examples::strategies::{self, Strategy};
use authcore_examples::{app, log, server};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A running server, and a client without a cookie jar.
struct Server {
    url: String,
    http: Client,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(strategy: Strategy) -> Self {
        let auth = match strategy {
            Strategy::Sessions => strategies::sessions(MemoryStore::new()),
            Strategy::Tokens => strategies::tokens(),
            Strategy::Hybrid => strategies::hybrid(MemoryStore::new()),
        };
        let listener = server::listen(0).await.unwrap();
        let url = server::url(&listener).unwrap();
        let router = app::router(strategy, auth.unwrap(), &url, |guard| guard).await.unwrap();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&log);
        let router = log::logging(router, log::lines(move |line| lines.lock().unwrap().push(line)));
        tokio::spawn(server::serve(listener, router));
        Self { url, http: Client::builder().no_proxy().build().unwrap(), log }
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

    fn login(&self) -> RequestBuilder {
        self.post("/auth/login").form(&[("email", DEMO_EMAIL), ("password", DEMO_PASSWORD)])
    }

    /// Returns the lines that the server has logged since the last call.
    fn logged(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
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
    for strategy in Strategy::ALL {
        let server = Server::start(strategy).await;
        let (challenge, vary) = match strategy {
            Strategy::Sessions => ("Cookie", "authorization, cookie"),
            _ => ("Bearer", "authorization"),
        };
        for request in [
            server.get("/me"),
            server.get("/me").bearer_auth("eyJ.e30.x"),
            server.get("/me").header("cookie", "__Host-session=acs_x").header("authorization", "Bearer x"),
            server.post("/auth/login").form(&[("email", DEMO_EMAIL), ("password", "wrong")]),
            server.post("/auth/logout-everywhere"),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(header(&response, "www-authenticate").starts_with(challenge), "{response:?}");
            assert_eq!(header(&response, "cache-control"), "no-store");
            assert_eq!(header(&response, "vary"), vary);
            assert!(!response.headers().contains_key("set-cookie"));
            assert_eq!(body(response).await, json!({ "error": "unauthenticated" }));
        }
    }
}

#[tokio::test]
async fn c1_c8_sessions_come_in_a_cookie_and_never_in_a_body() {
    let server = Server::start(Strategy::Sessions).await;
    let response = server.login().send().await.unwrap();
    let set_cookie = header(&response, "set-cookie");
    let (pair, attributes) = set_cookie.split_once("; ").unwrap();
    let token = pair.strip_prefix("__Host-session=").unwrap().to_owned();
    assert!(token.starts_with("acs_"));
    assert_eq!(
        attributes, "HttpOnly; SameSite=Lax; Secure; Path=/",
        "until the browser session ends (rule A13)"
    );
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert!(!response.text().await.unwrap().contains(&token));
}

#[tokio::test]
async fn c8_tokens_come_in_the_body_and_never_as_a_cookie() {
    for (strategy, refreshable) in [(Strategy::Tokens, false), (Strategy::Hybrid, true)] {
        let server = Server::start(strategy).await;
        let form = json!({ "email": DEMO_EMAIL, "password": DEMO_PASSWORD, "device": "test" });
        let response = server.post("/auth/login").json(&form).send().await.unwrap();
        assert!(!response.headers().contains_key("set-cookie"));
        let tokens = body(response).await;
        assert_eq!(tokens["token_type"], "Bearer");
        assert_eq!(tokens["refresh_token"].is_string(), refreshable);
        let me = server.get("/me").bearer_auth(tokens["access_token"].as_str().unwrap());
        assert_eq!(me.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn c4_pages_of_other_sites_get_nothing_done_on_any_server() {
    for strategy in Strategy::ALL {
        let server = Server::start(strategy).await;
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            for path in ["login", "logout", "logout-others", "logout-everywhere", "refresh", "password"] {
                let response =
                    server.post(&format!("/auth/{path}")).header(name, value).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {name}: {value}");
            }
            let revoke = server.request(Method::DELETE, "/auth/sessions/x").header(name, value);
            assert_eq!(revoke.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        }
        for (name, value) in
            [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", &server.url)]
        {
            let response = server.login().header(name, value).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn c6_c7_a_logout_that_ended_nothing_tells_only_the_log_why() {
    let server = Server::start(Strategy::Sessions).await;
    let set_cookie = header(&server.login().send().await.unwrap(), "set-cookie");
    let cookie = set_cookie.split(';').next().unwrap();
    let last = if cookie.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{last}", &cookie[..cookie.len() - 1]);
    let logout = |cookie: &str| server.post("/auth/logout").header("cookie", cookie);

    let response = logout(&forged).send().await.unwrap();
    assert_cleared(&response);
    let nothing = body(response).await;
    assert_eq!(server.logged(), ["DEBUG unauthenticated, rejection: wrong secret"]);

    assert_cleared(&logout(cookie).send().await.unwrap());
    assert_eq!(server.logged(), [""; 0]);
    for (cookie, reason) in [
        (cookie, "DEBUG a logout of a session that had ended"),
        ("__Host-session=x", "DEBUG unauthenticated, rejection: a credential of another kind"),
        ("__Host-session=acs_x", "DEBUG unauthenticated, rejection: malformed credential: "),
        ("other=x", "DEBUG a logout without a usable credential"),
    ] {
        let response = logout(cookie).send().await.unwrap();
        assert_cleared(&response);
        assert_eq!(body(response).await, nothing);
        let log = server.logged();
        assert!(log.len() == 1 && log[0].starts_with(reason), "{log:?}");
    }
}

fn assert_cleared(response: &Response) {
    assert_eq!(response.status(), StatusCode::OK);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert!(cookies[0].to_str().unwrap().starts_with("__Host-session=;"), "{cookies:?}");
    assert!(cookies.iter().all(|cookie| cookie.to_str().unwrap().ends_with("Max-Age=0")), "{cookies:?}");
    assert!(response.headers().contains_key("clear-site-data"));
}

#[tokio::test]
async fn the_page_shows_commands_that_this_server_understands() {
    for (strategy, refreshable) in Strategy::ALL.into_iter().zip([false, false, true]) {
        let server = Server::start(strategy).await;
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

/// Returns the method and path in a line of the page, if it names a route or is a command.
fn route<'p>(line: &'p str, url: &str) -> Option<(Method, &'p str)> {
    let command = line.rsplit_once(url).map(|(before, path)| {
        let posts = before.contains(" -d ") || before.contains("-X POST");
        (if posts { Method::POST } else { Method::GET }, path.trim_end_matches(')'))
    });
    command.or_else(|| {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?, words.next().filter(|path| path.starts_with('/'))?);
        Some((method.parse().ok()?, path))
    })
}

#[tokio::test]
async fn the_page_names_no_route_that_its_strategy_does_not_have() {
    for (strategy, expected) in Strategy::ALL.into_iter().zip([8 + 4, 4 + 3, 9 + 5]) {
        let server = Server::start(strategy).await;
        let login = server.login().send().await.unwrap();
        let cookie = header(&login, "set-cookie");
        let token = body(login).await["access_token"].as_str().unwrap_or_default().to_owned();
        let page = server.get("/").send().await.unwrap().text().await.unwrap();
        let routes: Vec<_> = page.lines().filter_map(|line| route(line, &server.url)).collect();
        assert_eq!(routes.len(), expected, "{routes:?}");
        for (method, path) in routes {
            // A response about the request itself comes from an existing route.
            let request = server.request(method.clone(), path).json(&json!({ "refresh_token": "x" }));
            let request = if token.is_empty() {
                request.header("cookie", cookie.split(';').next().unwrap())
            } else {
                request.bearer_auth(&token)
            };
            let response = request.send().await.unwrap();
            let (status, told) = (response.status(), response.text().await.unwrap());
            let there = [200, 400, 401].contains(&status.as_u16()) || told.contains("no such session");
            assert!(there, "{strategy:?} {method} {path}: {status} {told}");
        }
    }
}

/// Control bytes are refused by the HTTP parser, before they reach the application.
#[tokio::test]
async fn control_bytes_in_a_header_are_a_bad_request() {
    let server = Server::start(Strategy::Sessions).await;
    let address = server.url.strip_prefix("http://").unwrap();
    for header in ["Cookie: __Host-session=a\x01b", "Authorization: Bearer a\0b", "Cookie: a=\x7f"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /me HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{header}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{header:?}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("content-length: 0"), "{answer}");
    }
    assert_eq!(server.logged(), [""; 0]);
}
