//! What is answered when something is refused: opaque to the client, precise in the log.

use authcore::password::PasswordError;
use authcore::{Error, ErrorKind, Incident};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A request that is not granted.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// Who asks is not known, or may not: 401.
    Unauthenticated(String),
    /// There is a credential, and it cannot be one: 401, and the client cannot tell.
    Unusable,
    /// The strategy has no such operation: 501.
    Unsupported(String),
    /// It may work later; the client keeps what it has: 503.
    Unavailable(String),
    /// Our own fault: 500.
    Internal(String),
    /// The body is not what it should be: 400.
    BadBody,
    /// The body is longer than any that is expected: 413.
    BodyTooLarge,
    /// The body is said to be neither a form nor JSON, or nothing is said: 415.
    NeitherFormNorJson,
    /// A page of another site sent this: 403 (rule C4).
    CrossSite,
    /// There is no such thing: 404.
    NotFound,
}

/// A line for the server's log, carried by a response and taken out before it is sent.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a text")]
pub struct LogLine(pub String);

impl Refusal {
    fn of_kind(kind: ErrorKind, log: String) -> Self {
        match kind {
            ErrorKind::Unauthenticated => Self::Unauthenticated(log),
            ErrorKind::Unavailable => Self::Unavailable(log),
            ErrorKind::Unsupported => Self::Unsupported(log),
            _ => Self::Internal(log),
        }
    }

    /// The precise reason, for the log.
    pub(crate) fn reason(self) -> String {
        let (_, text, log) = self.parts();
        log.unwrap_or(text)
    }

    /// Status, the text for the client, and the text for the log if that is another one.
    fn parts(self) -> (StatusCode, String, Option<String>) {
        let opaque = |status, text: &str, log| (status, text.to_owned(), Some(log));
        let plain = |status, text: &str| (status, text.to_owned(), None);
        match self {
            // One text for all of them: which check failed helps only whoever tries forgeries (rule C6).
            Self::Unauthenticated(log) => opaque(StatusCode::UNAUTHORIZED, "unauthenticated", log),
            Self::Unusable => Self::Unauthenticated("not one credential".to_owned()).parts(),
            Self::Unavailable(log) => opaque(StatusCode::SERVICE_UNAVAILABLE, "try again later", log),
            Self::Internal(log) => opaque(StatusCode::INTERNAL_SERVER_ERROR, "internal error", log),
            Self::Unsupported(text) => plain(StatusCode::NOT_IMPLEMENTED, &text),
            Self::BadBody => plain(StatusCode::BAD_REQUEST, "not the expected form or JSON"),
            Self::BodyTooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Self::NeitherFormNorJson => {
                plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type is neither a form's nor JSON's")
            }
            Self::CrossSite => plain(StatusCode::FORBIDDEN, "sent by a page of another site"),
            Self::NotFound => plain(StatusCode::NOT_FOUND, "no such session"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text, log) = self.parts();
        let mut response = (status, Json(json!({ "error": text }))).into_response();
        if let Some(log) = log {
            response.extensions_mut().insert(LogLine(log));
        }
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let log = match (error.incident(), error.rejection()) {
            (Some(incident), _) => alert(incident),
            (None, Some(rejection)) => rejection.to_string(),
            (None, None) => chain(&error),
        };
        Self::of_kind(error.kind(), log)
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Auth(error) => error.into(),
            error => Self::of_kind(error.kind(), chain(&error)),
        }
    }
}

/// What an operator should hear of an incident; a real application tells its user too.
pub fn alert(incident: &Incident) -> String {
    let device = incident.device().label().unwrap_or("an unknown device");
    format!(
        "ALERT, {}: {} on '{device}', session {}",
        incident.kind(),
        incident.subject(),
        incident.session_id()
    )
}

/// The error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
