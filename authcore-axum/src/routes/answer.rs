//! What the routes answer: credentials, and what a revocation did.

use authcore::{IssuedCredentials, RefreshCredential, Revocation, RevocationEffect, SessionInfo};
use axum::Json;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::cookies::{Kind, Place};
use crate::credentials::Transport;
use crate::guard::Settings;
use crate::refusal::Reason;

impl Settings {
    /// Gives the client its credentials: as cookies or in the body, never both (rule C8). `page` is where a
    /// browser goes that sent a form.
    pub(super) fn hand_over(
        &self,
        issued: &IssuedCredentials,
        place: Place<'_>,
        page: Option<&str>,
    ) -> Result<Response, Reason> {
        if self.transport == Transport::Bodies {
            return Ok(Json(credentials(issued)).into_response());
        }
        let cookies = self.cookies_of(issued, place)?;
        let mut response = match page {
            Some(page) => crate::refusal::see_other(page),
            None => Json(summary(issued)).into_response(),
        };
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(response)
    }

    fn cookies_of(&self, issued: &IssuedCredentials, place: Place<'_>) -> Result<Vec<HeaderValue>, Reason> {
        // The access cookie lives as long as the session may, because the refresh cookie is used together
        // with it (rules C1, C2).
        let end = issued.refresh_expires_at().unwrap_or(issued.expires_at());
        let max_age = issued.is_persistent().then(|| end.since(self.clock.now()));
        let access = self.cookies.set(Kind::Access, place, issued.credential().expose(), max_age);
        let refresh = issued
            .refresh_token()
            .map(RefreshCredential::expose)
            .map(|token| self.cookies.set(Kind::Refresh, place, token, max_age));
        std::iter::once(access).chain(refresh).collect::<Option<_>>().ok_or_else(|| {
            tracing::error!("a credential of the strategy is too long for a cookie of 4,096 bytes");
            Reason::Internal
        })
    }

    /// Takes all credentials from a browser, and what its pages kept.
    pub(super) fn clear(&self, place: Place<'_>, headers: &mut HeaderMap) {
        if self.transport == Transport::Bodies {
            return;
        }
        for kind in [Kind::Access, Kind::Refresh] {
            if let Some(cookie) = self.cookies.clear(kind, place) {
                headers.append(SET_COOKIE, cookie);
            }
        }
        // Not "cookies": that would take those of every other service of this domain too.
        let data = HeaderValue::from_static(r#""cache", "storage""#);
        headers.insert(HeaderName::from_static("clear-site-data"), data);
    }
}

/// As RFC 6749, section 5.1, has it.
fn credentials(issued: &IssuedCredentials) -> Value {
    let mut body = json!({
        "access_token": issued.credential().expose(),
        "token_type": "Bearer",
        "expires_in": issued.expires_in().as_secs(),
    });
    if let (Some(token), Some(lifetime)) =
        (issued.refresh_token().map(RefreshCredential::expose), issued.refresh_expires_in())
    {
        body["refresh_token"] = token.into();
        body["refresh_expires_in"] = lifetime.as_secs().into();
    }
    body
}

fn summary(issued: &IssuedCredentials) -> Value {
    json!({
        "subject": issued.principal().subject(),
        "session_id": issued.principal().session_id().map(|id| id.to_string()),
        "expires_at": issued.expires_at().as_secs(),
    })
}

/// What a revocation ended, and from when on.
pub(super) fn revoked(done: &Revocation) -> Value {
    let ended: Vec<_> = done.sessions.iter().map(ToString::to_string).collect();
    match done.effect {
        RevocationEffect::Now => json!({ "ended_sessions": ended, "effective": "now" }),
        RevocationEffect::At(end) => {
            json!({ "ended_sessions": ended, "effective": "later", "effective_at": end.as_secs() })
        }
    }
}

/// A session as its owner's list of devices shows it.
pub(super) fn device(session: &SessionInfo) -> Value {
    json!({
        "id": session.id.to_string(),
        "device": session.device.label().or(session.device.user_agent()),
        "ip": session.device.ip().map(|ip| ip.to_string()),
        "current": session.current,
        "kind": session.details.kind.as_str(),
        "api_key": session.is_api_key,
        "actor": session.details.actor,
        "client_id": session.details.client_id,
        "created_at": session.created_at.as_secs(),
        "last_seen_at": session.last_seen_at.as_secs(),
        "ends_at": session.ends_at.as_secs(),
    })
}
