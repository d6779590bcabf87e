//! What is answered when something is refused: opaque to the client, precise in the log (rule C6).

use std::time::Duration;

use authcore::error::Rejection;
use authcore::password::PasswordError;
use authcore::{Error, ErrorKind};
use axum::Json;
use axum::http::header::{ACCEPT, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::cookies::original_uri;
use crate::credentials::Transport;
use crate::guard::Settings;

/// When to try again while the store is out, in seconds.
const STORE_OUT: Duration = Duration::from_secs(2);

/// A request that is not granted: the answer to it.
///
/// It says nothing about why; that is logged by `tracing`, under the target `authcore_axum`.
#[derive(Debug)]
pub struct Refusal(Box<Response>);

/// Why a request is not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nobody knows who asks: 401. `presented` tells whether there was a credential.
    Unauthenticated { presented: bool },
    /// Who asks is known, and proved it too long ago: 401 (RFC 9470).
    Stale { longest: Duration },
    /// 503.
    Unavailable,
    /// 501.
    Unsupported,
    /// 500.
    Internal,
    /// 403.
    CrossSite,
    /// 429.
    TooManyAttempts { wait: Duration },
    /// 400.
    BadBody,
    /// 413.
    BodyTooLarge,
    /// 415.
    NeitherFormNorJson,
    /// 422.
    UnacceptablePassword,
    /// 404.
    NotFound,
    /// 404: the request is for no realm of this application.
    NoSuchRealm,
}

impl Reason {
    /// Logs what happened, and gives what to do about it.
    pub(crate) fn of(error: &Error, presented: bool) -> Self {
        if let Some(incident) = error.incident() {
            let (subject, device) = (incident.subject(), incident.device());
            tracing::warn!(
                kind = %incident.kind(),
                subject = subject.as_str(),
                realm = named(subject.realm_name()),
                actor = incident.actor(),
                device = device.label().or(device.user_agent()),
                session = %incident.session_id(),
                "a stolen credential may have been used; its session was ended",
            );
        }
        let reason = Self::of_kind(error.kind(), presented);
        match error.rejection() {
            Some(rejection @ Rejection::UnreadableHash(_)) => {
                tracing::warn!(%rejection, "a login was refused")
            }
            Some(rejection) => tracing::debug!(%rejection, "unauthenticated"),
            None => log_failure(reason, error),
        }
        reason
    }

    pub(crate) fn of_password(error: &PasswordError) -> Self {
        if let PasswordError::Auth(error) = error {
            return Self::of(error, true);
        }
        let reason = Self::of_kind(error.kind(), true);
        log_failure(reason, error);
        reason
    }

    const fn of_kind(kind: ErrorKind, presented: bool) -> Self {
        match kind {
            ErrorKind::Unauthenticated => Self::Unauthenticated { presented },
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Unsupported => Self::Unsupported,
            _ => Self::Internal,
        }
    }

    const fn answer(self) -> (StatusCode, &'static str) {
        match self {
            // One text for all of them: which check failed helps only whoever tries forgeries.
            Self::Unauthenticated { .. } => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::Stale { .. } => (StatusCode::UNAUTHORIZED, "log in once more"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "try again later"),
            Self::Unsupported => (StatusCode::NOT_IMPLEMENTED, "not supported"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "sent by a page of another site"),
            Self::TooManyAttempts { .. } => (StatusCode::TOO_MANY_REQUESTS, "too many attempts"),
            Self::BadBody => (StatusCode::BAD_REQUEST, "not the expected form or JSON"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Self::NeitherFormNorJson => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type is neither a form's nor JSON's, in UTF-8",
            ),
            Self::UnacceptablePassword => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "a password has at least 8 characters and at most 1,024 bytes",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "no such session"),
            Self::NoSuchRealm => (StatusCode::NOT_FOUND, "not found"),
        }
    }

    /// What the login page is told, which says no more than the status.
    const fn word(self) -> &'static str {
        match self {
            Self::Unauthenticated { .. } => "credentials",
            Self::TooManyAttempts { .. } => "too-many",
            Self::Unavailable => "unavailable",
            Self::BadBody | Self::BodyTooLarge => "form",
            _ => "failed",
        }
    }
}

impl Refusal {
    /// Refuses a request; a browser that navigates may be sent to the login page instead.
    pub(crate) fn new(reason: Reason, settings: &Settings, parts: &Parts) -> Self {
        let needs_login = matches!(reason, Reason::Unauthenticated { .. } | Reason::Stale { .. });
        if let (true, Some(page)) =
            (needs_login && is_read(&parts.method) && is_navigation(parts), &settings.login_page)
        {
            return Self(Box::new(to_login_page(page, original_uri(parts))));
        }
        Self::plain(reason, settings)
    }

    /// Refuses a login to a page that sent a form: the login page is told, if there is one, and knows where
    /// to go then.
    pub(crate) fn back_to_login(reason: Reason, settings: &Settings, next: Option<&str>) -> Self {
        let Some(page) = &settings.login_page else { return Self::plain(reason, settings) };
        let next = next.map(|next| format!("&next={}", utf8_percent_encode(next, NON_ALPHANUMERIC)));
        let location = format!("{page}?error={}{}", reason.word(), next.unwrap_or_default());
        Self(Box::new(see_other(&location)))
    }

    /// Refuses a request of which nothing is left to look at.
    pub(crate) fn plain(reason: Reason, settings: &Settings) -> Self {
        let (status, text) = reason.answer();
        let mut response = (status, Json(json!({ "error": text }))).into_response();
        settings.explain(reason, response.headers_mut());
        Self(Box::new(response))
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl Settings {
    fn explain(&self, reason: Reason, headers: &mut HeaderMap) {
        let wait = |headers: &mut HeaderMap, wait: Duration| {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000).max(1) as u64));
        };
        match reason {
            Reason::Unauthenticated { presented } => {
                headers.insert(WWW_AUTHENTICATE, self.challenge(presented));
            }
            Reason::Stale { longest } => {
                let text = format!(
                    r#"{} error="insufficient_user_authentication", max_age={}"#,
                    self.scheme(),
                    longest.as_secs()
                );
                headers.extend(HeaderValue::try_from(text).map(|value| (WWW_AUTHENTICATE, value)));
            }
            Reason::Unavailable => wait(headers, STORE_OUT),
            Reason::TooManyAttempts { wait: longer } => wait(headers, longer),
            _ => {}
        }
    }

    /// What a 401 carries: the same whatever was wrong with the credential.
    const fn challenge(&self, presented: bool) -> HeaderValue {
        HeaderValue::from_static(match (self.transport, presented) {
            (Transport::Cookies, _) => "Cookie",
            (Transport::Bodies, false) => "Bearer",
            (Transport::Bodies, true) => r#"Bearer error="invalid_token""#,
        })
    }

    const fn scheme(&self) -> &'static str {
        match self.transport {
            Transport::Cookies => "Cookie",
            Transport::Bodies => "Bearer",
        }
    }
}

/// Whether a browser is going to a page, rather than a script asking for data.
pub(crate) fn is_navigation(parts: &Parts) -> bool {
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    match header(HeaderName::from_static("sec-fetch-mode")) {
        Some(mode) => mode == "navigate",
        None => header(ACCEPT).is_some_and(|accepted| accepted.contains("text/html")),
    }
}

fn to_login_page(page: &str, uri: &Uri) -> Response {
    let back = uri.path_and_query().map_or("/", |path| path.as_str());
    let location = format!("{page}?next={}", utf8_percent_encode(back, NON_ALPHANUMERIC));
    see_other(&location)
}

/// Sends a browser to another page of this host.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().extend(HeaderValue::try_from(location).map(|value| (LOCATION, value)));
    response
}

/// Where a `next` parameter may lead: to a path of this host, however browsers read it (rule C4).
pub(crate) fn local_path(next: &str) -> Option<&str> {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    // Browsers drop tabs and line breaks before they look.
    (is_path && next.bytes().all(|c| c.is_ascii_graphic())).then_some(next)
}

/// A name for the log; that of the unnamed realm is left out.
pub(crate) fn named(realm: &str) -> Option<&str> {
    (!realm.is_empty()).then_some(realm)
}

fn log_failure(reason: Reason, error: &(dyn std::error::Error + 'static)) {
    match reason {
        // Every client can ask for it, as often as it likes.
        Reason::Unsupported => tracing::debug!(%error, "a route that this strategy does not support"),
        Reason::Unauthenticated { .. } => tracing::debug!(error, "unauthenticated"),
        _ => tracing::error!(error, "a request failed"),
    }
}

/// Methods that change nothing.
fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c4_next_is_a_local_path_only() {
        for good in ["/", "/a?b=c#d", "/a//b", "/%2F%2Fevil.example"] {
            assert_eq!(local_path(good), Some(good));
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "evil",
            "/\t/evil.example",
            "/\n/evil",
            " //evil",
            "javascript:alert(1)",
            "/a b",
            "/é",
        ] {
            assert_eq!(local_path(bad), None, "{bad}");
        }
    }
}
