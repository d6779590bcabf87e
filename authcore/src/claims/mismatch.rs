//! The error for claims of an unexpected type.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The reason why claims could not be read as the requested type (rule A16): the member at fault, its JSON
/// type, and the expected one.
///
/// For logs: applications see it behind [`Error::Claims`](crate::Error::Claims) and as the error of
/// [`Claims::get`](crate::Claims::get). It contains names and types, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsMismatch {
    member: Option<Box<str>>,
    found: &'static str,
    expected: Box<str>,
    target: &'static str,
}

impl ClaimsMismatch {
    /// Returns the member at fault, if it can be named. In nested claims, this is the outermost member.
    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// Returns what was found: a JSON type such as `a string`, or `missing`.
    pub fn found(&self) -> &'static str {
        self.found
    }

    /// Returns what the requested type expects.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Returns the name of the requested Rust type.
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// Explains why `json`, one JSON object, could not be read as a `T`.
    pub(crate) fn of_object<T>(json: &str, error: &serde_json::Error) -> Self {
        let (message, at) = (error.to_string(), place(json, error));
        let members: Vec<(String, &str, usize)> = members(json);
        // For a type that buffers all members before it looks at them, such as one with a flattened field,
        // serde_json stops after the last member.
        let inside = members.iter().find(|(_, value, start)| (*start..=*start + value.len()).contains(&at));
        let missing = between(&message, "missing field `", '`');
        match (inside, missing, between(&message, "unknown field `", '`')) {
            (Some((name, value, _)), Some(inner), _) => {
                Self::new::<T>(Some(name), json_type(value), format!("a member `{inner}` in it").into())
            }
            (Some((name, value, _)), _, Some(_)) => {
                Self::new::<T>(Some(name), json_type(value), "no other members in it".into())
            }
            (Some((name, value, _)), _, _) => {
                Self::new::<T>(Some(name), json_type(value), expectation::<T>(&message))
            }
            (None, Some(name), _) => Self::new::<T>(Some(name), "missing", "a member of this name".into()),
            (None, _, Some(name)) => {
                let known = members.iter().find(|(member, _, _)| member == name);
                let found = known.map_or("a member", |(_, value, _)| json_type(value));
                Self::new::<T>(Some(name), found, "no member of this name".into())
            }
            (None, None, None) => Self::new::<T>(None, "an object", expectation::<T>(&message)),
        }
    }

    /// Explains why the member `name` could not be read as a `T`.
    pub(crate) fn of_member<T: DeserializeOwned>(name: &str, value: &str, error: &serde_json::Error) -> Self {
        Self::new::<T>(Some(name), json_type(value), expectation::<T>(&error.to_string()))
    }

    fn new<T>(member: Option<&str>, found: &'static str, expected: Box<str>) -> Self {
        Self { member: member.map(Into::into), found, expected, target: type_name::<T>() }
    }
}

impl fmt::Display for ClaimsMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some(member) => write!(f, "claim {member:?} is {}, expected {}", self.found, self.expected)?,
            None => write!(f, "the claims are {}, expected {}", self.found, self.expected)?,
        }
        write!(f, " (reading {})", self.target)
    }
}

impl std::error::Error for ClaimsMismatch {}

/// Returns how many bytes come before the place where serde_json stopped.
///
/// That place is the end of a value, or the first byte of an array or object where another type is expected.
fn place(json: &str, error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    json.split_inclusive('\n').take(lines_before).map(str::len).sum::<usize>() + error.column()
}

/// Returns the members of an object and the positions at which their values begin.
fn members(json: &str) -> Vec<(String, &str, usize)> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    let start = json.as_ptr().addr();
    let mut members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| (name, value.get(), value.get().as_ptr().addr().saturating_sub(start)))
        .collect();
    members.sort_unstable_by_key(|(_, _, at)| *at);
    members
}

fn json_type(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Returns what serde expected, or the type's name if serde's message could contain a value.
fn expectation<T>(message: &str) -> Box<str> {
    // The last occurrence, because the text before it may contain a value.
    let at = message.rfind(" at line ").unwrap_or(message.len());
    let kinds = ["invalid type: ", "invalid length "];
    match message[..at].rsplit_once(", expected ") {
        Some((_, expected)) if kinds.iter().any(|kind| message.starts_with(kind)) => expected.into(),
        _ => type_name::<T>().into(),
    }
}

fn between<'m>(message: &'m str, start: &str, end: char) -> Option<&'m str> {
    message.strip_prefix(start)?.split_once(end).map(|(name, _)| name)
}

/// Returns whether `json` can be parsed: numbers in range, not nested too deeply.
pub(crate) fn is_readable(json: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(json).is_ok()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Role {
        name: String,
        roles: Vec<String>,
    }

    fn mismatch<'j, T: Deserialize<'j> + fmt::Debug>(json: &'j str) -> ClaimsMismatch {
        ClaimsMismatch::of_object::<T>(json, &serde_json::from_str::<T>(json).unwrap_err())
    }

    #[test]
    fn a16_the_member_and_both_types_are_named_and_no_value_is() {
        for (json, member, found, expected) in [
            (r#"{"name":"Ada","roles":"hunter2"}"#, Some("roles"), "a string", "a sequence"),
            (r#"{"roles":[],"name":7}"#, Some("name"), "a number", "a string"),
            (r#"{"name":"hunter2"}"#, Some("roles"), "missing", "a member of this name"),
            (r#"{"name":"x","roles":["a",{"x":"hunter2"}]}"#, Some("roles"), "an array", "a string"),
            (r#"{ "x" : 1 , "name" : null, "roles": [] }"#, Some("name"), "null", "a string"),
            (r#"{"a":{"b":"hunter2"},"name":["hunter2"],"roles":[]}"#, Some("name"), "an array", "a string"),
            (r#"{"a":[],"name":{"b":1},"roles":[]}"#, Some("name"), "an object", "a string"),
            (r#"{"name":"x","roles":{"y":["hunter2"]}}"#, Some("roles"), "an object", "a sequence"),
            (r#"{"a":1,"name":"x", "roles" : [ [ ] ] }"#, Some("roles"), "an array", "a string"),
            (r#"{"name":", expected hunter2","roles":true}"#, Some("roles"), "a boolean", "a sequence"),
            (
                r#"{"name":"x","roles":"x, expected hunter2 at line 7"}"#,
                Some("roles"),
                "a string",
                "a sequence",
            ),
        ] {
            let shown = mismatch::<Role>(json);
            assert_eq!(
                (shown.member(), shown.found(), shown.expected()),
                (member, found, expected),
                "{json}"
            );
            assert!(!format!("{shown} {shown:?}").contains("hunter2"), "{shown}");
            assert!(shown.target().ends_with("Role"));
        }
        let multi_line = mismatch::<Role>("{\n \"name\": \"hunter2\",\n \"roles\": 7\n}");
        assert_eq!((multi_line.member(), multi_line.found()), (Some("roles"), "a number"));
        let whole = mismatch::<u8>(r#"{"name":1}"#);
        assert_eq!((whole.member(), whole.found(), whole.expected()), (None, "an object", "u8"));
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Flat {
        #[serde(flatten)]
        role: Role,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Address {
        city: String,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Nested {
        address: Address,
    }

    /// No member is better than a wrong one, and no name from inside a member is shown.
    #[test]
    fn a16_the_outermost_member_is_named_or_none() {
        let flat = mismatch::<Flat>(r#"{"roles":"admin","name":"ok","zzz":1}"#);
        assert_eq!(flat.member(), None, "{flat}");
        let missing = mismatch::<Nested>(r#"{"address":{}}"#);
        assert_eq!(
            (missing.member(), missing.found(), missing.expected()),
            (Some("address"), "an object", "a member `city` in it")
        );
        let unknown = mismatch::<Nested>(r#"{"address":{"city":"x","hunter2@example.com":1}}"#);
        assert_eq!((unknown.member(), unknown.expected()), (Some("address"), "no other members in it"));
        assert!(!format!("{unknown:?}").contains("hunter2"));
        let top = mismatch::<Nested>(r#"{"role":1}"#);
        assert_eq!((top.member(), top.found()), (Some("address"), "missing"));
    }
}
