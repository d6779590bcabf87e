//! A body that is a browser's form or JSON, as the client says.

use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::{Form, Json};
use serde::de::DeserializeOwned;

use crate::refusal::Reason;

#[derive(Clone, Copy, PartialEq, Eq)]
enum MediaType {
    Form,
    Json,
}

/// Reads the body of a request.
pub(super) async fn read<T: DeserializeOwned>(mut request: Request) -> Result<T, Reason> {
    let kind = MediaType::of(request.headers()).ok_or(Reason::NeitherFormNorJson)?;
    // In the spelling that axum compares with.
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind.name()));
    let body = match kind {
        MediaType::Json => {
            Json::from_request(request, &()).await.map(|Json(body)| body).map_err(|error| error.status())
        }
        MediaType::Form => {
            Form::from_request(request, &()).await.map(|Form(body)| body).map_err(|error| error.status())
        }
    };
    body.map_err(|status| match status {
        StatusCode::PAYLOAD_TOO_LARGE => Reason::BodyTooLarge,
        _ => Reason::BadBody,
    })
}

/// Whether this is what a page's form sends.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    MediaType::of(headers) == Some(MediaType::Form)
}

impl MediaType {
    const fn name(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }

    /// The one content type of a request, in any case and with any parameters (RFC 9110, section 8.3.1).
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let essence = value.as_bytes().split(|c| *c == b';').next()?.trim_ascii();
        [Self::Form, Self::Json].into_iter().find(|kind| essence.eq_ignore_ascii_case(kind.name().as_bytes()))
    }
}
