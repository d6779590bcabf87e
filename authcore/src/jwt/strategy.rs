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

/// Issues and verifies JSON Web Tokens of type `at+jwt` (RFC 9068), signed with HMAC (RFC 7518).
///
/// Cheap to clone; clones share the keys.
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
/// # Memory
///
/// [`Jwt::verify_claims`] allocates nothing. A [`Principal`] takes one block of memory for its texts, and
/// one more if its token names a session or another issuer. A token of a named realm or kind costs one more
/// block of memory (the same as for a session) and a text each for the names of the realm and the kind. A
/// payload above 1 KiB takes another block while it is decoded.
#[derive(Clone)]
pub struct Jwt(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    issuance: Issuance,
}

impl Jwt {
    /// Returns a builder. An issuer and an audience are required, or waived through an explicitly named
    /// option.
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

    /// Verifies `token` and reads the application's claims as a `T`, in one pass. Allocates nothing, unless
    /// a string in the token has escapes or `T` allocates.
    ///
    /// The checks are those of [`TokenStrategy::verify`]. A token of a named realm, or one that does not
    /// represent a login, is refused; [`Auth`](crate::Auth) verifies such tokens (rules A12, A13).
    /// Application claims that `T` ignores are not checked.
    ///
    /// # Errors
    ///
    /// The reason why the token is refused, including [`Rejection::MalformedPayload`] if its claims are not
    /// a `T`.
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
        // Another client than that of most tokens, so its start is not prepared.
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
    /// Sets the issuer, `iss`, which is written to every token and required in every token: 1 to 255 bytes.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Setting::Given(issuer.into());
        self
    }

    /// Adds an audience, `aud`. All audiences are written to every token, and a token must name one of
    /// them. Together they have at most 255 bytes.
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
    /// Every issuer that shares a key is accepted. Use this only in tests, and with keys that nothing else
    /// uses.
    pub fn dangerous_any_issuer(mut self) -> Self {
        self.issuer = Setting::Waived;
        self
    }

    /// Writes no `aud` and accepts any.
    ///
    /// # Security
    ///
    /// A token that was issued for another service is accepted here too.
    pub fn dangerous_any_audience(mut self) -> Self {
        self.audiences = Setting::Waived;
        self
    }

    /// Sets the OAuth client that tokens are issued to, `client_id`, which RFC 9068 requires: 1 to 255
    /// bytes. The default is `first-party`, the application itself.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets the lifetime of issued tokens: 1 second to [`max_lifetime`](Self::max_lifetime), default 15
    /// minutes (rule T7). A fraction of a second is dropped.
    ///
    /// # Security
    ///
    /// Nothing ends a token before it expires, so shorter is safer.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the longest lifetime that is issued or accepted: default 15 minutes, at most 24 hours (rule
    /// T7).
    pub fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// Sets how far the clocks of issuer and verifier may differ: default 30 seconds, at most 10 minutes
    /// (rule T6).
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts our own issuer's tokens with any `typ` (rule T4). Requires an issuer and an audience.
    ///
    /// # Security
    ///
    /// Every token that the keys sign for this issuer and audience is then an access token, including an ID
    /// token.
    pub fn any_token_type(mut self) -> Self {
        self.any_type = true;
        self
    }

    /// Also accepts the tokens of another issuer.
    pub fn trusting(mut self, issuer: TrustedIssuer) -> Self {
        self.trusted.push(issuer);
        self
    }

    /// Checks the settings, and computes in advance what all tokens share.
    ///
    /// # Errors
    ///
    /// The error names the setting, its value and the limit. Fails if
    ///
    /// - no issuer or no audience was set or waived, or `any_token_type` is combined with a waiver;
    /// - a setting is outside its range;
    /// - two keys have the same id, including those of trusted issuers;
    /// - a trusted issuer is the application's own issuer, or was added twice.
    pub fn build(self) -> Result<Jwt, ConfigError> {
        let issuer = match self.issuer {
            Setting::Missing => {
                return Err(ConfigError::new(
                    "`issuer` is not set; set it, or waive it with `dangerous_any_issuer`",
                ));
            }
            Setting::Waived => None,
            Setting::Given(issuer) => Some(Arc::from(check_name("`issuer`", issuer)?)),
        };
        let audiences = match self.audiences {
            Setting::Missing => {
                return Err(ConfigError::new(
                    "`audience` is not set; set it, or waive it with `dangerous_any_audience`",
                ));
            }
            Setting::Waived => Vec::new(),
            Setting::Given(audiences) => audiences,
        };
        check_audiences("`audience`", &audiences)?;
        if self.any_type && (issuer.is_none() || audiences.is_empty()) {
            return Err(ConfigError::new(
                "`any_token_type` needs an issuer and an audience, and one of them is waived; set both",
            ));
        }
        check_cap("`max_lifetime`", self.max_lifetime)?;
        if self.lifetime < Duration::from_secs(1) || self.lifetime > self.max_lifetime {
            return Err(ConfigError::with_value(format!(
                "`lifetime` is {:?}; it needs 1s to `max_lifetime`, which is {:?}",
                self.lifetime, self.max_lifetime
            )));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::with_value(format!(
                "`leeway` is {:?}; the limit is {MAX_LEEWAY:?} (10 minutes)",
                self.leeway
            )));
        }
        let client_id = check_name("`client_id`", self.client_id)?;
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
                    "the trusted issuer `{}` is the application's own issuer, or was added twice",
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
            return Err(ConfigError::with_value(format!(
                "two keys have the same id, `{}`; key ids must be unique",
                pair[0]
            )));
        }
        let verifier = Verifier { keys, policies, recognised, leeway: self.leeway };
        Ok(Jwt(Arc::new(Inner { verifier, issuance })))
    }
}
