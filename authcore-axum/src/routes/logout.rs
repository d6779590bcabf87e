//! `POST /auth/logout`, `/auth/logout-others` and `/auth/logout-everywhere`

use authcore::{Auth, Credential, Error, ErrorKind, Revocation, RevocationEffect};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::revoked;
use super::body;
use super::login::head;
use crate::Principal;
use crate::cookies::{Kind, Site};
use crate::credentials::{Held, Transport, bearer};
use crate::guard::{AuthState, Settings};
use crate::protect::Asked;
use crate::refusal::{Reason, Refusal, see_other};

#[derive(Default, Deserialize)]
struct LogoutForm {
    #[serde(default, deserialize_with = "body::or_empty")]
    refresh_token: String,
}

/// Takes whichever credential the client still has: also an access token that has expired or is of a key that
/// was retired (rule T17), or only a refresh token, which may be in the body.
pub(super) async fn logout(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    let site = settings.cookies.site(&parts.uri, &parts.headers);
    let sent = LogoutForm::read(request).await;
    let held = settings.held(site, &parts.headers);
    let token = sent.as_ref().ok().and_then(Option::as_deref);
    let ended = end_session(&asked.auth(), proofs(held, token)).await;
    // A browser is rid of its cookies whatever becomes of the session, and is told the truth about that (rule
    // C7).
    let told = match (settings.transport, ended) {
        (_, Ok(told)) => Some(told),
        (Transport::Bodies, Err(reason)) => {
            let reason = match (reason, sent) {
                (Reason::Unauthenticated { .. }, Err(unread)) => unread,
                (reason, _) => reason,
            };
            return Err(Refusal::plain(reason, &settings));
        }
        (Transport::Cookies, Err(Reason::Unauthenticated { .. }))
            if sent.is_err() || settings.has_unread_credential(&parts.headers, site) =>
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
    asked: Asked,
    principal: Principal,
    request: Request,
) -> Result<Response, Refusal> {
    let page = settings.onward(&head(&request), request, "/").await;
    match asked.auth().logout_others(&principal).await {
        Ok(done) => Ok(answer(&done, page.as_deref())),
        Err(error) => Err(Refusal::plain(Reason::of(&error, true), &settings)),
    }
}

pub(super) async fn everywhere(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    principal: Principal,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    let page = settings.onward(&parts, request, settings.start_page()).await;
    match asked.auth().logout_everywhere(&principal).await {
        Ok(done) => {
            let mut response = answer(&done, page.as_deref());
            settings.clear(settings.cookies.place(&parts), response.headers_mut());
            Ok(response)
        }
        Err(error) => Err(Refusal::plain(Reason::of(&error, true), &settings)),
    }
}

/// What a revocation ended, or where the page goes that asked for it.
fn answer(done: &Revocation, page: Option<&str>) -> Response {
    page.map_or_else(|| Json(revoked(done)).into_response(), see_other)
}

impl LogoutForm {
    /// The refresh token of a request's body, if it has one. An API key counts as a bearer token only (rule
    /// A13).
    async fn read(request: Request) -> Result<Option<String>, Reason> {
        let Self { refresh_token } = body::read_if_any(request).await?;
        if refresh_token.starts_with(Credential::API_KEY_PREFIX) {
            return Err(Reason::Unauthenticated { presented: true });
        }
        Ok(Some(refresh_token).filter(|token| !token.is_empty()))
    }
}

/// Credentials that may prove a session to be ended.
#[derive(Clone, Copy)]
enum Proof<'h> {
    /// A refresh token, and the access token that names its session.
    Pair(&'h str, &'h str),
    Alone(&'h str),
}

impl Proof<'_> {
    async fn end(self, auth: &Auth) -> Result<Revocation, Error> {
        match self {
            Self::Pair(refresh, access) => auth.logout_with_access_token(refresh, access).await,
            Self::Alone(credential) => auth.logout(credential).await,
        }
    }
}

/// What may prove a client's session: its tokens together, then each alone. `sent` is the refresh token of
/// the body.
fn proofs<'h>(held: Held<'h>, sent: Option<&'h str>) -> Vec<Proof<'h>> {
    let refresh: Vec<_> = sent.into_iter().chain(held.refresh).collect();
    let mut proofs = Vec::new();
    if let Some(access) = held.access {
        // Beside a refresh token that proves nothing, the access token counts alone.
        proofs.extend(refresh.iter().map(|refresh| Proof::Pair(refresh, access)));
        if refresh.is_empty() {
            proofs.push(Proof::Alone(access));
        }
    }
    proofs.extend(refresh.into_iter().map(Proof::Alone));
    proofs
}

/// Ends the session that the first good proof is of.
async fn end_session(auth: &Auth, proofs: Vec<Proof<'_>>) -> Result<Value, Reason> {
    if proofs.is_empty() {
        tracing::debug!("a logout without a usable credential");
    }
    let mut last = Reason::Unauthenticated { presented: false };
    for proof in proofs {
        match proof.end(auth).await {
            Ok(done) => {
                if done.sessions.is_empty() && done.effect == RevocationEffect::Now {
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

impl Settings {
    /// Whether there is a credential that did not count (rule C5), beside another or twice: its session may
    /// live on.
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
