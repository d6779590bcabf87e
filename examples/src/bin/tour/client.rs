//! A client device: a browser with cookies, or an app with tokens.

use std::sync::Arc;
use std::time::Duration;

use authcore_examples::accounts::{DEMO_EMAIL, DEMO_PASSWORD};
use reqwest::Method;
use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap};
use serde_json::Value;

use crate::guide::Failure;
use crate::screen::shorten;

/// A device with its credentials.
pub(crate) struct Client {
    name: &'static str,
    url: String,
    http: reqwest::Client,
    /// The cookies, if it is a browser.
    jar: Arc<Jar>,
    /// The tokens, if it is an app.
    pub(crate) access: Option<String>,
    pub(crate) refresh: Option<String>,
}

/// A request before it is sent, and its description.
pub(crate) struct Call {
    pub(crate) line: String,
    pub(crate) credential: Option<String>,
    pub(crate) request: reqwest::RequestBuilder,
}

/// The response of the server.
pub(crate) struct Answer {
    pub(crate) status: reqwest::StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// The lines that the server logged meanwhile.
    pub(crate) log: Vec<String>,
}

impl Client {
    pub(crate) fn new(name: &'static str, url: &str) -> Result<Self, Failure> {
        let jar = Arc::new(Jar::default());
        let http = reqwest::Client::builder()
            .cookie_provider(Arc::clone(&jar))
            .user_agent(name)
            .timeout(Duration::from_secs(10))
            .no_proxy()
            .build()?;
        Ok(Self { name, url: url.to_owned(), http, jar, access: None, refresh: None })
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// Returns a login with the demo account's password.
    pub(crate) fn login(&self) -> Call {
        self.login_as(DEMO_EMAIL, DEMO_PASSWORD)
    }

    pub(crate) fn login_as(&self, email: &str, password: &str) -> Call {
        self.post("/auth/login").form(&[("email", email), ("password", password), ("device", self.name)])
    }

    /// Returns a refresh with this refresh token.
    pub(crate) fn refresh_with(&self, token: &str) -> Call {
        // Only the refresh token counts, so the access token is not sent.
        let bare = Call { credential: None, ..self.bare(Method::POST, "/auth/refresh") };
        bare.json("refresh_token", token)
    }

    /// Stores the tokens of a response, like an app.
    pub(crate) fn keep(&mut self, answer: &Answer) {
        self.access = answer.text("access_token").or(self.access.take());
        self.refresh = answer.text("refresh_token").or(self.refresh.take());
    }

    /// Returns the browser's cookie: name and value.
    pub(crate) fn cookie(&self) -> Option<String> {
        let header = self.jar.cookies(&self.url.parse().ok()?)?;
        header.to_str().ok().map(ToOwned::to_owned)
    }

    /// Returns a request without credentials except the browser's cookies.
    fn bare(&self, method: Method, path: &str) -> Call {
        let line = format!("{method} {path}");
        let credential = self.cookie().map(|cookie| show_cookie(&cookie));
        Call { line, credential, request: self.http.request(method, format!("{}{path}", self.url)) }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let call = self.bare(method, path);
        match &self.access {
            Some(token) => call.bearer(token),
            None => call,
        }
    }
}

impl Call {
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        let shown = format!("Authorization: Bearer {}", shorten(token));
        self.credential = Some(match self.credential.take() {
            Some(other) => format!("{other}\n{shown}"),
            None => shown,
        });
        self.request = self.request.header(AUTHORIZATION, format!("Bearer {token}"));
        self
    }

    /// Sends this cookie instead of the browser's.
    pub(crate) fn with_cookie(mut self, cookie: &str) -> Self {
        self.credential = Some(show_cookie(cookie));
        self.request = self.request.header(COOKIE, cookie);
        self
    }

    /// Sends a header that is not a credential.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.line = format!("{}   {name}: {value}", self.line);
        self.request = self.request.header(name, value);
        self
    }

    fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let shown: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.line = format!("{}   {}", self.line, shown.join("  "));
        self.request = self.request.form(fields);
        self
    }

    fn json(mut self, name: &str, value: &str) -> Self {
        self.line = format!("{}   {name}={}", self.line, shorten(value));
        self.request = self.request.json(&serde_json::json!({ name: value }));
        self
    }
}

impl Answer {
    /// Returns a string member of the body.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.body[name].as_str().map(ToOwned::to_owned)
    }
}

fn show_cookie(cookie: &str) -> String {
    match cookie.split_once('=') {
        Some((name, value)) => format!("Cookie: {name}={}", shorten(value)),
        None => format!("Cookie: {cookie}"),
    }
}
