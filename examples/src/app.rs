//! The routes and their handlers. Nothing here knows which strategy is behind [`Auth`].

mod guard;
mod page;

use std::fmt;
use std::sync::Arc;

use authcore::password::{Password, PasswordLogin};
use authcore::{Auth, Device, Effective, Issued, Login, Principal, Rejection, Revoked, SessionInfo};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Form, Json, Router, middleware};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::accounts::Role;
use crate::answer::{Refusal, alert};
use crate::credentials::{Transport, Unusable};

/// Where the server writes its log, a line at a time.
pub type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// What the handlers need. Cheap to clone.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "the servers and the tour build it")]
pub struct App {
    /// One of the three strategies.
    pub auth: Auth,
    /// The same, for people who say a password.
    pub passwords: PasswordLogin,
    /// How credentials travel.
    pub transport: Transport,
    /// Where the server can be reached.
    pub url: String,
    /// Where refusals and incidents are written.
    pub log: Log,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("auth", &self.auth)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/login", post(login))
        .route("/me", get(me))
        .route("/refresh", post(refresh))
        .route("/logout", post(logout))
        .route("/logout-others", post(logout_others))
        .route("/logout-everywhere", post(logout_everywhere))
        .route("/sessions", get(sessions))
        .route("/sessions/{id}", delete(revoke))
        .layer(DefaultBodyLimit::max(16 * 1024))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

/// Who sent the request: a handler that takes one is protected.
struct Caller(Principal);

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let credential = app.credential(&parts.headers)?;
        Ok(Self(app.auth.authenticate(&credential).await?))
    }
}

#[derive(Deserialize)]
struct LoginForm {
    email: String,
    password: String,
    #[serde(default)]
    device: String,
}

async fn login(
    State(app): State<App>,
    headers: HeaderMap,
    Body(form): Body<LoginForm>,
) -> Result<Response, Refusal> {
    let issued = app.log_in(&headers, form).await?;
    app.hand_over(&issued)
}

async fn me(Caller(principal): Caller) -> Result<Json<Value>, Refusal> {
    let Role { role } = principal.claims()?;
    Ok(Json(json!({
        "subject": principal.subject(),
        "role": role,
        "session_id": principal.session_id().map(|id| id.to_string()),
        "authenticated_at": principal.authenticated_at().as_secs(),
    })))
}

#[derive(Deserialize)]
struct RefreshForm {
    refresh_token: String,
}

/// The refresh token comes in the body, and nowhere else; with cookies there is only the one credential.
async fn refresh(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let credential = match app.transport {
        Transport::Cookie(_) => app.credential(request.headers())?,
        Transport::Bearer { .. } => Body::<RefreshForm>::from_request(request, &app).await?.0.refresh_token,
    };
    let issued = app.auth.refresh(&credential).await?;
    if let Some(incident) = issued.incident() {
        (app.log)(&alert(incident));
    }
    app.hand_over(&issued)
}

/// Takes whichever credential the client still has, also an access token that has expired or a refresh token.
async fn logout(State(app): State<App>, headers: HeaderMap) -> Result<Response, Refusal> {
    let outcome = match app.credential(&headers) {
        Ok(credential) => app.auth.logout(&credential).await.map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    match (&app.transport, outcome) {
        (Transport::Cookie(_), Ok(done)) if done.sessions.is_empty() && done.effective == Effective::Now => {
            Ok(app.clear(app.nothing_revoked(&Rejection::SessionEnded.to_string())))
        }
        (_, Ok(done)) => Ok(app.clear(revoked(&done))),
        (Transport::Bearer { .. }, Err(refusal)) => Err(refusal),
        // A browser is rid of its cookie whatever becomes of the session, and is told the truth about that (C7).
        (Transport::Cookie(_), Err(Refusal::Unauthenticated(reason))) => {
            Ok(app.clear(app.nothing_revoked(&reason)))
        }
        (Transport::Cookie(_), Err(refusal)) => Ok(app.clear(app.revocation_unknown(refusal))),
    }
}

async fn logout_everywhere(State(app): State<App>, Caller(principal): Caller) -> Result<Response, Refusal> {
    let done = app.auth.logout_everywhere(&principal).await?;
    Ok(app.clear(revoked(&done)))
}

async fn logout_others(State(app): State<App>, Caller(principal): Caller) -> Result<Json<Value>, Refusal> {
    Ok(Json(revoked(&app.auth.logout_others(&principal).await?)))
}

async fn sessions(State(app): State<App>, Caller(principal): Caller) -> Result<Json<Value>, Refusal> {
    let all = app.auth.sessions_of(&principal).await?;
    Ok(Json(all.iter().map(device).collect()))
}

async fn revoke(
    State(app): State<App>,
    Caller(principal): Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let id = id.parse().map_err(|_| Refusal::NotFound)?;
    Ok(Json(revoked(&app.auth.revoke(&principal, id).await?)))
}

impl App {
    /// The request's credential; to have none is the same as to have a wrong one.
    fn credential(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        match self.transport.read(headers) {
            Ok(Some(credential)) => Ok(credential),
            Ok(None) => Err(Refusal::Unauthenticated("no credential".to_owned())),
            Err(Unusable) => Err(Refusal::Unusable),
        }
    }

    async fn log_in(&self, headers: &HeaderMap, form: LoginForm) -> Result<Issued, Refusal> {
        let mut device = Device::unknown().with_label(&form.device);
        if let Some(agent) = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
            device = device.with_user_agent(agent);
        }
        // What the client held before ends with this login (rule A10).
        let former = self.transport.read(headers).ok().flatten();
        // One that is too long is nobody's password, and need not be hashed to know that.
        let password =
            Password::new(form.password).map_err(|error| Refusal::Unauthenticated(error.to_string()))?;
        let complete = |login: Login| match former {
            Some(former) => login.device(device).replacing(former),
            None => login.device(device),
        };
        Ok(self.passwords.login(&form.email, password, complete).await?)
    }

    /// Gives the client its credentials: as a cookie or in the body, never both (rule C8).
    fn hand_over(&self, issued: &Issued) -> Result<Response, Refusal> {
        let Transport::Cookie(cookie) = &self.transport else {
            let mut body = json!({
                "access_token": issued.credential(),
                "token_type": "Bearer",
                "expires_in": issued.expires_in().as_secs(),
            });
            if let (Some(token), Some(lifetime)) = (issued.refresh_token(), issued.refresh_expires_in()) {
                body["refresh_token"] = token.into();
                body["refresh_expires_in"] = lifetime.as_secs().into();
            }
            return Ok(Json(body).into_response());
        };
        let set_cookie = cookie
            .set(issued)
            .ok_or_else(|| Refusal::Internal("the credential is too long for a cookie".to_owned()))?;
        let body = json!({
            "subject": issued.principal().subject(),
            "session_id": issued.principal().session_id().map(|id| id.to_string()),
            "expires_at": issued.expires_at().as_secs(),
        });
        Ok(([(SET_COOKIE, set_cookie)], Json(body)).into_response())
    }

    /// A logout's answer, which takes the cookie away where there is one.
    fn clear(&self, body: Value) -> Response {
        let mut response = Json(body).into_response();
        if let Transport::Cookie(cookie) = &self.transport {
            response.headers_mut().extend(cookie.clear().map(|clear| (SET_COOKIE, clear)));
            // Not "cookies": that would take those of every other server on this host too.
            let data = HeaderValue::from_static(r#""cache", "storage""#);
            response.headers_mut().insert(HeaderName::from_static("clear-site-data"), data);
        }
        response
    }

    /// What a logout says when there was nothing to end; only the log is told why.
    fn nothing_revoked(&self, reason: &str) -> Value {
        (self.log)(&format!("a logout ended nothing: {reason}"));
        json!({ "ended_sessions": [], "effective": "now" })
    }

    /// What a logout says when nobody knows whether it ended something.
    fn revocation_unknown(&self, refusal: Refusal) -> Value {
        (self.log)(&format!("a logout is unconfirmed: {}", refusal.reason()));
        json!({
            "ended_sessions": [],
            "effective": "unconfirmed",
            "message": "this browser is logged out, but its session may live on until it expires",
        })
    }
}

/// A body that is a browser's form or JSON, as the client says.
struct Body<T>(T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(mut request: Request, app: &App) -> Result<Self, Refusal> {
        let kind = MediaType::of(request.headers()).ok_or(Refusal::NeitherFormNorJson)?;
        // In the spelling that axum compares with.
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind.name()));
        let body = match kind {
            MediaType::Json => Json::from_request(request, app)
                .await
                .map(|Json(body)| body)
                .map_err(|rejection| rejection.status()),
            MediaType::Form => Form::from_request(request, app)
                .await
                .map(|Form(body)| body)
                .map_err(|rejection| rejection.status()),
        };
        body.map(Self).map_err(|status| match status {
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::BodyTooLarge,
            _ => Refusal::BadBody,
        })
    }
}

#[derive(Clone, Copy)]
enum MediaType {
    Form,
    Json,
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

fn revoked(done: &Revoked) -> Value {
    let ended: Vec<_> = done.sessions.iter().map(ToString::to_string).collect();
    match done.effective {
        Effective::Now => json!({ "ended_sessions": ended, "effective": "now" }),
        Effective::At(end) => {
            json!({ "ended_sessions": ended, "effective": "later", "effective_at": end.as_secs() })
        }
    }
}

fn device(session: &SessionInfo) -> Value {
    json!({
        "id": session.id.to_string(),
        "device": session.device.label().or(session.device.user_agent()),
        "current": session.current,
        "created_at": session.created_at.as_secs(),
        "last_seen_at": session.last_seen_at.as_secs(),
        "ends_at": session.ends_at.as_secs(),
    })
}
