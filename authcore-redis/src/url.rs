//! URLs of servers, checked before the driver reads them (rule S18).
//!
//! The driver ignores parameters that it does not know, and its errors quote the URL. These checks name what
//! is wrong, and never show a password or any part of one (rule S10).

use std::borrow::Cow;
use std::fmt;

use authcore::store::{StoreError, StoreErrorKind};

/// The schemes for TCP, for TLS and for Unix sockets.
const TCP: [&str; 2] = ["redis", "valkey"];
const TLS: [&str; 2] = ["rediss", "valkeys"];
const UNIX: [&str; 3] = ["unix", "redis+unix", "valkey+unix"];

/// The parameters that the driver reads from the query.
const PARAMETERS: [&str; 1] = ["protocol"];
const PARAMETERS_OF_UNIX: [&str; 4] = ["db", "user", "pass", "protocol"];
const PROTOCOLS: [&str; 4] = ["2", "resp2", "3", "resp3"];

/// What is wrong with a URL, without any part of it that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlError(Cow<'static, str>);

impl UrlError {
    const UNESCAPED_QUESTION_MARK: Self =
        Self(Cow::Borrowed("the URL has an `@` after a `?`: write a `?` in the password as %3F"));
    const UNESCAPED_HASH: Self =
        Self(Cow::Borrowed("the URL has a `#` in it: write a `#` in the password as %23"));
    const UNESCAPED_COMMA: Self = Self(Cow::Borrowed(
        "a URL in the list does not begin with `redis://`, `rediss://` or `unix://`: write a `,` in a \
         password as %2C",
    ));
    const UNESCAPED_AMPERSAND: Self = Self(Cow::Borrowed(
        "an unknown or repeated URL parameter follows `pass`: write a `&` in the password as %26",
    ));
    const INVALID_ESCAPE: Self = Self(Cow::Borrowed(
        "a `%` in the URL is not followed by the two hexadecimal digits of a UTF-8 character: write a `%` \
         as %25",
    ));
}

impl From<&'static str> for UrlError {
    fn from(problem: &'static str) -> Self {
        Self(Cow::Borrowed(problem))
    }
}

impl From<String> for UrlError {
    fn from(problem: String) -> Self {
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

/// Whether a URL names the version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtocolChoice {
    Explicit,
    Default,
}

/// Splits a list of URLs at its commas and checks each.
pub(crate) fn split(urls: &str) -> Result<Vec<(&str, ProtocolChoice)>, UrlError> {
    let urls = urls.trim();
    if urls.is_empty() {
        return Err("the URL is empty".into());
    }
    if urls.contains(char::is_control) {
        return Err("the URL contains a control character, such as the end of a line".into());
    }
    let entries: Vec<&str> = urls.split(',').map(str::trim).collect();
    // What follows a comma may be the rest of a password, of which no check is to show anything.
    if entries.len() > 1 && !entries.iter().all(|url| has_known_scheme(url)) {
        return Err(UrlError::UNESCAPED_COMMA);
    }
    entries.into_iter().map(|url| Ok((url, check(url)?))).collect()
}

/// Returns whether a URL asks for TLS.
pub(crate) fn is_tls(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| TLS.contains(&scheme))
}

fn has_known_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, rest)| {
        UNIX.contains(&scheme) || (rest.starts_with("//") && (TCP.contains(&scheme) || TLS.contains(&scheme)))
    })
}

fn check(url: &str) -> Result<ProtocolChoice, UrlError> {
    match url.split_once(':') {
        Some((scheme, rest)) if UNIX.contains(&scheme) => check_unix(rest),
        Some((scheme, rest)) if has_known_scheme(url) => {
            check_tcp(&rest["//".len()..], TLS.contains(&scheme))
        }
        Some((scheme, rest)) if rest.starts_with("//") && is_plain(scheme) => Err(UrlError::from(format!(
            "the scheme of the URL is `{scheme}`, and must be `redis`, `rediss` or `unix`"
        ))),
        _ => Err("the URL has no scheme: it must begin with `redis://`, `rediss://` or `unix://`".into()),
    }
}

fn check_tcp(rest: &str, is_tls: bool) -> Result<ProtocolChoice, UrlError> {
    if rest.contains(char::is_whitespace) {
        return Err("the URL contains white space: write a space as %20".into());
    }
    match rest.split_once('#') {
        None => {}
        Some((_, "insecure")) if is_tls => {
            return Err("`#insecure` is not supported, as TLS without a check of the certificate protects \
                        nothing: pass the server's authority to `RedisStoreBuilder::root_certificates`"
                .into());
        }
        Some(_) => return Err(UrlError::UNESCAPED_HASH),
    }
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    if path.contains('@') {
        return Err("the URL has an `@` after a `/`: write a `/` in the password as %2F".into());
    }
    check_authority(authority, query)?;
    if !authority.rsplit_once('@').into_iter().all(|(user, _)| decode(user).is_some()) {
        return Err(UrlError::INVALID_ESCAPE);
    }
    let database = path.trim_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Err("the text after the host in the URL is not the number of a database".into());
    }
    match check_parameters(query, &PARAMETERS) {
        // The query may be the rest of a password, whose parts are not to be shown as names of parameters.
        Err(_) if query.contains('@') => Err(UrlError::UNESCAPED_QUESTION_MARK),
        checked => checked,
    }
}

fn check_unix(rest: &str) -> Result<ProtocolChoice, UrlError> {
    if rest.contains('#') {
        return Err(UrlError::UNESCAPED_HASH);
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.trim_matches('/').is_empty() {
        return Err("the URL names no socket".into());
    }
    if decode(path).is_none() {
        return Err(UrlError::INVALID_ESCAPE);
    }
    check_parameters(query, &PARAMETERS_OF_UNIX)
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
            return Err(UrlError::UNESCAPED_QUESTION_MARK);
        }
        return Err(if user.is_none() && !port.starts_with(|first: char| first.is_ascii_digit()) {
            "the port in the URL is not a number from 1 to 65535, or the password is not followed by `@` and \
             a host"
        } else {
            "the port in the URL is not a number from 1 to 65535"
        }
        .into());
    }
    if host.is_empty() { Err("the URL names no host".into()) } else { Ok(()) }
}

fn check_parameters(query: &str, known: &[&str]) -> Result<ProtocolChoice, UrlError> {
    let mut seen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| decode(&text.replace('+', " ")).ok_or(UrlError::INVALID_ESCAPE);
        let (name, value) = (decode(name)?, decode(value)?);
        let (is_known, is_repeated) = (known.contains(&&*name), seen.contains(&name));
        // The pair may be the rest of the password, which an unescaped `&` has cut.
        if (!is_known || is_repeated) && seen.iter().any(|name| name == "pass") {
            return Err(UrlError::UNESCAPED_AMPERSAND);
        }
        let shown = if is_plain(&name) { format!("`{name}`") } else { "with an unusual name".to_owned() };
        if !is_known {
            let lower = name.to_ascii_lowercase();
            let asks_for_tls = lower.contains("ssl") || lower.contains("tls");
            let advice = if asks_for_tls { "; to ask for TLS, begin the URL with `rediss://`" } else { "" };
            let problem = format!("the driver does not know the URL parameter {shown}{advice}");
            return Err(problem.into());
        }
        let expected = match &*name {
            "protocol" if !PROTOCOLS.contains(&&*value) => "resp2 or resp3",
            "db" if value.parse::<u32>().is_err() => "the number of a database",
            _ => "",
        };
        if !expected.is_empty() {
            return Err(format!("the value of the URL parameter {shown} must be {expected}").into());
        }
        if is_repeated {
            return Err(format!("the URL parameter {shown} is given twice").into());
        }
        seen.push(name);
    }
    let is_explicit = seen.iter().any(|name| name == "protocol");
    Ok(if is_explicit { ProtocolChoice::Explicit } else { ProtocolChoice::Default })
}

/// Returns whether a text is short and simple enough to be shown.
fn is_plain(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

/// Returns the text without its escapes, or `None` if one is invalid.
fn decode(text: &str) -> Option<String> {
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

    /// `hunter2` is what must not be shown.
    #[test]
    fn s10_s18_each_malformed_url_has_an_error_of_its_own() {
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
            ("rediss://h#insecure", "`RedisStoreBuilder::root_certificates`"),
            ("rediss://app:hunter2@h:6380/#insecure", "`#insecure` is not supported"),
            ("rediss://app:hunter2@h#secure", "`#` in the password as %23"),
            ("redis://app:hunt/er2@h", "`/` in the password as %2F"),
            ("redis://app:hunt?er2@h", "`?` in the password as %3F"),
            ("redis://app:12?hunt=er2@h", "`?` in the password as %3F"),
            ("redis://app:hunt%er2@h", "write a `%` as %25"),
            ("redis://app:hunt,er2@h", "`,` in a password as %2C"),
            ("redis://app:12,hunter2@h", "`,` in a password as %2C"),
            ("redis://app:12,hunt://er2@h", "`,` in a password as %2C"),
            ("redis://app:12,redis:hunter2@h", "`,` in a password as %2C"),
            ("redis://app:hunter2@h:x", "the port in the URL is not a number from 1 to 65535"),
            ("redis://h:0", "the port in the URL is not a number from 1 to 65535"),
            ("redis://app:hunter2", "not followed by `@` and a host"),
            ("redis://", "names no host"),
            ("redis://:hunter2@", "names no host"),
            ("redis://:hunter2@:6379", "names no host"),
            ("redis://h/hunter2", "not the number of a database"),
            ("redis://h/-1", "not the number of a database"),
            ("unix://", "names no socket"),
            (",", "`,` in a password as %2C"),
            ("redis://h,", "does not begin with `redis://`"),
            ("redis://h?ssl=true,hunter2", "`,` in a password as %2C"),
            ("redis://h?ssl=true", "the URL parameter `ssl`; to ask for TLS, begin the URL with `rediss://`"),
            ("rediss://h?tls=hunter2", "begin the URL with `rediss://`"),
            ("redis://h,redis://i?ssl=true", "the URL parameter `ssl`"),
            ("redis://h?db=1", "does not know the URL parameter `db`"),
            ("redis://h?protocol=hunter2", "`protocol` must be resp2 or resp3"),
            ("redis://h?protocol=resp2&protocol=resp3", "`protocol` is given twice"),
            ("unix:///run/redis?database=1", "does not know the URL parameter `database`"),
            ("unix:///run/redis?db=hunter2", "`db` must be the number of a database"),
            ("unix:///run/r.sock?user=a&pass=s3&hunter2", "`&` in the password as %26"),
            ("unix:///run/r.sock?pass=s3&hunter2=x&db=1", "`&` in the password as %26"),
            ("unix:///run/r.sock?pass=s3&protocol=resp3&hunt-tls=er2", "`&` in the password as %26"),
            ("unix:///run/r.sock?pass=s3&pass=hunter2", "`&` in the password as %26"),
            ("unix:///run/r.sock?pass=s3&db=hunter2", "`db` must be the number of a database"),
            ("unix:///run/r.sock?pass=hunt%er2", "write a `%` as %25"),
            ("unix:///run/r.sock?pass=s3#hunter2", "`#` in the password as %23"),
            ("unix:///run/r.sock?pass=s3,hunter2", "`,` in a password as %2C"),
            ("unix:///run/r.sock?database=1&pass=hunter2", "does not know the URL parameter `database`"),
        ] {
            let Err(error) = split(url) else { panic!("{url} was accepted") };
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(says), "{url}: '{shown}' does not say '{says}'");
            for secret in ["hunter2", "hunt", "er2"] {
                assert!(!shown.contains(secret), "S10: {url}: {shown}");
            }
        }
    }

    #[test]
    fn valid_urls_are_accepted() {
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
        let expected = [
            ("redis://a:7000", ProtocolChoice::Default),
            ("redis://b:7000?protocol=resp2", ProtocolChoice::Explicit),
        ];
        assert_eq!(nodes, expected);
    }
}
