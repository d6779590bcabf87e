//! The contents of a verified token.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::json::Text;

/// The contents of a verified token, read on demand: its issuer, audiences, key id and other members (rule
/// T16).
///
/// The signature has been checked, and so have the types of the registered claims, and the issuer and
/// audience unless they were waived. A member that is missing, or has a type other than the requested one,
/// is `None`.
#[derive(Clone, Copy)]
pub struct TokenContents<'t> {
    key_id: &'t str,
    /// The members that were recognized as bytes: one JSON object, or empty.
    known: &'t str,
    /// The other members: one JSON object.
    payload: &'t str,
}

impl<'t> TokenContents<'t> {
    pub(crate) fn new(key_id: &'t str, known: &'t str, payload: &'t str) -> Self {
        Self { key_id, known, payload }
    }

    /// Returns the id of the key that verified the token. It is a name within the token's issuer.
    pub fn key_id(&self) -> &'t str {
        self.key_id
    }

    /// Returns `iss`, the issuer of the token.
    pub fn issuer(&self) -> Option<Cow<'t, str>> {
        self.text("iss")
    }

    /// Returns `aud`, the audiences of the token.
    pub fn audiences(&self) -> Vec<Cow<'t, str>> {
        self.get::<OneOrMany<'t>>("aud").map(|OneOrMany(all)| all).unwrap_or_default()
    }

    /// Returns `jti`, the id of the token.
    pub fn id(&self) -> Option<Cow<'t, str>> {
        self.text("jti")
    }

    /// Returns `client_id`, the OAuth client that the token was issued to (RFC 9068), or `azp` if there is
    /// none (OpenID Connect).
    pub fn client_id(&self) -> Option<Cow<'t, str>> {
        self.text("client_id").or_else(|| self.text("azp"))
    }

    /// Returns `scope`, the permissions of the token, as one text of words separated by spaces (RFC 8693,
    /// section 4.2).
    pub fn scope(&self) -> Option<Cow<'t, str>> {
        self.text("scope")
    }

    /// Returns `act.sub`, the party that acts as the subject (RFC 8693, section 4.1); the outermost one if
    /// there are several.
    pub fn actor(&self) -> Option<Cow<'t, str>> {
        #[derive(Deserialize)]
        struct Act<'t> {
            #[serde(borrow)]
            sub: Text<'t>,
        }
        self.get::<Act<'t>>("act").map(|act| act.sub.0)
    }

    /// Returns `acr`, the authentication context class: how strongly the subject was authenticated.
    pub fn context_class(&self) -> Option<Cow<'t, str>> {
        self.text("acr")
    }

    /// Returns `amr`, the methods by which the subject was authenticated (RFC 8176).
    pub fn methods(&self) -> Vec<Cow<'t, str>> {
        self.get::<OneOrMany<'t>>("amr").map(|OneOrMany(all)| all).unwrap_or_default()
    }

    /// Returns `auth_realm`, the name of the realm of one of our own tokens; `None` for the unnamed realm.
    pub(crate) fn realm(&self) -> Option<Cow<'t, str>> {
        self.text("auth_realm")
    }

    /// Returns `session_kind`, the kind of session of one of our own tokens; `None` for the default kind.
    pub(crate) fn stated_kind(&self) -> Option<StatedKind<'t>> {
        self.get("session_kind")
    }

    /// Returns any member of the token, registered or not, as a `T`.
    pub fn get<T: Deserialize<'t>>(&self, name: &str) -> Option<T> {
        [self.payload, self.known].into_iter().find_map(|object| {
            let value = serde_json::Deserializer::from_str(object).deserialize_map(Member(name)).ok()??;
            serde_json::from_str(value).ok()
        })
    }

    fn text(&self, name: &str) -> Option<Cow<'t, str>> {
        self.get::<Text<'t>>(name).map(|Text(text)| text)
    }
}

impl fmt::Debug for TokenContents<'_> {
    /// Omits the application's claims.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenContents")
            .field("key_id", &self.key_id)
            .field("issuer", &self.issuer())
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// The kind of session in a token: a name, or an object that contains the name if the session does not
/// represent a login.
pub(crate) struct StatedKind<'t> {
    pub(crate) name: Cow<'t, str>,
    pub(crate) is_login: bool,
}

/// The member of a `session_kind` object, which holds the name of a kind that does not represent a login.
pub(crate) const NOT_A_LOGIN: &str = "not_a_login";

impl StatedKind<'_> {
    pub(crate) fn is_valid(&self) -> bool {
        crate::SessionKind::is_name(&self.name)
    }
}

impl<'de> Deserialize<'de> for StatedKind<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Kind;

        impl<'de> Visitor<'de> for Kind {
            type Value = StatedKind<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind of session")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<StatedKind<'de>, E> {
                Ok(StatedKind { name: Cow::Borrowed(name), is_login: true })
            }

            fn visit_str<E>(self, name: &str) -> Result<StatedKind<'de>, E> {
                Ok(StatedKind { name: Cow::Owned(name.to_owned()), is_login: true })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StatedKind<'de>, A::Error> {
                match map.next_entry::<Text<'de>, Text<'de>>()? {
                    Some((Text(member), Text(name)))
                        if member == NOT_A_LOGIN && map.next_key::<Text<'de>>()?.is_none() =>
                    {
                        Ok(StatedKind { name, is_login: false })
                    }
                    _ => Err(serde::de::Error::custom("not a kind of session")),
                }
            }
        }

        input.deserialize_any(Kind)
    }
}

/// One string or a list of strings.
struct OneOrMany<'t>(Vec<Cow<'t, str>>);

impl<'de> Deserialize<'de> for OneOrMany<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMany<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<OneOrMany<'de>, E> {
                Ok(OneOrMany(vec![Cow::Borrowed(text)]))
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany<'de>, E> {
                Ok(OneOrMany(vec![Cow::Owned(text.to_owned())]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany<'de>, A::Error> {
                let mut all = Vec::new();
                while let Some(Text(text)) = seq.next_element()? {
                    all.push(text);
                }
                Ok(OneOrMany(all))
            }
        }

        input.deserialize_any(Texts)
    }
}

/// Finds the JSON text of one member's value.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            if name == self.0 {
                let value = map.next_value::<&'de serde_json::value::RawValue>()?.get();
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(Some(value));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t16_every_member_is_read_from_either_part() {
        let contents = TokenContents::new(
            "k1",
            r#"{"iss":"https://a","aud":"api","client_id":"web"}"#,
            r#"{"sub":"x","jti":"j\u0031","act":{"sub":"staff","act":{"sub":"y"}},
                "scope":"a b","amr":["pwd","otp"],"acr":"2","n":7}"#,
        );
        assert_eq!(contents.key_id(), "k1");
        assert_eq!(contents.issuer().as_deref(), Some("https://a"));
        assert_eq!(contents.audiences(), ["api"]);
        assert_eq!(contents.id().as_deref(), Some("j1"));
        assert_eq!(contents.client_id().as_deref(), Some("web"));
        assert_eq!(contents.actor().as_deref(), Some("staff"));
        assert_eq!(contents.scope().as_deref(), Some("a b"));
        assert_eq!(contents.methods(), ["pwd", "otp"]);
        assert_eq!(contents.context_class().as_deref(), Some("2"));
        assert_eq!((contents.get::<u32>("n"), contents.get::<String>("n")), (Some(7), None));
        assert_eq!(contents.get::<u32>("missing"), None);
    }

    #[test]
    fn t16_azp_stands_in_for_client_id_and_audiences_may_be_many() {
        let contents = TokenContents::new("k", "", r#"{"azp":"app","aud":["a","b"],"act":"x"}"#);
        assert_eq!(contents.client_id().as_deref(), Some("app"));
        assert_eq!(contents.audiences(), ["a", "b"]);
        assert_eq!((contents.actor(), contents.issuer()), (None, None));
        assert!(contents.methods().is_empty());
    }
}
