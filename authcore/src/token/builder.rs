//! What is configured of tokens, checked once.

use std::sync::Arc;
use std::time::Duration;

use super::issue::Issuance;
use super::jwt::{Jwt, Recognised, TrustedKey};
use super::keys::{Key, KeyRing};
use super::validation::Policy;
use crate::ConfigError;

/// The longest lifetime and the longest cap that can be configured (rule T7).
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
const MAX_LEEWAY: Duration = Duration::from_secs(10 * 60);
/// The most bytes of an issuer, of all audiences and of a client id.
const MAX_NAME_LEN: usize = 255;

/// A setting without a default.
#[derive(Debug, Clone)]
enum Setting<T> {
    Missing,
    Waived,
    Given(T),
}

/// Builds a [`Jwt`].
#[derive(Debug, Clone)]
#[must_use]
pub struct JwtBuilder {
    keys: KeyRing,
    issuer: Setting<String>,
    audiences: Setting<Vec<Box<str>>>,
    client_id: String,
    lifetime: Duration,
    max_lifetime: Duration,
    leeway: Duration,
    any_type: bool,
    trusted: Vec<TrustedIssuer>,
}

impl JwtBuilder {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            issuer: Setting::Missing,
            audiences: Setting::Missing,
            client_id: "first-party".to_owned(),
            lifetime: DEFAULT_LIFETIME,
            max_lifetime: DEFAULT_LIFETIME,
            leeway: Duration::from_secs(30),
            any_type: false,
            trusted: Vec::new(),
        }
    }

    /// Who issues the tokens: `iss`, written and required.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Setting::Given(issuer.into());
        self
    }

    /// Whom the tokens are for: `aud`, written and required. More than one may be given, of which a token
    /// must name one.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        let audience = audience.into().into_boxed_str();
        match &mut self.audiences {
            Setting::Given(audiences) => audiences.push(audience),
            other => *other = Setting::Given(vec![audience]),
        }
        self
    }

    /// Writes no `iss` and accepts any.
    ///
    /// # Security
    ///
    /// For tests and for keys that nothing else in the world uses: every issuer that shares the key is
    /// accepted.
    pub fn dangerous_any_issuer(mut self) -> Self {
        self.issuer = Setting::Waived;
        self
    }

    /// Writes no `aud` and accepts any.
    ///
    /// # Security
    ///
    /// A token that another service was given for itself opens this one too.
    pub fn dangerous_any_audience(mut self) -> Self {
        self.audiences = Setting::Waived;
        self
    }

    /// The OAuth client that tokens are issued to: `client_id`, which RFC 9068 requires. Default
    /// `first-party`: the application itself.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// How long tokens live; default 15 minutes (rule T7). A fraction of a second is dropped. Shorter is
    /// safer: nothing ends a token earlier.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The longest lifetime that is issued or accepted: default 15 minutes, at most 24 hours (rule T7).
    pub const fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// How far the clocks of issuer and verifier may be apart: default 30 seconds, at most 10 minutes (rule
    /// T6).
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts our own issuer's tokens whatever their `typ` (rule T4); needs an issuer and an audience.
    ///
    /// # Security
    ///
    /// Anything that the keys sign is then an access token, an ID token too.
    pub const fn any_token_type(mut self) -> Self {
        self.any_type = true;
        self
    }

    /// Accepts the tokens of another issuer too.
    pub fn trusting(mut self, issuer: TrustedIssuer) -> Self {
        self.trusted.push(issuer);
        self
    }

    /// Checks the settings and does the work that would otherwise be done for every token.
    ///
    /// # Errors
    ///
    /// If no issuer or audience was given or waived, if one is empty or longer than 255 bytes, if a lifetime
    /// is under a second or above its cap, if the leeway or a cap is above its limit, if two keys have the
    /// same id, or if a trusted issuer is our own or given twice.
    pub fn build(self) -> Result<Jwt, ConfigError> {
        let issuer = match self.issuer {
            Setting::Missing => {
                return Err(ConfigError::new(
                    "no issuer was given: call `issuer`, or waive it with `dangerous_any_issuer`",
                ));
            }
            Setting::Waived => None,
            Setting::Given(issuer) => Some(Arc::from(check_name("the issuer", issuer)?)),
        };
        let audiences = match self.audiences {
            Setting::Missing => {
                return Err(ConfigError::new(
                    "no audience was given: call `audience`, or waive it with `dangerous_any_audience`",
                ));
            }
            Setting::Waived => Vec::new(),
            Setting::Given(audiences) => audiences,
        };
        check_audiences(&audiences)?;
        if self.any_type && (issuer.is_none() || audiences.is_empty()) {
            return Err(ConfigError::new(
                "`any_token_type` needs an issuer and an audience, and one of them is waived",
            ));
        }
        check_cap(self.max_lifetime)?;
        if self.lifetime < Duration::from_secs(1) || self.lifetime > self.max_lifetime {
            return Err(ConfigError::with_value(format!(
                "the token lifetime is {:?}, which is under a second or above its cap (`max_lifetime`, {:?})",
                self.lifetime, self.max_lifetime
            )));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::with_value(format!(
                "the leeway is {:?}, above 10 minutes",
                self.leeway
            )));
        }
        let client_id = check_name("the client id", self.client_id)?;
        let own = Policy {
            issuer,
            audiences,
            max_lifetime: self.max_lifetime,
            any_type: self.any_type,
            foreign: false,
        };
        let issuance = Issuance::new(client_id, self.lifetime);
        let recognised = self.keys.keys.iter().map(|key| Recognised::new(key, &own, &issuance)).collect();

        let mut keys: Vec<_> = self.keys.keys.into_iter().map(|key| TrustedKey::new(key, 0)).collect();
        let mut policies = vec![own];
        for trusted in self.trusted {
            if policies.iter().any(|known: &Policy| known.issuer.as_deref() == Some(&*trusted.issuer)) {
                return Err(ConfigError::with_value(format!(
                    "the trusted issuer `{}` is our own, or given twice",
                    trusted.issuer
                )));
            }
            let (policy, foreign_keys) = trusted.into_policy()?;
            keys.extend(foreign_keys.into_iter().map(|key| TrustedKey::new(key, policies.len())));
            policies.push(policy);
        }
        let mut kids: Vec<_> = keys.iter().map(|trusted| trusted.key.kid()).collect();
        kids.sort_unstable();
        if let Some(pair) = kids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::with_value(format!("two keys have the same id, `{}`", pair[0])));
        }
        Ok(Jwt::new(keys, policies, recognised, issuance, self.leeway))
    }
}

/// Another issuer whose tokens are accepted, with its own keys and rules.
///
/// Its subjects are its own: see [`Principal::foreign_issuer`](crate::Principal::foreign_issuer). Its tokens
/// never reach our sessions.
#[derive(Debug, Clone)]
#[must_use]
pub struct TrustedIssuer {
    issuer: String,
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
    pub const fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// Accepts its tokens whatever their `typ` (rule T4), for an issuer that does not follow RFC 9068.
    pub const fn any_token_type(mut self) -> Self {
        self.any_type = true;
        self
    }

    fn into_policy(self) -> Result<(Policy, Vec<Key>), ConfigError> {
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

fn check_name(what: &str, name: String) -> Result<String, ConfigError> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        let len = name.len();
        return Err(ConfigError::with_value(format!(
            "{what} has {len} bytes instead of 1 to {MAX_NAME_LEN}"
        )));
    }
    Ok(name)
}

fn check_audiences(audiences: &[Box<str>]) -> Result<(), ConfigError> {
    let total: usize = audiences.iter().map(|audience| audience.len()).sum();
    if audiences.iter().any(|audience| audience.is_empty()) {
        return Err(ConfigError::new("an audience is empty"));
    }
    if total > MAX_NAME_LEN {
        return Err(ConfigError::with_value(format!(
            "all audiences together have {total} bytes, above {MAX_NAME_LEN}"
        )));
    }
    Ok(())
}

fn check_cap(cap: Duration) -> Result<(), ConfigError> {
    if cap > MAX_LIFETIME {
        return Err(ConfigError::with_value(format!(
            "the cap of the token lifetime (`max_lifetime`) is {cap:?}, above 24 hours"
        )));
    }
    Ok(())
}
