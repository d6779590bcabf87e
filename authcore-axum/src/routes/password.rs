//! `POST /auth/password`

use authcore::password::{Attempt, NewPassword, Password, PasswordChanged, Target};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::body;
use super::login::head;
use crate::Principal;
use crate::guard::{AuthState, Settings};
use crate::protect::Asked;
use crate::refusal::{Reason, Refusal, local_path, see_other};

#[derive(Deserialize)]
struct PasswordForm {
    current: String,
    new: String,
    /// Where a browser goes from here.
    #[serde(default, deserialize_with = "body::or_empty")]
    next: String,
}

/// Changes the password, renews the own session and ends the others (rule P5).
pub(super) async fn change(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    principal: Principal,
    request: Request,
) -> Result<Response, Refusal> {
    let parts = head(&request);
    let outcome = async {
        let form: PasswordForm = body::read(request).await?;
        let page = settings.is_page(&parts).then(|| local_path(&form.next).unwrap_or("/").to_owned());
        match settings.change_password(&asked, &parts, &principal, form).await? {
            PasswordChanged::Renewed { issued, .. } => {
                settings.hand_over(&issued, settings.cookies.place(&parts), page.as_deref())
            }
            PasswordChanged::TokensRemain => Ok(match page {
                Some(page) => see_other(&page),
                None => {
                    Json(json!({ "effective": "tokens that were issued before verify until they expire" }))
                        .into_response()
                }
            }),
        }
    };
    outcome.await.map_err(|reason| Refusal::plain(reason, &settings))
}

impl Settings {
    async fn change_password(
        &self,
        asked: &Asked,
        parts: &Parts,
        principal: &Principal,
        form: PasswordForm,
    ) -> Result<PasswordChanged, Reason> {
        let passwords = asked.passwords()?;
        let current = Password::new(form.current).map_err(|_| Reason::Unauthenticated { presented: true })?;
        let new = NewPassword::new(form.new).map_err(|_| Reason::UnacceptablePassword)?;
        let target = Target::Subject(principal.subject());
        let attempt = Attempt { realm: asked.realm(), target, address: (self.client_address)(parts) };
        // Who stole a session could guess the password here.
        self.admit(attempt).await?;
        let changed = passwords.change_password(principal, current, new).await;
        self.settle(attempt, changed.as_ref().err()).await;
        changed.map_err(|error| Reason::of_password(&error))
    }
}
