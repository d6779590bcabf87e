//! The cookies: what they are called, what attributes they have, and when they are too large (rules C1, C2).

use std::time::Duration;

use authcore::Credential;
use axum::extract::OriginalUri;
use axum::http::header::{COOKIE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri};
use cookie::{Cookie, SameSite};

use crate::guard::is_path;

/// The longest cookie, name and value together, in bytes (rule C2).
const MAX_LEN: usize = 4096;
/// The longest `Max-Age`: 400 days (rule C2).
const MAX_AGE_SECS: u64 = 400 * 24 * 60 * 60;

/// Names and attributes of the two cookies.
#[derive(Debug, Clone)]
pub(crate) struct Cookies {
    plain: Names,
    secure: Names,
    /// Where the routes of authentication are in the guard's router.
    routes_path: String,
    plain_on_loopback: bool,
}

#[derive(Debug, Clone)]
struct Names {
    access: String,
    refresh: String,
}

/// Which of the two cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The session token or the access token.
    Access,
    /// The refresh token.
    Refresh,
}

/// There are two of a name, an empty one, one that is no text, or an API key, which no browser has from here:
/// nobody knows which one counts.
#[derive(Debug)]
pub(crate) struct Unusable;

impl Cookies {
    pub(crate) fn new(name: &str, routes_path: &str, plain_on_loopback: bool) -> Self {
        Self {
            plain: Names { access: name.to_owned(), refresh: format!("{name}-refresh") },
            secure: Names { access: format!("__Host-{name}"), refresh: format!("__Secure-{name}-refresh") },
            routes_path: routes_path.to_owned(),
            plain_on_loopback,
        }
    }

    /// The longest access token that has room in its cookie, in bytes, wherever the browser is (rule C2).
    pub(crate) fn room(&self) -> usize {
        let longest = self.plain.access.len().max(self.secure.access.len());
        MAX_LEN.saturating_sub(longest)
    }

    /// Where the browser believes to be that sent a request, as far as cookies depend on it.
    pub(crate) fn site(&self, uri: &Uri, headers: &HeaderMap) -> Site {
        if self.plain_on_loopback { Site::of(uri, headers) } else { Site::Network }
    }

    /// Where the cookies go that one of the routes of authentication sets.
    pub(crate) fn place<'p>(&'p self, parts: &'p Parts) -> Place<'p> {
        let mounted = original_uri(parts).path().rsplit_once('/').map(|(mounted, _)| mounted);
        // A request's path becomes no attribute unless it is one that a host could have configured.
        let mounted = mounted.filter(|path| is_path(path) && path.ends_with(&self.routes_path));
        Place {
            site: self.site(&parts.uri, &parts.headers),
            refresh_path: mounted.unwrap_or(&self.routes_path),
        }
    }

    /// The value of a request's cookie.
    pub(crate) fn read<'h>(
        &self,
        kind: Kind,
        site: Site,
        headers: &'h HeaderMap,
    ) -> Result<Option<&'h str>, Unusable> {
        let name = self.name(kind, site);
        let mut found = None;
        for header in headers.get_all(COOKIE) {
            // By bytes: what other cookies of this host hold is not ours to judge.
            for pair in pairs(header.as_bytes()) {
                let Some(value) = pair.trim_ascii_start().strip_prefix(name.as_bytes()) else { continue };
                let Some(value) = value.strip_prefix(b"=") else { continue };
                let value = visible(value.trim_ascii_end()).ok_or(Unusable)?;
                if found.is_some() || value.is_empty() || value.starts_with(Credential::API_KEY_PREFIX) {
                    return Err(Unusable);
                }
                found = Some(value);
            }
        }
        Ok(found)
    }

    /// The `Set-Cookie` with this value for so long, or until the browser session ends; `None` if it does not
    /// fit (rule C2).
    pub(crate) fn set(
        &self,
        kind: Kind,
        place: Place<'_>,
        value: &str,
        max_age: Option<Duration>,
    ) -> Option<HeaderValue> {
        // Rounded up: the server decides when it is over.
        let seconds = |age: Duration| u64::try_from(age.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        self.build(kind, place, value, max_age.map(|age| seconds(age).min(MAX_AGE_SECS)))
    }

    /// The `Set-Cookie` that takes a cookie away.
    pub(crate) fn clear(&self, kind: Kind, place: Place<'_>) -> Option<HeaderValue> {
        self.build(kind, place, "", Some(0))
    }

    fn build(&self, kind: Kind, place: Place<'_>, value: &str, seconds: Option<u64>) -> Option<HeaderValue> {
        let name = self.name(kind, place.site);
        if name.len() + value.len() > MAX_LEN {
            return None;
        }
        let (same_site, path) = match kind {
            Kind::Access => (SameSite::Lax, "/"),
            Kind::Refresh => (SameSite::Strict, place.refresh_path),
        };
        let mut cookie = Cookie::build((name, value))
            .http_only(true)
            .secure(!self.is_plain(place.site))
            .same_site(same_site)
            .path(path);
        if let Some(seconds) = seconds {
            cookie = cookie.max_age(cookie::time::Duration::seconds(i64::try_from(seconds).unwrap_or(0)));
        }
        HeaderValue::try_from(cookie.to_string()).ok()
    }

    fn name(&self, kind: Kind, site: Site) -> &str {
        let names = if self.is_plain(site) { &self.plain } else { &self.secure };
        match kind {
            Kind::Access => &names.access,
            Kind::Refresh => &names.refresh,
        }
    }

    const fn is_plain(&self, site: Site) -> bool {
        self.plain_on_loopback && matches!(site, Site::Loopback)
    }
}

/// What semicolons part.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let pairs = rest?;
        let end = memchr::memchr(b';', pairs);
        rest = end.and_then(|end| pairs.get(end + 1..));
        pairs.get(..end.unwrap_or(pairs.len()))
    })
}

/// The text of a value, if all of it is visible ASCII, as credentials are.
fn visible(value: &[u8]) -> Option<&str> {
    // To the end, whatever comes: so the processor looks at many at once.
    let visible = value.iter().fold(true, |visible, c| visible & c.is_ascii_graphic());
    std::str::from_utf8(value).ok().filter(|_| visible)
}

/// A request's URI as its browser has it, before routers took away what they are nested at.
pub(crate) fn original_uri(parts: &Parts) -> &Uri {
    parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri)
}

/// Where cookies go that are set now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    site: Site,
    /// Where the refresh cookie goes: to the routes of authentication and nowhere else, as the browser sees
    /// them.
    refresh_path: &'p str,
}

/// Where the browser believes to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// On this very machine: nobody is on the way who could read along.
    Loopback,
    Network,
}

impl Site {
    /// By the host that the request names.
    fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let host = uri.host().or_else(|| host(headers.get(HOST)?.to_str().ok()?));
        if host.is_some_and(is_loopback) { Self::Loopback } else { Self::Network }
    }
}

/// The host that a request names, in lower case and without port and trailing dot: from its address (HTTP/2)
/// or its `Host` header; `None` if it names none.
///
/// Behind a proxy it is what the proxy passes on.
pub fn host_name(parts: &Parts) -> Option<String> {
    let named = parts.uri.host().or_else(|| host(parts.headers.get(HOST)?.to_str().ok()?))?;
    let name = named.trim_end_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// The host of a `Host` header, without the port.
fn host(authority: &str) -> Option<&str> {
    if let Some(end) = authority.find(']') {
        return authority.get(..=end);
    }
    authority.split(':').next()
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
        || host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(site: Site) -> Place<'static> {
        Place { site, refresh_path: "/auth" }
    }

    fn request(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn c1_attributes_are_the_strictest_that_work() {
        let cookies = Cookies::new("session", "/auth", false);
        let age = Some(Duration::from_millis(60_001));
        let set = |kind, site| cookies.set(kind, at(site), "x", age).unwrap();
        for site in [Site::Network, Site::Loopback] {
            assert_eq!(
                set(Kind::Access, site),
                "__Host-session=x; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=61"
            );
            assert_eq!(
                set(Kind::Refresh, site),
                "__Secure-session-refresh=x; HttpOnly; SameSite=Strict; Secure; Path=/auth; Max-Age=61"
            );
        }
        let plain = Cookies::new("session", "/auth", true);
        let set = |site| plain.set(Kind::Access, at(site), "x", age).unwrap();
        assert_eq!(set(Site::Loopback), "session=x; HttpOnly; SameSite=Lax; Path=/; Max-Age=61");
        assert!(set(Site::Network).to_str().unwrap().contains("Secure"), "only on this very machine");
    }

    #[test]
    fn c1_the_refresh_cookie_goes_where_the_browser_finds_the_routes() {
        let cookies = Cookies::new("session", "/auth", false);
        let path = |original: &str| {
            let (mut parts, ()) = axum::http::Request::new(()).into_parts();
            parts.uri = Uri::from_static("/auth/login");
            parts.extensions.insert(OriginalUri(original.parse().unwrap()));
            cookies.place(&parts).refresh_path.to_owned()
        };
        for (original, expected) in [
            ("/auth/login", "/auth"),
            ("/app/auth/login?next=/x/y", "/app/auth"),
            ("https://example.com/a/b-c/auth/refresh", "/a/b-c/auth"),
            // Not what a host could have configured.
            ("/a;Domain=example.com/auth/login", "/auth"),
            ("/a,b/auth/login", "/auth"),
            ("/%3BDomain=x/auth/login", "/auth"),
            ("//a/auth/login", "/auth"),
            // Rewritten on the way, so that it says nothing about the other routes.
            ("/sign-in", "/auth"),
            ("/account/sign-in", "/auth"),
        ] {
            assert_eq!(path(original), expected, "{original}");
        }
    }

    #[test]
    fn c2_cookies_have_a_limit_in_size_and_age() {
        let cookies = Cookies::new("session", "/auth", false);
        let set =
            |len: usize| cookies.set(Kind::Access, at(Site::Network), &"x".repeat(len), Some(Duration::MAX));
        assert_eq!(cookies.room(), 4096 - "__Host-session".len());
        let longest = set(cookies.room()).unwrap();
        assert!(longest.to_str().unwrap().ends_with("Max-Age=34560000"));
        assert!(set(cookies.room() + 1).is_none());
        assert_eq!(Cookies::new("session", "/auth", true).room(), cookies.room(), "on any host");
    }

    #[test]
    fn c5_two_cookies_of_a_name_are_none() {
        let cookies = Cookies::new("session", "/auth", false);
        let read = |header| {
            cookies.read(Kind::Access, Site::Network, &request(header)).map(|v| v.map(str::to_owned))
        };
        assert_eq!(read("a=b; __Host-session=x;c=d").unwrap().as_deref(), Some("x"));
        assert_eq!(read("__Host-session2=x; session=y; x__Host-session=z").unwrap(), None);
        assert!(read("__Host-session=x; __Host-session=y").is_err());
        assert!(read("__Host-session=; a=b").is_err());
        let mut two = request("__Host-session=x");
        two.append(COOKIE, HeaderValue::from_static("__Host-session=x"));
        assert!(cookies.read(Kind::Access, Site::Network, &two).is_err());
    }

    #[test]
    fn c5_what_other_cookies_hold_is_no_matter() {
        let cookies = Cookies::new("session", "/auth", false);
        let read = |header: &[u8]| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(header).unwrap())]);
            cookies.read(Kind::Access, Site::Network, &headers).map(|v| v.map(str::to_owned))
        };
        for good in [
            &b"theme=caf\xe9; __Host-session=x"[..],
            "theme=café; __Host-session=x; b=ü".as_bytes(),
            b"__Host-session=x; a=\t\xff\xfe",
        ] {
            assert_eq!(read(good).unwrap().as_deref(), Some("x"));
        }
        for bad in [&b"__Host-session=\xe9"[..], "__Host-session=é".as_bytes(), b"__Host-session=a b"] {
            assert!(read(bad).is_err());
        }
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_that_looks_like_it() {
        let site = |host: &str| {
            Site::of(
                &Uri::from_static("/"),
                &HeaderMap::from_iter([(HOST, HeaderValue::try_from(host).unwrap())]),
            )
        };
        for host in [
            "localhost",
            "localhost:3000",
            "127.0.0.1:3000",
            "127.1.2.3",
            "[::1]:3000",
            "a.localhost",
            "LOCALHOST",
        ] {
            assert_eq!(site(host), Site::Loopback, "{host}");
        }
        for host in [
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "[::2]",
            "",
            "xlocalhost",
        ] {
            assert_eq!(site(host), Site::Network, "{host}");
        }
    }

    #[test]
    fn a12_a_host_has_one_name_however_it_is_written() {
        let named = |uri: &str, host: Option<&str>| {
            let mut request = axum::http::Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            host_name(&request.body(()).unwrap().into_parts().0)
        };
        for host in [
            "t1.example.com",
            "T1.Example.COM",
            "t1.example.com:3000",
            "t1.example.com.",
            "t1.example.com.:80",
        ] {
            assert_eq!(named("/", Some(host)).as_deref(), Some("t1.example.com"), "{host}");
        }
        assert_eq!(named("https://T1.example.com/a", None).as_deref(), Some("t1.example.com"), "HTTP/2");
        assert_eq!(named("/", Some("[::1]:80")).as_deref(), Some("[::1]"));
        assert_eq!((named("/", None), named("/", Some(".")), named("/", Some(""))), (None, None, None));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(bytes: Vec<u8>, tail in "\\PC{0,40}") {
            let cookies = Cookies::new("session", "/auth", false);
            let own = format!("__Host-session={tail}").into_bytes();
            for text in [bytes, tail.into_bytes(), own] {
                let value = HeaderValue::from_bytes(&text);
                let headers: HeaderMap = value.into_iter().map(|value| (COOKIE, value)).collect();
                let _ = cookies.read(Kind::Access, Site::Network, &headers);
            }
        }

        #[test]
        fn a_credential_comes_back_exactly(
            value in "[A-Za-z0-9._~+/=-]{1,200}",
            others in "([a-z]{1,5}=[a-z]{0,5}; )?",
        ) {
            let cookies = Cookies::new("session", "/auth", false);
            for kind in [Kind::Access, Kind::Refresh] {
                let set = cookies.set(kind, at(Site::Network), &value, None).unwrap();
                let pair = set.to_str().unwrap().split(';').next().unwrap();
                let sent = HeaderValue::try_from(format!("{others}{pair}")).unwrap();
                let headers = HeaderMap::from_iter([(COOKIE, sent)]);
                prop_assert_eq!(cookies.read(kind, Site::Network, &headers).unwrap(), Some(&*value));
            }
        }
    }
}
