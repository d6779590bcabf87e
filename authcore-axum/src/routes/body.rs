//! A body that is a browser's form or JSON, as the client says.

use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Visitor};

use crate::refusal::Reason;

#[derive(Clone, Copy, PartialEq, Eq)]
enum MediaType {
    Form,
    Json,
}

/// Reads the body of a request.
pub(super) async fn read<T: DeserializeOwned>(mut request: Request) -> Result<T, Reason> {
    match MediaType::of(request.headers()).ok_or(Reason::NeitherFormNorJson)? {
        MediaType::Json => {
            let body = Bytes::from_request(request, &()).await.map_err(|error| unread(error.status()))?;
            // serde would take the array of a struct's fields for the struct.
            let is_object = body.trim_ascii_start().starts_with(b"{");
            let read = is_object.then(|| serde_json::from_slice(&body).ok());
            read.flatten().ok_or(Reason::BadBody)
        }
        MediaType::Form => {
            // In the spelling that axum compares with.
            let name = HeaderValue::from_static(MediaType::Form.name());
            request.headers_mut().insert(CONTENT_TYPE, name);
            let Form(body) =
                Form::from_request(request, &()).await.map_err(|error| unread(error.status()))?;
            Ok(body)
        }
    }
}

/// Reads the body of a request that need not have one; what is neither a form nor JSON, or is empty, says
/// nothing.
pub(super) async fn read_if_any<T: DeserializeOwned + Default>(request: Request) -> Result<T, Reason> {
    if MediaType::of(request.headers()).is_none() {
        return Ok(T::default());
    }
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, &()).await.map_err(|error| unread(error.status()))?;
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    read(Request::from_parts(parts, Body::from(body))).await
}

fn unread(status: StatusCode) -> Reason {
    if status == StatusCode::PAYLOAD_TOO_LARGE { Reason::BodyTooLarge } else { Reason::BadBody }
}

/// A field that may be missing: `null` says so too.
pub(super) fn or_empty<'de, D: Deserializer<'de>>(field: D) -> Result<String, D::Error> {
    Option::deserialize(field).map(Option::unwrap_or_default)
}

/// A field that is true or false, and may be missing: a boolean in JSON, or what a checkbox sends.
pub(super) fn is_checked<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    struct Checked;

    impl<'de> Visitor<'de> for Checked {
        type Value = bool;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E>(self, checked: bool) -> Result<bool, E> {
            Ok(checked)
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_str<E>(self, value: &str) -> Result<bool, E> {
            // A checkbox sends what its page says, if it is checked.
            Ok(!["", "off", "false", "no", "0"].iter().any(|off| value.eq_ignore_ascii_case(off)))
        }

        fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
            Ok(value != 0)
        }
    }

    field.deserialize_any(Checked)
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

    /// The one content type of a request, in any case and with any parameters (RFC 9110, section 8.3.1) but
    /// those of another encoding than UTF-8.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let mut parts = value.to_str().ok()?.split(';').map(str::trim_ascii);
        let essence = parts.next()?;
        if parts.filter_map(|parameter| parameter.split_once('=')).any(is_other_encoding) {
            return None;
        }
        [Self::Form, Self::Json].into_iter().find(|kind| essence.eq_ignore_ascii_case(kind.name()))
    }
}

fn is_other_encoding((name, value): (&str, &str)) -> bool {
    let value = value.trim_matches('"');
    name.eq_ignore_ascii_case("charset")
        && !["utf-8", "utf8", "us-ascii"].iter().any(|ours| value.eq_ignore_ascii_case(ours))
}
