//! The payload of a token, read in one pass: registered claims are taken out, and the application's claims
//! are passed on to the application's type.
//!
//! The application's type never sees a registered claim, so that a map, or a type with
//! `deny_unknown_fields`, reads the same from a token as from a session.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    self, DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::value::RawValue;

use super::codec::is_not_json;
use super::contents::StatedKind;
use super::policy::Policy;
use crate::claims::Reserved;
use crate::error::{ClaimFault, Rejection};
use crate::json::Text;
use crate::{Realm, SessionId, Timestamp};

/// The registered claims of a payload. Their types are checked, and that none appears twice.
pub(super) struct Registered<'de, 'p> {
    policy: &'p Policy,
    seen: u32,
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
    /// Creates the claims before anything is read. With `recognised`, the issuer, audience and client are
    /// in the start of the token, as far as they are not waived, and have been checked as bytes.
    pub(super) fn new(policy: &'p Policy, recognised: bool) -> Self {
        Self {
            policy,
            seen: if recognised { in_start(policy) } else { 0 },
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
        }
    }

    /// Reads `payload`, and returns the application's claims as `seed` deserializes them.
    pub(super) fn read<S: DeserializeSeed<'de>>(
        &mut self,
        payload: &'de str,
        seed: S,
    ) -> Result<S::Value, Rejection> {
        self.parse(payload, seed).map_err(|error| unreadable(payload, &error, self.fault.take()))
    }

    fn parse<S: DeserializeSeed<'de>>(&mut self, payload: &'de str, seed: S) -> serde_json::Result<S::Value> {
        let mut input = serde_json::Deserializer::from_str(payload);
        let claims = input.deserialize_map(Payload { registered: self, seed })?;
        input.end()?;
        Ok(claims)
    }

    /// Returns whether the token is of the unnamed realm and the default kind, as most tokens are. Realms
    /// and kinds in another issuer's token mean nothing here.
    pub(super) fn is_plain(&self) -> bool {
        self.seen & (Reserved::AuthRealm.bit() | Reserved::SessionKind.bit()) == 0 || !self.policy.is_own()
    }

    /// Returns whether the payload has the claim.
    pub(super) fn has(&self, claim: Reserved) -> bool {
        self.seen & claim.bit() != 0
    }

    /// Reads the value of a registered claim.
    fn take<A: MapAccess<'de>>(&mut self, claim: Reserved, map: &mut A) -> Result<(), A::Error> {
        // A token that is bound to a key (RFC 7800, RFC 9449) is not a bearer token, and we cannot check
        // the key.
        if self.has(claim) || claim == Reserved::Cnf {
            let fault = if self.has(claim) { ClaimFault::Duplicate } else { ClaimFault::Unsupported };
            return self.fail(claim, fault);
        }
        self.seen |= claim.bit();
        self.value(claim, map).inspect_err(|_| self.remember_fault(claim, ClaimFault::WrongType))
    }

    fn value<A: MapAccess<'de>>(&mut self, claim: Reserved, map: &mut A) -> Result<(), A::Error> {
        match claim {
            Reserved::Iss => {
                let issuer = map.next_value::<Text<'de>>()?;
                self.issuer_matches = self.policy.accepts_issuer(&issuer.0);
            }
            Reserved::Aud => self.audience_matches = map.next_value_seed(Audience(self.policy))?,
            Reserved::Sub => self.subject = Some(map.next_value::<Text<'de>>()?.0),
            Reserved::Exp => self.expires_at = Some(map.next_value::<NumericDate>()?.0),
            Reserved::Nbf => self.not_before = Some(map.next_value::<NumericDate>()?.0),
            Reserved::Iat => self.issued_at = Some(map.next_value::<NumericDate>()?.0),
            Reserved::AuthTime => self.authenticated_at = Some(map.next_value::<NumericDate>()?.0),
            Reserved::Sid if self.policy.is_own() => {
                let id = map.next_value::<Text<'de>>()?;
                match id.0.parse() {
                    Ok(id) => self.session_id = Some(id),
                    Err(_) => return self.fail(claim, ClaimFault::InvalidValue),
                }
            }
            Reserved::Epoch if self.policy.is_own() => self.epoch = Some(map.next_value()?),
            Reserved::AuthRealm if self.policy.is_own() => {
                if !Realm::is_name(&map.next_value::<Text<'de>>()?.0) {
                    return self.fail(claim, ClaimFault::InvalidValue);
                }
            }
            Reserved::SessionKind if self.policy.is_own() => {
                if !map.next_value::<StatedKind<'de>>()?.is_valid() {
                    return self.fail(claim, ClaimFault::InvalidValue);
                }
            }
            Reserved::Jti | Reserved::ClientId | Reserved::Sid | Reserved::Azp | Reserved::Nonce => {
                map.next_value::<Text<'de>>()?;
            }
            Reserved::Act => map.next_value_seed(Actor)?,
            Reserved::Acr => {
                map.next_value::<Text<'de>>()?;
            }
            Reserved::Amr => map.next_value_seed(Methods)?,
            Reserved::Epoch
            | Reserved::Cnf
            | Reserved::MayAct
            | Reserved::AuthRealm
            | Reserved::SessionKind => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    /// Records the faulty claim, and stops the parser.
    #[cold]
    fn fail<E: de::Error>(&mut self, claim: Reserved, fault: ClaimFault) -> Result<(), E> {
        self.remember_fault(claim, fault);
        Err(E::custom("invalid registered claim"))
    }

    /// Records the faulty claim, unless a more precise fault is recorded already.
    #[cold]
    fn remember_fault(&mut self, claim: Reserved, fault: ClaimFault) {
        self.fault.get_or_insert(Rejection::InvalidClaim(claim.name(), fault));
    }
}

/// Returns the reason why a payload cannot be read; `fault` is that of a registered claim, if any.
#[cold]
fn unreadable(payload: &str, error: &serde_json::Error, fault: Option<Rejection>) -> Rejection {
    if is_not_json(payload, error) {
        return Rejection::MalformedPayload("it is not JSON");
    }
    fault.unwrap_or_else(|| {
        let is_object = payload.trim_ascii_start().starts_with('{');
        Rejection::MalformedPayload(if is_object {
            "its claims are not of the type that the application requested"
        } else {
            "it is not a JSON object"
        })
    })
}

/// Returns the claims in a recognized start: the client, and the issuer and the audience unless they are
/// waived.
const fn in_start(policy: &Policy) -> u32 {
    let issuer = if policy.issuer.is_some() { Reserved::Iss.bit() } else { 0 };
    let audience = if policy.audiences.is_empty() { 0 } else { Reserved::Aud.bit() };
    issuer | audience | Reserved::ClientId.bit()
}

/// Seconds since the Unix epoch, possibly with a fraction (RFC 7519, section 2). Earlier times count as the
/// epoch.
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
                // `as` saturates: a negative number becomes 0, and a number that is too large the last
                // time.
                Ok(NumericDate(Timestamp::from_millis((secs * 1000.0) as u64)))
            }
        }

        // Not `deserialize_any`, which yields no plain number if serde_json's `arbitrary_precision` is
        // enabled.
        input.deserialize_f64(Number)
    }
}

/// Reads `aud`, one string or a list of strings (RFC 7519, section 4.1.3): whether one of them is ours.
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

/// Checks `act`: an object with one `sub`, a string. Without a `sub`, it would look as if the subject acted
/// without an actor.
struct Actor;

impl<'de> DeserializeSeed<'de> for Actor {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Actor {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an actor with a subject")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut subjects = 0;
        while let Some(Text(name)) = map.next_key()? {
            if name == "sub" {
                map.next_value::<Text<'de>>()?;
                subjects += 1;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if subjects == 1 { Ok(()) } else { Err(A::Error::custom("an actor has one subject")) }
    }
}

/// Checks `amr`: a list of strings (RFC 8176).
struct Methods;

impl<'de> DeserializeSeed<'de> for Methods {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Methods {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of methods")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<Text<'de>>()?.is_some() {}
        Ok(())
    }
}

struct Payload<'r, 'de, 'p, S> {
    registered: &'r mut Registered<'de, 'p>,
    seed: S,
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Payload<'_, 'de, '_, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S::Value, A::Error> {
        self.seed.deserialize(Members { map, registered: self.registered })
    }
}

/// The application's members of a payload. Registered members are taken out along the way.
struct Members<'r, 'de, 'p, A> {
    map: A,
    registered: &'r mut Registered<'de, 'p>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'_, 'de, '_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(name)) = self.map.next_key()? {
            if let Some(claim) = Reserved::of(&name) {
                self.registered.take(claim, &mut self.map)?;
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

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Members<'_, 'de, '_, A> {
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
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Copies the application's claims as text: one JSON object of its members, unchanged and in the order of
/// the payload.
pub(super) struct ClaimsText {
    /// The capacity for the claims and for what is appended to them, so that the text never grows.
    pub(super) capacity: usize,
}

impl<'de> DeserializeSeed<'de> for ClaimsText {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<String, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ClaimsText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut text = String::with_capacity(self.capacity);
        let mut separator = '{';
        while let Some(Text(name)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            text.push(separator);
            separator = ',';
            match name {
                // A borrowed name has no escapes.
                Cow::Borrowed(name) => text.extend(["\"", name, "\":", value.get()]),
                Cow::Owned(name) => {
                    let name = serde_json::to_string(&name).map_err(A::Error::custom)?;
                    text.extend([&name, ":", value.get()]);
                }
            }
        }
        text.push_str(if separator == '{' { "{}" } else { "}" });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::marker::PhantomData;
    use std::time::Duration;

    use super::*;

    const PAYLOAD: &str =
        r#"{"iss":"x","role":"admin","sub":"a","n\u0061\"me":"Ada","exp":12,"levels":[1,{"sub":2}]}"#;

    fn policy() -> Policy {
        Policy {
            issuer: None,
            audiences: Vec::new(),
            max_lifetime: Duration::MAX,
            any_type: false,
            foreign: false,
        }
    }

    fn read<'de, T: Deserialize<'de>>(payload: &'de str) -> Option<T> {
        Registered::new(&policy(), false).read(payload, PhantomData::<T>).ok()
    }

    #[test]
    fn t13_the_application_sees_its_own_members_only() {
        let all: BTreeMap<String, serde_json::Value> = read(PAYLOAD).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["levels", "na\"me", "role"]);
        assert_eq!(all["levels"][1]["sub"], 2, "nested members are the application's");

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only parsed")]
        struct Strict<'a> {
            role: &'a str,
            #[serde(rename = "na\"me")]
            name: &'a str,
            levels: serde_json::Value,
        }
        assert_eq!(read::<Strict<'_>>(PAYLOAD).unwrap().role, "admin");
    }

    #[test]
    fn t13_claims_are_copied_as_they_stand() {
        let copy = |payload| Registered::new(&policy(), false).read(payload, ClaimsText { capacity: 0 });
        let text = |payload| copy(payload).unwrap();
        assert_eq!(text(PAYLOAD), r#"{"role":"admin","na\"me":"Ada","levels":[1,{"sub":2}]}"#);
        assert_eq!(text(r#"{ "exp" : 1 , "x" : 1.10e3 , "y" : "\u00e9" }"#), r#"{"x":1.10e3,"y":"\u00e9"}"#);
        assert_eq!(text(r#"{"exp":1}"#), "{}");
        assert!(copy("[]").is_err());
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
        assert_eq!(read::<Newtype>(token), serde_json::from_str(plain).ok());
        assert_eq!(read::<Option<Role>>(token), serde_json::from_str(plain).ok());
        assert_eq!(read::<Tagged>(token), serde_json::from_str(plain).ok());
        assert_eq!(read::<serde_json::Value>(token), serde_json::from_str(plain).ok());
        assert_eq!(read::<u32>(token), None);
        assert_eq!(read::<()>(token), None);
    }
}
