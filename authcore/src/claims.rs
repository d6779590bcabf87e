//! The application's claims: a JSON object about a subject.

pub(crate) mod mismatch;
mod reserved;
mod secret_names;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use mismatch::ClaimsMismatch;
pub(crate) use mismatch::is_readable;
pub(crate) use reserved::Reserved;
pub(crate) use secret_names::SecretNames;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::error::LoginError;
use crate::store::SessionRecord;

/// The claims of a session: the application's JSON object about a subject, such as `{"role": "admin"}`.
///
/// Each member keeps the exact text of its value, so changing one member never rounds a number in another.
///
/// ```
/// # fn main() -> Result<(), authcore::error::LoginError> {
/// use authcore::Claims;
///
/// let mut claims = Claims::new();
/// claims.set("role", "admin")?;
/// assert_eq!(claims.get::<String>("role"), Ok(Some("admin".to_owned())));
/// assert!(claims.get::<u32>("role").is_err(), "the role is not a number");
/// assert!(claims.set("exp", &0).is_err(), "tokens use that name");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Claims(BTreeMap<String, Box<RawValue>>);

impl Claims {
    /// The claim names that tokens use, which an application cannot use with any strategy (rule T13).
    ///
    /// They are the names of RFC 7519, RFC 9068, RFC 8176 and OpenID Connect that say whom a token is for,
    /// how long it is valid, what it is bound to and how its subject was authenticated, and two names of this
    /// crate, `auth_realm` and `session_kind`. `scope`, `roles`, `groups`, `entitlements`, `name`, `email`
    /// and similar names are free.
    pub const RESERVED_NAMES: &[&str] = reserved::NAMES;

    /// The claim names that denote a secret, which a login refuses at any depth of the claims (rule T10).
    ///
    /// The holder of a token can read its claims, and a store keeps them unencrypted. Names must match
    /// exactly, except for ASCII case. [`Auth::with_secret_claims`](crate::Auth::with_secret_claims) replaces
    /// the list.
    pub const SECRET_NAMES: &[&str] = secret_names::NAMES;

    /// Creates empty claims.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Creates claims from a value that serializes as a JSON object.
    ///
    /// # Errors
    ///
    /// - [`LoginError::NotAnObject`] if `value` serializes as other JSON.
    /// - [`LoginError::InvalidJson`] if `value` does not serialize as JSON that every reader accepts.
    /// - [`LoginError::ReservedClaim`] if a member has a reserved name (rule T13).
    /// - [`LoginError::ClaimsTooLarge`] above [`SessionRecord::MAX_CLAIMS_LEN`] bytes of JSON.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, LoginError> {
        let json = serde_json::to_string(value).map_err(|_| LoginError::InvalidJson)?;
        if !json.starts_with('{') {
            return Err(LoginError::NotAnObject);
        }
        // Checked before any recursive parsing.
        check_len(json.len(), || largest(&json))?;
        if !is_readable(&json) {
            return Err(LoginError::InvalidJson);
        }
        let members = serde_json::from_str(&json).map_err(|_| LoginError::InvalidJson)?;
        Self::from_members(members)
    }

    /// Reads a record's claims, which may contain names that an earlier release did not reserve.
    pub(crate) fn from_stored(json: &str) -> Result<Self, LoginError> {
        serde_json::from_str(json).map(Self).map_err(|_| LoginError::InvalidJson)
    }

    fn from_members(members: BTreeMap<String, Box<RawValue>>) -> Result<Self, LoginError> {
        match members.keys().find_map(|name| Reserved::of(name)) {
            Some(reserved) => Err(LoginError::ReservedClaim(reserved.name())),
            None => Ok(Self(members)),
        }
    }

    /// Returns the JSON text that a record keeps.
    pub(crate) fn to_json(&self) -> Result<Box<str>, LoginError> {
        let json = serde_json::to_string(&self.0).map_err(|_| LoginError::InvalidJson)?;
        check_len(json.len(), || largest(&json))?;
        Ok(json.into())
    }

    /// Returns the member `name` as a `T`; `None` if there is no such member.
    ///
    /// # Errors
    ///
    /// [`ClaimsMismatch`] if the member is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ClaimsMismatch> {
        let Some(value) = self.0.get(name).map(|value| value.get()) else { return Ok(None) };
        match serde_json::from_str(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(ClaimsMismatch::of_member::<T>(name, value, &error)),
        }
    }

    /// Sets the member `name`.
    ///
    /// # Errors
    ///
    /// Nothing is set after an error.
    ///
    /// - [`LoginError::ReservedClaim`] if the name is reserved (rule T13).
    /// - [`LoginError::InvalidJson`] if `value` does not serialize as JSON that every reader accepts.
    /// - [`LoginError::ClaimsTooLarge`] if the claims would exceed [`SessionRecord::MAX_CLAIMS_LEN`] bytes.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), LoginError> {
        if let Some(reserved) = Reserved::of(name) {
            return Err(LoginError::ReservedClaim(reserved.name()));
        }
        let value = serde_json::value::to_raw_value(value).map_err(|_| LoginError::InvalidJson)?;
        // Name and value with quotes, colon and comma. Escapes in names add a little, which `to_json` counts.
        let of = |name: &str, value: &RawValue| name.len() + value.get().len() + 4;
        let others = self.0.iter().filter(|(other, _)| *other != name);
        let (mut len, mut largest) = (1 + of(name, &value), (of(name, &value), name));
        for (other, value) in others {
            len += of(other, value);
            largest = largest.max((of(other, value), other));
        }
        check_len(len, || largest.1.into())?;
        // The brackets give the value the depth that it will have in the object.
        if !is_readable(&format!("[{value}]")) {
            return Err(LoginError::InvalidJson);
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// Removes the member `name` and returns whether it existed.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Returns the names of the members, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        // Existing claims may contain a name that was reserved later; setting such a name is refused.
        let members = BTreeMap::<String, Box<RawValue>>::deserialize(input)?;
        match members.keys().find_map(|name| Reserved::of(name).filter(|reserved| reserved.is_always())) {
            Some(reserved) => Err(D::Error::custom(LoginError::ReservedClaim(reserved.name()))),
            None => Ok(Self(members)),
        }
    }
}

fn check_len(len: usize, largest: impl FnOnce() -> Box<str>) -> Result<(), LoginError> {
    let max = SessionRecord::MAX_CLAIMS_LEN;
    if len > max { Err(LoginError::ClaimsTooLarge { len, max, largest: largest() }) } else { Ok(()) }
}

/// Returns the name of the largest member of an object; empty if there is none.
pub(crate) fn largest(json: &str) -> Box<str> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    let largest = members.into_iter().max_by_key(|(_, value)| value.get().len());
    largest.map_or_else(Box::default, |(name, _)| name.into())
}

impl fmt::Debug for Claims {
    /// Shows only the names, because values may be private (rule S10).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Checks that `json` is one JSON object without names that have always been reserved (rule T13).
///
/// An existing record may contain a name that was reserved later.
pub(crate) fn check_stored(json: &str) -> serde_json::Result<()> {
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

/// A claim name that no token has ever used.
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
                match Reserved::of(name) {
                    Some(reserved) if reserved.is_always() => Err(E::custom("a reserved name")),
                    _ => Ok(FreeName),
                }
            }
        }

        input.deserialize_str(Name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn t13_reserved_names_are_refused_at_the_top_level_only() {
        for name in Claims::RESERVED_NAMES {
            let error = Claims::from_serialize(&json!({ *name: 1 })).unwrap_err();
            assert_eq!(error, LoginError::ReservedClaim(name));
            assert!(Claims::new().set(name, &1).is_err());
        }
        assert!(Claims::from_serialize(&json!({ "nested": { "exp": 1 }, "scope": "read" })).is_ok());
    }

    #[test]
    fn t13_names_that_were_reserved_later_stay_readable_in_records() {
        for (name, is_free) in [("acr", true), ("auth_realm", true), ("exp", false), ("nonce", false)] {
            let json = json!({ name: "x" }).to_string();
            assert_eq!(check_stored(&json).is_ok(), is_free, "{name}");
        }
        let mut claims = Claims::from_stored(r#"{"acr":"2"}"#).unwrap();
        assert_eq!(claims.get("acr"), Ok(Some("2".to_owned())));
        assert!(claims.set("acr", "3").is_err());
    }

    #[test]
    fn only_objects_within_the_limit_are_claims() {
        for value in [json!([1]), json!("text"), json!(1), json!(null)] {
            assert_eq!(Claims::from_serialize(&value).unwrap_err(), LoginError::NotAnObject);
        }
        let deep = (0..200).fold(json!(1), |inner, _| json!({ "x": inner }));
        assert_eq!(Claims::from_serialize(&deep).unwrap_err(), LoginError::InvalidJson);
        let no_key = std::collections::HashMap::from([((1, 2), 3)]);
        assert_eq!(Claims::from_serialize(&no_key).unwrap_err(), LoginError::InvalidJson);
        let out_of_range = RawValue::from_string("1e999".into()).unwrap();
        assert_eq!(Claims::new().set("x", &out_of_range).unwrap_err(), LoginError::InvalidJson);
    }

    #[test]
    fn r12_claims_that_are_too_large_are_refused_where_they_are_set() {
        let max = SessionRecord::MAX_CLAIMS_LEN;
        let text = |len: usize| "y".repeat(len - r#"{"x":""}"#.len());
        let fits = json!({ "x": text(max) });
        assert_eq!(Claims::from_serialize(&fits).unwrap().to_json().unwrap().len(), max);
        let long = Claims::from_serialize(&json!({ "x": text(max + 1) })).unwrap_err();
        assert_eq!(long, LoginError::ClaimsTooLarge { len: max + 1, max, largest: "x".into() });
        assert!(long.to_string().contains("3073") && long.to_string().contains("3072"), "{long}");
        let mut claims = Claims::new();
        claims.set("x", &text(max)).unwrap();
        let refused = LoginError::ClaimsTooLarge { len: max + 1, max, largest: "x".into() };
        assert_eq!(claims.set("x", &text(max + 1)), Err(refused));
        let refused = claims.set("z", &1).unwrap_err();
        assert!(matches!(&refused, LoginError::ClaimsTooLarge { largest, .. } if &**largest == "x"));
        assert!(refused.to_string().contains("\"x\""), "{refused}");
        assert_eq!(claims.names().collect::<Vec<_>>(), ["x"]);
    }

    #[test]
    fn a16_absent_is_told_from_another_type() {
        let claims = Claims::from_serialize(&json!({ "role": "admin" })).unwrap();
        assert_eq!(claims.get::<String>("other"), Ok(None));
        let mismatch = claims.get::<Vec<String>>("role").unwrap_err();
        assert_eq!((mismatch.member(), mismatch.found()), (Some("role"), "a string"));
        assert_eq!(mismatch.expected(), "a sequence");
    }

    #[test]
    fn a8_changing_one_member_leaves_the_text_of_the_others() {
        let mut claims = Claims::from_stored(r#"{"big":123456789012345678901234567890,"f":1.10}"#).unwrap();
        claims.set("n", &1).unwrap();
        assert_eq!(&*claims.to_json().unwrap(), r#"{"big":123456789012345678901234567890,"f":1.10,"n":1}"#);
        assert!(!format!("{claims:?}").contains("1234"));
    }
}
