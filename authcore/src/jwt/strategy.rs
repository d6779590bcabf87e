//! The JWT strategy and its builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::issuance::Issuance;
use super::keys::KeyRing;
use super::policy::Policy;
use super::settings::{DEFAULT_LIFETIME, MAX_LEEWAY, check_audiences, check_cap, check_name};
use super::trusted_issuer::TrustedIssuer;
use super::validation::Expiry;
use super::verification::{self, Recognised, TrustedKey, Verifier};
use super::verified_claims::{TokenBuffer, VerifiedClaims};
use crate::error::{ConfigError, Rejection};
use crate::strategy::{AccessToken, TokenStrategy, UnsignedToken};
use crate::{Error, Principal, SessionId, Timestamp};

/// JSON Web Tokens of type `at+jwt` (RFC 9068), signed with HMAC (RFC 7518).
///
/// ```
/// # fn main() -> Result<(), authcore::error::ConfigError> {
/// use authcore::jwt::{Algorithm, Jwt, Key, KeyRing};
/// use authcore::Auth;
/// # let secret = [7; 32];
///
/// let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &secret)?);
/// let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build()?;
/// let auth = Auth::with_tokens(jwt);
/// # Ok(())
/// # }
/// ```
///
/// Verification allocates nothing on [`Jwt::verify_claims`], and for a [`Principal`] one block for its texts,
/// another if it names a session or another issuer, and room to decode a payload of more than a kilobyte.
#[derive(Clone)]
pub struct Jwt(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    issuance: Issuance,
}

impl Jwt {
    /// Starts building; an issuer and an audience are required, or waived by name.
    pub fn builder(keys: KeyRing) -> JwtBuilder {
        JwtBuilder {
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

    /// Verifies `token` and reads its application claims as a `T` in one pass, allocating nothing (unless
    /// texts in it have escapes, or `T` allocates).
    ///
    /// The same checks as [`TokenStrategy::verify`]. A token of a named realm, or one that does not represent
    /// a login, is refused: [`Auth`](crate::Auth) verifies those (rules A12, A13). Members that `T` ignores
    /// are not looked at.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused.
    pub fn verify_claims<'b, T: Deserialize<'b>>(
        &'b self,
        token: &str,
        now: Timestamp,
        buffer: &'b mut TokenBuffer,
    ) -> Result<VerifiedClaims<'b, T>, Rejection> {
        self.0.verifier.verify_claims(token, now, buffer)
    }
}

impl TokenStrategy for Jwt {
    fn issue(&self, token: &UnsignedToken<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        let Inner { verifier, issuance } = &*self.0;
        if token.client_id.is_none_or(|client| issuance.is_client(client)) {
            let signing = &verifier.recognised[0];
            return issuance.issue(token, now, &signing.start, &signing.mac);
        }
        // Not the client that most tokens are for, so nothing was prepared for it.
        let key = &verifier.keys[0].key;
        let start = issuance.start(key, &verifier.policies[0], token.client_id);
        let mut mac = key.mac.clone();
        mac.update(start.as_bytes());
        issuance.issue(token, now, &start, &mac)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.0.verifier.principal(token, now, Expiry::Checked)
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.0.verifier.principal(token, now, Expiry::Ignored)
    }

    fn named_session(&self, token: &str) -> Option<SessionId> {
        verification::named_session(token)
    }

    fn lifetime(&self) -> Duration {
        self.0.issuance.lifetime
    }

    fn leeway(&self) -> Duration {
        self.0.verifier.leeway
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.0.verifier.keys.iter().map(|trusted| trusted.key.kid()).collect::<Vec<_>>())
            .field("policies", &self.0.verifier.policies)
            .field("lifetime", &self.0.issuance.lifetime)
            .field("leeway", &self.0.verifier.leeway)
            .finish()
    }
}

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
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The longest lifetime that is issued or accepted: default 15 minutes, at most 24 hours (rule T7).
    pub fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// How far the clocks of issuer and verifier may be apart: default 30 seconds, at most 10 minutes (rule
    /// T6).
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts our own issuer's tokens whatever their `typ` (rule T4); needs an issuer and an audience.
    ///
    /// # Security
    ///
    /// Anything that the keys sign is then an access token, an ID token too.
    pub fn any_token_type(mut self) -> Self {
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
        let verifier = Verifier { keys, policies, recognised, leeway: self.leeway };
        Ok(Jwt(Arc::new(Inner { verifier, issuance })))
    }
}
