//! Serialization of the types that are shown to people (feature `serde`): ids, times, devices, sessions,
//! revocations.

use serde::de::Error as _;
use serde::ser::{SerializeMap as _, SerializeStruct as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Device, Revocation, RevocationEffect, SessionId, SessionInfo, SessionKind, Timestamp};

impl Serialize for Timestamp {
    /// Writes whole milliseconds since the Unix epoch, as JavaScript's `Date` counts.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_u64(self.as_millis())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        u64::deserialize(input).map(Self::from_millis)
    }
}

impl Serialize for SessionId {
    /// Writes the text form: 22 characters of unpadded base64url.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(input)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Serialize for SessionKind {
    /// Writes the name of the kind.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SessionKind {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(input)?).map_err(D::Error::custom)
    }
}

impl Serialize for Device {
    /// Writes an object with `label`, `user_agent` and `ip`; unknown parts are `null`.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut object = output.serialize_struct("Device", 3)?;
        object.serialize_field("label", &self.label())?;
        object.serialize_field("user_agent", &self.user_agent())?;
        object.serialize_field("ip", &self.ip())?;
        object.end()
    }
}

impl Serialize for SessionInfo {
    /// Writes an object of the fields, with those of `details` (`kind`, `is_login`, `client_id`, `actor`,
    /// `acr`,
    /// `amr`)
    /// at the top level.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut object = output.serialize_struct("SessionInfo", 13)?;
        object.serialize_field("id", &self.id)?;
        object.serialize_field("current", &self.current)?;
        object.serialize_field("created_at", &self.created_at)?;
        object.serialize_field("last_seen_at", &self.last_seen_at)?;
        object.serialize_field("ends_at", &self.ends_at)?;
        object.serialize_field("device", &self.device)?;
        object.serialize_field("is_api_key", &self.is_api_key)?;
        object.serialize_field("kind", &self.details.kind)?;
        object.serialize_field("is_login", &self.details.is_login)?;
        object.serialize_field("client_id", &self.details.client_id)?;
        object.serialize_field("actor", &self.details.actor)?;
        object.serialize_field("acr", &self.details.acr)?;
        object.serialize_field("amr", &self.details.amr)?;
        object.end()
    }
}

impl Serialize for RevocationEffect {
    /// Writes `"now"`, or an object with the time: `{"at": 1800000000000}`.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Now => output.serialize_str("now"),
            Self::At(moment) => {
                let mut object = output.serialize_map(Some(1))?;
                object.serialize_entry("at", moment)?;
                object.end()
            }
        }
    }
}

impl Serialize for Revocation {
    /// Writes an object with `sessions` and `effect`.
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        let mut object = output.serialize_struct("Revocation", 2)?;
        object.serialize_field("sessions", &self.sessions)?;
        object.serialize_field("effect", &self.effect)?;
        object.end()
    }
}
