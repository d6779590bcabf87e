//! The layer that lets only authenticated requests through.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::Settings;
use crate::refusal::{Reason, Refusal};

/// Lets only requests of authenticated users through: made by [`Guard::require_login`](crate::Guard::require_login) and
/// [`Guard::require_fresh`](crate::Guard::require_fresh).
///
/// To be put on routes that are given to the same guard's [`protect`](crate::Guard::protect), by `route_layer`. Elsewhere it
/// lets nobody through: it answers 500, and the log says why.
#[derive(Debug, Clone)]
pub struct Require {
    settings: Arc<Settings>,
    longest: Option<Duration>,
}

impl Require {
    pub(crate) const fn new(settings: Arc<Settings>, longest: Option<Duration>) -> Self {
        Self { settings, longest }
    }

    async fn check(&self, request: Request) -> Result<Request, Refusal> {
        let (parts, body) = request.into_parts();
        let outcome = match (self.settings.principal(&parts).await, self.longest) {
            (Err(reason), _) => Err(reason),
            (Ok(principal), Some(longest))
                if self.settings.clock.now().since(principal.authenticated_at()) > longest =>
            {
                Err(Reason::Stale { longest })
            }
            (Ok(_), _) => Ok(()),
        };
        match outcome {
            Ok(()) => Ok(Request::from_parts(parts, body)),
            Err(reason) => Err(Refusal::new(reason, &self.settings, &parts)),
        }
    }
}

impl<S> Layer<S> for Require {
    type Service = Required<S>;

    fn layer(&self, inner: S) -> Required<S> {
        Required { inner, require: self.clone() }
    }
}

/// The service that [`Require`] makes.
#[derive(Debug, Clone)]
pub struct Required<S> {
    inner: S,
    require: Require,
}

impl<S> Service<Request> for Required<S>
where
    S: Service<Request, Error = Infallible> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready is used up, and a clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let require = self.require.clone();
        Box::pin(async move {
            match require.check(request).await {
                Ok(request) => inner.call(request).await.map(IntoResponse::into_response),
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
