//! Who sent the request, for handlers that ask.

use std::ops::Deref;
use std::sync::Arc;

use authcore::Error;
use authcore::error::Rejection;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::guard::{AuthState, Settings};
use crate::protect::{Asked, Outcome};
use crate::refusal::{Reason, Refusal};

/// Who sent the request, verified: [`authcore::Principal`], to which it derefs.
///
/// A handler that takes one is protected: without a good credential it does not run. A handler that does not
/// take one costs no store call. `Option<Principal>` is `None` without a good credential; while the store is
/// unavailable, the request is refused, because whether there is a good one is unknown (rule A9).
///
/// A session that [does not represent a login](authcore::SessionPolicy::not_a_login) is no good credential
/// here; see [`AnyPrincipal`].
#[derive(Debug, Clone)]
pub struct Principal(Arc<authcore::Principal>);

/// Whoever has a session, verified, whether it represents a login or not (rule A13): users, and also guests
/// with a shopping cart or users between password and second factor. It derefs to [`authcore::Principal`]
/// too.
///
/// # Security
///
/// Look at [`kind`](authcore::Principal::kind) before you grant anything that is for users.
#[derive(Debug, Clone)]
pub struct AnyPrincipal(Arc<authcore::Principal>);

/// The application's claims about who sent the request, as its own type.
///
/// Claims of another type mean that the application has changed since the login: its user is asked to log in
/// again (401, rule A16). The log names the member and both types once for each session.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "extractors are taken apart in a handler's arguments")]
pub struct Claims<T>(pub T);

impl Principal {
    /// The core's.
    pub fn into_inner(self) -> authcore::Principal {
        Arc::unwrap_or_clone(self.0)
    }
}

impl Deref for Principal {
    type Target = authcore::Principal;

    fn deref(&self) -> &authcore::Principal {
        &self.0
    }
}

impl AnyPrincipal {
    /// The core's.
    pub fn into_inner(self) -> authcore::Principal {
        Arc::unwrap_or_clone(self.0)
    }
}

impl Deref for AnyPrincipal {
    type Target = authcore::Principal;

    fn deref(&self) -> &authcore::Principal {
        &self.0
    }
}

impl<S> FromRequestParts<S> for Principal
where
    AuthState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let AuthState(settings) = AuthState::from_ref(state);
        settings.principal(parts).await.map(Self).map_err(|reason| Refusal::new(reason, &settings, parts))
    }
}

impl<S> OptionalFromRequestParts<S> for Principal
where
    AuthState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refusal> {
        let AuthState(settings) = AuthState::from_ref(state);
        let outcome = settings.principal(parts).await;
        or_nobody(outcome, &settings, parts).map(|principal| principal.map(Self))
    }
}

impl<S> FromRequestParts<S> for AnyPrincipal
where
    AuthState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let AuthState(settings) = AuthState::from_ref(state);
        settings.any_principal(parts).await.map(Self).map_err(|reason| Refusal::new(reason, &settings, parts))
    }
}

impl<S> OptionalFromRequestParts<S> for AnyPrincipal
where
    AuthState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refusal> {
        let AuthState(settings) = AuthState::from_ref(state);
        let outcome = settings.any_principal(parts).await;
        or_nobody(outcome, &settings, parts).map(|principal| principal.map(Self))
    }
}

/// Nobody is an answer too; that nobody knows is none (rule A9).
fn or_nobody(
    outcome: Outcome,
    settings: &Settings,
    parts: &Parts,
) -> Result<Option<Arc<authcore::Principal>>, Refusal> {
    match outcome {
        Ok(principal) => Ok(Some(principal)),
        Err(Reason::Unauthenticated { .. }) => Ok(None),
        Err(reason) => Err(Refusal::new(reason, settings, parts)),
    }
}

impl<S, T> FromRequestParts<S> for Claims<T>
where
    AuthState: FromRef<S>,
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let AuthState(settings) = AuthState::from_ref(state);
        let claims = match settings.principal(parts).await {
            Ok(principal) => principal.claims().map_err(|error| settings.unreadable(&principal, &error)),
            Err(reason) => Err(reason),
        };
        claims.map(Self).map_err(|reason| Refusal::new(reason, &settings, parts))
    }
}

impl Settings {
    /// Verifies the request's credential, once, and requires a login.
    pub(crate) async fn principal(self: &Arc<Self>, parts: &Parts) -> Outcome {
        let principal = self.any_principal(parts).await?;
        if self.auth.is_login(&principal) {
            Ok(principal)
        } else {
            Err(Reason::of(&Rejection::NotALogin.into(), true))
        }
    }

    /// Verifies the request's credential, once.
    pub(crate) async fn any_principal(self: &Arc<Self>, parts: &Parts) -> Outcome {
        let asked = Asked::of(parts, self)?;
        match asked.known() {
            Some(known) => known,
            None => asked.learn(self.verify(parts, &asked).await.map(Arc::new)),
        }
    }

    async fn verify(&self, parts: &Parts, asked: &Asked) -> Result<authcore::Principal, Reason> {
        let site = self.cookies.site(&parts.uri, &parts.headers);
        let presented = self.presented(site, &parts.headers).map_err(|_| {
            tracing::debug!("not one credential, but two, or what cannot be one");
            Reason::Unauthenticated { presented: true }
        })?;
        let Some(presented) = presented else { return Err(Reason::Unauthenticated { presented: false }) };
        let auth = asked.auth();
        let verified = if asked.is_passive() {
            auth.authenticate_any_kind_passively(presented.text()).await
        } else {
            auth.authenticate_any_kind(presented.text()).await
        };
        verified.map_err(|error| Reason::of(&error, true))
    }

    /// Logs why claims could not be read, and gives what to do about it.
    fn unreadable(&self, principal: &authcore::Principal, error: &Error) -> Reason {
        match error {
            Error::Claims(mismatch) => {
                self.mismatches.log(principal, mismatch);
                Reason::Unauthenticated { presented: true }
            }
            error => Reason::of(error, true),
        }
    }
}
