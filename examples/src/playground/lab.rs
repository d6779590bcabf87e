//! The routes that only the page uses.
//!
//! They are among the authentication routes, to which browsers send the refresh cookie, and behind the guard,
//! so that pages of other sites cannot use them.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::clients::{Client, Clients};
use super::held::{self, Kind};
use crate::strategies::Strategy;

/// The shared state of the routes.
#[derive(Debug, Clone)]
struct Lab {
    strategy: Strategy,
    clients: Arc<Clients>,
}

/// Creates the routes. `simulated` is the application of the simulated clients, on the same store as the
/// browser's.
pub(super) fn routes<S>(strategy: Strategy, simulated: Router) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let lab = Lab { strategy, clients: Arc::new(Clients::new(strategy, simulated)) };
    let routes = Router::new()
        .route("/held", get(show_held))
        .route("/devices", post(open_device))
        .route("/copies", post(copy))
        .route("/clients/{number}/{what}", post(act))
        .route("/tamper", post(tamper))
        .with_state(lab);
    Router::new().nest(&format!("{}/lab", strategy.routes()), routes)
}

async fn show_held(State(lab): State<Lab>, headers: HeaderMap) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(held::shown(lab.strategy, &headers)))
}

/// The login data for the second device.
#[derive(Deserialize)]
struct Demo {
    email: String,
    password: String,
}

async fn open_device(State(lab): State<Lab>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
    let Ok(Demo { email, password }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let login = json!({ "email": email, "password": password, "device": "Second device (simulated)" });
    let mut client = Client::default();
    let answer = lab.clients.send(&mut client, &parts, lab.post("login", &login)).await;
    let opened = (answer["status"] == 200).then(|| lab.clients.keep(client));
    Json(json!({ "client": opened, "answer": answer })).into_response()
}

/// Copies the browser's cookies, like a thief with one-time access to them.
async fn copy(State(lab): State<Lab>, headers: HeaderMap) -> Json<Value> {
    let held = held::held(lab.strategy, &headers);
    let copied = (!held.is_empty()).then(|| lab.clients.keep(Client::with(held)));
    Json(json!({ "client": copied }))
}

/// The actions of a simulated client.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Act {
    Me,
    Refresh,
}

async fn act(State(lab): State<Lab>, Path((number, what)): Path<(u64, Act)>, request: Request) -> Response {
    let parts = request.into_parts().0;
    // The client was dropped, or belongs to an earlier run.
    let Some(mut client) = lab.clients.find(number) else { return StatusCode::NOT_FOUND.into_response() };
    let request = match what {
        Act::Me => lab.me(),
        Act::Refresh => lab.post("refresh", &json!({})),
    };
    let answer = lab.clients.send(&mut client, &parts, request).await;
    lab.clients.update(number, client);
    Json(json!({ "answer": answer })).into_response()
}

/// Calls the API with a forgery of the browser's credential.
async fn tamper(State(lab): State<Lab>, request: Request) -> Json<Value> {
    let parts = request.into_parts().0;
    let mut held = held::held(lab.strategy, &parts.headers);
    held.retain(|held| held.kind == Kind::Access);
    for held in &mut held {
        held.value = held::tampered(&held.value);
    }
    let answer = lab.clients.send(&mut Client::with(held), &parts, lab.me()).await;
    Json(json!({ "answer": answer }))
}

impl Lab {
    fn me(&self) -> Request {
        Self::request(Method::GET, &format!("/{}/me", self.strategy.name()), None)
    }

    fn post(&self, route: &str, body: &Value) -> Request {
        Self::request(Method::POST, &format!("{}/{route}", self.strategy.routes()), Some(body))
    }

    fn request(method: Method, path: &str, body: Option<&Value>) -> Request {
        let mut request = Request::new(body.map(Value::to_string).unwrap_or_default().into());
        *request.method_mut() = method;
        if let Ok(path) = path.parse() {
            *request.uri_mut() = path;
        }
        request
            .headers_mut()
            .extend(body.map(|_| (CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"))));
        request
    }
}
