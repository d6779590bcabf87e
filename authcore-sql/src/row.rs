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

/// The record of this id that a row holds, in its first column.
pub(crate) fn record<D: Driver>(row: &D::Row, id: SessionId) -> Result<SessionRecord, StoreError> {
    let text = read::<D, _>(D::text(row, 0))?.ok_or(NONSENSE)?;
    let parts = parts(text, id).ok_or(NONSENSE)?;
    // What was written was not too large.
    SessionRecord::from_parts(&parts).map_err(|_| NONSENSE)
}

/// The id in a column of a row.
pub(crate) fn id<D: Driver>(row: &D::Row, column: usize) -> Result<SessionId, StoreError> {
    let bytes = read::<D, _>(D::bytes(row, column))?.ok_or(NONSENSE)?;
    bytes.try_into().map(SessionId::from_bytes).map_err(|_| NONSENSE)
}

const NONSENSE: StoreError = StoreError::corrupt("a column of a session holds something else");

fn read<D: Driver, T>(value: Result<T, sqlx::Error>) -> Result<T, StoreError> {
    value.map_err(|error| Fault::of(&error, D::judge).into_error(error, Words::Withheld))
}

/// Reads the column `record`, in the order in which the migrations write it.
fn parts(text: &str, id: SessionId) -> Option<RecordParts> {
    let mut fields = Fields(text);
    let version = Version::from_number(fields.int()?.cast_unsigned());
    let epoch = fields.int()?.try_into().ok()?;
    let kind = fields.next()?;
    let secret_digest = SecretBytes::from(hex(fields.next()?)?);
    let [mac_key, generation, rotated_at] = [fields.optional()?, fields.optional()?, fields.optional()?];
    let credential = match kind {
        SESSION => StoredCredential::Session { secret_digest },
        REFRESH => StoredCredential::Refresh {
            secret_digest,
            mac_key: SecretBytes::from(hex(mac_key?)?),
            generation: int(generation?)?.cast_unsigned(),
            rotated_at: timestamp(rotated_at?)?,
        },
        _ => return None,
    };
    let [created_at, authenticated_at, last_seen_at, idle_expires_at, expires_at] =
        [fields.time()?, fields.time()?, fields.time()?, fields.time()?, fields.time()?];
    let [label, user_agent, ip] = [fields.optional()?, fields.optional()?, fields.optional()?];
    let claims = fields.next()?;
    let mut device = Device::unknown();
    if let Some(len) = label {
        device = device.with_label(fields.text(len)?);
    }
    if let Some(len) = user_agent {
        device = device.with_user_agent(fields.text(len)?);
    }
    if let Some(len) = ip {
        device = device.with_ip(fields.text(len)?.parse().ok()?);
    }
    let claims = fields.text(claims)?.into();
    let subject = fields.0.parse().ok()?;
    Some(RecordParts {
        id,
        version,
        epoch,
        subject,
        credential,
        created_at,
        authenticated_at,
        last_seen_at,
        idle_expires_at,
        expires_at,
        device,
        claims,
    })
}

/// What is left to read. Every field but a text has a space behind it.
struct Fields<'t>(&'t str);

impl<'t> Fields<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let (field, rest) = self.0.split_once(' ')?;
        self.0 = rest;
        Some(field)
    }

    /// Nothing within, where the column is null.
    fn optional(&mut self) -> Option<Option<&'t str>> {
        Some(Some(self.next()?).filter(|field| *field != "-"))
    }

    fn int(&mut self) -> Option<i64> {
        int(self.next()?)
    }

    fn time(&mut self) -> Option<Timestamp> {
        timestamp(self.next()?)
    }

    /// A text of so many bytes.
    fn text(&mut self, len: &str) -> Option<&'t str> {
        let (text, rest) = self.0.split_at_checked(len.parse().ok()?)?;
        self.0 = rest;
        Some(text)
    }
}

fn int(field: &str) -> Option<i64> {
    field.parse().ok()
}

fn timestamp(field: &str) -> Option<Timestamp> {
    field.parse().map(Timestamp::from_millis).ok()
}

fn hex<const N: usize>(field: &str) -> Option<[u8; N]> {
    let (pairs, rest) = field.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4 | digit(*low)?) as u8;
    }
    Some(bytes)
}
