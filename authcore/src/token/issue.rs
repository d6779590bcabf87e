//! Writing a token.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::codec::MAX_TOKEN_LEN;
use super::keys::{Key, MacState};
use super::validation::Policy;
use super::{AccessToken, Grant, SessionClaims};
use crate::secret::fill_random;
use crate::{Error, LoginError, Timestamp, base64url};

/// What is the same in all tokens that we issue.
pub(super) struct Issuance {
    /// As JSON.
    client_id: String,
    pub(super) lifetime: Duration,
}

impl Issuance {
    pub(super) fn new(client_id: String, lifetime: Duration) -> Self {
        // `iat` and `exp` are whole seconds, and so is what lies between them.
        Self { client_id: json(&client_id), lifetime: Duration::from_secs(lifetime.as_secs()) }
    }

    /// How every token of this key for this issuer and audience begins: the header, a dot, and the payload up to
    /// the subject, filled with spaces to a whole number of base64 groups.
    pub(super) fn start(&self, key: &Key, policy: &Policy) -> String {
        let header =
            format!(r#"{{"alg":"{}","typ":"at+jwt","kid":{}}}"#, key.algorithm().name(), json(key.kid()));
        let mut payload = "{".to_owned();
        if let Some(issuer) = &policy.issuer {
            let _ = write!(payload, r#""iss":{},"#, json(&**issuer));
        }
        match &policy.audiences[..] {
            [] => {}
            [one] => {
                let _ = write!(payload, r#""aud":{},"#, json(one));
            }
            many => {
                let _ = write!(payload, r#""aud":{},"#, json(many));
            }
        }
        let _ = write!(payload, r#""client_id":{},"#, self.client_id);
        while !payload.len().is_multiple_of(3) {
            payload.push(' ');
        }
        let mut start = String::new();
        base64url::push(header.as_bytes(), &mut start);
        start.push('.');
        base64url::push(payload.as_bytes(), &mut start);
        start
    }

    /// Signs a token that begins with `start`, which `mac` has already seen.
    pub(super) fn issue(
        &self,
        grant: &Grant<'_>,
        now: Timestamp,
        start: &str,
        mac: &MacState,
    ) -> Result<AccessToken, Error> {
        let issued_at = now.as_secs();
        let not_after = grant.not_after.unwrap_or(Timestamp::MAX);
        let expires_at = now.plus(self.lifetime).min(not_after).as_secs();
        // A clock that went back leaves sessions from the future, whose tokens must be good all the same.
        let authenticated_at = grant.authenticated_at.as_secs().min(issued_at);
        let rest = self.payload_rest(grant, issued_at, expires_at, authenticated_at)?;

        let mut token = String::with_capacity(start.len() + rest.len().div_ceil(3) * 4 + 88);
        token.push_str(start);
        base64url::push(rest.as_bytes(), &mut token);
        let tag = mac.tag_of(&token.as_bytes()[start.len()..]);
        token.push('.');
        token.extend(tag.as_bytes().iter().map(|byte| char::from(*byte)));
        if token.len() > MAX_TOKEN_LEN {
            return Err(LoginError::ClaimsTooLarge.into());
        }
        Ok(AccessToken::new(token, Timestamp::from_secs(expires_at)))
    }

    /// The payload from the subject on.
    fn payload_rest(
        &self,
        grant: &Grant<'_>,
        issued_at: u64,
        expires_at: u64,
        authenticated_at: u64,
    ) -> Result<String, Error> {
        let mut jti = [0; 16];
        fill_random(&mut jti)?;
        let mut rest = String::with_capacity(256 + grant.claims.len());
        // Writing to a `String` cannot fail.
        let _ = write!(
            rest,
            r#""sub":{},"iat":{issued_at},"exp":{expires_at},"auth_time":{authenticated_at},"jti":""#,
            json(grant.subject),
        );
        base64url::push(&jti, &mut rest);
        rest.push('"');
        if let Some(SessionClaims { id, epoch }) = grant.session {
            let _ = write!(rest, r#","sid":"{id}","epoch":{epoch}"#);
        }
        let members = grant.claims.trim().strip_prefix('{').and_then(|claims| claims.strip_suffix('}'));
        let members = members.ok_or(LoginError::NotAnObject)?.trim();
        if !members.is_empty() {
            rest.push(',');
            rest.push_str(members);
        }
        rest.push('}');
        Ok(rest)
    }
}

/// The JSON text of a string or of a list of them; neither can fail to serialize.
fn json<T: Serialize + ?Sized>(text: &T) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
