//! authcore with actix-web, by hand: what any framework needs, and nothing but the core crate. Try it by
//! `curl -c jar --json '{"username":"ada","password":"demo-only-not-secret"}' http://127.0.0.1:8080/login`, and then
//! `curl -b jar http://127.0.0.1:8080/me`. Another line for `Auth` is another strategy, and nothing else changes.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::error::InternalError;
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{Data, Json, get, post, scope};
use actix_web::{App, Error, FromRequest, HttpRequest, HttpResponse, HttpServer, dev::Payload};
use authcore::password::{Admission, Attempt, LoginThrottle as _, MemoryThrottle};
use authcore::password::{NewPassword, Password, PasswordHash, PasswordHasher, Verdict};
use authcore::{Auth, Clock as _, ErrorKind, Login, MemoryStore, Principal, ServerSessions, SystemClock};
use serde_json::Value;

struct State {
    auth: Auth,
    hasher: PasswordHasher,
    throttle: MemoryThrottle,
    hash_of_ada: PasswordHash, // A database would have one for each account.
}

/// The client learns nothing but the status; the log learns why (rule C6).
fn refuse(kind: ErrorKind, reason: impl std::fmt::Debug) -> Error {
    eprintln!("refused: {reason:?}");
    let (mut response, header) = match kind {
        ErrorKind::Unauthenticated => (HttpResponse::Unauthorized(), ("WWW-Authenticate", "Cookie")),
        _ => (HttpResponse::ServiceUnavailable(), ("Retry-After", "2")),
    };
    InternalError::from_response("refused", response.insert_header(header).finish()).into()
}

/// The credential of a request. Two cookies of the name are none: a neighbouring host may have planted one (rule C5).
fn credential(request: &HttpRequest) -> Option<String> {
    let cookies = request.cookies().ok()?;
    let mut ours = cookies.iter().filter(|cookie| cookie.name() == "__Host-session");
    ours.next().filter(|_| ours.next().is_none()).map(|cookie| cookie.value().to_owned())
}

/// No script reads it, no other host sees it, and no foreign page sends it with a POST (rule C1).
fn cookie(value: &str, seconds: u64) -> Cookie<'_> {
    let cookie = Cookie::build("__Host-session", value).http_only(true).secure(true);
    cookie.same_site(SameSite::Lax).path("/").max_age(Duration::seconds(seconds.cast_signed())).finish()
}

/// Who sent the request: a handler that takes one is protected.
struct Caller(Principal);

impl FromRequest for Caller {
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (state, credential) = (Data::<State>::extract(request), credential(request));
        Box::pin(async move {
            let credential = credential.ok_or_else(|| refuse(ErrorKind::Unauthenticated, "no credential"))?;
            let caller = state.await?.auth.authenticate(&credential).await;
            caller.map(Self).map_err(|error| refuse(error.kind(), error))
        })
    }
}

async fn me(Caller(principal): Caller) -> String {
    format!("You are {}.", principal.subject())
}

async fn login(state: Data<State>, request: HttpRequest, form: Json<Value>) -> Result<HttpResponse, Error> {
    let field = |name: &str| form[name].as_str().unwrap_or_default();
    let attempt = Attempt { account: field("username"), address: request.peer_addr().map(|peer| peer.ip()) };
    if !matches!(state.throttle.admit(attempt, SystemClock.now()).await, Ok(Admission::Granted)) {
        return Ok(HttpResponse::TooManyRequests().insert_header(("Retry-After", "60")).finish());
    }
    let hash = (attempt.account == "ada").then_some(&state.hash_of_ada); // `None` takes as long (rule P2).
    let password = Password::new(field("password")).map_err(|why| refuse(ErrorKind::Unauthenticated, why))?;
    let verdict = state.hasher.verify(password, hash).await;
    if verdict.map_err(|error| refuse(error.kind(), error))? == Verdict::Mismatch {
        return Err(refuse(ErrorKind::Unauthenticated, "wrong password"));
    }
    let login = Login::new(attempt.account).map_err(|error| refuse(ErrorKind::Internal, error))?;
    let login = credential(&request).into_iter().fold(login, Login::replacing); // Ends the former one (A10).
    let issued = state.auth.login(login).await.map_err(|error| refuse(error.kind(), error))?;
    let _ = state.throttle.succeeded(attempt, SystemClock.now()).await;
    Ok(HttpResponse::Ok().cookie(cookie(issued.credential(), issued.expires_in().as_secs())).finish())
}

/// Clears the cookie whatever becomes of the session, and says if nobody knows that: 202 (rule C7).
async fn logout(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let ended = state.auth.logout(&credential(&request).unwrap_or_default()).await;
    let unknown = ended.is_err_and(|error| error.kind() != ErrorKind::Unauthenticated);
    let mut response = if unknown { HttpResponse::Accepted() } else { HttpResponse::NoContent() };
    response.cookie(cookie("", 0)).insert_header(("Clear-Site-Data", "\"cache\"")).finish()
}

/// No page of another site makes a browser change something here (rule C4). Neither header means: not a browser.
fn same_origin(context: &GuardContext<'_>) -> bool {
    let header = |name: &str| context.head().headers().get(name).map(|value| value.as_bytes());
    let own = header("host").map(|host| [b"//", host].concat());
    context.head().method.is_safe()
        || match header("sec-fetch-site") {
            Some(site) => site == b"same-origin" || site == b"none",
            None => header("origin").is_none_or(|origin| own.is_some_and(|own| origin.ends_with(&own))),
        }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let auth = Auth::sessions(ServerSessions::builder(MemoryStore::new()).build()?);
    let hasher = PasswordHasher::builder().build()?;
    let hash_of_ada = hasher.hash(NewPassword::new("demo-only-not-secret")?).await?;
    let state = Data::new(State { auth, hasher, hash_of_ada, throttle: MemoryThrottle::new() });
    let app = move || {
        let headers = DefaultHeaders::new().add(("Cache-Control", "no-store")).add(("Vary", "Cookie"));
        let routes = scope("").guard(fn_guard(same_origin)).route("/me", get().to(me));
        let routes = routes.route("/login", post().to(login)).route("/logout", post().to(logout));
        App::new().app_data(state.clone()).wrap(headers).service(routes)
    };
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    Ok(HttpServer::new(app).bind(address)?.run().await?)
}
