//! Which credential a request carries (rule C5).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::cookies::{Kind, Site, Unusable};
use crate::guard::Settings;

/// How credentials go from the server to the client: configured, never negotiated (rule C8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Cookies,
    /// In bodies, and back in `Authorization: Bearer`.
    Bodies,
}

/// A request's credential.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presented<'h> {
    Cookie(&'h str),
    Bearer(&'h str),
}

impl<'h> Presented<'h> {
    pub(crate) const fn text(self) -> &'h str {
        match self {
            Self::Cookie(text) | Self::Bearer(text) => text,
        }
    }
}

impl Settings {
    /// The one credential of a request, if it has any. A bearer token counts alone.
    pub(crate) fn presented<'h>(
        &self,
        site: Site,
        headers: &'h HeaderMap,
    ) -> Result<Option<Presented<'h>>, Unusable> {
        if let Some(token) = bearer(headers)? {
            return Ok(Some(Presented::Bearer(token)));
        }
        match self.transport {
            Transport::Bodies => Ok(None),
            Transport::Cookies => Ok(self.cookies.read(Kind::Access, site, headers)?.map(Presented::Cookie)),
        }
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1); other schemes are not ours.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Unusable> {
    let mut found = None;
    for value in headers.get_all(AUTHORIZATION) {
        let Ok(value) = value.to_str() else { return Err(Unusable) };
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            continue;
        }
        let token = token.trim_ascii();
        if found.is_some() || !is_b64token(token.as_bytes()) {
            return Err(Unusable);
        }
        found = Some(token);
    }
    Ok(found)
}

/// Whether this is the `b64token` of RFC 6750.
fn is_b64token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|c| *c != b'=').map_or(0, |last| last + 1);
    end > 0 && token[..end].iter().all(|c| c.is_ascii_alphanumeric() || b"-._~+/".contains(c))
}
