//! A record as a row, and back.

use authcore::{
    Device, RecordParts, SecretBytes, SessionId, SessionRecord, StoreError, StoredCredential, Timestamp,
    Version,
};

use crate::driver::{Driver, Value};
use crate::error::{Fault, Words};

const SESSION: &str = "session";
const REFRESH: &str = "refresh";

/// A record taken apart, with what its values borrow from.
pub(crate) struct Columns {
    parts: RecordParts,
    ip: Option<String>,
    purge_at: Timestamp,
}

impl Columns {
    pub(crate) fn of(record: &SessionRecord) -> Self {
        let parts = record.to_parts();
        Self { ip: parts.device.ip().map(|ip| ip.to_string()), parts, purge_at: record.ends_at() }
    }

    /// All of them, in the order of the statement that inserts.
    pub(crate) fn to_insert(&self) -> [Value<'_>; 19] {
        let parts = &self.parts;
        let kind = match parts.credential {
            StoredCredential::Session { .. } => SESSION,
            StoredCredential::Refresh { .. } => REFRESH,
        };
        let [
            version,
            epoch,
            digest,
            mac_key,
            generation,
            rotated,
            authenticated,
            seen,
            idle,
            label,
            agent,
            ip,
            claims,
        ] = self.changing();
        let created = time(parts.created_at);
        let expires = time(parts.expires_at);
        [
            Value::Bytes(parts.id.as_bytes()),
            version,
            epoch,
            Value::Text(parts.subject.as_str()),
            Value::Text(kind),
            digest,
            mac_key,
            generation,
            rotated,
            created,
            authenticated,
            seen,
            idle,
            expires,
            label,
            agent,
            ip,
            claims,
            time(self.purge_at),
        ]
    }

    /// What may change (rule S17), when it is to be purged, then the id and the version that is expected.
    pub(crate) fn to_replace(&self, expected: Version) -> [Value<'_>; 16] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m] = self.changing();
        let id = Value::Bytes(self.parts.id.as_bytes());
        [a, b, c, d, e, f, g, h, i, j, k, l, m, time(self.purge_at), id, number(expected.number())]
    }

    /// In the order of the statement that replaces.
    fn changing(&self) -> [Value<'_>; 13] {
        let parts = &self.parts;
        let (digest, mac_key, generation, rotated_at) = match &parts.credential {
            StoredCredential::Session { secret_digest } => (secret_digest, None, None, None),
            StoredCredential::Refresh { secret_digest, mac_key, generation, rotated_at } => {
                (secret_digest, Some(mac_key), Some(*generation), Some(*rotated_at))
            }
        };
        [
            number(parts.version.number()),
            number(parts.epoch.into()),
            Value::Bytes(digest.expose()),
            Value::OptionalBytes(mac_key.map(|key| &key.expose()[..])),
            Value::OptionalInt(generation.map(u64::cast_signed)),
            Value::OptionalInt(rotated_at.map(|time| time.as_millis().cast_signed())),
            time(parts.authenticated_at),
            time(parts.last_seen_at),
            time(parts.idle_expires_at),
            Value::OptionalText(parts.device.label()),
            Value::OptionalText(parts.device.user_agent()),
            Value::OptionalText(self.ip.as_deref()),
            Value::Text(&parts.claims),
        ]
    }
}

/// The same bits: a database has signed numbers only.
const fn number(number: u64) -> Value<'static> {
    Value::Int(number.cast_signed())
}

const fn time(time: Timestamp) -> Value<'static> {
    number(time.as_millis())
}

/// The record that a row holds.
pub(crate) fn record<D: Driver>(row: &D::Row) -> Result<SessionRecord, StoreError> {
    let row = Reader::<D>(row);
    let secret_digest = SecretBytes::from(row.array(5)?);
    let credential = match row.text(4)? {
        SESSION => StoredCredential::Session { secret_digest },
        REFRESH => StoredCredential::Refresh {
            secret_digest,
            mac_key: SecretBytes::from(row.array(6)?),
            generation: row.int(7)?.cast_unsigned(),
            rotated_at: row.time(8)?,
        },
        _ => return Err(NONSENSE),
    };
    let parts = RecordParts {
        id: SessionId::from_bytes(row.array(0)?),
        version: Version::from_number(row.int(1)?.cast_unsigned()),
        epoch: row.int(2)?.try_into().map_err(|_| NONSENSE)?,
        subject: row.text(3)?.parse().map_err(|_| NONSENSE)?,
        credential,
        created_at: row.time(9)?,
        authenticated_at: row.time(10)?,
        last_seen_at: row.time(11)?,
        idle_expires_at: row.time(12)?,
        expires_at: row.time(13)?,
        device: row.device()?,
        claims: row.text(17)?.into(),
    };
    // What was written was not too large.
    SessionRecord::from_parts(&parts).map_err(|_| NONSENSE)
}

/// The id that a row of nothing else holds.
pub(crate) fn id<D: Driver>(row: &D::Row) -> Result<SessionId, StoreError> {
    Reader::<D>(row).array(0).map(SessionId::from_bytes)
}

const NONSENSE: StoreError = StoreError::corrupt("a column of a session holds something else");

struct Reader<'r, D: Driver>(&'r D::Row);

impl<'r, D: Driver> Reader<'r, D> {
    fn int(&self, column: usize) -> Result<i64, StoreError> {
        read::<D, _>(D::int(self.0, column))?.ok_or(NONSENSE)
    }

    fn time(&self, column: usize) -> Result<Timestamp, StoreError> {
        self.int(column)?.try_into().map(Timestamp::from_millis).map_err(|_| NONSENSE)
    }

    fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        let bytes = read::<D, _>(D::bytes(self.0, column))?.ok_or(NONSENSE)?;
        bytes.try_into().map_err(|_| NONSENSE)
    }

    fn text(&self, column: usize) -> Result<&'r str, StoreError> {
        self.optional_text(column)?.ok_or(NONSENSE)
    }

    fn optional_text(&self, column: usize) -> Result<Option<&'r str>, StoreError> {
        read::<D, _>(D::text(self.0, column))
    }

    fn device(&self) -> Result<Device, StoreError> {
        let mut device = Device::unknown();
        if let Some(label) = self.optional_text(14)? {
            device = device.with_label(label);
        }
        if let Some(user_agent) = self.optional_text(15)? {
            device = device.with_user_agent(user_agent);
        }
        if let Some(ip) = self.optional_text(16)? {
            device = device.with_ip(ip.parse().map_err(|_| NONSENSE)?);
        }
        Ok(device)
    }
}

fn read<D: Driver, T>(value: Result<T, sqlx::Error>) -> Result<T, StoreError> {
    value.map_err(|error| Fault::of(&error, D::judge).into_error(error, Words::Withheld))
}
