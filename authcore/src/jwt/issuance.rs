//! The issuance of tokens.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use super::codec::MAX_TOKEN_LEN;
use super::contents::NOT_A_LOGIN;
use super::keys::{Key, MacState};
use super::policy::Policy;
use crate::claims::Reserved;
use crate::error::LoginError;
use crate::secret::fill_random;
use crate::strategy::{AccessToken, SessionClaims, UnsignedToken};
use crate::{Error, Timestamp, base64url};

/// The settings that all issued tokens share.
pub(super) struct Issuance {
    /// As JSON.
    client_id: String,
    pub(super) lifetime: Duration,
}

impl Issuance {
    pub(super) fn new(client_id: String, lifetime: Duration) -> Self {
        // `iat` and `exp` are whole seconds, and so is their difference.
        Self { client_id: json(&client_id), lifetime: Duration::from_secs(lifetime.as_secs()) }
    }

    /// Returns whether this is the client of tokens that name no other.
    pub(super) fn is_client(&self, client_id: &str) -> bool {
        self.client_id == json(client_id)
    }

    /// Returns the first members of the payload, which all tokens of this issuer, audience and client
    /// share.
    pub(super) fn members(&self, policy: &Policy, client_id: Option<&str>) -> String {
        let mut members = String::from("{");
        // Writing to a `String` cannot fail.
        if let Some(issuer) = &policy.issuer {
            let _ = write!(members, r#""iss":{},"#, json(&**issuer));
        }
        match &policy.audiences[..] {
            [] => {}
            [one] => {
                let _ = write!(members, r#""aud":{},"#, json(one));
            }
            many => {
                let _ = write!(members, r#""aud":{},"#, json(many));
            }
        }
        let client_id = client_id.map_or_else(|| self.client_id.clone(), json);
        let _ = write!(members, r#""client_id":{client_id}}}"#);
        members
    }

    /// Returns the start of every token of this key, issuer, audience and client: the header, a dot, and
    /// the payload up to the subject, padded with spaces to a whole number of base64 groups.
    pub(super) fn start(&self, key: &Key, policy: &Policy, client_id: Option<&str>) -> String {
        let header =
            format!(r#"{{"alg":"{}","typ":"at+jwt","kid":{}}}"#, key.algorithm().name(), json(key.kid()));
        let mut payload = self.members(policy, client_id);
        payload.pop();
        payload.push(',');
        while !payload.len().is_multiple_of(3) {
            payload.push(' ');
        }
        let mut start = String::new();
        base64url::push(header.as_bytes(), &mut start);
        start.push('.');
        base64url::push(payload.as_bytes(), &mut start);
        start
    }

    /// Issues a token that begins with `start`, which `mac` has already processed.
    pub(super) fn issue(
        &self,
        token: &UnsignedToken<'_>,
        now: Timestamp,
        start: &str,
        mac: &MacState,
    ) -> Result<AccessToken, Error> {
        let issued_at = now.as_secs();
        let not_after = token.not_after.unwrap_or(Timestamp::MAX);
        let expires_at = now.plus(self.lifetime).min(not_after).as_secs();
        // After the clock was set back, a session may lie in the future; its tokens must verify
        // nevertheless.
        let authenticated_at = token.authenticated_at.as_secs().min(issued_at);
        let rest = self.payload_rest(token, issued_at, expires_at, authenticated_at)?;

        let mut text = String::with_capacity(start.len() + rest.len().div_ceil(3) * 4 + 88);
        text.push_str(start);
        base64url::push(rest.as_bytes(), &mut text);
        let tag = mac.tag_of(&text.as_bytes()[start.len()..]);
        text.push('.');
        text.extend(tag.as_bytes().iter().map(|byte| char::from(*byte)));
        if text.len() > MAX_TOKEN_LEN {
            return Err(token.too_large(text.len(), MAX_TOKEN_LEN).into());
        }
        Ok(AccessToken::new(text, Timestamp::from_secs(expires_at)))
    }

    /// Returns the payload from the subject on.
    fn payload_rest(
        &self,
        token: &UnsignedToken<'_>,
        issued_at: u64,
        expires_at: u64,
        authenticated_at: u64,
    ) -> Result<String, Error> {
        let mut jti = [0; 16];
        fill_random(&mut jti)?;
        let mut rest = String::with_capacity(256 + token.claims.len());
        // Writing to a `String` cannot fail.
        let _ = write!(
            rest,
            r#""sub":{},"iat":{issued_at},"exp":{expires_at},"auth_time":{authenticated_at},"jti":""#,
            json(token.subject),
        );
        base64url::push(&jti, &mut rest);
        rest.push('"');
        if let Some(SessionClaims { id, epoch }) = token.session {
            let _ = write!(rest, r#","sid":"{id}","epoch":{epoch}"#);
        }
        if !token.realm.is_empty() {
            let _ = write!(rest, r#","auth_realm":{}"#, json(token.realm));
        }
        match (token.kind, token.is_login) {
            ("", true) => {}
            (kind, true) => {
                let _ = write!(rest, r#","session_kind":{}"#, json(kind));
            }
            (kind, false) => {
                let kind = if kind.is_empty() { "default" } else { kind };
                let _ = write!(rest, r#","session_kind":{{"{NOT_A_LOGIN}":{}}}"#, json(kind));
            }
        }
        if let Some(actor) = token.actor {
            let _ = write!(rest, r#","act":{{"sub":{}}}"#, json(actor));
        }
        if let Some(acr) = token.context_class {
            let _ = write!(rest, r#","acr":{}"#, json(acr));
        }
        if !token.methods.is_empty() {
            let _ = write!(rest, r#","amr":{}"#, json(token.methods));
        }
        let claims = free_claims(token.claims)?;
        let members = claims.trim().strip_prefix('{').and_then(|claims| claims.strip_suffix('}'));
        let members = members.ok_or(LoginError::NotAnObject)?.trim();
        if !members.is_empty() {
            rest.push(',');
            rest.push_str(members);
        }
        rest.push('}');
        Ok(rest)
    }
}

/// Returns the claims without those whose names have become reserved since an earlier release: in an
/// existing record such a claim is the application's, and must not pass for one of ours.
fn free_claims(claims: &str) -> Result<Cow<'_, str>, Error> {
    let text = claims.as_bytes();
    // Names may also be written with escapes.
    let suspect = memchr::memchr(b'\\', text).is_some()
        || memchr::memchr_iter(b'"', text).any(|quote| {
            let rest = &text[quote + 1..];
            Reserved::LATER.iter().any(|name| rest.starts_with(name.as_bytes()))
        });
    if !suspect {
        return Ok(Cow::Borrowed(claims));
    }
    let members: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(claims).map_err(|_| LoginError::InvalidJson)?;
    if !members.keys().any(|name| Reserved::of(name).is_some()) {
        return Ok(Cow::Borrowed(claims));
    }
    let free: BTreeMap<_, _> = members.into_iter().filter(|(name, _)| Reserved::of(name).is_none()).collect();
    Ok(Cow::Owned(serde_json::to_string(&free).map_err(|_| LoginError::InvalidJson)?))
}

/// Returns the JSON text of a string or of a list of strings, which always serialize.
fn json<T: Serialize + ?Sized>(text: &T) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
