//! Other issuers whose tokens are accepted.

use std::sync::Arc;
use std::time::Duration;

use super::keys::Key;
use super::policy::Policy;
use super::settings::{DEFAULT_LIFETIME, check_audiences, check_cap, check_name};
use crate::error::ConfigError;

/// Another issuer whose tokens are accepted, with its own keys and rules.
///
/// Its subjects are its own: see [`Principal::foreign_issuer`](crate::Principal::foreign_issuer). Its tokens
/// never reach our sessions.
#[derive(Debug, Clone)]
#[must_use]
pub struct TrustedIssuer {
    pub(super) issuer: String,
    audience: String,
    keys: Vec<Key>,
    max_lifetime: Duration,
    any_type: bool,
}

impl TrustedIssuer {
    /// The issuer's `iss`, the `aud` by which it names us, and its key.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, key: Key) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: vec![key],
            max_lifetime: DEFAULT_LIFETIME,
            any_type: false,
        }
    }

    /// Adds another of its keys.
    pub fn verifying(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// The longest lifetime that is accepted from it: default 15 minutes, at most 24 hours (rule T7).
    pub fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// Accepts its tokens whatever their `typ` (rule T4), for an issuer that does not follow RFC 9068.
    pub fn any_token_type(mut self) -> Self {
        self.any_type = true;
        self
    }

    pub(super) fn into_policy(self) -> Result<(Policy, Vec<Key>), ConfigError> {
        check_cap(self.max_lifetime)?;
        let audiences = vec![self.audience.into_boxed_str()];
        check_audiences(&audiences)?;
        let policy = Policy {
            issuer: Some(Arc::from(check_name("the trusted issuer", self.issuer)?)),
            audiences,
            max_lifetime: self.max_lifetime,
            any_type: self.any_type,
            foreign: true,
        };
        Ok((policy, self.keys))
    }
}
