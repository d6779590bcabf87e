//! URLs of databases, checked before the driver reads them (rule S18).
//!
//! The driver ignores parameters that it does not know, and its errors quote the URL. These checks name what
//! is wrong, and never show a user, a password or a value.

use std::borrow::Cow;
use std::fmt;

use authcore::store::{StoreError, StoreErrorKind};

/// What the URLs of one database may have in them.
pub(crate) struct Rules {
    pub(crate) schemes: &'static [&'static str],
    pub(crate) parameters: &'static [Parameter],
    pub(crate) tls: Tls,
}

/// A parameter of a URL.
pub(crate) struct Parameter {
    /// The name, and others for the same.
    pub(crate) names: &'static [&'static str],
    pub(crate) takes: Takes,
}

/// The values that a parameter takes.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    Text,
    /// Text, of which each value adds to those before it.
    Texts,
    Number,
    Port,
    Address,
    /// One of these, in whichever case.
    OneOf(&'static [&'static str]),
}

/// How a URL asks for TLS.
pub(crate) struct Tls {
    /// The name of the parameter with the mode, as the advice has it.
    pub(crate) mode: &'static str,
    pub(crate) without_tls: &'static str,
    pub(crate) required: &'static str,
    /// The modes that look at the server's certificate.
    pub(crate) verifying: [&'static str; 2],
    /// A mode that the driver takes for `without_tls`.
    pub(crate) ineffective: Option<&'static str>,
    pub(crate) authority: &'static str,
    pub(crate) identity: &'static [&'static str],
}

/// What is wrong with a URL, without any part of it that may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlError(Cow<'static, str>);

impl UrlError {
    /// What the checks here let pass and the driver did not.
    pub(crate) const REFUSED: Self = Self::new("the URL's host is not valid");
    pub(crate) const EMPTY: Self = Self::new("the URL is empty");
    const NO_HOST: Self = Self::new("the URL names no host");
    const OPEN_QUESTION_MARK: Self =
        Self::new("the URL has an `@` after a `?`: write a `?` in the password as %3F");
    pub(crate) const BAD_ESCAPE: Self = Self::new(
        "a `%` in the URL is not followed by the two hexadecimal digits of a UTF-8 character: write a `%` \
         as %25",
    );

    const fn new(problem: &'static str) -> Self {
        Self(Cow::Borrowed(problem))
    }

    pub(crate) const fn of(problem: String) -> Self {
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

/// Checks the URL of a server: `scheme://user:password@host:port/database?name=value&...`; gives its
/// parameters.
pub(crate) fn check_server(url: &str, rules: &Rules) -> Result<Parameters, UrlError> {
    check_text(url)?;
    if url.contains(char::is_whitespace) {
        return Err(UrlError::new("the URL has white space in it: write a space as %20"));
    }
    let rest = after_scheme(url, rules.schemes, "://")?;
    if rest.contains('#') {
        return Err(UrlError::new("the URL has a `#` in it: write a `#` in the password as %23"));
    }
    let (before_query, query) = rest.split_once('?').map_or((rest, ""), |(before, query)| (before, query));
    let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    if path.contains('@') {
        return Err(UrlError::new(
            "the URL has an `@` after a `/`: write a `/` in the password as %2F, and a later `@` as %40",
        ));
    }
    check_authority(authority, query, rest.len() == authority.len())?;
    if !authority.rsplit_once('@').into_iter().all(|(user, _)| is_escaped(user)) || !is_escaped(path) {
        return Err(UrlError::BAD_ESCAPE);
    }
    let parameters = parameters(query)?;
    match check_parameters(&parameters, rules.parameters, &rules.tls.advice()) {
        // Then these are perhaps no parameters, and their names are not to be shown.
        Err(_) if query.contains('@') => Err(UrlError::OPEN_QUESTION_MARK),
        checked => checked,
    }?;
    rules.tls.check(&parameters, rules.parameters)?;
    Ok(parameters)
}

/// Checks the URL of a file: `scheme:path?name=value&...`.
pub(crate) fn check_file(url: &str, scheme: &'static str, known: &[Parameter]) -> Result<(), UrlError> {
    check_text(url)?;
    let rest = after_scheme(url, &[scheme], ":")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    check_parameters(&parameters(query)?, known, "")?;
    if path.trim_matches('/').is_empty() {
        return Err(UrlError::new("the URL names no file: each connection would have a database of its own"));
    }
    if is_escaped(path) { Ok(()) } else { Err(UrlError::BAD_ESCAPE) }
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
        return Err(UrlError::new("the URL has a control character in it, such as the end of a line"));
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
            Err(UrlError::of(format!("the scheme of the URL is `{other}`, and has to be {known}")))
        }
        _ => Err(UrlError::of(format!("the URL has no scheme: it has to begin with {known}"))),
    }
}

fn check_authority(authority: &str, query: &str, is_all: bool) -> Result<(), UrlError> {
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
        return Err(UrlError::new("the URL names several hosts, and the driver connects to one"));
    }
    // Without any word about the server, the driver takes that of this machine.
    if host.is_empty() && (user.is_some() || port.is_some() || is_all) {
        return Err(UrlError::NO_HOST);
    }
    Ok(())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The names and values after the `?`.
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

/// The parameter of this name, and its main name.
fn known<'a>(rules: &'a [Parameter], name: &str) -> Option<(&'a Parameter, &'static str)> {
    let name = if is_one_option(name) { "options" } else { name };
    let found = rules.iter().find(|rule| rule.names.contains(&name))?;
    Some((found, found.names.first()?))
}

/// A setting as sqlx has it: `options[name]=value`.
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
        let shown = if is_plain(name) { format!("`{name}`") } else { "with an unusual name".to_owned() };
        let Some((parameter, main)) = known(rules, name) else {
            let lower = name.to_ascii_lowercase();
            let advice = if lower.contains("ssl") || lower.contains("tls") { tls_advice } else { "" };
            return Err(UrlError::of(format!("the driver does not know the URL parameter {shown}{advice}")));
        };
        let expected = match parameter.takes {
            Takes::Text | Takes::Texts => None,
            Takes::Number => value.parse::<usize>().is_err().then(|| "a number".to_owned()),
            Takes::Port => (!is_port(value)).then(|| "a number from 1 to 65535".to_owned()),
            Takes::Address => value.parse::<std::net::IpAddr>().is_err().then(|| "an IP address".to_owned()),
            Takes::OneOf(values) => (!values.iter().any(|known| known.eq_ignore_ascii_case(value)))
                .then(|| format!("one of {}", values.join(", "))),
        };
        if let Some(expected) = expected {
            return Err(UrlError::of(format!("the value of the URL parameter {shown} has to be {expected}")));
        }
        if !matches!(parameter.takes, Takes::Texts) && seen.contains(&main) {
            return Err(UrlError::of(format!("the URL parameter {shown} is given twice")));
        }
        seen.push(main);
    }
    Ok(())
}

impl Tls {
    fn advice(&self) -> String {
        let Self { mode, required, verifying: [_, identity], .. } = self;
        format!("; to ask for TLS, write `{mode}={required}` or `{mode}={identity}`")
    }

    /// Refuses what sounds like TLS and is not.
    fn check(&self, parameters: &[(String, String)], rules: &[Parameter]) -> Result<(), UrlError> {
        let value = |wanted: &str| {
            let is_it = |name: &str| known(rules, name).is_some_and(|(_, main)| main == wanted);
            parameters.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value.as_str())
        };
        let Self { mode, without_tls, verifying: [issuer, identity], authority, .. } = self;
        let is = |wanted: &str| value(mode).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        if let Some(ineffective) = self.ineffective.filter(|ineffective| is(ineffective)) {
            return Err(UrlError::of(format!(
                "with `{mode}={ineffective}` the \
                 driver never uses TLS: if that is meant, write `{mode}={without_tls}`"
            )));
        }
        if value(authority).is_some() && !is(issuer) && !is(identity) {
            return Err(UrlError::of(format!(
                "`{authority}` has an effect only with `{mode}={issuer}` or `{mode}={identity}`"
            )));
        }
        match self.identity.iter().find(|name| value(name).is_some()) {
            Some(name) if is(without_tls) => {
                Err(UrlError::of(format!("`{name}` has no effect with `{mode}={without_tls}`")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text is short and simple enough to be shown.
fn is_plain(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+[]".contains(&byte))
}

fn is_escaped(text: &str) -> bool {
    decoded(text).is_some()
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

#[cfg(all(test, feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod tests;
