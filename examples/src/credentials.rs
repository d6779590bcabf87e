//! How credentials travel between client and server: configured once, never negotiated (rule C8).

use authcore::Issued;
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderName};
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, CookieBuilder, SameSite};

/// The longest cookie, name and value together, in bytes (rule C2).
pub const MAX_COOKIE_LEN: usize = 4096;
/// The longest `Max-Age`, in seconds: 400 days (rule C2).
pub const MAX_COOKIE_AGE: u64 = 400 * 24 * 60 * 60;

/// How credentials travel.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Transport {
    /// In a cookie that scripts cannot read, for a strategy with one credential. What came by cookie never appears in a body.
    Cookie(SessionCookie),
    /// From server to client in JSON bodies, and back in the header `Authorization: Bearer`.
    Bearer {
        /// Whether the strategy has a refresh token beside the access token. It goes back in a body, to one route.
        refreshable: bool,
    },
}

/// A request with a credential that cannot be one: empty, malformed, or two at once (rule C5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct Unusable;

impl Transport {
    /// The one credential of a request, if it has any.
    ///
    /// # Errors
    ///
    /// [`Unusable`] if it has two, an empty one, or a bearer token where a cookie is expected: a bearer token
    /// counts alone, and there is no falling back from it (rule C5).
    pub fn read(&self, headers: &HeaderMap) -> Result<Option<String>, Unusable> {
        match (self, bearer(headers)?) {
            (Self::Bearer { .. }, token) => Ok(token),
            (Self::Cookie(_), Some(_)) => Err(Unusable),
            (Self::Cookie(cookie), None) => cookie.read(headers),
        }
    }

    /// The request header that answers depend on, for `Vary` (rule C3).
    pub const fn vary(&self) -> HeaderName {
        match self {
            Self::Cookie(_) => COOKIE,
            Self::Bearer { .. } => AUTHORIZATION,
        }
    }

    /// What a 401 carries in `WWW-Authenticate` (rule C6): the same whatever was wrong with the credential.
    pub const fn challenge(&self, presented: bool) -> HeaderValue {
        HeaderValue::from_static(match (self, presented) {
            (Self::Cookie(_), _) => r#"Cookie realm="authcore-examples", form-action="/login""#,
            (Self::Bearer { .. }, false) => r#"Bearer realm="authcore-examples""#,
            (Self::Bearer { .. }, true) => r#"Bearer realm="authcore-examples", error="invalid_token""#,
        })
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750, section 2.1); other schemes are not ours.
fn bearer(headers: &HeaderMap) -> Result<Option<String>, Unusable> {
    let mut found = None;
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.as_bytes();
        let (scheme, token) = value.split_at(value.iter().position(|c| *c == b' ').unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            continue;
        }
        let token = token.trim_ascii();
        if found.is_some() || !is_b64token(token) {
            return Err(Unusable);
        }
        found = Some(String::from_utf8_lossy(token).into_owned());
    }
    Ok(found)
}

/// Whether this is the `b64token` of RFC 6750.
fn is_b64token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|c| *c != b'=').map_or(0, |last| last + 1);
    end > 0 && token[..end].iter().all(|c| c.is_ascii_alphanumeric() || b"-._~+/".contains(c))
}

/// The cookie that carries a session token.
///
/// `__Host-session; HttpOnly; Secure; SameSite=Lax; Path=/` (rule C1): no script reads it, no other host sets or
/// sees it, and no foreign page sends it along with a POST. Browsers that count `http://127.0.0.1` as trustworthy
/// (Chrome, Firefox) keep it there, and so do curl and reqwest.
#[derive(Debug, Clone)]
pub struct SessionCookie {
    name: &'static str,
    secure: bool,
}

impl Default for SessionCookie {
    fn default() -> Self {
        Self { name: "__Host-session", secure: true }
    }
}

impl SessionCookie {
    /// A cookie named `session`, without `Secure`: for clients that refuse a secure one over plain HTTP even from
    /// this very machine, as Safari does.
    ///
    /// # Security
    ///
    /// Anybody on the way can read it, and a neighbouring host can plant one. For loopback addresses only.
    pub const fn insecure_for_loopback() -> Self {
        Self { name: "session", secure: false }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The value of a request's cookie of this name.
    ///
    /// # Errors
    ///
    /// [`Unusable`] if there are two, or it is empty.
    pub fn read(&self, headers: &HeaderMap) -> Result<Option<String>, Unusable> {
        let mut found = None;
        for header in headers.get_all(COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes());
            for cookie in Cookie::split_parse_encoded(&*text).flatten() {
                if cookie.name() != self.name {
                    continue;
                }
                if found.is_some() || cookie.value().is_empty() {
                    return Err(Unusable);
                }
                found = Some(cookie.value().to_owned());
            }
        }
        Ok(found)
    }

    /// The `Set-Cookie` that hands out a credential: it lasts as long as the session may at most, and 400 days at
    /// most.
    ///
    /// `None` if the credential does not fit into a cookie (rule C2).
    pub fn set(&self, issued: &Issued) -> Option<HeaderValue> {
        // Rounded up: the server decides when it is over.
        let seconds = issued.expires_in().as_millis().div_ceil(1000);
        let seconds = u64::try_from(seconds).unwrap_or(MAX_COOKIE_AGE);
        self.with_value(issued.credential(), seconds)
    }

    /// The `Set-Cookie` with this value, for this many seconds; `None` if it does not fit.
    pub fn with_value(&self, value: &str, seconds: u64) -> Option<HeaderValue> {
        let max_age = i64::try_from(seconds.min(MAX_COOKIE_AGE)).unwrap_or(0);
        let cookie = self.attributes(value).max_age(cookie::time::Duration::seconds(max_age)).build();
        // The `=` between name and value does not count.
        if cookie.encoded().stripped().to_string().len() > MAX_COOKIE_LEN + 1 {
            return None;
        }
        HeaderValue::try_from(cookie.encoded().to_string()).ok()
    }

    /// The `Set-Cookie` that takes the cookie away again.
    pub fn clear(&self) -> Option<HeaderValue> {
        self.with_value("", 0)
    }

    fn attributes<'c>(&self, value: &'c str) -> CookieBuilder<'c> {
        Cookie::build((self.name, value))
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .path("/")
    }
}
