//! Checks of database URLs, made before the driver parses them (rule S18).
//!
//! The driver ignores parameters that it does not know, and its errors quote the URL. The errors here name
//! what is wrong, and never show a user, a password or a value (rule S10).

use std::borrow::Cow;
use std::fmt;

use authcore::store::{StoreError, StoreErrorKind};

/// What the URLs of one database may contain.
pub(crate) struct Rules {
    pub(crate) schemes: &'static [&'static str],
    pub(crate) parameters: &'static [Parameter],
    pub(crate) server: ServerParameters,
    pub(crate) tls: Tls,
}

/// A parameter of a URL.
pub(crate) struct Parameter {
    /// The main name, and its synonyms.
    pub(crate) names: &'static [&'static str],
    pub(crate) takes: Takes,
}

/// The values that a parameter takes.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    Text,
    /// Text. The parameter may occur several times, and each value adds to the ones before it.
    Texts,
    Number,
    Port,
    Address,
    /// One of these, in upper or lower case.
    OneOf(&'static [&'static str]),
    /// One of these, exactly as written here.
    ExactlyOneOf(&'static [&'static str]),
}

/// The parameters that name the server, as the part before the path does.
pub(crate) struct ServerParameters {
    pub(crate) names: &'static [&'static str],
    /// A host before the path that has no effect with such a parameter, but is allowed: a URL with a
    /// user needs a host.
    pub(crate) placeholder: Option<&'static str>,
}

/// How a URL asks for TLS.
pub(crate) struct Tls {
    /// The main name of the parameter with the mode.
    pub(crate) mode: &'static str,
    pub(crate) without_tls: &'static str,
    pub(crate) required: &'static str,
    /// The modes that verify the server's certificate: its issuer, and its name too.
    pub(crate) verifying: [&'static str; 2],
    /// A mode that the driver treats as `without_tls`.
    pub(crate) ineffective: Option<&'static str>,
    pub(crate) authority: &'static str,
    pub(crate) identity: &'static [&'static str],
}

/// What is wrong with a URL. The text contains no part of the URL that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlError(Cow<'static, str>);

impl UrlError {
    /// The driver refuses a URL that the checks here accept.
    pub(crate) const REFUSED: Self = Self::new("the URL's host is not valid");
    pub(crate) const EMPTY: Self = Self::new("the URL is empty");
    const NO_HOST: Self = Self::new("the URL names no host");
    const OPEN_QUESTION_MARK: Self =
        Self::new("the URL contains an `@` after a `?`: write a `?` in the password as %3F");
    pub(crate) const BAD_ESCAPE: Self = Self::new(
        "a `%` in the URL is not followed by the two hexadecimal digits of a UTF-8 character: write a `%` \
         as %25",
    );

    const fn new(problem: &'static str) -> Self {
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

/// The names and values of a URL's parameters.
pub(crate) type Parameters = Vec<(String, String)>;

/// Checks the URL of a server, `scheme://user:password@host:port/database?name=value&...`, and returns its
/// parameters.
pub(crate) fn check_server(url: &str, rules: &Rules) -> Result<Parameters, UrlError> {
    check_text(url)?;
    if url.contains(char::is_whitespace) {
        return Err(UrlError::new("the URL contains white space: write a space as %20"));
    }
    let rest = after_scheme(url, rules.schemes, "://")?;
    if rest.contains('#') {
        return Err(UrlError::new("the URL contains a `#`: write a `#` in the password as %23"));
    }
    let (before_query, query) = rest.split_once('?').map_or((rest, ""), |(before, query)| (before, query));
    let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    if path.contains('@') {
        return Err(UrlError::new(
            "the URL contains an `@` after a `/`: write a `/` in the password as %2F, and a later `@` as %40",
        ));
    }
    let host = check_authority(authority, query, rest.len() == authority.len())?;
    if !authority.rsplit_once('@').into_iter().all(|(user, _)| is_escaped(user)) || !is_escaped(path) {
        return Err(UrlError::BAD_ESCAPE);
    }
    let parameters = parameters(query)?;
    match check_parameters(&parameters, rules.parameters, &rules.tls.advice()) {
        // The query is probably part of the password, so it must not be shown.
        Err(_) if query.contains('@') => Err(UrlError::OPEN_QUESTION_MARK),
        checked => checked,
    }?;
    rules.server.check(&parameters, host)?;
    rules.tls.check(&parameters, rules.parameters)?;
    Ok(parameters)
}

/// Checks the URL of a file, `scheme:path?name=value&...`, and returns its parameters.
pub(crate) fn check_file(
    url: &str,
    scheme: &'static str,
    known: &[Parameter],
) -> Result<Parameters, UrlError> {
    check_text(url)?;
    let rest = after_scheme(url, &[scheme], ":")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let parameters = parameters(query)?;
    check_parameters(&parameters, known, "")?;
    if path.trim_matches('/').is_empty() {
        return Err(UrlError::new("the URL names no file: each connection would have a database of its own"));
    }
    if is_escaped(path) { Ok(parameters) } else { Err(UrlError::BAD_ESCAPE) }
}

fn check_text(url: &str) -> Result<(), UrlError> {
    if url.is_empty() {
        return Err(UrlError::EMPTY);
    }
    if url.trim() != url {
        return Err(UrlError::new(
            "the URL begins or ends with white space, such as the end of a line that it was read from",
        ));
    }
    if url.contains(char::is_control) {
        return Err(UrlError::new("the URL contains a control character, such as the end of a line"));
    }
    Ok(())
}

fn after_scheme<'a>(
    url: &'a str,
    schemes: &[&'static str],
    separator: &'static str,
) -> Result<&'a str, UrlError> {
    let known = schemes.iter().map(|known| format!("`{known}{separator}`")).collect::<Vec<_>>().join(" or ");
    let (scheme, rest) = url.split_once(separator).unwrap_or(("", ""));
    if schemes.contains(&scheme) {
        return Ok(rest);
    }
    match url.split_once("://") {
        Some((other, _)) if is_plain(other) && !schemes.contains(&other) => {
            Err(UrlError::from(format!("the scheme of the URL is `{other}`, but must be {known}")))
        }
        _ => Err(UrlError::from(format!("the URL has no scheme: it must begin with {known}"))),
    }
}

/// The server that the part of a URL before its path names.
struct Host<'u> {
    name: &'u str,
    has_port: bool,
}

/// Checks the part before the path. `is_all` means that nothing follows it.
fn check_authority<'u>(authority: &'u str, query: &str, is_all: bool) -> Result<Host<'u>, UrlError> {
    let (user, server) = match authority.rsplit_once('@') {
        Some((user, server)) => (Some(user), server),
        None => (None, authority),
    };
    let end_of_address = server.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match server[end_of_address..].rfind(':') {
        Some(colon) => (&server[..end_of_address + colon], Some(&server[end_of_address + colon + 1..])),
        None => (server, None),
    };
    if let Some(port) = port.filter(|port| !port.is_empty() && !is_port(port)) {
        if user.is_none() && query.contains('@') {
            return Err(UrlError::OPEN_QUESTION_MARK);
        }
        let problem = if user.is_none() && !port.starts_with(|first: char| first.is_ascii_digit()) {
            "the URL's port is not a number from 1 to 65535, or no `@` and no host follow the password"
        } else {
            "the URL's port is not a number from 1 to 65535"
        };
        return Err(UrlError::new(problem));
    }
    if host.contains(',') {
        return Err(UrlError::new("the URL names several hosts, but the driver connects to one"));
    }
    // A URL that says nothing about the server means the server of this machine.
    if host.is_empty() && (user.is_some() || port.is_some() || is_all) {
        return Err(UrlError::NO_HOST);
    }
    Ok(Host { name: host, has_port: port.is_some_and(|port| !port.is_empty()) })
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Returns the decoded names and values after the `?`.
fn parameters(query: &str) -> Result<Parameters, UrlError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |text: &str| decoded(&text.replace('+', " ")).ok_or(UrlError::BAD_ESCAPE);
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Returns the parameter with this name, and its main name.
fn known<'a>(rules: &'a [Parameter], name: &str) -> Option<(&'a Parameter, &'static str)> {
    let name = if is_one_option(name) { "options" } else { name };
    let found = rules.iter().find(|rule| rule.names.contains(&name))?;
    Some((found, found.names.first()?))
}

/// Returns whether the name is sqlx's notation for one server setting, `options[name]`.
fn is_one_option(name: &str) -> bool {
    name.strip_prefix("options[").is_some_and(|name| name.ends_with(']'))
}

fn check_parameters(
    parameters: &[(String, String)],
    rules: &[Parameter],
    tls_advice: &str,
) -> Result<(), UrlError> {
    let mut seen = Vec::new();
    for (name, value) in parameters {
        let shown = match () {
            // The name may be the end of the password (rule S10).
            () if seen.contains(&PASSWORD) => {
                "after `password` (write a `&` in the password as %26)".to_owned()
            }
            () if is_plain(name) => format!("`{name}`"),
            () => "with an unusual name".to_owned(),
        };
        let Some((parameter, main)) = known(rules, name) else {
            let lower = name.to_ascii_lowercase();
            let advice = if lower.contains("ssl") || lower.contains("tls") { tls_advice } else { "" };
            return Err(UrlError::from(format!(
                "the driver does not know the URL parameter {shown}{advice}"
            )));
        };
        let is_one_of = |values: &[&str]| values.contains(&value.as_str());
        let is_one_of_any_case =
            |values: &[&str]| values.iter().any(|known| known.eq_ignore_ascii_case(value));
        let expected = match parameter.takes {
            Takes::Text | Takes::Texts => None,
            Takes::Number => value.parse::<usize>().is_err().then(|| "a number".to_owned()),
            Takes::Port => (!is_port(value)).then(|| "a number from 1 to 65535".to_owned()),
            Takes::Address => value.parse::<std::net::IpAddr>().is_err().then(|| "an IP address".to_owned()),
            Takes::OneOf(values) => {
                (!is_one_of_any_case(values)).then(|| format!("one of {}", values.join(", ")))
            }
            Takes::ExactlyOneOf(values) if is_one_of(values) => None,
            Takes::ExactlyOneOf(values) => {
                let hint = if is_one_of_any_case(values) { ", in lower case" } else { "" };
                Some(format!("one of {}{hint}", values.join(", ")))
            }
        };
        if let Some(expected) = expected {
            return Err(UrlError::from(format!("the value of the URL parameter {shown} must be {expected}")));
        }
        if !matches!(parameter.takes, Takes::Texts) && seen.contains(&main) {
            return Err(UrlError::from(format!("the URL parameter {shown} occurs twice")));
        }
        seen.push(main);
    }
    Ok(())
}

/// The parameter whose value is the password.
const PASSWORD: &str = "password";

impl ServerParameters {
    /// Refuses a server that the driver would ignore, as the URL names another one.
    fn check(&self, parameters: &[(String, String)], host: Host<'_>) -> Result<(), UrlError> {
        let mut given = self.names.iter().filter(|name| parameters.iter().any(|(given, _)| given == *name));
        let Some(first) = given.next() else { return Ok(()) };
        if let Some(second) = given.next() {
            return Err(UrlError::from(format!(
                "the URL names the server twice, as `{first}` and as `{second}`: leave out one of them"
            )));
        }
        match self.placeholder {
            Some(placeholder) if !host.name.is_empty() && (host.name != placeholder || host.has_port) => {
                Err(UrlError::from(format!(
                    "the driver ignores the host and port of a URL with `{first}`: write `{placeholder}` \
                     without a port, or leave out `{first}`"
                )))
            }
            // A URL with a user needs a host, which is `localhost` where a parameter names the server.
            None if !host.name.is_empty() && host.name != "localhost" => Err(UrlError::from(format!(
                "the URL names the server twice, as the host before the path and as `{first}`: leave out \
                 one of them"
            ))),
            _ => Ok(()),
        }
    }
}

impl Tls {
    fn advice(&self) -> String {
        let Self { mode, required, verifying: [_, identity], .. } = self;
        format!("; to ask for TLS, write `{mode}={required}` or `{mode}={identity}`")
    }

    /// Refuses parameters about TLS that have no effect.
    fn check(&self, parameters: &[(String, String)], rules: &[Parameter]) -> Result<(), UrlError> {
        let value = |wanted: &str| {
            let is_it = |name: &str| known(rules, name).is_some_and(|(_, main)| main == wanted);
            parameters.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value.as_str())
        };
        let Self { mode, without_tls, verifying: [issuer, identity], authority, .. } = self;
        let is = |wanted: &str| value(mode).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        if let Some(ineffective) = self.ineffective.filter(|ineffective| is(ineffective)) {
            return Err(UrlError::from(format!(
                "with `{mode}={ineffective}` the driver never uses TLS: if that is intended, write \
                 `{mode}={without_tls}`"
            )));
        }
        if value(authority).is_some() && !is(issuer) && !is(identity) {
            return Err(UrlError::from(format!(
                "`{authority}` has an effect only with `{mode}={issuer}` or `{mode}={identity}` in the URL"
            )));
        }
        match self.identity.iter().find(|name| value(name).is_some()) {
            Some(name) if is(without_tls) => {
                Err(UrlError::from(format!("`{name}` has no effect with `{mode}={without_tls}`")))
            }
            _ => Ok(()),
        }
    }
}

/// Returns whether a text is short and simple enough to be shown.
fn is_plain(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+[]".contains(&byte))
}

fn is_escaped(text: &str) -> bool {
    decoded(text).is_some()
}

/// Returns the text with its escapes decoded, or `None` if one is not valid.
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

#[cfg(all(test, feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod tests;
