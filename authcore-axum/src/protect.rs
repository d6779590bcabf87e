//! What holds for every request and every answer, whatever the handler.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use authcore::password::PasswordLogin;
use authcore::{Auth, Realm};
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::credentials::{Transport, bearer};
use crate::guard::{AuthState, Settings};
use crate::refusal::{Reason, Refusal};

/// What is known about the sender of a request. It is in the request's extensions for the handlers, and the
/// layer keeps a copy for the answer.
#[derive(Clone)]
pub(crate) struct Asked(Arc<Answered>);

struct Answered {
    /// Who verifies. What one guard found out says nothing to another.
    settings: Arc<Settings>,
    /// The realm that the guard's option chose; `None` without that option (rule A12).
    realm: Option<Realm>,
    /// Whether the answer depends on who sent the request.
    depends: AtomicBool,
    /// Whether the request does not count as a use of its session (rule A14).
    passive: AtomicBool,
    outcome: OnceLock<Outcome>,
}

/// The request's credential was verified before, and that counted as a use.
pub(crate) struct AlreadyVerified;

/// What a verification came to.
pub(crate) type Outcome = Result<Arc<authcore::Principal>, Reason>;

impl Asked {
    fn new(settings: &Arc<Settings>, realm: Option<Realm>) -> Self {
        Self(Arc::new(Answered {
            settings: Arc::clone(settings),
            realm,
            depends: AtomicBool::new(false),
            passive: AtomicBool::new(false),
            outcome: OnceLock::new(),
        }))
    }

    /// What the guard's layer gave to a request whose answer depends on who sent it.
    pub(crate) fn of(parts: &Parts, settings: &Arc<Settings>) -> Result<Self, Reason> {
        if let Some(asked) = parts.extensions.get::<Self>() {
            asked.note();
        }
        Self::find(&parts.extensions, &parts.uri, settings).cloned()
    }

    /// What the guard's layer gave to a request. Without that layer nothing keeps other sites out, and
    /// nothing is granted.
    pub(crate) fn find<'r>(
        extensions: &'r Extensions,
        uri: &Uri,
        settings: &Arc<Settings>,
    ) -> Result<&'r Self, Reason> {
        match extensions.get::<Self>() {
            Some(asked) if Arc::ptr_eq(&asked.0.settings, settings) => Ok(asked),
            _ => {
                let path = uri.path();
                tracing::error!(path, "a route asks who sent a request, but its guard does not `protect` it");
                Err(Reason::Internal)
            }
        }
    }

    /// The guard's authentication, for the request's realm.
    pub(crate) fn auth(&self) -> Cow<'_, Auth> {
        let auth = &self.0.settings.auth;
        self.0.realm.as_ref().map_or(Cow::Borrowed(auth), |realm| Cow::Owned(auth.in_realm(realm)))
    }

    /// The guard's login by password, for the request's realm.
    pub(crate) fn passwords(&self) -> Result<Cow<'_, PasswordLogin>, Reason> {
        let passwords = self.0.settings.passwords.as_ref().ok_or(Reason::Unsupported)?;
        let realm = self.0.realm.as_ref();
        Ok(realm.map_or(Cow::Borrowed(passwords), |realm| Cow::Owned(passwords.in_realm(realm))))
    }

    /// The realm that the request is for.
    pub(crate) fn realm(&self) -> &Realm {
        self.0.realm.as_ref().unwrap_or_else(|| self.0.settings.auth.realm())
    }

    /// Notes that the request does not count as a use of its session; too late once it was verified.
    pub(crate) fn set_passive(&self) -> Result<(), AlreadyVerified> {
        self.0.passive.store(true, Ordering::Relaxed);
        if self.0.outcome.get().is_some() { Err(AlreadyVerified) } else { Ok(()) }
    }

    pub(crate) fn is_passive(&self) -> bool {
        self.0.passive.load(Ordering::Relaxed)
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

    fn refuse<F>(&self, reason: Reason) -> Answering<F> {
        self.note();
        let refusal = Refusal::plain(reason, &self.0.settings).into_response();
        Answering::Refused { response: Some(self.finish(refusal)) }
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

/// For the ready-made routes.
impl FromRequestParts<AuthState> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, AuthState(settings): &AuthState) -> Result<Self, Refusal> {
        Self::of(parts, settings).map_err(|reason| Refusal::plain(reason, settings))
    }
}

/// The layer that [`Guard::protect`](crate::Guard::protect) puts around a router. By hand rather than from a
/// function, which would copy the router's service and box its future at every request.
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
        let mut realm = None;
        if let Some(choose) = &self.settings.choose_realm {
            let (parts, body) = request.into_parts();
            realm = choose(&parts);
            request = Request::from_parts(parts, body);
            if realm.is_none() {
                return Asked::new(&self.settings, realm).refuse(Reason::NoSuchRealm);
            }
        }
        let asked = Asked::new(&self.settings, realm);
        if self.settings.is_cross_site(&request) {
            return asked.refuse(Reason::CrossSite);
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
