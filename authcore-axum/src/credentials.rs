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

/// The credentials that a client still has, wherever they count: an access or session token, and a refresh
/// token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Held<'h> {
    pub(crate) access: Option<&'h str>,
    pub(crate) refresh: Option<&'h str>,
}

impl Settings {
    /// What a request's headers hold, good or not: a bearer token alone, or the cookies. One that cannot be
    /// used is none.
    pub(crate) fn held<'h>(&self, site: Site, headers: &'h HeaderMap) -> Held<'h> {
        match (bearer(headers), self.transport) {
            (Ok(None), Transport::Cookies) => {
                let read = |kind| self.cookies.read(kind, site, headers).ok().flatten();
                Held { access: read(Kind::Access), refresh: read(Kind::Refresh) }
            }
            (token, _) => Held { access: token.ok().flatten(), refresh: None },
        }
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1); other schemes are not ours.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Unusable> {
    let mut found = None;
    for value in headers.get_all(AUTHORIZATION) {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { return Err(Unusable) };
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
    let is_one = |c: &u8| c.is_ascii_alphanumeric() | matches!(c, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    // To the end, whatever comes: so the processor looks at many at once.
    end > 0 && token.iter().take(end).fold(true, |all, c| all & is_one(c))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// The token of these headers; `Err` if they cannot be used.
    fn read(values: &[&[u8]]) -> Result<Option<String>, String> {
        let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok());
        let headers: HeaderMap = values.map(|value| (AUTHORIZATION, value)).collect();
        bearer(&headers).map(|token| token.map(str::to_owned)).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn c5_one_bearer_token_and_no_other_scheme() {
        for (value, token) in [
            ("Bearer abc.DEF-_~+/==", Some("abc.DEF-_~+/==")),
            ("bEARER abc", Some("abc")),
            ("Bearer  abc ", Some("abc")),
            ("Basic YTpi", None),
            ("Bearerabc", None),
        ] {
            assert_eq!(read(&[value.as_bytes()]), Ok(token.map(str::to_owned)), "{value}");
        }
        for bad in
            ["Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "Bearer =", "Bearer a=b", "Bearer ü"]
        {
            assert!(read(&[bad.as_bytes()]).is_err(), "{bad}");
        }
        assert!(read(&[b"Bearer a", b"Bearer a"]).is_err());
        assert_eq!(read(&[b"Basic YTpi", b"Bearer a"]), Ok(Some("a".to_owned())));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(bytes: Vec<u8>, tail in "\\PC{0,40}") {
            let _ = read(&[&bytes]);
            let _ = read(&[tail.as_bytes()]);
            let _ = read(&[format!("Bearer {tail}").as_bytes()]);
        }

        #[test]
        fn a_bearer_token_comes_back_exactly(token in "[A-Za-z0-9._~+/-]{1,200}={0,2}") {
            prop_assert_eq!(read(&[format!("Bearer {token}").as_bytes()]), Ok(Some(token)));
        }
    }
}
