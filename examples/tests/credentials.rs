//! Whatever a client sends is read without a panic, and what was handed out is read back exactly.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use authcore_examples::credentials::{MAX_COOKIE_AGE, MAX_COOKIE_LEN, SessionCookie, Transport, Unusable};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

const BEARER: Transport = Transport::Bearer { refreshable: false };

fn headers(name: axum::http::HeaderName, values: &[&[u8]]) -> HeaderMap {
    let values = values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok());
    values.map(|value| (name.clone(), value)).collect()
}

fn read_cookie(text: &[u8]) -> Result<Option<String>, Unusable> {
    Transport::Cookie(SessionCookie::default()).read(&headers(COOKIE, &[text]))
}

fn read_bearer(text: &[u8]) -> Result<Option<String>, Unusable> {
    BEARER.read(&headers(AUTHORIZATION, &[text]))
}

/// What a browser sends back for a `Set-Cookie`: name and value, as they were.
fn pair(set_cookie: &HeaderValue) -> String {
    set_cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn c5_one_credential_and_no_falling_back() {
    assert_eq!(read_bearer(b"Bearer abc.DEF-_~+/=="), Ok(Some("abc.DEF-_~+/==".to_owned())));
    assert_eq!(read_bearer(b"bEARER abc"), Ok(Some("abc".to_owned())));
    assert_eq!(read_bearer(b"Basic YTpi"), Ok(None));
    for bad in ["Bearer", "Bearer ", "Bearer a b", "Bearer a, Bearer b", "Bearer =", "Bearer a=b", "Bearer ü"]
    {
        assert_eq!(read_bearer(bad.as_bytes()), Err(Unusable), "{bad}");
    }
    let two = headers(AUTHORIZATION, &[b"Bearer a", b"Bearer a"]);
    assert_eq!(BEARER.read(&two), Err(Unusable));

    assert_eq!(read_cookie(b"a=b; __Host-session=x; c"), Ok(Some("x".to_owned())));
    assert_eq!(read_cookie(b"session=x; __host-session=y"), Ok(None));
    assert_eq!(read_cookie(b"__Host-session="), Err(Unusable));
    assert_eq!(read_cookie(b"__Host-session=x; __Host-session=x"), Err(Unusable));
    let mut both = headers(COOKIE, &[b"__Host-session=x"]);
    both.insert(AUTHORIZATION, HeaderValue::from_static("Bearer y"));
    assert_eq!(Transport::Cookie(SessionCookie::default()).read(&both), Err(Unusable));
    assert_eq!(BEARER.read(&both), Ok(Some("y".to_owned())));
}

#[test]
fn c2_a_cookie_stays_within_its_limits() {
    let cookie = SessionCookie::default();
    let longest = MAX_COOKIE_LEN - cookie.name().len();
    assert!(cookie.with_value(&"x".repeat(longest), 1).is_some());
    assert!(cookie.with_value(&"x".repeat(longest + 1), 1).is_none());
    let set = cookie.with_value("x", u64::MAX).unwrap();
    assert!(set.to_str().unwrap().ends_with(&format!("Max-Age={MAX_COOKIE_AGE}")));
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(text: Vec<u8>, tail in "\\PC{0,40}") {
        let _ = (read_cookie(&text), read_bearer(&text));
        let _ = (read_cookie(tail.as_bytes()), read_bearer(tail.as_bytes()));
        let _ = read_cookie(format!("__Host-session={tail}").as_bytes());
        let _ = read_bearer(format!("Bearer {tail}").as_bytes());
    }

    #[test]
    fn a_cookie_comes_back_exactly(value in "\\PC{1,200}", others in "([a-z]{1,5}=[a-z]{0,5}; )?") {
        let set = SessionCookie::default().with_value(&value, 60).unwrap();
        prop_assert_eq!(read_cookie(format!("{others}{}", pair(&set)).as_bytes()), Ok(Some(value)));
    }

    #[test]
    fn a_bearer_token_comes_back_exactly(token in "[A-Za-z0-9._~+/-]{1,200}={0,2}") {
        prop_assert_eq!(read_bearer(format!("Bearer {token}").as_bytes()), Ok(Some(token)));
    }
}
