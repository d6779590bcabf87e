//! What holds for every request and every answer, whatever the handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::credentials::{Transport, bearer};
use crate::guard::{AuthState, Settings};
use crate::refusal::{Reason, Refusal};

/// Whether an answer depends on who asked: set by whatever asks that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Depends(Arc<AtomicBool>);

impl Depends {
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) async fn protect(
    State(AuthState(settings)): State<AuthState>,
    request: Request,
    next: Next,
) -> Response {
    let depends = Depends::default();
    let (mut parts, body) = request.into_parts();
    // No browser sends a bearer token by itself, and where there is one, cookies do not count.
    let by_bearer = matches!(bearer(&parts.headers), Ok(Some(_)));
    if !by_bearer && settings.cross_site.suspects(&parts).await {
        depends.note();
        return settings.finish(Refusal::plain(Reason::CrossSite, &settings).into_response(), &depends);
    }
    parts.extensions.insert(depends.clone());
    let response = next.run(Request::from_parts(parts, body)).await;
    settings.finish(response, &depends)
}

impl Settings {
    /// Keeps an answer out of caches that would give it to somebody else (rule C3).
    fn finish(&self, mut response: Response, depends: &Depends) -> Response {
        if depends.0.load(Ordering::Relaxed) {
            self.keep_private(response.headers_mut());
        }
        response
    }

    fn keep_private(&self, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(VARY, AUTHORIZATION.into());
        if self.transport == Transport::Cookies {
            headers.append(VARY, COOKIE.into());
        }
    }
}
