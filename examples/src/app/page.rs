//! The page that says how to use the server.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::server;

pub(super) async fn index(State(app): State<App>) -> Response {
    let text = format!(
        "An example server of authcore.\n\n\
         POST   /login               email, password, device (optional); a form or JSON\n\
         GET    /me                  protected: who you are\n\
         GET    /sessions            your devices\n\
         DELETE /sessions/{{id}}       log one of them out\n\
         POST   /logout-others       log all others out\n\
         POST   /logout              log this one out\n\
         POST   /logout-everywhere   log all of them out\n\
         POST   /refresh             a new access token for a refresh token (hybrid only)\n\n\
         {}",
        server::try_it(&app)
    );
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
