//! Records read back from rows.

use authcore::store::{
    RecordParts, RecordVersion, SecretBytes, SessionDetails, SessionRecord, StoreError, StoredCredential,
};
use authcore::{Device, Realm, SessionId, Subject, Timestamp};

use crate::columns::{API_KEY, IN_REALM, NO_LOGIN, REALM_SEPARATOR, REFRESH, ReadColumn, SESSION, kind_text};
use crate::driver::Driver;
use crate::error::Reporting;

const NOT_A_SESSION: StoreError = StoreError::corrupt("a row of the sessions table is not a valid session");

/// Returns the record with this id that a row holds.
pub(crate) fn record<D: Driver>(row: &D::Row, id: SessionId) -> Result<SessionRecord, StoreError> {
    let text = read::<D, _>(D::text(row, ReadColumn::Record.index()))?.ok_or(NOT_A_SESSION)?;
    let details = read::<D, _>(D::text(row, ReadColumn::Details.index()))?;
    let realm = read::<D, _>(D::text(row, ReadColumn::Realm.index()))?.ok_or(NOT_A_SESSION)?;
    let parts = parts(text, details, realm, id).ok_or(NOT_A_SESSION)?;
    // A record that was written was not too large.
    SessionRecord::from_parts(&parts).map_err(|_| NOT_A_SESSION)
}

/// Returns the id in a column of a row.
pub(crate) fn id<D: Driver>(row: &D::Row, column: usize) -> Result<SessionId, StoreError> {
    let bytes = read::<D, _>(D::bytes(row, column))?.ok_or(NOT_A_SESSION)?;
    bytes.try_into().map(SessionId::from_bytes).map_err(|_| NOT_A_SESSION)
}

fn read<D: Driver, T>(value: Result<T, sqlx::Error>) -> Result<T, StoreError> {
    value.map_err(|error| D::classify(&error).into_error(error, Reporting::OF_ROWS))
}

/// Reads the column `record`, in the order in which the migrations write it, with the other columns.
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
    // The kind states whether the row has a realm and represents a login.
    (kind_text(&parts) == kind).then_some(parts)
}

/// Returns the subject that the columns `subject` and `realm` hold.
fn subject(text: &str, realm: &str) -> Option<Subject> {
    if realm.is_empty() {
        return text.parse().ok();
    }
    let text = text.strip_prefix(realm)?.strip_prefix(REALM_SEPARATOR)?;
    Some(Subject::new(text).ok()?.in_realm(&Realm::new(realm).ok()?))
}

/// The part of the column that has not been read yet. A space follows each field, except texts.
struct Fields<'t>(&'t str);

impl<'t> Fields<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let (field, rest) = self.0.split_once(' ')?;
        self.0 = rest;
        Some(field)
    }

    /// Returns `Some(None)` if the column is null.
    fn optional(&mut self) -> Option<Option<&'t str>> {
        Some(Some(self.next()?).filter(|field| *field != "-"))
    }

    fn int(&mut self) -> Option<i64> {
        int(self.next()?)
    }

    fn time(&mut self) -> Option<Timestamp> {
        timestamp(self.next()?)
    }

    /// Returns a text of `len` bytes.
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
