//! `POST /auth/logout`, `/auth/logout-others` and `/auth/logout-everywhere`

use authcore::{Effective, ErrorKind, Revoked};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::revoked;
use super::login::head;
use crate::Principal;
use crate::cookies::{Kind, Site};
use crate::credentials::{Transport, bearer};
use crate::guard::{AuthState, Settings};
use crate::refusal::{Reason, Refusal, see_other};

/// Takes whichever credential the client still has: also an access token that has expired, or only a refresh token.
pub(super) async fn logout(
    State(AuthState(settings)): State<AuthState>,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    let site = settings.cookies.site(&parts.uri, &parts.headers);
    let ended = settings.end_session(&parts.headers, site).await;
    // A browser is rid of its cookies whatever becomes of the session, and is told the truth about that (rule C7).
    let told = match (settings.transport, ended) {
        (_, Ok(told)) => Some(told),
        (Transport::Bodies, Err(reason)) => return Err(Refusal::plain(reason, &settings)),
        (Transport::Cookies, Err(Reason::Unauthenticated { .. }))
            if settings.has_unread_credential(&parts.headers, site) =>
        {
            tracing::debug!("a logout is unconfirmed: not one credential, but two, or what cannot be one");
            None
        }
        (Transport::Cookies, Err(Reason::Unauthenticated { .. })) => Some(nothing()),
        (Transport::Cookies, Err(_)) => None,
    };
    let start = settings.start_page();
    let mut response = match (settings.is_page(&parts), told) {
        (true, Some(_)) => see_other(start),
        (true, None) => see_other(&format!("{start}?logout=unconfirmed")),
        (false, told) => Json(told.unwrap_or_else(unconfirmed)).into_response(),
    };
    settings.clear(settings.cookies.place(&parts), response.headers_mut());
    Ok(response)
}

pub(super) async fn others(
    State(AuthState(settings)): State<AuthState>,
    principal: Principal,
    request: Request,
) -> Result<Response, Refusal> {
    let page = settings.onward(&head(&request), request, "/").await;
    match settings.auth.logout_others(&principal).await {
        Ok(done) => Ok(answer(&done, page.as_deref())),
        Err(error) => Err(Refusal::plain(Reason::of(&error, true), &settings)),
    }
}

pub(super) async fn everywhere(
    State(AuthState(settings)): State<AuthState>,
    principal: Principal,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    let page = settings.onward(&parts, request, settings.start_page()).await;
    match settings.auth.logout_everywhere(&principal).await {
        Ok(done) => {
            let mut response = answer(&done, page.as_deref());
            settings.clear(settings.cookies.place(&parts), response.headers_mut());
            Ok(response)
        }
        Err(error) => Err(Refusal::plain(Reason::of(&error, true), &settings)),
    }
}

/// What a revocation ended, or where the page goes that asked for it.
fn answer(done: &Revoked, page: Option<&str>) -> Response {
    page.map_or_else(|| Json(revoked(done)).into_response(), see_other)
}

impl Settings {
    async fn end_session(&self, headers: &HeaderMap, site: Site) -> Result<Value, Reason> {
        let mut last = Reason::Unauthenticated { presented: false };
        let credentials = self.whatever_there_is(headers, site);
        if credentials.is_empty() {
            tracing::debug!("a logout without a usable credential");
        }
        for credential in credentials {
            match self.auth.logout(credential).await {
                Ok(done) => {
                    if done.sessions.is_empty() && done.effective == Effective::Now {
                        tracing::debug!("a logout of a session that had ended");
                    }
                    return Ok(revoked(&done));
                }
                Err(error) => {
                    last = Reason::of(&error, true);
                    if error.kind() != ErrorKind::Unauthenticated {
                        return Err(last);
                    }
                }
            }
        }
        Err(last)
    }

    /// A bearer token alone, or the cookies, the one of every request first.
    fn whatever_there_is<'h>(&self, headers: &'h HeaderMap, site: Site) -> Vec<&'h str> {
        match (bearer(headers), self.transport) {
            (Ok(Some(token)), _) => vec![token],
            (Err(_), _) | (Ok(None), Transport::Bodies) => Vec::new(),
            (Ok(None), Transport::Cookies) => {
                let read = |kind| self.cookies.read(kind, site, headers).ok().flatten();
                [read(Kind::Access), read(Kind::Refresh)].into_iter().flatten().collect()
            }
        }
    }

    /// Whether there is a credential that did not count (rule C5), beside another or twice: its session may live on.
    fn has_unread_credential(&self, headers: &HeaderMap, site: Site) -> bool {
        let cookies = [Kind::Access, Kind::Refresh].map(|kind| self.cookies.read(kind, site, headers));
        match bearer(headers) {
            Ok(None) => cookies.iter().any(Result::is_err),
            Ok(Some(_)) => cookies.iter().any(|cookie| !matches!(cookie, Ok(None))),
            Err(_) => true,
        }
    }
}

fn nothing() -> Value {
    json!({ "ended_sessions": [], "effective": "now" })
}

/// Nobody knows whether the session has ended.
fn unconfirmed() -> Value {
    json!({
        "ended_sessions": [],
        "effective": "unconfirmed",
        "message": "this browser is logged out, but its session may live on until it expires",
    })
}
