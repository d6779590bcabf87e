//! Other issuers whose tokens are accepted.

use std::sync::Arc;
use std::time::Duration;

use super::keys::Key;
use super::policy::Policy;
use super::settings::{DEFAULT_LIFETIME, check_audiences, check_cap, check_name};
use crate::error::ConfigError;

/// Another issuer whose tokens are accepted, with its keys and its policy.
///
/// Its tokens never reach the application's sessions.
///
/// # Security
///
/// Its subjects are separate from the application's, even if they have the same text: see
/// [`Principal::foreign_issuer`](crate::Principal::foreign_issuer).
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
    /// Creates an issuer from its `iss`, the `aud` by which it names this application, and its key.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, key: Key) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: vec![key],
            max_lifetime: DEFAULT_LIFETIME,
            any_type: false,
        }
    }

    /// Adds another key of the issuer.
    pub fn verifying(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Sets the maximum lifetime of its tokens: default 15 minutes, at most 24 hours (rule T7).
    pub fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// Accepts its tokens with any `typ` (rule T4), for an issuer that does not follow RFC 9068.
    ///
    /// # Security
    ///
    /// Every token that its keys sign for this audience is then an access token, including an ID token.
    pub fn any_token_type(mut self) -> Self {
        self.any_type = true;
        self
    }

    pub(super) fn into_policy(self) -> Result<(Policy, Vec<Key>), ConfigError> {
        let issuer = check_name("the name of a trusted issuer", self.issuer)?;
        check_cap(&format!("`max_lifetime` of the trusted issuer `{issuer}`"), self.max_lifetime)?;
        let audiences = vec![self.audience.into_boxed_str()];
        check_audiences(&format!("the audience of the trusted issuer `{issuer}`"), &audiences)?;
        let policy = Policy {
            issuer: Some(Arc::from(issuer)),
            audiences,
            max_lifetime: self.max_lifetime,
            any_type: self.any_type,
            foreign: true,
        };
        Ok((policy, self.keys))
    }
}
