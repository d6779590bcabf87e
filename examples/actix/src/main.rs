//! authcore with actix-web: an integration by hand that uses only the core crate, as for any framework. Try
//! it with `curl -c jar --json '{"username":"ada","password":"demo-only-not-secret"}'
//! http://127.0.0.1:8080/login`, and then `curl -b jar http://127.0.0.1:8080/me`. To use another strategy,
//! change the line that creates `Auth`.

use actix_web::cookie::{Cookie, CookieBuilder, SameSite, time::Duration};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{ErrorBadRequest, InternalError};
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::web::{Data, Json, JsonConfig, get, post};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, body::BoxBody};
use authcore::clock::{Clock as _, SystemClock};
use authcore::password::{
    Admission, Attempt, LoginThrottle as _, MemoryThrottle, NewPassword, Password, PasswordHash,
    PasswordHasher, Target, Verdict,
};
use authcore::{Auth, ErrorKind, Login, MemoryStore, Principal, ServerSessions};
use serde_json::Value;

struct State {
    auth: Auth,
    hasher: PasswordHasher,
    throttle: MemoryThrottle,
    hash_of_ada: PasswordHash, // In a real application: a database column.
}

/// The client learns only the status; the reason goes to the log (rule C6).
fn refuse(kind: ErrorKind, reason: impl std::fmt::Debug) -> Error {
    eprintln!("refused: {reason:?}");
    let (mut response, header) = match kind {
        ErrorKind::Unauthenticated => (HttpResponse::Unauthorized(), ("WWW-Authenticate", "Cookie")),
        _ => (HttpResponse::ServiceUnavailable(), ("Retry-After", "2")),
    };
    InternalError::from_response("refused", response.insert_header(header).finish()).into()
}

/// Returns the credentials of a request, by the exact cookie name. Two of them count as none, since a sibling
/// domain may have planted one (rule C5).
fn cookies(request: &HttpRequest) -> Vec<String> {
    let pairs = request.headers().get_all("cookie").flat_map(|line| line.as_bytes().split(|c| *c == b';'));
    let ours = pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(b"__Host-session="));
    ours.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}

/// Creates the session cookie: scripts cannot read it, other hosts and sites do not get it, and it ends with
/// the browser (rules C1, A13).
fn cookie(value: &str) -> CookieBuilder<'_> {
    Cookie::build("__Host-session", value).http_only(true).secure(true).same_site(SameSite::Lax).path("/")
}

/// The logged-in user. A handler that takes this argument is protected.
struct Caller(Principal);

impl FromRequest for Caller {
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Error>>>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (state, shown) = (Data::<State>::extract(request), cookies(request));
        Box::pin(async move {
            let caller = state.await?.auth.authenticate(if let [one] = &shown[..] { one } else { "" }).await;
            caller.map(Self).map_err(|error| refuse(error.kind(), error))
        })
    }
}

async fn me(Caller(principal): Caller) -> String {
    format!("You are {}.", principal.subject())
}

async fn login(state: Data<State>, request: HttpRequest, form: Json<Value>) -> Result<HttpResponse, Error> {
    let field = |name: &str| form[name].as_str().unwrap_or_default();
    let (name, address) = (field("username"), request.peer_addr().map(|peer| peer.ip()));
    let attempt = Attempt { realm: state.auth.realm(), target: Target::Identifier(name), address };
    let password = Password::new(field("password")).map_err(|why| refuse(ErrorKind::Unauthenticated, why))?;
    if !matches!(state.throttle.admit(attempt, SystemClock.now()).await, Ok(Admission::Granted)) {
        return Ok(HttpResponse::TooManyRequests().insert_header(("Retry-After", "60")).finish());
    }
    let hash = (name == "ada").then_some(&state.hash_of_ada); // `None` takes as long (P2).
    let verdict = state.hasher.verify(password, hash).await.map_err(|error| refuse(error.kind(), error))?;
    if verdict == Verdict::Mismatch {
        let _ = state.throttle.failed(attempt, SystemClock.now()).await;
        return Err(refuse(ErrorKind::Unauthenticated, "wrong password"));
    }
    let _ = state.throttle.succeeded(attempt, SystemClock.now()).await;
    let login = Login::new(name).map_err(|error| refuse(ErrorKind::Internal, error))?;
    let login = if let [one] = &cookies(&request)[..] { login.replacing(one) } else { login }; // A10
    let issued = state.auth.login(login).await.map_err(|error| refuse(error.kind(), error))?;
    Ok(HttpResponse::Ok().cookie(cookie(issued.credential().expose()).finish()).finish())
}

/// Clears the cookie in any case. Returns 202 if it is unknown whether the session has ended (rule C7).
async fn logout(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let unknown = match &cookies(&request)[..] {
        [one] => state.auth.logout(one).await.is_err_and(|error| error.kind() != ErrorKind::Unauthenticated),
        others => !others.is_empty(),
    };
    let mut response = if unknown { HttpResponse::Accepted() } else { HttpResponse::NoContent() };
    let gone = cookie("").max_age(Duration::ZERO).finish();
    response.cookie(gone).insert_header(("Clear-Site-Data", "\"cache\"")).finish()
}

/// Refuses state changes from pages of other sites (rule C4). A request with neither header is not from a
/// browser.
async fn same_origin(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let own = header("host").map(|host| [b"//", host].concat());
    let site = header("sec-fetch-site").map(|site| site == b"same-origin" || site == b"none");
    let same = site.or_else(|| header("origin").map(|origin| own.is_some_and(|own| origin.ends_with(&own))));
    let allowed = same.unwrap_or(true) || (request.method().is_safe() && header("upgrade").is_none());
    if allowed { next.call(request).await } else { Ok(request.into_response(HttpResponse::Forbidden())) }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build()?);
    let (hasher, throttle) = (PasswordHasher::builder().build()?, MemoryThrottle::new());
    let hash_of_ada = hasher.hash(NewPassword::new("demo-only-not-secret")?).await?;
    let state = Data::new(State { auth, hasher, hash_of_ada, throttle });
    let app = move || {
        let headers = DefaultHeaders::new().add(("Cache-Control", "no-store")).add(("Vary", "Cookie"));
        let json = JsonConfig::default().error_handler(|_, _| ErrorBadRequest("")); // Hides serde's message.
        let app = App::new().app_data(state.clone()).app_data(json).wrap(from_fn(same_origin)).wrap(headers);
        app.route("/me", get().to(me)).route("/login", post().to(login)).route("/logout", post().to(logout))
    };
    let server = HttpServer::new(app).bind(std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into()))?;
    server.addrs().iter().for_each(|address| println!("listening on http://{address}"));
    Ok(server.run().await?)
}
