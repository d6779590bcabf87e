//! Custom token strategies.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authcore::error::{ClaimFault, Rejection};
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
use authcore::strategy::{AccessToken, TokenStrategy, UnsignedToken, VerifiedToken};
use authcore::{Error, Principal, SessionId, SessionKind, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::Value;

use crate::LIFETIME;

/// A token strategy from scratch: random opaque tokens and a table of their contents.
#[derive(Clone, Default)]
pub(crate) struct Table(pub(crate) Arc<Mutex<Rows>>);

#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) tokens: HashMap<String, VerifiedToken>,
    exhausted: bool,
}

impl Table {
    const PREFIX: &str = "opaque_";

    pub(crate) fn exhaust(&self, exhausted: bool) {
        self.0.lock().unwrap().exhausted = exhausted;
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table")
    }
}

impl TokenStrategy for Table {
    fn issue(&self, grant: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        let mut rows = self.0.lock().unwrap();
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes).map_err(|_| Error::NoEntropy)?;
        if rows.exhausted {
            return Err(Error::NoEntropy);
        }
        let text = format!("{}{}", Self::PREFIX, URL_SAFE_NO_PAD.encode(bytes));
        let expires_at = now.plus(self.lifetime()).min(grant.not_after.unwrap_or(Timestamp::MAX));
        let verified = VerifiedToken {
            session: grant.session,
            is_login: grant.is_login,
            kind: if grant.kind.is_empty() { SessionKind::DEFAULT } else { grant.kind.parse().unwrap() },
            authenticated_at: grant.authenticated_at,
            ..VerifiedToken::new(grant.to_subject(), now, expires_at, grant.claims.to_owned())
        };
        rows.tokens.insert(text.clone(), verified);
        Ok(AccessToken::new(text, expires_at))
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        let principal = self.verify_ignoring_expiry(token, now)?;
        if now >= principal.expires_at() { Err(Rejection::Expired) } else { Ok(principal) }
    }

    fn verify_ignoring_expiry(&self, token: &str, _: Timestamp) -> Result<Principal, Rejection> {
        if !token.starts_with(Self::PREFIX) {
            return Err(Rejection::WrongKind);
        }
        let rows = self.0.lock().unwrap();
        let verified = rows.tokens.get(token).ok_or(Rejection::Malformed("no token of this table"))?;
        Ok(Principal::from_token(verified.clone()))
    }

    fn named_session(&self, token: &str) -> Option<SessionId> {
        self.0.lock().unwrap().tokens.get(token)?.session.map(|session| session.id)
    }

    fn lifetime(&self) -> Duration {
        LIFETIME
    }

    fn leeway(&self) -> Duration {
        Duration::ZERO
    }
}

/// A wrapper that accepts only the tokens of one tenant, identified by a claim.
#[derive(Debug, Clone)]
pub(crate) struct Tenant(pub(crate) Jwt);

impl Tenant {
    pub(crate) fn new() -> Self {
        let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &[7; 32]).unwrap());
        let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").lifetime(LIFETIME);
        Self(jwt.leeway(Duration::ZERO).build().unwrap())
    }

    fn check(principal: Principal) -> Result<Principal, Rejection> {
        let claims = principal
            .claims::<Value>()
            .map_err(|_| Rejection::InvalidClaim("tenant", ClaimFault::WrongType))?;
        if claims["tenant"] == "acme" { Ok(principal) } else { Err(Rejection::WrongAudience) }
    }
}

impl TokenStrategy for Tenant {
    fn issue(&self, grant: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        self.0.issue(grant, now)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.0.verify(token, now).and_then(Self::check)
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.0.verify_ignoring_expiry(token, now).and_then(Self::check)
    }

    fn named_session(&self, token: &str) -> Option<SessionId> {
        self.0.named_session(token)
    }

    fn lifetime(&self) -> Duration {
        self.0.lifetime()
    }

    fn leeway(&self) -> Duration {
        self.0.leeway()
    }
}
