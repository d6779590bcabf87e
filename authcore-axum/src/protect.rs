//! What holds for every request and every answer, whatever the handler.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::credentials::{Transport, bearer};
use crate::guard::Settings;
use crate::refusal::{Reason, Refusal};

/// What is known about who sent a request: in its extensions, for whatever asks, and beside it for the answer.
#[derive(Clone)]
pub(crate) struct Asked(Arc<Answered>);

struct Answered {
    /// Who verifies. What one guard found out says nothing to another.
    settings: Arc<Settings>,
    /// Whether the answer depends on who sent the request.
    depends: AtomicBool,
    outcome: OnceLock<Outcome>,
}

/// What a verification came to.
pub(crate) type Outcome = Result<Arc<authcore::Principal>, Reason>;

impl Asked {
    fn new(settings: &Arc<Settings>) -> Self {
        let settings = Arc::clone(settings);
        Self(Arc::new(Answered { settings, depends: AtomicBool::new(false), outcome: OnceLock::new() }))
    }

    /// What the guard's layer gave to a request. Without that layer nothing keeps other sites out, and nothing is
    /// granted.
    pub(crate) fn of(parts: &Parts, settings: &Arc<Settings>) -> Result<Self, Reason> {
        let asked = parts.extensions.get::<Self>().inspect(|asked| asked.note());
        match asked {
            Some(asked) if Arc::ptr_eq(&asked.0.settings, settings) => Ok(asked.clone()),
            _ => {
                let path = parts.uri.path();
                tracing::error!(path, "a route asks who sent a request, but its guard does not `protect` it");
                Err(Reason::Internal)
            }
        }
    }

    /// Notes that the answer depends on who sent the request.
    pub(crate) fn note(&self) {
        self.0.depends.store(true, Ordering::Relaxed);
    }

    pub(crate) fn known(&self) -> Option<Outcome> {
        self.0.outcome.get().cloned()
    }

    pub(crate) fn learn(&self, outcome: Outcome) -> Outcome {
        self.0.outcome.get_or_init(|| outcome).clone()
    }

    /// Keeps an answer out of caches that would give it to somebody else (rule C3).
    fn finish(&self, mut response: Response) -> Response {
        if self.0.depends.load(Ordering::Relaxed) {
            self.0.settings.keep_private(response.headers_mut());
        }
        response
    }
}

impl Settings {
    fn keep_private(&self, headers: &mut HeaderMap) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(
            VARY,
            HeaderValue::from_static(match self.transport {
                Transport::Cookies => "authorization, cookie",
                Transport::Bodies => "authorization",
            }),
        );
    }

    fn is_cross_site(&self, request: &Request) -> bool {
        // No browser sends a bearer token by itself, and where there is one, cookies do not count.
        self.cross_site.suspects(request) && !matches!(bearer(request.headers()), Ok(Some(_)))
    }
}

/// The layer that [`Guard::protect`](crate::Guard::protect) puts around a router. By hand rather than from a function, which
/// would copy the router's service and box its future at every request.
#[derive(Debug, Clone)]
pub(crate) struct Protect(pub(crate) Arc<Settings>);

impl<S> Layer<S> for Protect {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Protected<S> {
        Protected { inner, settings: Arc::clone(&self.0) }
    }
}

/// The service that [`Protect`] makes.
#[derive(Debug, Clone)]
pub(crate) struct Protected<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Service<Request> for Protected<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let asked = Asked::new(&self.settings);
        if self.settings.is_cross_site(&request) {
            asked.note();
            let refusal = Refusal::plain(Reason::CrossSite, &self.settings).into_response();
            return Answering::Refused { response: Some(asked.finish(refusal)) };
        }
        request.extensions_mut().insert(asked.clone());
        Answering::Asked { inner: self.inner.call(request), asked }
    }
}

pin_project! {
    /// The answer of a [`Protected`] service.
    #[project = Stage]
    pub(crate) enum Answering<F> {
        Asked { #[pin] inner: F, asked: Asked },
        Refused { response: Option<Response> },
    }
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Stage::Asked { inner, asked } => {
                let Ok(response) = ready!(inner.poll(context));
                Poll::Ready(Ok(asked.finish(response)))
            }
            // Nobody polls it again.
            Stage::Refused { response } => response.take().map_or(Poll::Pending, |r| Poll::Ready(Ok(r))),
        }
    }
}
