//! Simulated clients, each with its own cookies: another device, and a thief with a copy of a user's cookies.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{COOKIE, HOST, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use cookie::Cookie;
use serde_json::Value;
use tower::ServiceExt as _;

use super::envelope::{envelope, observe, request_line};
use super::held::{Held, Kind, kind};
use crate::strategies::Strategy;

/// The maximum number of clients; beyond it the oldest is dropped.
const MAX_CLIENTS: usize = 64;

/// The simulated clients of one application.
#[derive(Debug)]
pub(super) struct Clients {
    strategy: Strategy,
    app: Router,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    all: VecDeque<(u64, Client)>,
}

/// The cookies of one client.
#[derive(Debug, Clone, Default)]
pub(super) struct Client(Vec<Held>);

impl Clients {
    pub(super) fn new(strategy: Strategy, app: Router) -> Self {
        Self { strategy, app, kept: Mutex::default() }
    }

    /// Stores a client and returns its number, by which the page names it.
    ///
    /// The number may be guessable: any user of the page can log in with the password that it shows.
    pub(super) fn keep(&self, client: Client) -> u64 {
        let mut kept = self.kept();
        kept.last += 1;
        let number = kept.last;
        kept.all.push_back((number, client));
        if kept.all.len() > MAX_CLIENTS {
            kept.all.pop_front();
        }
        number
    }

    pub(super) fn find(&self, number: u64) -> Option<Client> {
        self.kept().all.iter().find(|(known, _)| *known == number).map(|(_, client)| client.clone())
    }

    pub(super) fn update(&self, number: u64, client: Client) {
        if let Some((_, kept)) = self.kept().all.iter_mut().find(|(known, _)| *known == number) {
            *kept = client;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a client's request, stores the cookies of the response, and returns the response in its
    /// envelope.
    ///
    /// `page` is the request of the page, whose client address and host are used.
    pub(super) async fn send(&self, client: &mut Client, page: &Parts, mut request: Request<Body>) -> Value {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("simulated by the playground"));
        headers.extend(page.headers.get(HOST).map(|host| (HOST, host.clone())));
        client.show(self.strategy, &mut request);
        request.extensions_mut().extend(page.extensions.clone());
        let line = request_line(&request);
        let answering = async {
            let Ok(response) = self.app.clone().oneshot(request).await;
            response
        };
        let (response, seen) = observe(answering).await;
        let (parts, body) = response.into_parts();
        client.take(self.strategy, &parts.headers);
        envelope(&line, parts.status, &parts.headers, body, seen).await
    }
}

impl Client {
    /// Creates a client with these cookies.
    pub(super) fn with(cookies: Vec<Held>) -> Self {
        Self(cookies)
    }

    /// Adds the cookies whose path matches the request.
    fn show(&self, strategy: Strategy, request: &mut Request<Body>) {
        let to_routes = request.uri().path().starts_with(&format!("{}/", strategy.routes()));
        let sent = self.0.iter().filter(|held| to_routes || held.kind == Kind::Access);
        let pairs: Vec<_> = sent.map(|held| format!("{}={}", held.name, held.value)).collect();
        if let (false, Ok(value)) = (pairs.is_empty(), HeaderValue::try_from(pairs.join("; "))) {
            request.headers_mut().insert(COOKIE, value);
        }
    }

    /// Stores the cookies that a response sets and removes those that it clears.
    fn take(&mut self, strategy: Strategy, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let Some(cookie) = header.to_str().ok().and_then(|text| Cookie::parse(text).ok()) else {
                continue;
            };
            let Some(kind) = kind(strategy, cookie.name()) else { continue };
            self.0.retain(|held| held.kind != kind);
            if !cookie.value().is_empty() {
                let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
                self.0.push(Held { name, value, kind });
            }
        }
    }
}
