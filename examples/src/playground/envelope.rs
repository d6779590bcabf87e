//! A response together with a trace of its request.
//!
//! The page requests the envelope with a header. It explains a 401 instead of failing, and the envelope keeps
//! browsers from logging an error to the console for every status of 400 and above.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::held::shortened_cookie;
use crate::log;

const ENVELOPE: HeaderName = HeaderName::from_static("playground-envelope");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// The maximum size of a body, larger than any response here.
const LARGEST_BODY: usize = 256 * 1024;

tokio::task_local! {
    static SEEN: Arc<Mutex<Seen>>;
}

static RECORDER: LazyLock<Dispatch> = LazyLock::new(|| log::lines(note_line));

/// The trace of a request.
#[derive(Debug, Default)]
pub(super) struct Seen {
    reads: u32,
    writes: u32,
    calls: Vec<&'static str>,
    log: Vec<String>,
    time: Duration,
}

/// Records a store call that reads.
pub(super) fn note_read(call: &'static str) {
    note(|seen| {
        seen.reads += 1;
        seen.calls.push(call);
    });
}

/// Records a store call that writes.
pub(super) fn note_write(call: &'static str) {
    note(|seen| {
        seen.writes += 1;
        seen.calls.push(call);
    });
}

/// Records a log line.
fn note_line(line: String) {
    note(|seen| seen.log.push(line));
}

fn note(change: impl FnOnce(&mut Seen)) {
    // Outside a request there is no trace.
    let _ = SEEN.try_with(|seen| change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Runs a request and returns its response and trace.
pub(super) async fn observe(answering: impl Future<Output = Response>) -> (Response, Seen) {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let start = Instant::now();
    let response = SEEN.scope(Arc::clone(&seen), answering.with_subscriber(RECORDER.clone())).await;
    let mut seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    seen.time = start.elapsed();
    (response, seen)
}

/// Wraps the responses of requests that ask for it.
pub(super) async fn wrap(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(ENVELOPE) {
        return next.run(request).await;
    }
    let line = request_line(&request);
    let (response, seen) = observe(next.run(request)).await;
    let (parts, body) = response.into_parts();
    let envelope = envelope(&line, parts.status, &parts.headers, body, seen).await;
    let mut response = Json(envelope).into_response();
    for (name, value) in &parts.headers {
        if *name != CONTENT_TYPE && *name != CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

pub(super) fn request_line(request: &Request<Body>) -> String {
    format!("{} {}", request.method(), request.uri().path())
}

/// Returns the response and the trace as JSON.
pub(super) async fn envelope(
    line: &str,
    status: StatusCode,
    headers: &HeaderMap,
    body: Body,
    seen: Seen,
) -> Value {
    let bytes = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let body: Value =
        serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
    json!({
        "request": line,
        "status": status.as_u16(),
        "reason": status.canonical_reason(),
        "headers": telling(headers),
        "set_cookies": set_cookies(headers),
        "body": body,
        "reads": seen.reads,
        "writes": seen.writes,
        "calls": seen.calls,
        "micros": u64::try_from(seen.time.as_micros()).unwrap_or(u64::MAX),
        "log": seen.log,
    })
}

fn telling(headers: &HeaderMap) -> Map<String, Value> {
    [WWW_AUTHENTICATE, RETRY_AFTER, CACHE_CONTROL, CLEAR_SITE_DATA]
        .into_iter()
        .filter_map(|name| Some((name.to_string(), headers.get(&name)?.to_str().ok()?.into())))
        .collect()
}

fn set_cookies(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all(SET_COOKIE).iter();
    all.filter_map(|value| value.to_str().ok()).map(shortened_cookie).collect()
}
