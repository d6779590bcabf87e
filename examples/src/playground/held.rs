//! The credentials that the browser holds. No script can read these cookies, so the server reports them to
//! the page.

use authcore::clock::{Clock as _, SystemClock};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::strategies::Strategy;

/// A cookie of a strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sent with every request.
    Access,
    /// Sent only to the authentication routes.
    Refresh,
}

/// Returns the cookies of this strategy in a request, the one sent with every request first.
pub(super) fn held(strategy: Strategy, headers: &HeaderMap) -> Vec<Held> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut all: Vec<_> = pairs
        .filter_map(|(name, value)| {
            let kind = kind(strategy, name)?;
            Some(Held { name: name.to_owned(), value: value.to_owned(), kind })
        })
        .collect();
    all.sort_by_key(|held| held.kind == Kind::Refresh);
    all
}

pub(super) fn kind(strategy: Strategy, name: &str) -> Option<Kind> {
    let bare = name.strip_prefix("__Host-").or_else(|| name.strip_prefix("__Secure-")).unwrap_or(name);
    match bare.strip_prefix(strategy.name())? {
        "" => Some(Kind::Access),
        "-refresh" => Some(Kind::Refresh),
        _ => None,
    }
}

/// Returns the description of the cookies for the page.
pub(super) fn shown(strategy: Strategy, headers: &HeaderMap) -> Value {
    let cookies: Vec<_> = held(strategy, headers).iter().map(|held| cookie(strategy, held)).collect();
    json!({ "now_ms": SystemClock.now().as_millis(), "cookies": cookies })
}

fn cookie(strategy: Strategy, held: &Held) -> Value {
    let path = match held.kind {
        Kind::Access => "/".to_owned(),
        Kind::Refresh => strategy.routes(),
    };
    json!({
        "name": held.name,
        "value": shortened(&held.value),
        "length": held.value.len(),
        "path": path,
        "jwt": jwt(&held.value),
        "generation": generation(&held.value),
    })
}

/// Returns the header and claims of a token without verification. They are readable for everyone with the
/// token.
fn jwt(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (header, claims) = (decoded(parts.next()?)?, decoded(parts.next()?)?);
    Some(json!({ "header": header, "claims": claims }))
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Returns the generation of a refresh token, which follows the format (1 byte) and the session id (16
/// bytes).
fn generation(token: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix("acr_")?).ok()?;
    Some(u64::from_be_bytes(bytes.get(17..25)?.try_into().ok()?))
}

/// Shortens a secret, so that it can be told apart from others but not used.
pub(super) fn shortened(value: &str) -> String {
    let part = |part: &str| match (part.get(..8), part.get(part.len().saturating_sub(4)..)) {
        (Some(start), Some(end)) if part.len() >= 24 => format!("{start}…{end}"),
        _ => "…".to_owned(),
    };
    value.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// Returns a `Set-Cookie` header with its value shortened.
pub(super) fn shortened_cookie(cookie: &str) -> String {
    let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let value = if value.is_empty() { String::new() } else { shortened(value) };
    format!("{name}={value};{attributes}")
}

/// Returns a forgery: a token with another role under the same signature, or any other value with another
/// last character.
pub(super) fn tampered(value: &str) -> String {
    forged_role(value).unwrap_or_else(|| {
        let (rest, last) = value.split_at(value.len().saturating_sub(1));
        format!("{rest}{}", if last == "A" { "B" } else { "A" })
    })
}

fn forged_role(token: &str) -> Option<String> {
    let (header, rest) = token.split_once('.')?;
    let (claims, signature) = rest.split_once('.')?;
    let mut claims = decoded(claims)?;
    claims.as_object_mut()?.insert("role".to_owned(), "owner".into());
    Some(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn cookies_of_other_strategies_and_services_are_not_shown() {
        let text = "a=b; hybrid-refresh=r; sessions=s; __Host-hybrid=x; hybrids=y; hybrid-other=z";
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]);
        let all = held(Strategy::Hybrid, &headers);
        let names: Vec<_> = all.iter().map(|held| (held.name.as_str(), held.kind)).collect();
        assert_eq!(names, [("__Host-hybrid", Kind::Access), ("hybrid-refresh", Kind::Refresh)]);
    }

    #[test]
    fn secrets_are_shortened() {
        assert_eq!(shortened("acs_0123456789012345678901234567890123456789"), "acs_0123…6789");
        assert_eq!(shortened("short"), "…");
        assert_eq!(shortened("ééééééééééééé"), "éééé…éé");
        assert_eq!(shortened_cookie("a=short; Path=/"), "a=…; Path=/");
        assert_eq!(shortened_cookie("a=; Max-Age=0"), "a=; Max-Age=0");
    }

    #[test]
    fn a_forgery_differs() {
        assert_eq!(tampered("acs_xA"), "acs_xB");
        assert_eq!(tampered("acs_xy"), "acs_xA");
        let claims = URL_SAFE_NO_PAD.encode(r#"{"role":"editor","sub":"user-1"}"#);
        let forged = tampered(&format!("e30.{claims}.c2ln"));
        let shown = jwt(&forged).unwrap();
        assert_eq!(shown["claims"], json!({ "role": "owner", "sub": "user-1" }));
        assert!(forged.ends_with(".c2ln"));
    }
}
