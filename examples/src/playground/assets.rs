//! The page: files that are part of the program, and what a browser may do with them.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;

/// Only files of this server, and nothing inline: what somebody smuggled into the page would not run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type and text.
const FILES: [(&str, &str, &str); 9] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    // Where browsers look for it when what they show is no page.
    ("/favicon.ico", "image/svg+xml", include_str!("page/icon.svg")),
    ("/app.js", JAVASCRIPT, include_str!("page/app.js")),
    ("/actions.js", JAVASCRIPT, include_str!("page/actions.js")),
    ("/server.js", JAVASCRIPT, include_str!("page/server.js")),
    ("/view.js", JAVASCRIPT, include_str!("page/view.js")),
    ("/words.js", JAVASCRIPT, include_str!("page/words.js")),
];

pub(super) fn routes() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        // Asked for again each time, so that a new version of the program shows its own page.
        router.route(
            path,
            get(move || async move { ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text) }),
        )
    })
}

/// Adds what browsers are told with every answer.
pub(super) async fn restrict(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let told: [(HeaderName, &str); 3] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
