//! The claim names that denote a secret.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::LoginError;

/// See [`Claims::SECRET_NAMES`](super::Claims::SECRET_NAMES).
pub(super) const NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "password_hash",
    "secret",
    "client_secret",
    "api_key",
    "apikey",
    "private_key",
    "access_token",
    "refresh_token",
    "session_token",
    "card_number",
    "cvc",
    "cvv",
    "pin",
    "ssn",
];

/// The application's list of names that denote a secret.
#[derive(Debug, Clone)]
pub(crate) struct SecretNames(Box<[Box<str>]>);

impl Default for SecretNames {
    fn default() -> Self {
        Self::new(NAMES)
    }
}

impl SecretNames {
    pub(crate) fn new<N: Into<Box<str>> + Clone>(names: &[N]) -> Self {
        Self(names.iter().cloned().map(Into::into).collect())
    }

    /// Refuses claims that have a member with such a name at any depth.
    pub(crate) fn check(&self, json: &str) -> Result<(), LoginError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut found = None;
        let search = Search { names: self, found: &mut found };
        let outcome = search.deserialize(&mut serde_json::Deserializer::from_str(json));
        match (found, outcome) {
            (Some(name), _) => Err(LoginError::SecretClaim(name)),
            (None, Ok(())) => Ok(()),
            (None, Err(_)) => Err(LoginError::InvalidJson),
        }
    }

    fn contain(&self, name: &str) -> bool {
        self.0.iter().any(|secret| secret.eq_ignore_ascii_case(name))
    }
}

/// Walks a JSON value and stops at the first member whose name denotes a secret.
struct Search<'s> {
    names: &'s SecretNames,
    /// The path of the member that was found, such as `address.pin`.
    found: &'s mut Option<Box<str>>,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if self.names.contain(&name) {
                *self.found = Some((&*name).into());
                return Err(A::Error::custom("a secret"));
            }
            let inner = map.next_value_seed(Search { names: self.names, found: self.found });
            if let Some(found) = self.found {
                *found = format!("{name}.{found}").into();
            }
            inner?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Search { names: self.names, found: self.found })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn t10_secret_names_are_refused_at_any_depth_but_not_as_substrings() {
        let names = SecretNames::default();
        for bad in [
            json!({ "password": "x" }),
            json!({ "PassWord": "x" }),
            json!({ "a": [1, { "card_number": 4 }] }),
            json!({ "a": { "b": { "secret": null } } }),
        ] {
            let refused = names.check(&bad.to_string());
            assert!(matches!(refused, Err(LoginError::SecretClaim(_))), "{bad}");
        }
        let escaped = r#"{"p\u0061ssword":1}"#;
        assert_eq!(names.check(escaped), Err(LoginError::SecretClaim("password".into())));
        let nested = json!({ "address": [{ "pin": 110001 }] });
        assert_eq!(names.check(&nested.to_string()), Err(LoginError::SecretClaim("address.pin".into())));
        for good in
            [json!({ "password_changed_at": 1, "pins": [], "secretary": "Ada", "n": -1.5 }), json!({})]
        {
            assert_eq!(names.check(&good.to_string()), Ok(()), "{good}");
        }
        assert_eq!(SecretNames::new::<&str>(&[]).check(r#"{"password":1}"#), Ok(()));
    }
}
