//! `POST /auth/refresh`

use authcore::IssuedCredentials;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Deserialize;

use super::body;
use super::login::head;
use crate::cookies::{Kind, Site, Unusable};
use crate::credentials::{Transport, bearer};
use crate::guard::{AuthState, Settings};
use crate::protect::Asked;
use crate::refusal::{Reason, Refusal, named};

#[derive(Deserialize)]
struct RefreshForm {
    refresh_token: String,
}

pub(super) async fn refresh(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    let site = settings.cookies.site(&parts.uri, &parts.headers);
    let outcome = async {
        let issued = match settings.transport {
            Transport::Cookies => settings.refresh_by_cookies(&asked, &parts, site).await?,
            Transport::Bodies => {
                let RefreshForm { refresh_token } = body::read(request).await?;
                let refreshed = asked.auth().refresh(&refresh_token).await;
                refreshed.map_err(|error| Reason::of(&error, true))?
            }
        };
        if let Some(incident) = issued.incident() {
            let subject = incident.subject();
            tracing::warn!(
                kind = %incident.kind(),
                subject = subject.as_str(),
                realm = named(subject.realm_name()),
                actor = incident.actor(),
                session = %incident.session_id(),
                "a refresh went on",
            );
        }
        settings.hand_over(&issued, settings.cookies.place(&parts), None)
    };
    outcome.await.map_err(|reason| Refusal::plain(reason, &settings))
}

impl Settings {
    /// The refresh cookie counts only beside an access cookie of the same session (rule C1). Where there is
    /// one cookie only, the strategy says whether that can be refreshed. Beside a bearer token no cookie
    /// counts (rule C5), so that it excuses no page of another site either (rule C4).
    async fn refresh_by_cookies(
        &self,
        asked: &Asked,
        parts: &Parts,
        site: Site,
    ) -> Result<IssuedCredentials, Reason> {
        let read = |kind| self.cookies.read(kind, site, &parts.headers);
        let unusable = |_: Unusable| Reason::Unauthenticated { presented: true };
        if bearer(&parts.headers).map_err(unusable)?.is_some() {
            return Err(Reason::Unauthenticated { presented: true });
        }
        let access = read(Kind::Access).map_err(unusable)?;
        // One that cannot be used is none: whether one is needed is for the strategy to say.
        let auth = asked.auth();
        let refreshed = match (read(Kind::Refresh).ok().flatten(), access) {
            (Some(refresh), Some(access)) => auth.refresh_with_access_token(refresh, access).await,
            (None, Some(access)) => auth.refresh(access).await,
            (_, None) => return Err(Reason::Unauthenticated { presented: false }),
        };
        refreshed.map_err(|error| Reason::of(&error, true))
    }
}
