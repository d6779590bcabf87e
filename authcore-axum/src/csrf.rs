//! Whether a page of another site may have sent a request (rule C4): what tower-http's `csrf` does, and around it what it
//! leaves out.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum::http::header::{HOST, HeaderName, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, Method, Request, Response};
use futures_util::FutureExt as _;
use tower_http::csrf::{Csrf, CsrfLayer, ProtectionError};
use tower_layer::Layer as _;
use tower_service::Service;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The judge of requests.
#[derive(Debug, Clone)]
pub(crate) struct CrossSite {
    judge: Csrf<Allowed>,
    /// Whether who tells neither origin nor site is refused too.
    strict: bool,
}

impl CrossSite {
    /// `layer` has the trusted origins.
    pub(crate) fn new(layer: &CsrfLayer, strict: bool) -> Self {
        Self { judge: layer.layer(Allowed), strict }
    }

    /// Whether this may have been sent by a page of another site.
    pub(crate) fn suspects<B>(&self, request: &Request<B>) -> bool {
        let upgrade = request.headers().contains_key(UPGRADE);
        if request.method().is_safe() && !upgrade {
            return false;
        }
        let Ok(silent) = tells_nothing(request.headers()) else { return true };
        if silent {
            return self.strict;
        }
        let mut question = Request::new(());
        // An upgrade is a GET by its method, and leads to more than reading.
        *question.method_mut() = if upgrade { Method::POST } else { request.method().clone() };
        *question.uri_mut() = request.uri().clone();
        for name in [SEC_FETCH_SITE, ORIGIN, HOST] {
            if let Some(value) = request.headers().get(&name) {
                question.headers_mut().insert(name, value.clone());
            }
        }
        // Nothing in it waits, as `Allowed` does not; if that ever changed, nobody would be let through.
        match self.judge.clone().call(question).now_or_never() {
            Some(Ok(answer)) => answer.extensions().get::<ProtectionError>().is_some(),
            None => true,
        }
    }
}

/// There are two of a header that may be there once: nobody knows what that was.
struct Ambiguous;

/// Whether neither of the headers by which browsers tell says anything: an empty one is as good as none.
fn tells_nothing(headers: &HeaderMap) -> Result<bool, Ambiguous> {
    let count = |name| headers.get_all(name).iter().count();
    let says_nothing = |name| headers.get(name).is_none_or(|value| value.is_empty());
    match (count(SEC_FETCH_SITE), count(ORIGIN), count(HOST)) {
        (0, 0, _) => Ok(true),
        (0 | 1, 0 | 1, 0 | 1) => Ok(says_nothing(SEC_FETCH_SITE) && says_nothing(ORIGIN)),
        _ => Err(Ambiguous),
    }
}

/// What stands behind tower-http's judge: whoever comes this far is allowed.
#[derive(Debug, Clone)]
struct Allowed;

impl Service<Request<()>> for Allowed {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::default()))
    }
}
