//! The layer for requests that a page sends by itself.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::Either;
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::Settings;
use crate::protect::{AlreadyVerified, Asked};
use crate::refusal::{Reason, Refusal};

/// Marks routes whose requests do not count as a use of the session (rule A14): made by
/// [`Guard::passive`](crate::Guard::passive).
///
/// To be put on routes that are given to the same guard's [`protect`](crate::Guard::protect), by
/// `route_layer`, after the guard's other layers. Elsewhere, and inside a layer that has verified the request
/// already, it answers 500, and the log says why.
#[derive(Debug, Clone)]
pub struct Passive(Arc<Settings>);

impl Passive {
    pub(crate) const fn new(settings: Arc<Settings>) -> Self {
        Self(settings)
    }

    fn mark(&self, request: &Request) -> Result<(), Reason> {
        Asked::find(request.extensions(), request.uri(), &self.0)?.set_passive().map_err(|AlreadyVerified| {
            let path = request.uri().path();
            tracing::error!(
                path,
                "a passive route is inside a layer that has verified the request already, which counted as a use: add \
                 `passive()` after `require_login()` or `require_fresh()`, on the same routes",
            );
            Reason::Internal
        })
    }
}

impl<S> Layer<S> for Passive {
    type Service = PassiveService<S>;

    fn layer(&self, inner: S) -> PassiveService<S> {
        PassiveService { inner, passive: self.clone() }
    }
}

/// The service that [`Passive`] makes.
#[derive(Debug, Clone)]
pub struct PassiveService<S> {
    inner: S,
    passive: Passive,
}

impl<S> Service<Request> for PassiveService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.passive.mark(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(reason) => Either::Right(ready(Ok(Refusal::plain(reason, &self.passive.0).into_response()))),
        }
    }
}
