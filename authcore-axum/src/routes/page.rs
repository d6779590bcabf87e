//! Pages that send forms: they are led on to other pages.

use axum::extract::Request;
use axum::http::request::Parts;
use serde::Deserialize;

use super::body;
use crate::credentials::Transport;
use crate::guard::Settings;
use crate::refusal::{is_navigation, local_path};

/// What is read of a form that says nothing else.
#[derive(Deserialize)]
struct Onward {
    #[serde(default, deserialize_with = "body::or_empty")]
    next: String,
}

impl Settings {
    /// Whether a page sent a form, and so wants a page; whatever else asks wants to know what happened.
    pub(super) fn is_page(&self, parts: &Parts) -> bool {
        self.transport == Transport::Cookies && body::is_form(&parts.headers) && is_navigation(parts)
    }

    /// Where a page goes that sent a form, if that is who asks: a form that cannot be read does not say.
    pub(super) async fn onward(&self, parts: &Parts, request: Request, otherwise: &str) -> Option<String> {
        if !self.is_page(parts) {
            return None;
        }
        let next = body::read(request).await.map_or_else(|_| String::new(), |Onward { next }| next);
        Some(local_path(&next).unwrap_or(otherwise).to_owned())
    }

    /// Where a page goes from which nobody is logged in any more.
    pub(super) fn start_page(&self) -> &str {
        self.login_page.as_deref().unwrap_or("/")
    }
}
