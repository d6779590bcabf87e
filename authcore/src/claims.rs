//! The application's claims: its own JSON object about a subject.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{LoginError, SessionRecord};

/// Names that an application's claims cannot take, in any strategy, because tokens use them (rule T13): those of
/// RFC 7519, RFC 9068 and OpenID Connect that decide who a token is for, how long, and bound to what.
///
/// `scope`, `roles`, `groups`, `entitlements`, `acr`, `amr`, `name`, `email` and the like are free.
pub const RESERVED_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "auth_time",
    "sid",
    "epoch",
    "cnf",
    "act",
    "may_act",
    "azp",
    "nonce",
];

/// One of [`RESERVED_CLAIMS`], by its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    Iss,
    Sub,
    Aud,
    Exp,
    Nbf,
    Iat,
    Jti,
    ClientId,
    AuthTime,
    Sid,
    Epoch,
    Cnf,
    Act,
    MayAct,
    Azp,
    Nonce,
}

impl Reserved {
    /// The reserved name that `name` is, if it is one.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "iss" => Self::Iss,
            "sub" => Self::Sub,
            "aud" => Self::Aud,
            "exp" => Self::Exp,
            "nbf" => Self::Nbf,
            "iat" => Self::Iat,
            "jti" => Self::Jti,
            "client_id" => Self::ClientId,
            "auth_time" => Self::AuthTime,
            "sid" => Self::Sid,
            "epoch" => Self::Epoch,
            "cnf" => Self::Cnf,
            "act" => Self::Act,
            "may_act" => Self::MayAct,
            "azp" => Self::Azp,
            "nonce" => Self::Nonce,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        RESERVED_CLAIMS[self as usize]
    }

    /// A bit of its own.
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Names that say 'this is a secret', refused at login at any depth (rule T10): what a token carries is only
/// encoded, and a session's claims are written to a store in clear.
///
/// Exact names, ASCII case folded. Change the list with
/// [`Auth::with_secret_claims`](crate::Auth::with_secret_claims).
pub const SECRET_CLAIMS: &[&str] = &[
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

/// The application's own JSON object about a subject (role, tenant, ...), given at login.
///
/// Members keep the exact text of their values, so that changing one never rounds a number in another.
///
/// ```
/// # fn main() -> Result<(), authcore::LoginError> {
/// use authcore::Claims;
///
/// let mut claims = Claims::new();
/// claims.set("role", "admin")?;
/// assert_eq!(claims.get::<String>("role"), Some("admin".to_owned()));
/// assert!(claims.set("exp", &0).is_err(), "tokens need that name");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Claims(BTreeMap<String, Box<RawValue>>);

impl Claims {
    /// No claims: the empty object.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The members of `value`, which must serialize as a JSON object.
    ///
    /// # Errors
    ///
    /// [`LoginError::NotAnObject`], [`LoginError::ReservedClaim`] (rule T13) or [`LoginError::ClaimsTooLarge`]
    /// above [`SessionRecord::MAX_CLAIMS_LEN`] bytes of JSON.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, LoginError> {
        let json = serde_json::to_string(value).map_err(|_| LoginError::NotAnObject)?;
        let claims = Self::from_json(&json)?;
        claims.to_json()?;
        Ok(claims)
    }

    /// Reads a record's claims.
    pub(crate) fn from_json(json: &str) -> Result<Self, LoginError> {
        let members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(json).map_err(|_| LoginError::NotAnObject)?;
        Self::from_members(members)
    }

    fn from_members(members: BTreeMap<String, Box<RawValue>>) -> Result<Self, LoginError> {
        match members.keys().find_map(|name| Reserved::of(name)) {
            Some(reserved) => Err(LoginError::ReservedClaim(reserved.name())),
            None => Ok(Self(members)),
        }
    }

    /// The text that a record keeps.
    pub(crate) fn to_json(&self) -> Result<Box<str>, LoginError> {
        let json = serde_json::to_string(&self.0).map_err(|_| LoginError::NotAnObject)?;
        if json.len() > SessionRecord::MAX_CLAIMS_LEN {
            return Err(LoginError::ClaimsTooLarge);
        }
        Ok(json.into())
    }

    /// The member `name`, if it is there and is a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// Sets the member `name`.
    ///
    /// # Errors
    ///
    /// [`LoginError::ReservedClaim`] (rule T13), or [`LoginError::NotAnObject`] if `value` cannot be JSON.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), LoginError> {
        if let Some(reserved) = Reserved::of(name) {
            return Err(LoginError::ReservedClaim(reserved.name()));
        }
        let value = serde_json::value::to_raw_value(value).map_err(|_| LoginError::NotAnObject)?;
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// Removes the member `name`; `true` if it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The names of the members, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::from_members(BTreeMap::deserialize(input)?).map_err(D::Error::custom)
    }
}

impl fmt::Debug for Claims {
    /// Shows the names only: values are the application's (rule S10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Whether `json` is one JSON object without reserved names (rule T13).
pub(crate) fn check_json(json: &str) -> serde_json::Result<()> {
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while map.next_entry::<FreeName, IgnoredAny>()?.is_some() {}
            Ok(())
        }
    }

    let mut input = serde_json::Deserializer::from_str(json);
    input.deserialize_map(Object)?;
    input.end()
}

/// A name that tokens do not use.
struct FreeName;

impl<'de> Deserialize<'de> for FreeName {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = FreeName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name that is not reserved")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<FreeName, E> {
                if Reserved::of(name).is_some() { Err(E::custom("a reserved name")) } else { Ok(FreeName) }
            }
        }

        input.deserialize_str(Name)
    }
}

/// The host's list of names that mean a secret.
#[derive(Debug, Clone)]
pub(crate) struct SecretNames(Box<[Box<str>]>);

impl Default for SecretNames {
    fn default() -> Self {
        Self::new(SECRET_CLAIMS)
    }
}

impl SecretNames {
    pub(crate) fn new<N: Into<Box<str>> + Clone>(names: &[N]) -> Self {
        Self(names.iter().cloned().map(Into::into).collect())
    }

    /// Refuses claims with a member of such a name at any depth.
    pub(crate) fn check(&self, json: &str) -> Result<(), LoginError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut found = false;
        let search = Search { names: self, found: &mut found };
        let outcome = search.deserialize(&mut serde_json::Deserializer::from_str(json));
        match outcome {
            _ if found => Err(LoginError::SecretClaim),
            Ok(()) => Ok(()),
            Err(_) => Err(LoginError::NotAnObject),
        }
    }

    fn contain(&self, name: &str) -> bool {
        self.0.iter().any(|secret| secret.eq_ignore_ascii_case(name))
    }
}

/// Walks a JSON value and stops at the first member whose name means a secret.
struct Search<'s> {
    names: &'s SecretNames,
    found: &'s mut bool,
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
                *self.found = true;
                return Err(A::Error::custom("a secret"));
            }
            map.next_value_seed(Search { names: self.names, found: self.found })?;
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
    fn t13_reserved_names_are_refused_at_the_top_level_only() {
        for (place, name) in RESERVED_CLAIMS.iter().enumerate() {
            let reserved = Reserved::of(name).unwrap();
            assert_eq!((reserved as usize, reserved.name()), (place, *name));
            let error = Claims::from_serialize(&json!({ *name: 1 })).unwrap_err();
            assert_eq!(error, LoginError::ReservedClaim(name));
            assert!(Claims::new().set(name, &1).is_err());
        }
        assert!(Claims::from_serialize(&json!({ "nested": { "exp": 1 }, "scope": "read" })).is_ok());
    }

    #[test]
    fn t10_secret_names_are_refused_at_any_depth_but_not_as_substrings() {
        let names = SecretNames::default();
        for bad in [
            json!({ "password": "x" }),
            json!({ "PassWord": "x" }),
            json!({ "a": [1, { "card_number": 4 }] }),
            json!({ "a": { "b": { "secret": null } } }),
        ] {
            assert_eq!(names.check(&bad.to_string()), Err(LoginError::SecretClaim), "{bad}");
        }
        let escaped = r#"{"p\u0061ssword":1}"#;
        assert_eq!(names.check(escaped), Err(LoginError::SecretClaim));
        for good in
            [json!({ "password_changed_at": 1, "pins": [], "secretary": "Ada", "n": -1.5 }), json!({})]
        {
            assert_eq!(names.check(&good.to_string()), Ok(()), "{good}");
        }
        assert_eq!(SecretNames::new::<&str>(&[]).check(r#"{"password":1}"#), Ok(()));
    }

    #[test]
    fn only_objects_within_the_limit_are_claims() {
        assert_eq!(Claims::from_serialize(&json!([1])).unwrap_err(), LoginError::NotAnObject);
        assert_eq!(Claims::from_serialize("text").unwrap_err(), LoginError::NotAnObject);
        let long = json!({ "x": "y".repeat(SessionRecord::MAX_CLAIMS_LEN) });
        assert_eq!(Claims::from_serialize(&long).unwrap_err(), LoginError::ClaimsTooLarge);
    }

    #[test]
    fn a8_changing_one_member_leaves_the_text_of_the_others() {
        let mut claims = Claims::from_json(r#"{"big":123456789012345678901234567890,"f":1.10}"#).unwrap();
        claims.set("n", &1).unwrap();
        assert_eq!(&*claims.to_json().unwrap(), r#"{"big":123456789012345678901234567890,"f":1.10,"n":1}"#);
        assert!(!format!("{claims:?}").contains("1234"));
    }
}
