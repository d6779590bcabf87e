//! `GET /auth/sessions` and `DELETE /auth/sessions/{id}`

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde_json::Value;

use super::answer::{device, revoked};
use crate::Principal;
use crate::guard::AuthState;
use crate::protect::Asked;
use crate::refusal::{Reason, Refusal};

pub(super) async fn list(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    principal: Principal,
) -> Result<Json<Value>, Refusal> {
    match asked.auth().sessions_of(&principal).await {
        Ok(all) => Ok(Json(all.iter().map(device).collect())),
        Err(error) => Err(Refusal::plain(Reason::of(&error, true), &settings)),
    }
}

pub(super) async fn revoke(
    State(AuthState(settings)): State<AuthState>,
    asked: Asked,
    principal: Principal,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Refusal> {
    let outcome = async {
        let Path(id) = id.map_err(|_| Reason::NotFound)?;
        let id = id.parse().map_err(|_| Reason::NotFound)?;
        let done = asked.auth().revoke(&principal, id).await;
        Ok(Json(revoked(&done.map_err(|error| Reason::of(&error, true))?)))
    };
    outcome.await.map_err(|reason| Refusal::plain(reason, &settings))
}
