//! The details that a login states in addition to its subject and claims.

use serde::{Deserialize, Serialize};

use super::kind::SessionKind;
use crate::Subject;
use crate::store::StoreError;

/// The details that a login states in addition to its subject and claims.
///
/// For authors of a store: they are kept in the session's record, so that they survive refreshes. Most logins
/// state none: [`SessionDetails::default`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store that forgets a new part must not compile")]
pub struct SessionDetails {
    /// The kind of session (rule A13).
    pub kind: SessionKind,
    /// Whether the session represents a login, rather than a guest or a login that is not complete (rule
    /// A13).
    pub is_login: bool,
    /// The OAuth client that the session is for: `client_id` (RFC 9068).
    pub client_id: Option<Box<str>>,
    /// Who acts as the session's subject, such as support staff: `act.sub` (RFC 8693, section 4.1).
    pub actor: Option<Box<str>>,
    /// How strongly the subject was authenticated: `acr` (OpenID Connect Core, section 2).
    pub acr: Option<Box<str>>,
    /// The methods by which the subject was authenticated: `amr` (RFC 8176).
    pub amr: Box<[Box<str>]>,
}

impl Default for SessionDetails {
    fn default() -> Self {
        Self {
            kind: SessionKind::DEFAULT,
            is_login: true,
            client_id: None,
            actor: None,
            acr: None,
            amr: Box::default(),
        }
    }
}

/// The maximum number of methods of a login.
pub(crate) const MAX_METHODS: usize = 8;
/// The maximum length of a method's name, in bytes.
pub(crate) const MAX_METHOD_LEN: usize = 32;
/// The maximum length of the other texts, in bytes.
pub(crate) const MAX_TEXT_LEN: usize = 255;

/// Returns whether a text of at most `max` bytes can be one of the details.
pub(crate) fn is_detail(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
}

/// The details as column stores keep them, without absent members.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    login: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    amr: Box<[Box<str>]>,
}

const fn yes() -> bool {
    true
}

const NO_DETAILS: StoreError = StoreError::corrupt("the session's details cannot be read");

impl SessionDetails {
    /// Returns whether the login stated no details.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the details as one JSON object, for a store that keeps them in a column; `None` if they are
    /// [plain](SessionDetails::is_plain).
    pub fn to_json(&self) -> Option<String> {
        let json = Json {
            kind: (!self.kind.is_default()).then(|| self.kind.to_string()),
            login: self.is_login,
            client_id: self.client_id.clone(),
            actor: self.actor.clone(),
            acr: self.acr.clone(),
            amr: self.amr.clone(),
        };
        if self.is_plain() { None } else { serde_json::to_string(&json).ok() }
    }

    /// Reads the details that [`SessionDetails::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`](crate::store::StoreErrorKind::Corrupt) for any other text.
    pub fn from_json(json: Option<&str>) -> Result<Self, StoreError> {
        let Some(json) = json else { return Ok(Self::default()) };
        if !json.starts_with('{') {
            return Err(NO_DETAILS);
        }
        let json: Json = serde_json::from_str(json).map_err(|_| NO_DETAILS)?;
        let kind = json.kind.map_or(Ok(SessionKind::DEFAULT), SessionKind::new).map_err(|_| NO_DETAILS)?;
        let Json { login, client_id, actor, acr, amr, .. } = json;
        let details = Self { kind, is_login: login, client_id, actor, acr, amr };
        if details.is_valid() { Ok(details) } else { Err(NO_DETAILS) }
    }

    pub(crate) fn is_valid(&self) -> bool {
        let short = |text: &Option<Box<str>>| text.as_deref().is_none_or(|t| is_detail(t, MAX_TEXT_LEN));
        short(&self.client_id)
            && short(&self.acr)
            && self.actor.as_deref().is_none_or(Subject::is_one)
            && self.amr.len() <= MAX_METHODS
            && self.amr.iter().all(|method| is_detail(method, MAX_METHOD_LEN))
    }

    /// Appends the binary form: texts, each preceded by its length (an absent one is empty), then a flag.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut push = |text: &str| {
            // At most 255 bytes by `is_valid`.
            out.push(text.len() as u8);
            out.extend(text.as_bytes());
        };
        push(if self.kind.is_default() { "" } else { self.kind.as_str() });
        for text in [&self.client_id, &self.actor, &self.acr] {
            push(text.as_deref().unwrap_or_default());
        }
        self.amr.iter().for_each(|method| push(method));
        out.push(0);
        out.push(u8::from(self.is_login));
    }

    /// Reads the binary form.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut rest = bytes;
        let mut text = || {
            let (len, behind) = rest.split_first().ok_or(NO_DETAILS)?;
            let (text, behind) = behind.split_at_checked((*len).into()).ok_or(NO_DETAILS)?;
            rest = behind;
            std::str::from_utf8(text).map_err(|_| NO_DETAILS)
        };
        let kind = text()?;
        if !kind.is_empty() && !SessionKind::is_name(kind) {
            return Err(NO_DETAILS);
        }
        let mut optional = || text().map(|text| (!text.is_empty()).then(|| Box::from(text)));
        let [client_id, actor, acr] = [optional()?, optional()?, optional()?];
        let mut amr = Vec::new();
        while let Some(method) = optional()? {
            amr.push(method);
        }
        let is_login = match rest {
            [0] => false,
            [1] => true,
            _ => return Err(NO_DETAILS),
        };
        let kind = SessionKind::from_checked(kind);
        let details = Self { kind, is_login, client_id, actor, acr, amr: amr.into() };
        if details.is_valid() { Ok(details) } else { Err(NO_DETAILS) }
    }
}

/// Returns the name of the kind from the binary form; empty for the default.
pub(crate) fn kind_name(details: &[u8]) -> &str {
    let Some((len, rest)) = details.split_first() else { return "" };
    rest.get(..usize::from(*len)).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// Returns from the binary form whether the session represents a login.
pub(crate) fn is_login(details: &[u8]) -> bool {
    details.last().is_none_or(|flag| *flag == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full() -> SessionDetails {
        SessionDetails {
            kind: SessionKind::KIOSK,
            is_login: false,
            client_id: Some("app".into()),
            actor: Some("support-7".into()),
            acr: Some("urn:mfa".into()),
            amr: ["pwd".into(), "otp".into()].into(),
        }
    }

    fn binary(details: &SessionDetails) -> Vec<u8> {
        let mut out = Vec::new();
        details.write(&mut out);
        out
    }

    #[test]
    fn s7_details_round_trip_in_both_forms() {
        for details in [full(), SessionDetails::default()] {
            assert_eq!(SessionDetails::from_json(details.to_json().as_deref()).unwrap(), details);
            let bytes = binary(&details);
            assert_eq!(SessionDetails::read(&bytes).unwrap(), details);
            let kind = if details.is_plain() { "" } else { "kiosk" };
            assert_eq!((kind_name(&bytes), is_login(&bytes)), (kind, details.is_login));
        }
        let json = r#"{"kind":"kiosk","login":false,"client_id":"app","actor":"support-7","acr":"urn:mfa","amr":["pwd","otp"]}"#;
        assert_eq!(full().to_json().as_deref(), Some(json));
        assert_eq!(SessionDetails::default().to_json(), None);
    }

    #[test]
    fn s9_what_is_not_details_is_corrupt() {
        let bytes = binary(&full());
        for len in 0..bytes.len() {
            assert!(SessionDetails::read(&bytes[..len]).is_err(), "{len}");
        }
        assert!(SessionDetails::read(&[&bytes[..], &[1]].concat()).is_err());
        for bad in [
            "",
            "[]",
            r#"{"kind":""}"#,
            r#"{"kind":"A"}"#,
            r#"{"acr":"a\n"}"#,
            r#"{"actor":""}"#,
            r#"{"newer":1}"#,
            r#"{"amr":["1","2","3","4","5","6","7","8","9"]}"#,
        ] {
            assert!(SessionDetails::from_json(Some(bad)).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn s9_any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = (SessionDetails::read(&bytes), kind_name(&bytes), is_login(&bytes));
        }
    }
}
