//! `POST /auth/login`

use std::sync::atomic::Ordering;
use std::time::Duration;

use authcore::error::Rejection;
use authcore::password::{Admission, Attempt, Password, PasswordError, Target};
use authcore::{Device, IssuedCredentials, Login, SessionKind};
use axum::extract::{Request, State};
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;

use super::body;
use crate::credentials::Transport;
use crate::guard::{AuthState, Settings};
use crate::protect::Asked;
use crate::refusal::{Reason, Refusal, local_path};

#[derive(Deserialize)]
struct LoginForm {
    #[serde(alias = "email", alias = "identifier")]
    username: String,
    password: String,
    /// What the list of devices calls this one.
    #[serde(default, deserialize_with = "body::or_empty")]
    device: String,
    /// Where a browser goes from here.
    #[serde(default, deserialize_with = "body::or_empty")]
    next: String,
    /// Whether the user wants to stay logged in.
    #[serde(default, deserialize_with = "body::is_checked")]
    remember: bool,
    /// Of the session that the login replaces, where credentials travel in bodies.
    #[serde(default, deserialize_with = "body::or_empty")]
    refresh_token: String,
}

pub(super) async fn login(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    // Here a bearer token counts for nothing, and so excuses nothing either (rule C4).
    if settings.transport == Transport::Cookies && settings.cross_site.suspects(&request) {
        return Err(Refusal::plain(Reason::CrossSite, &settings));
    }
    let by_page = settings.is_page(&parts);
    let mut next = None;
    let outcome = async {
        let form: LoginForm = body::read(request).await?;
        next = local_path(&form.next).map(str::to_owned);
        let page = by_page.then(|| next.as_deref().unwrap_or("/"));
        let issued = settings.log_in(&asked, &parts, form).await?;
        let answer = settings.hand_over(&issued, settings.cookies.place(&parts), page);
        if answer.is_err() {
            // Nobody will ever show it.
            let _ = asked.auth().logout(issued.credential().expose()).await;
        }
        answer
    };
    match outcome.await {
        Ok(answer) => Ok(answer),
        Err(reason) if by_page => Err(Refusal::back_to_login(reason, &settings, next.as_deref())),
        Err(reason) => Err(Refusal::plain(reason, &settings)),
    }
}

/// A request's method, URI, headers and extensions, without its body.
pub(super) fn head(request: &Request) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.method.clone_from(request.method());
    parts.uri.clone_from(request.uri());
    parts.headers.clone_from(request.headers());
    parts.extensions.clone_from(request.extensions());
    parts
}

impl Settings {
    async fn log_in(
        &self,
        asked: &Asked,
        parts: &Parts,
        form: LoginForm,
    ) -> Result<IssuedCredentials, Reason> {
        let passwords = asked.passwords()?;
        let address = (self.client_address)(parts);
        // One that is too long is nobody's password, and need not be counted or hashed to know that.
        let password =
            Password::new(form.password).map_err(|_| Reason::Unauthenticated { presented: true })?;
        let attempt = Attempt { realm: asked.realm(), target: Target::Identifier(&form.username), address };
        self.admit(attempt).await?;
        let mut device = Device::unknown().with_label(&form.device);
        if let Some(agent) = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()) {
            device = device.with_user_agent(agent);
        }
        if let Some(address) = address {
            device = device.with_ip(address);
        }
        // What the client held before ends with this login (rule A10), and either credential may prove it
        // (rule T17).
        let held = self.held(self.cookies.site(&parts.uri, &parts.headers), &parts.headers);
        let sent = Some(&*form.refresh_token).filter(|_| self.transport == Transport::Bodies);
        let former =
            [held.access, held.refresh, sent].into_iter().flatten().filter(|former| !former.is_empty());
        let remember = form.remember && self.auth.has_kind(&SessionKind::REMEMBERED);
        let complete = |login: Login| {
            let login = former.fold(login.device(device), Login::replacing);
            // A kind that the accounts chose stays: that of a kiosk is not for the user to change.
            if remember && login.session_kind().is_default() {
                login.kind(SessionKind::REMEMBERED)
            } else {
                login
            }
        };
        let issued = passwords.login(&form.username, password, complete).await;
        self.settle(attempt, issued.as_ref().err()).await;
        issued.map_err(|error| Reason::of_password(&error))
    }

    /// Whether somebody may say a password now.
    pub(super) async fn admit(&self, attempt: Attempt<'_>) -> Result<(), Reason> {
        let Some(throttle) = &self.throttle else { return Ok(()) };
        if attempt.address.is_none() && !self.missed_address.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a login came without the client's address: who guesses at an account can make its owner wait too. Serve \
                 with `into_make_service_with_connect_info::<SocketAddr>()`, or set `client_address`",
            );
        }
        match throttle.admit(attempt, self.clock.now()).await {
            Ok(Admission::Granted) => Ok(()),
            Ok(Admission::Refused(wait)) => {
                tracing::info!(address = ?attempt.address, "too many attempts to log in");
                Err(Reason::TooManyAttempts { wait: wait.max(Duration::from_secs(1)) })
            }
            Err(error) => Err(Reason::of(&error.into(), false)),
        }
    }

    /// Tells the throttle what came of an attempt that it admitted.
    ///
    /// If the client hangs up first, this is never called, and the attempt counts as failed. That is meant:
    /// who could take attempts back by hanging up would have as many passwords hashed as they like.
    pub(super) async fn settle(&self, attempt: Attempt<'_>, error: Option<&PasswordError>) {
        let Some(throttle) = &self.throttle else { return };
        let now = self.clock.now();
        let told = match error {
            None => throttle.succeeded(attempt, now).await,
            Some(error) => match error.rejection() {
                Some(Rejection::WrongPassword | Rejection::UnreadableHash(_)) => {
                    throttle.failed(attempt, now).await
                }
                _ => throttle.withdrawn(attempt, now).await,
            },
        };
        if let Err(error) = told {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the throttle of logins was not told what came of an attempt");
        }
    }
}
