//! The payload, in one pass: registered claims are taken out, the application's are handed on to its own type.
//!
//! The application never sees a registered claim, so that a type with `deny_unknown_fields` or a map reads the
//! same from a token as from a session.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    self, DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use super::codec::Text;
use super::validation::Policy;
use crate::claims::reserved;
use crate::{Rejection, SessionId, Timestamp};

/// What is done with the members that are not the application's.
trait Registry<'de> {
    /// Reads the value of `name` if it is a registered claim, and says whether it was.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// The application's claims alone, from a payload that was verified before.
pub(crate) struct ApplicationClaims;

impl ApplicationClaims {
    pub(crate) fn read<'de, T: Deserialize<'de>>(payload: &'de str) -> Option<T> {
        read_with(payload, &mut Self)
    }
}

impl<'de> Registry<'de> for ApplicationClaims {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if reserved(name).is_none() {
            return Ok(false);
        }
        map.next_value::<IgnoredAny>()?;
        Ok(true)
    }
}

/// The registered claims of a payload, checked for type and for being there once.
pub(super) struct Registered<'de, 'p> {
    policy: &'p Policy,
    seen: u16,
    fault: Option<Rejection>,
    pub(super) issuer_matches: bool,
    pub(super) audience_matches: bool,
    pub(super) subject: Option<Cow<'de, str>>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) issued_at: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) authenticated_at: Option<Timestamp>,
    pub(super) session_id: Option<SessionId>,
    pub(super) epoch: Option<u32>,
}

impl<'de, 'p> Registered<'de, 'p> {
    /// Reads `payload`. With `recognised`, issuer and audience stood before it and were checked as bytes.
    pub(super) fn read<T: Deserialize<'de>>(
        payload: &'de str,
        policy: &'p Policy,
        recognised: bool,
    ) -> Result<(Self, T), Rejection> {
        let mut registered = Self {
            policy,
            seen: if recognised { ISS | AUD } else { 0 },
            fault: None,
            issuer_matches: recognised,
            audience_matches: recognised,
            subject: None,
            expires_at: None,
            issued_at: None,
            not_before: None,
            authenticated_at: None,
            session_id: None,
            epoch: None,
        };
        match read_with(payload, &mut registered) {
            Some(claims) => Ok((registered, claims)),
            None => Err(registered
                .fault
                .unwrap_or(Rejection::Malformed("the payload is not a JSON object of the expected claims"))),
        }
    }
}

const ISS: u16 = 1;
const AUD: u16 = 1 << 1;

impl<'de> Registry<'de> for Registered<'de, '_> {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let Some(name) = reserved(name) else { return Ok(false) };
        let bit = match name {
            "iss" => ISS,
            "aud" => AUD,
            "sub" => 1 << 2,
            "exp" => 1 << 3,
            "nbf" => 1 << 4,
            "iat" => 1 << 5,
            "auth_time" => 1 << 6,
            "sid" => 1 << 7,
            "epoch" => 1 << 8,
            "jti" => 1 << 9,
            "client_id" => 1 << 10,
            "act" => 1 << 11,
            "may_act" => 1 << 12,
            "azp" => 1 << 13,
            "nonce" => 1 << 14,
            // A token bound to a key that we cannot check is not a bearer token (RFC 7800, RFC 9449).
            _ => return self.fail(name),
        };
        if self.seen & bit != 0 {
            return self.fail(name);
        }
        self.seen |= bit;
        self.value(name, map).or_else(|_: A::Error| self.fail(name))
    }
}

impl<'de> Registered<'de, '_> {
    fn value<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "iss" => {
                let issuer = map.next_value::<Text<'de>>()?;
                self.issuer_matches = self.policy.accepts_issuer(&issuer.0);
            }
            "aud" => self.audience_matches = map.next_value_seed(Audience(self.policy))?,
            "sub" => self.subject = Some(map.next_value::<Text<'de>>()?.0),
            "exp" => self.expires_at = Some(map.next_value::<NumericDate>()?.0),
            "nbf" => self.not_before = Some(map.next_value::<NumericDate>()?.0),
            "iat" => self.issued_at = Some(map.next_value::<NumericDate>()?.0),
            "auth_time" => self.authenticated_at = Some(map.next_value::<NumericDate>()?.0),
            "sid" if self.policy.is_own() => {
                let id = map.next_value::<Text<'de>>()?;
                self.session_id = Some(id.0.parse().map_err(A::Error::custom)?);
            }
            "epoch" if self.policy.is_own() => self.epoch = Some(map.next_value()?),
            "jti" | "client_id" | "sid" | "azp" | "nonce" => {
                map.next_value::<Text<'de>>()?;
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(true)
    }

    /// Remembers which claim is at fault, and stops the parse.
    fn fail<E: de::Error>(&mut self, name: &'static str) -> Result<bool, E> {
        self.fault = Some(Rejection::InvalidClaim(name));
        Err(E::custom("invalid registered claim"))
    }
}

/// Seconds since the Unix epoch, perhaps with a fraction (RFC 7519, section 2); before the epoch counts as it.
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_u64<E>(self, secs: u64) -> Result<NumericDate, E> {
                Ok(NumericDate(Timestamp::from_secs(secs)))
            }

            fn visit_i64<E>(self, secs: i64) -> Result<NumericDate, E> {
                Ok(NumericDate(Timestamp::from_secs(secs.try_into().unwrap_or(0))))
            }

            fn visit_f64<E>(self, secs: f64) -> Result<NumericDate, E> {
                // `as` saturates: negative becomes 0, too large becomes the end of time.
                Ok(NumericDate(Timestamp::from_millis((secs * 1000.0) as u64)))
            }
        }

        input.deserialize_any(Number)
    }
}

/// `aud`: one text or a list of them (RFC 7519, section 4.1.3); whether any is ours.
struct Audience<'p>(&'p Policy);

impl<'de> DeserializeSeed<'de> for Audience<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<bool, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Audience<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an audience or a list of them")
    }

    fn visit_str<E>(self, audience: &str) -> Result<bool, E> {
        Ok(self.0.accepts_audience(audience))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        let mut matches = false;
        while let Some(audience) = seq.next_element::<Text<'de>>()? {
            matches |= self.0.accepts_audience(&audience.0);
        }
        Ok(matches)
    }
}

/// Parses `payload` as a `T`, with what `registry` takes taken out.
fn read_with<'de, T: Deserialize<'de>, R: Registry<'de>>(payload: &'de str, registry: &mut R) -> Option<T> {
    let mut input = serde_json::Deserializer::from_str(payload);
    let claims = input.deserialize_map(Payload { registry, claims: PhantomData::<T> }).ok()?;
    input.end().ok()?;
    Some(claims)
}

struct Payload<'r, R, T> {
    registry: &'r mut R,
    claims: PhantomData<T>,
}

impl<'de, R: Registry<'de>, T: Deserialize<'de>> Visitor<'de> for Payload<'_, R, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(Members { map, registry: self.registry })
    }
}

/// The application's members of a payload.
struct Members<'r, A, R> {
    map: A,
    registry: &'r mut R,
}

impl<'de, A: MapAccess<'de>, R: Registry<'de>> MapAccess<'de> for Members<'_, A, R> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(name)) = self.map.next_key()? {
            if self.registry.take(&name, &mut self.map)? {
                continue;
            }
            return match name {
                Cow::Borrowed(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
                Cow::Owned(name) => seed.deserialize(name.into_deserializer()),
            }
            .map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

impl<'de, A: MapAccess<'de>, R: Registry<'de>> Deserializer<'de> for Members<'_, A, R> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        MapAccessDeserializer::new(self).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PAYLOAD: &str =
        r#"{"iss":"x","role":"admin","sub":"a","n\u0061me":"Ada","exp":12,"levels":[1,{"sub":2}]}"#;

    #[test]
    fn t13_the_application_sees_its_own_members_only() {
        let all: BTreeMap<String, serde_json::Value> = ApplicationClaims::read(PAYLOAD).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["levels", "name", "role"]);
        assert_eq!(all["levels"][1]["sub"], 2, "nested members are the application's");

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only parsed")]
        struct Strict<'a> {
            role: &'a str,
            name: &'a str,
            levels: serde_json::Value,
        }
        assert_eq!(ApplicationClaims::read::<Strict<'_>>(PAYLOAD).unwrap().role, "admin");
    }

    #[test]
    fn every_shape_of_type_reads_as_from_plain_json() {
        #[derive(Deserialize, PartialEq, Debug)]
        struct Role {
            role: String,
        }
        #[derive(Deserialize, PartialEq, Debug)]
        struct Newtype(Role);
        #[derive(Deserialize, PartialEq, Debug)]
        enum Tagged {
            #[serde(rename = "role")]
            Role(String),
        }
        let (token, plain) = (r#"{"exp":1,"role":"admin"}"#, r#"{"role":"admin"}"#);
        assert_eq!(ApplicationClaims::read::<Newtype>(token), serde_json::from_str(plain).ok());
        assert_eq!(ApplicationClaims::read::<Option<Role>>(token), serde_json::from_str(plain).ok());
        assert_eq!(ApplicationClaims::read::<Tagged>(token), serde_json::from_str(plain).ok());
        assert_eq!(ApplicationClaims::read::<serde_json::Value>(token), serde_json::from_str(plain).ok());
        assert_eq!(ApplicationClaims::read::<u32>(token), None);
        assert_eq!(ApplicationClaims::read::<()>(token), None);
    }
}
