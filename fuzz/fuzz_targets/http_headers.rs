//! The headers of a request to an application with axum: any bytes, with a real credential in them or not.
//!
//! - A handler that asks for a principal runs only if the request carries a real credential (rules A9, C5).
//! - No request is answered with 500, or with a cookie (rule C7).
//! - An unsafe request that another site made a browser send never reaches a handler by its cookies (rule
//!   C4).
#![no_main]

use std::sync::LazyLock;

use authcore::clock::ManualClock;
use authcore::{Auth, Login, MemoryStore, RefreshTokens, ServerSessions};
use authcore_axum::{Guard, Principal};
use authcore_fuzz::{NOW, jwt};
use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::routing::get;
use futures_executor::block_on;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt as _;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

struct World {
    app: Router,
    credential: String,
}

static WORLDS: LazyLock<[World; 2]> = LazyLock::new(|| {
    let clock = ManualClock::new(NOW);
    let sessions = ServerSessions::builder(MemoryStore::with_clock(clock.clone())).build().unwrap();
    let refresh = RefreshTokens::builder(MemoryStore::with_clock(clock.clone())).build().unwrap();
    let auths = [Auth::with_sessions(sessions), Auth::with_hybrid(jwt(), refresh).unwrap()];
    auths.map(|auth| {
        let auth = auth.with_clock(clock.clone());
        let issued = block_on(auth.login(Login::new("user-42").unwrap())).unwrap();
        let guard = Guard::builder(auth).clock(clock.clone()).build().unwrap();
        let me = async |principal: Principal| principal.subject().to_owned();
        let router = Router::new().route("/me", get(me).post(me));
        World { app: guard.protect(router), credential: issued.credential().expose().to_owned() }
    })
});

#[derive(Debug, Arbitrary)]
struct Input {
    hybrid: bool,
    post: bool,
    headers: Vec<(Name, Vec<Piece>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Name {
    Authorization,
    Cookie,
    Host,
    Origin,
    FetchSite,
}

#[derive(Debug, Arbitrary)]
enum Piece {
    Bytes(Vec<u8>),
    Bearer,
    SessionCookie,
    RefreshCookie,
    Separator,
    CrossSite,
    SameOrigin,
    Credential,
}

impl Piece {
    fn bytes<'p>(&'p self, world: &'p World) -> &'p [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Bearer => b"Bearer ",
            Self::SessionCookie => b"__Host-session=",
            Self::RefreshCookie => b"__Secure-session-refresh=",
            Self::Separator => b"; ",
            Self::CrossSite => b"cross-site",
            Self::SameOrigin => b"same-origin",
            Self::Credential => world.credential.as_bytes(),
        }
    }
}

fuzz_target!(|input: Input| {
    let world = &WORLDS[usize::from(input.hybrid)];
    let method = if input.post { Method::POST } else { Method::GET };
    let mut request = Request::builder().method(method).uri("/me").body(Body::empty()).unwrap();
    let (mut credential, mut bearer, mut cross_site) = (false, false, false);
    for (name, pieces) in &input.headers {
        let value: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes(world)).copied().collect();
        let Ok(header) = HeaderValue::from_bytes(&value) else { continue };
        let real = value.windows(world.credential.len()).any(|window| window == world.credential.as_bytes());
        credential |= real && matches!(name, Name::Authorization | Name::Cookie);
        bearer |= real && *name == Name::Authorization;
        let name = match name {
            Name::Authorization => AUTHORIZATION,
            Name::Cookie => COOKIE,
            Name::Host => HOST,
            Name::Origin => ORIGIN,
            Name::FetchSite => {
                cross_site |= value == b"cross-site" && !request.headers().contains_key(FETCH_SITE);
                FETCH_SITE
            }
        };
        request.headers_mut().append(name, header);
    }
    let response = block_on(world.app.clone().oneshot(request)).unwrap();
    let status = response.status();
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!response.headers().contains_key(SET_COOKIE));
    if status == StatusCode::OK {
        assert!(credential, "a handler ran without a credential");
        assert!(bearer || !input.post || !cross_site, "a handler ran for another site");
    } else {
        assert!(status.is_client_error(), "{status}");
    }
});
