//! What holds for every request and every answer, whatever the handler.

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HOST, ORIGIN, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::App;
use crate::answer::{LogLine, Refusal};
use crate::credentials::Transport;

pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let credential = app.transport.read(request.headers());
    let presented = !matches!(credential, Ok(None));
    // No browser sends a bearer token by itself, and no foreign page can make it do so.
    let exempt = matches!((&app.transport, credential), (Transport::Bearer { .. }, Ok(Some(_))));
    let mut response = if request.method().is_safe() || exempt || is_same_origin(request.headers()) {
        next.run(request).await
    } else {
        Refusal::CrossSite.into_response()
    };
    if let Some(LogLine(line)) = response.extensions_mut().remove() {
        (app.log)(&line);
    }
    let unauthenticated = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(VARY, app.transport.vary().into());
    if unauthenticated {
        headers.insert(WWW_AUTHENTICATE, app.transport.challenge(presented));
    }
    response
}

/// Whether no page of another origin sent this, as far as browsers tell (rule C4). Neither header means that it was
/// no browser; one of them twice, that nobody knows what it was.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let site = only(headers, &HeaderName::from_static("sec-fetch-site"));
    match (site, only(headers, &ORIGIN), only(headers, &HOST)) {
        (Ok(Some(site)), Ok(_), _) => site == "same-origin" || site == "none",
        (Ok(None), Ok(None), _) => true,
        (Ok(None), Ok(Some(origin)), Ok(Some(host))) => {
            let origin = origin.as_bytes();
            let address = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
            address == Some(host.as_bytes())
        }
        _ => false,
    }
}

/// There is more than one header of a name that may be there once.
struct Ambiguous;

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Ambiguous> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Ambiguous) } else { Ok(first) }
}
