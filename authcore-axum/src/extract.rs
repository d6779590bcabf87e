//! Who sent the request, for handlers that ask.

use std::ops::Deref;
use std::sync::Arc;

use authcore::ErrorKind;
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::guard::{AuthState, Settings};
use crate::protect::{Asked, Outcome};
use crate::refusal::{Reason, Refusal};

/// Who sent the request, verified: [`authcore::Principal`], to which it derefs.
///
/// A handler that takes one is protected: without a good credential it does not run. A handler that does not take one
/// costs no store call. `Option<Principal>` is `None` without a good credential; when the store is out it is
/// refused all the same, since nobody knows then (rule A9).
#[derive(Debug, Clone)]
pub struct Principal(Arc<authcore::Principal>);

/// The application's claims about who sent the request, as its own type.
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
        match settings.principal(parts).await {
            Ok(principal) => Ok(Some(Self(principal))),
            Err(Reason::Unauthenticated { .. }) => Ok(None),
            Err(reason) => Err(Refusal::new(reason, &settings, parts)),
        }
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
            Ok(principal) => principal.claims().map_err(|error| Reason::of(&error, true)),
            Err(reason) => Err(reason),
        };
        claims.map(Self).map_err(|reason| Refusal::new(reason, &settings, parts))
    }
}

impl Settings {
    /// Verifies the request's credential, once.
    pub(crate) async fn principal(self: &Arc<Self>, parts: &Parts) -> Outcome {
        let asked = Asked::of(parts, self)?;
        match asked.known() {
            Some(known) => known,
            None => asked.learn(self.verify(parts).await.map(Arc::new)),
        }
    }

    async fn verify(&self, parts: &Parts) -> Result<authcore::Principal, Reason> {
        let site = self.cookies.site(&parts.uri, &parts.headers);
        let presented = self.presented(site, &parts.headers).map_err(|_| {
            tracing::debug!("not one credential, but two, or what cannot be one");
            Reason::Unauthenticated { presented: true }
        })?;
        let Some(presented) = presented else { return Err(Reason::Unauthenticated { presented: false }) };
        self.auth.authenticate(presented.text()).await.map_err(|error| {
            debug_assert!(error.kind() != ErrorKind::Unsupported);
            Reason::of(&error, true)
        })
    }
}
