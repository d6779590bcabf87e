//! A record as a row, and back.

use std::borrow::Cow;

use crate::driver::{Driver, Value};
use crate::error::{Fault, Words};
use authcore::store::{
    RecordParts, RecordVersion, SecretBytes, SessionDetails, SessionRecord, StoreError, StoredCredential,
};
use authcore::{Device, Realm, SessionId, Subject, Timestamp};

const SESSION: &str = "session";
const REFRESH: &str = "refresh";
const API_KEY: &str = "api_key";
/// Goes before the kind of a session that is no login. The release before would take it for one; this it
/// refuses.
const NO_LOGIN: &str = "nologin_";
/// Goes before the kind in a named realm, whose subjects the release before would take for its own; this it
/// refuses.
const IN_REALM: &str = "realm_";
/// Stands between realm and subject. No realm has it in its name, so that the first one tells them apart.
const SEPARATOR: char = '\u{1f}';

/// A record taken apart, with what its values borrow from.
pub(crate) struct Columns {
    parts: RecordParts,
    kind: Cow<'static, str>,
    subject: String,
    details: Option<String>,
    ip: Option<String>,
    purge_at: Timestamp,
}

impl Columns {
    pub(crate) fn of(record: &SessionRecord) -> Self {
        let parts = record.to_parts();
        Self {
            kind: kind_text(&parts),
            subject: subject_text(&parts.subject).into_owned(),
            details: parts.details.to_json(),
            ip: parts.device.ip().map(|ip| ip.to_string()),
            parts,
            purge_at: record.ends_at(),
        }
    }

    /// All of them, in the order of the statement that inserts.
    pub(crate) fn to_insert(&self) -> [Value<'_>; 21] {
        let parts = &self.parts;
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
            details,
            claims,
        ] = self.changing();
        let created = time(parts.created_at);
        let expires = time(parts.expires_at);
        [
            Value::Bytes(parts.id.as_bytes()),
            version,
            epoch,
            Value::Text(&self.subject),
            Value::Text(&self.kind),
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
            Value::Text(parts.subject.realm_name()),
            details,
            claims,
            time(self.purge_at),
        ]
    }

    /// What may change (rule S17), when it is to be purged, then the id and the version that is expected.
    pub(crate) fn to_replace(&self, expected: RecordVersion) -> [Value<'_>; 17] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = self.changing();
        let id = Value::Bytes(self.parts.id.as_bytes());
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, time(self.purge_at), id, number(expected.number())]
    }

    /// In the order of the statement that replaces.
    fn changing(&self) -> [Value<'_>; 14] {
        let parts = &self.parts;
        let (digest, mac_key, generation, rotated_at) = match &parts.credential {
            StoredCredential::Session { secret_digest } | StoredCredential::ApiKey { secret_digest } => {
                (secret_digest, None, None, None)
            }
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
            Value::OptionalText(self.details.as_deref()),
            Value::Text(&parts.claims),
        ]
    }
}

fn kind_text(parts: &RecordParts) -> Cow<'static, str> {
    let credential = match parts.credential {
        StoredCredential::Session { .. } => SESSION,
        StoredCredential::Refresh { .. } => REFRESH,
        StoredCredential::ApiKey { .. } => API_KEY,
    };
    let prefix = match () {
        () if !parts.subject.realm_name().is_empty() => IN_REALM,
        () if !parts.details.is_login && credential != API_KEY => NO_LOGIN,
        () => return credential.into(),
    };
    [prefix, credential].concat().into()
}

/// What the column `subject` holds: in a named realm the realm too, so that the index takes apart the
/// subjects of all realms, and no process of the release before finds one (rule A12). A subject of the
/// unnamed realm may read the same, so the column `realm` is always compared too.
pub(crate) fn subject_text(subject: &Subject) -> Cow<'_, str> {
    match subject.realm_name() {
        "" => subject.as_str().into(),
        realm => format!("{realm}{SEPARATOR}{}", subject.as_str()).into(),
    }
}

/// The subject that the columns `subject` and `realm` hold.
fn subject(text: &str, realm: &str) -> Option<Subject> {
    if realm.is_empty() {
        return text.parse().ok();
    }
    let text = text.strip_prefix(realm)?.strip_prefix(SEPARATOR)?;
    Some(Subject::new(text).ok()?.in_realm(&Realm::new(realm).ok()?))
}

/// The same bits: a database has signed numbers only.
const fn number(number: u64) -> Value<'static> {
    Value::Int(number.cast_signed())
}

const fn time(time: Timestamp) -> Value<'static> {
    number(time.as_millis())
}

/// The record of this id that a row holds, in its first columns: `record`, `details` and `realm`.
pub(crate) fn record<D: Driver>(row: &D::Row, id: SessionId) -> Result<SessionRecord, StoreError> {
    let text = read::<D, _>(D::text(row, 0))?.ok_or(NONSENSE)?;
    let details = read::<D, _>(D::text(row, 1))?;
    let realm = read::<D, _>(D::text(row, 2))?.ok_or(NONSENSE)?;
    let parts = parts(text, details, realm, id).ok_or(NONSENSE)?;
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

/// Reads the column `record`, in the order in which the migrations write it, with what the other columns say.
fn parts(text: &str, details: Option<&str>, realm: &str, id: SessionId) -> Option<RecordParts> {
    let mut fields = Fields(text);
    let version = RecordVersion::from_number(fields.int()?.cast_unsigned());
    let epoch = fields.int()?.try_into().ok()?;
    let kind = fields.next()?;
    let secret_digest = SecretBytes::from(hex(fields.next()?)?);
    let [mac_key, generation, rotated_at] = [fields.optional()?, fields.optional()?, fields.optional()?];
    let credential = match kind.strip_prefix(IN_REALM).or(kind.strip_prefix(NO_LOGIN)).unwrap_or(kind) {
        SESSION => StoredCredential::Session { secret_digest },
        REFRESH => StoredCredential::Refresh {
            secret_digest,
            mac_key: SecretBytes::from(hex(mac_key?)?),
            generation: int(generation?)?.cast_unsigned(),
            rotated_at: timestamp(rotated_at?)?,
        },
        API_KEY => StoredCredential::ApiKey { secret_digest },
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
    let parts = RecordParts {
        id,
        version,
        epoch,
        subject: subject(fields.0, realm)?,
        credential,
        created_at,
        authenticated_at,
        last_seen_at,
        idle_expires_at,
        expires_at,
        device,
        details: SessionDetails::from_json(details).ok()?,
        claims,
    };
    // Realm and details are of this row, as the kind says.
    (kind_text(&parts) == kind).then_some(parts)
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
