//! URLs of servers, checked before the driver reads them (rule S18).
//!
//! The driver ignores parameters that it does not know, and its errors quote the URL. These checks name what
//! is wrong, and never show a user, a password or a value.

use std::borrow::Cow;
use std::fmt;

use authcore::store::{StoreError, StoreErrorKind};

/// The schemes of TCP, of TLS and of Unix sockets.
const TCP: [&str; 2] = ["redis", "valkey"];
const TLS: [&str; 2] = ["rediss", "valkeys"];
const UNIX: [&str; 3] = ["unix", "redis+unix", "valkey+unix"];

/// What the driver reads from the query.
const PARAMETERS: [&str; 1] = ["protocol"];
const PARAMETERS_OF_UNIX: [&str; 4] = ["db", "user", "pass", "protocol"];
const PROTOCOLS: [&str; 4] = ["2", "resp2", "3", "resp3"];

/// What is wrong with a URL, without any part of it that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlError(Cow<'static, str>);

impl UrlError {
    const OPEN_QUESTION_MARK: Self =
        Self::new("the URL has an `@` after a `?`: write a `?` in the password as %3F");
    const BAD_ESCAPE: Self = Self::new(
        "a `%` in the URL is not followed by the two hexadecimal digits of a UTF-8 character: write a `%` \
         as %25",
    );

    const fn new(problem: &'static str) -> Self {
        Self(Cow::Borrowed(problem))
    }

    const fn of(problem: String) -> Self {
        Self(Cow::Owned(problem))
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<UrlError> for StoreError {
    fn from(error: UrlError) -> Self {
        Self::new(StoreErrorKind::Misconfigured, "the URL is not valid").with_context(error.0)
    }
}

/// The protocol that a URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Named,
    Default,
}

/// The URLs of a list with commas between them, each of which is checked.
pub(crate) fn split(urls: &str) -> Result<Vec<(&str, Protocol)>, UrlError> {
    let urls = urls.trim();
    if urls.is_empty() {
        return Err(UrlError::new("the URL is empty"));
    }
    if urls.contains(char::is_control) {
        return Err(UrlError::new("the URL has a control character in it, such as the end of a line"));
    }
    let entries = urls.split(',').map(str::trim);
    entries.map(|url| Ok((url, check(url, urls.contains(','))?))).collect()
}

fn check(url: &str, is_in_list: bool) -> Result<Protocol, UrlError> {
    let Some((scheme, rest)) = url.split_once(':') else { return Err(no_scheme(is_in_list)) };
    let rest = match rest.strip_prefix("//") {
        Some(rest) if TCP.contains(&scheme) || TLS.contains(&scheme) => rest,
        _ if UNIX.contains(&scheme) => return check_unix(rest),
        Some(_) if is_plain(scheme) => {
            return Err(UrlError::of(format!(
                "the scheme of the URL is `{scheme}`, and has to be `redis`, `rediss` or `unix`"
            )));
        }
        _ => return Err(no_scheme(is_in_list)),
    };
    if rest.contains(char::is_whitespace) {
        return Err(UrlError::new("the URL has white space in it: write a space as %20"));
    }
    let rest = match rest.split_once('#') {
        None => rest,
        Some((rest, "insecure")) if TLS.contains(&scheme) => rest,
        Some(_) => {
            return Err(UrlError::new("the URL has a `#` in it: write a `#` in the password as %23"));
        }
    };
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    if path.contains('@') {
        return Err(UrlError::new("the URL has an `@` after a `/`: write a `/` in the password as %2F"));
    }
    check_authority(authority, query)?;
    if !authority.rsplit_once('@').into_iter().all(|(user, _)| decoded(user).is_some()) {
        return Err(UrlError::BAD_ESCAPE);
    }
    let database = path.trim_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err(UrlError::new("what follows the host in the URL is not the number of a database"));
    }
    match check_parameters(query, &PARAMETERS) {
        // Then these are perhaps no parameters, and their names are not to be shown.
        Err(_) if query.contains('@') => Err(UrlError::OPEN_QUESTION_MARK),
        checked => checked,
    }
}

fn check_unix(rest: &str) -> Result<Protocol, UrlError> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.trim_matches('/').is_empty() {
        return Err(UrlError::new("the URL names no socket"));
    }
    if decoded(path).is_none() {
        return Err(UrlError::BAD_ESCAPE);
    }
    check_parameters(query, &PARAMETERS_OF_UNIX)
}

fn no_scheme(is_in_list: bool) -> UrlError {
    UrlError::new(if is_in_list {
        "an entry of the URL's list does not begin with `redis://`: write a `,` in a password as %2C"
    } else {
        "the URL has no scheme: it has to begin with `redis://`, `rediss://` or `unix://`"
    })
}

fn check_authority(authority: &str, query: &str) -> Result<(), UrlError> {
    let (user, server) = match authority.rsplit_once('@') {
        Some((user, server)) => (Some(user), server),
        None => (None, authority),
    };
    let end_of_address = server.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match server[end_of_address..].rfind(':') {
        Some(colon) => (&server[..end_of_address + colon], &server[end_of_address + colon + 1..]),
        None => (server, ""),
    };
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if !port.is_empty() && !is_port(port) {
        if user.is_none() && query.contains('@') {
            return Err(UrlError::OPEN_QUESTION_MARK);
        }
        return Err(UrlError::new(
            if user.is_none() && !port.starts_with(|first: char| first.is_ascii_digit()) {
                "the URL's port is not a number from 1 to 65535, or no `@` and no host follow the password"
            } else {
                "the URL's port is not a number from 1 to 65535"
            },
        ));
    }
    if host.is_empty() { Err(UrlError::new("the URL names no host")) } else { Ok(()) }
}

fn check_parameters(query: &str, known: &[&str]) -> Result<Protocol, UrlError> {
    let mut seen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| decoded(&text.replace('+', " ")).ok_or(UrlError::BAD_ESCAPE);
        let (name, value) = (decode(name)?, decode(value)?);
        let shown = if is_plain(&name) { format!("`{name}`") } else { "with an unusual name".to_owned() };
        if !known.contains(&&*name) {
            let lower = name.to_ascii_lowercase();
            let asks_for_tls = lower.contains("ssl") || lower.contains("tls");
            let advice = if asks_for_tls { "; to ask for TLS, begin the URL with `rediss://`" } else { "" };
            return Err(UrlError::of(format!("the driver does not know the URL parameter {shown}{advice}")));
        }
        let expected = match &*name {
            "protocol" if !PROTOCOLS.contains(&&*value) => "resp2 or resp3",
            "db" if value.parse::<u32>().is_err() => "the number of a database",
            _ => "",
        };
        if !expected.is_empty() {
            return Err(UrlError::of(format!("the value of the URL parameter {shown} has to be {expected}")));
        }
        if seen.contains(&name) {
            return Err(UrlError::of(format!("the URL parameter {shown} is given twice")));
        }
        seen.push(name);
    }
    Ok(if seen.iter().any(|name| name == "protocol") { Protocol::Named } else { Protocol::Default })
}

/// Whether a text is short and simple enough to be shown.
fn is_plain(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

/// The text without its escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hunter2` stands in the URLs for what must not be shown (rule S10).
    #[test]
    fn s18_each_malformed_url_has_an_error_of_its_own() {
        for (url, says) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("hunter2", "has no scheme"),
            ("app:hunter2@h", "has no scheme"),
            ("redis:hunter2", "has no scheme"),
            ("http://app:hunter2@h", "the scheme of the URL is `http`"),
            ("redis://app:hunt\ner2@h", "control character"),
            ("redis://app:hunt er2@h", "a space as %20"),
            ("redis://app:hunt#er2@h", "`#` in the password as %23"),
            ("redis://h#insecure", "`#`"),
            ("redis://app:hunt/er2@h", "`/` in the password as %2F"),
            ("redis://app:hunt?er2@h", "`?` in the password as %3F"),
            ("redis://app:12?hunt=er2@h", "`?` in the password as %3F"),
            ("redis://app:hunt%er2@h", "write a `%` as %25"),
            ("redis://app:hunt,er2@h", "port"),
            ("redis://app:12,hunter2@h", "`,` in a password as %2C"),
            ("redis://app:hunter2@h:x", "port is not a number from 1 to 65535"),
            ("redis://h:0", "port is not a number from 1 to 65535"),
            ("redis://app:hunter2", "no `@` and no host follow"),
            ("redis://", "names no host"),
            ("redis://:hunter2@", "names no host"),
            ("redis://:hunter2@:6379", "names no host"),
            ("redis://h/hunter2", "not the number of a database"),
            ("redis://h/-1", "not the number of a database"),
            ("unix://", "names no socket"),
            (",", "`,` in a password as %2C"),
            ("redis://h,", "does not begin with `redis://`"),
            ("redis://h?ssl=true", "the URL parameter `ssl`; to ask for TLS, begin the URL with `rediss://`"),
            ("rediss://h?tls=hunter2", "begin the URL with `rediss://`"),
            ("redis://h,redis://i?ssl=true", "the URL parameter `ssl`"),
            ("redis://h?db=1", "does not know the URL parameter `db`"),
            ("redis://h?protocol=hunter2", "`protocol` has to be resp2 or resp3"),
            ("redis://h?protocol=resp2&protocol=resp3", "`protocol` is given twice"),
            ("unix:///run/redis?database=1", "does not know the URL parameter `database`"),
            ("unix:///run/redis?db=hunter2", "`db` has to be the number of a database"),
        ] {
            let Err(error) = split(url) else { panic!("{url} was taken") };
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(says), "{url}: '{shown}' does not say '{says}'");
            for secret in ["hunter2", "hunt", "er2"] {
                assert!(!shown.contains(secret), "S10: {url}: {shown}");
            }
        }
    }

    #[test]
    fn urls_that_the_driver_reads_as_they_are_meant_are_taken() {
        use redis::IntoConnectionInfo as _;

        for url in [
            "redis://h",
            "redis://h:6379/",
            "redis://app:p@ss@h:6379/2?protocol=resp3",
            "redis://:%2F%3F%23%25%40%C3%BC@[::1]:6379",
            "valkey://h?protocol=2",
            "unix:///run/redis.sock?db=2&user=app&pass=a%40b",
            "redis+unix:///run/redis.sock",
        ] {
            assert!(split(url).is_ok(), "{url}: {:?}", split(url));
            assert!(url.into_connection_info().is_ok(), "{url}");
        }
        let nodes = split(" redis://a:7000, redis://b:7000?protocol=resp2 ").unwrap();
        let expected =
            [("redis://a:7000", Protocol::Default), ("redis://b:7000?protocol=resp2", Protocol::Named)];
        assert_eq!(nodes, expected);
    }
}
