//! JSON Web Tokens as access tokens (RFC 7519, RFC 9068), signed with HMAC.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claims::Registered;
use super::codec::{self, EncodedTag, Header, MAX_PAYLOAD_LEN, Segments};
use super::issue::Issuance;
use super::keys::{Key, KeyRing, MacState};
use super::validation::{Expiry, Policy};
use super::{AccessToken, Grant, TokenStrategy};
use crate::principal::VerifiedToken;
use crate::{ConfigError, Error, Principal, Rejection, SessionId, Subject, Timestamp};

/// The longest lifetime and the longest cap that can be configured (rule T7).
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
const MAX_LEEWAY: Duration = Duration::from_secs(10 * 60);
/// The most bytes of an issuer and of all audiences, so that every token with claims within their limit fits.
const MAX_NAME_LEN: usize = 255;

/// JSON Web Tokens of type `at+jwt` (RFC 9068), signed with HMAC (RFC 7518).
///
/// ```
/// # fn main() -> Result<(), authcore::ConfigError> {
/// use authcore::{Algorithm, Auth, Jwt, Key, KeyRing};
/// # let secret = [7; 32];
///
/// let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &secret)?);
/// let jwt = Jwt::builder(keys).issuer("https://auth.example.com").audience("api").build()?;
/// let auth = Auth::tokens(jwt);
/// # Ok(())
/// # }
/// ```
///
/// Verification allocates nothing on [`Jwt::verify_claims`], and twice for a [`Principal`].
#[derive(Clone)]
pub struct Jwt(Arc<Inner>);

struct Inner {
    /// Our own first, the one that signs first of all.
    keys: Vec<TrustedKey>,
    policies: Vec<Policy>,
    /// How tokens that we made begin, a text for each of our keys.
    recognised: Vec<Recognised>,
    issuance: Issuance,
    leeway: Duration,
}

struct TrustedKey {
    key: Key,
    policy: usize,
}

/// How a token begins that one of our keys signed for our issuer and audience: header, dot, and the start of the
/// payload. Whatever follows under the signature, these bytes need not be decoded or hashed again.
struct Recognised {
    start: String,
    mac: MacState,
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

    /// Verifies `token` and reads its application claims as a `T` in one pass, allocating nothing (unless texts in
    /// it have escapes, or `T` allocates).
    ///
    /// The same checks as [`TokenStrategy::verify`].
    ///
    /// # Errors
    ///
    /// The reason why the token is refused.
    pub fn verify_claims<'b, T: Deserialize<'b>>(
        &self,
        token: &str,
        now: Timestamp,
        buffer: &'b mut TokenBuffer,
    ) -> Result<VerifiedClaims<'b, T>, Rejection> {
        let signed = self.0.check_signature(token)?;
        let payload = signed.decode(&mut buffer.0)?;
        let (registered, claims) = Registered::read::<T>(payload, signed.policy, signed.recognised)?;
        let (issued_at, expires_at) =
            signed.policy.check(&registered, now, self.0.leeway, Expiry::Checked)?;
        let subject = registered.subject.ok_or(Rejection::InvalidClaim("sub"))?;
        check_subject(&subject)?;
        Ok(VerifiedClaims {
            subject,
            session_id: registered.session_id,
            authenticated_at: registered.authenticated_at.unwrap_or(issued_at),
            issued_at,
            expires_at,
            claims,
        })
    }

    fn principal(&self, token: &str, now: Timestamp, expiry: Expiry) -> Result<Principal, Rejection> {
        let signed = self.0.check_signature(token)?;
        let payload = signed.decode_owned()?;
        let (registered, IgnoredAny) = Registered::read(&payload, signed.policy, signed.recognised)?;
        let (issued_at, expires_at) = signed.policy.check(&registered, now, self.0.leeway, expiry)?;
        let subject = registered.subject.ok_or(Rejection::InvalidClaim("sub"))?;
        let session = match (registered.session_id, registered.epoch) {
            (Some(id), Some(epoch)) => Some((id, epoch)),
            (None, None) => None,
            _ => return Err(Rejection::InvalidClaim("epoch")),
        };
        Ok(Principal::from_token(VerifiedToken {
            subject: Subject::new(subject).map_err(|_| Rejection::InvalidClaim("sub"))?,
            session,
            foreign_issuer: signed.policy.issuer.clone().filter(|_| signed.policy.foreign),
            issued_at,
            authenticated_at: registered.authenticated_at.unwrap_or(issued_at),
            expires_at,
            payload,
        }))
    }
}

fn check_subject(subject: &str) -> Result<(), Rejection> {
    if subject.is_empty() || subject.len() > Subject::MAX_LEN || subject.contains('\0') {
        return Err(Rejection::InvalidClaim("sub"));
    }
    Ok(())
}

impl TokenStrategy for Jwt {
    fn issue(&self, grant: &Grant<'_>, now: Timestamp) -> Result<AccessToken, Error> {
        let signing = &self.0.recognised[0];
        self.0.issuance.issue(grant, now, &signing.start, &signing.mac)
    }

    fn verify(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.principal(token, now, Expiry::Checked)
    }

    fn verify_ignoring_expiry(&self, token: &str, now: Timestamp) -> Result<Principal, Rejection> {
        self.principal(token, now, Expiry::Ignored)
    }

    fn lifetime(&self) -> Duration {
        self.0.issuance.lifetime
    }

    fn leeway(&self) -> Duration {
        self.0.leeway
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.0.keys.iter().map(|trusted| trusted.key.kid()).collect::<Vec<_>>())
            .field("policies", &self.0.policies)
            .field("lifetime", &self.0.issuance.lifetime)
            .field("leeway", &self.0.leeway)
            .finish()
    }
}

impl Inner {
    /// Finds the key and checks the signature, before any claim is looked at (rule T5).
    fn check_signature<'t>(&self, token: &'t str) -> Result<Signed<'_, 't>, Rejection> {
        if token.len() <= codec::MAX_TOKEN_LEN {
            for own in &self.recognised {
                if let Some(rest) = token.strip_prefix(&*own.start) {
                    return self.check_recognised(own, rest);
                }
            }
        }
        let segments = Segments::split(token)?;
        let header = Header::read(segments.header)?;
        let TrustedKey { key, policy } = self.key_for(&header)?;
        let policy = &self.policies[*policy];
        policy.check_type(header.typ.as_deref())?;
        verify_tag(&key.mac.tag_of(segments.signed.as_bytes()), segments.signature)?;
        Ok(Signed { policy, payload: segments.payload, recognised: false })
    }

    fn check_recognised<'t>(&self, own: &Recognised, rest: &'t str) -> Result<Signed<'_, 't>, Rejection> {
        let dot = memchr::memrchr(b'.', rest.as_bytes());
        let dot = dot.ok_or(Rejection::Malformed("a token has three non-empty segments"))?;
        let (payload, signature) = (&rest[..dot], &rest[dot + 1..]);
        verify_tag(&own.mac.tag_of(payload.as_bytes()), signature)?;
        Ok(Signed { policy: &self.policies[0], payload, recognised: true })
    }

    /// `kid` selects among the configured keys; the algorithm must be the key's own (rules T1 to T3).
    fn key_for(&self, header: &Header) -> Result<&TrustedKey, Rejection> {
        if header.critical {
            return Err(Rejection::CriticalExtension);
        }
        let trusted = match (&header.kid, &self.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|trusted| trusted.key.kid() == kid),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let trusted = trusted.ok_or(Rejection::UnknownKey)?;
        if header.algorithm.as_deref() != Some(trusted.key.algorithm().name()) {
            return Err(Rejection::WrongAlgorithm);
        }
        Ok(trusted)
    }
}

fn verify_tag(tag: &EncodedTag, signature: &str) -> Result<(), Rejection> {
    if tag.matches(signature) { Ok(()) } else { Err(Rejection::WrongSignature) }
}

/// A token whose signature is good; its payload is still encoded.
struct Signed<'j, 't> {
    policy: &'j Policy,
    payload: &'t str,
    /// The payload's start was recognised, and `payload` is what follows it.
    recognised: bool,
}

impl Signed<'_, '_> {
    fn decode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, Rejection> {
        let start = usize::from(self.recognised);
        buffer[..start].fill(b'{');
        let decoded = codec::decode(self.payload, &mut buffer[start..])?.len();
        std::str::from_utf8(&buffer[..start + decoded]).map_err(|_| NOT_UTF8)
    }

    fn decode_owned(&self) -> Result<Box<str>, Rejection> {
        let start = usize::from(self.recognised);
        let mut buffer = vec![b'{'; start + self.payload.len() * 3 / 4];
        let decoded = codec::decode(self.payload, &mut buffer[start..])?.len();
        buffer.truncate(start + decoded);
        String::from_utf8(buffer).map(String::into_boxed_str).map_err(|_| NOT_UTF8)
    }
}

const NOT_UTF8: Rejection = Rejection::Malformed("the payload is not UTF-8");

/// Room for one decoded payload, to be used again and again: see [`Jwt::verify_claims`].
#[derive(Clone)]
pub struct TokenBuffer([u8; MAX_PAYLOAD_LEN]);

impl TokenBuffer {
    /// An empty buffer of about six kilobytes, enough for every token that is accepted.
    pub const fn new() -> Self {
        Self([0; MAX_PAYLOAD_LEN])
    }
}

impl Default for TokenBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenBuffer")
    }
}

/// What [`Jwt::verify_claims`] read from a good token.
#[derive(Clone)]
#[non_exhaustive]
pub struct VerifiedClaims<'b, T> {
    /// `sub`.
    pub subject: Cow<'b, str>,
    /// `sid`, if the token belongs to a session of ours.
    pub session_id: Option<SessionId>,
    /// `auth_time`, or `iat` if there is none.
    pub authenticated_at: Timestamp,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// The application's claims.
    pub claims: T,
}

impl<T> fmt::Debug for VerifiedClaims<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims")
            .field("subject", &self.subject)
            .field("session_id", &self.session_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
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

    /// Whom the tokens are for: `aud`, written and required. More than one may be given, of which a token must
    /// name one.
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
    /// For tests and for keys that nothing else in the world uses: every issuer that shares the key is accepted.
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

    /// The OAuth client that tokens are issued to: `client_id`, which RFC 9068 requires. Default `first-party`:
    /// the application itself.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// How long tokens live, in whole seconds; default 15 minutes (rule T7). Shorter is safer: nothing ends a token
    /// earlier.
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The longest lifetime that is issued or accepted: default 15 minutes, at most 24 hours (rule T7).
    pub const fn max_lifetime(mut self, cap: Duration) -> Self {
        self.max_lifetime = cap;
        self
    }

    /// How far the clocks of issuer and verifier may be apart: default 30 seconds, at most 10 minutes (rule T6).
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
    /// If no issuer or audience was given or waived, if one is empty or longer than 255 bytes, if a lifetime is
    /// under a second or above its cap, if the leeway or a cap is above its limit, or if two keys have the same
    /// id.
    pub fn build(self) -> Result<Jwt, ConfigError> {
        let issuer = match self.issuer {
            Setting::Missing => return Err(ConfigError::new("no issuer was given")),
            Setting::Waived => None,
            Setting::Given(issuer) => Some(Arc::from(check_name(issuer)?)),
        };
        let audiences = match self.audiences {
            Setting::Missing => return Err(ConfigError::new("no audience was given")),
            Setting::Waived => Vec::new(),
            Setting::Given(audiences) => audiences,
        };
        check_audiences(&audiences)?;
        if self.any_type && (issuer.is_none() || audiences.is_empty()) {
            return Err(ConfigError::new("any token type needs an issuer and an audience"));
        }
        check_cap(self.max_lifetime)?;
        if self.lifetime < Duration::from_secs(1) || self.lifetime > self.max_lifetime {
            return Err(ConfigError::new("the token lifetime is under a second or above its cap"));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::new("the leeway is above 10 minutes"));
        }
        let client_id = check_name(self.client_id)?;
        let own = Policy {
            issuer,
            audiences,
            max_lifetime: self.max_lifetime,
            any_type: self.any_type,
            foreign: false,
        };
        let issuance = Issuance::new(client_id, self.lifetime);
        let recognised = self.keys.keys.iter().map(|key| Recognised::new(key, &own)).collect();

        let mut keys: Vec<_> = self.keys.keys.into_iter().map(|key| TrustedKey { key, policy: 0 }).collect();
        let mut policies = vec![own];
        for trusted in self.trusted {
            let (policy, foreign_keys) = trusted.into_policy()?;
            keys.extend(foreign_keys.into_iter().map(|key| TrustedKey { key, policy: policies.len() }));
            policies.push(policy);
        }
        let mut kids: Vec<_> = keys.iter().map(|trusted| trusted.key.kid()).collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::new("two keys have the same id"));
        }
        Ok(Jwt(Arc::new(Inner { keys, policies, recognised, issuance, leeway: self.leeway })))
    }
}

impl Recognised {
    fn new(key: &Key, policy: &Policy) -> Self {
        let start = Issuance::start(key, policy);
        let mut mac = key.mac.clone();
        mac.update(start.as_bytes());
        Self { start, mac }
    }
}

/// Another issuer whose tokens are accepted, with its own keys and rules.
///
/// Its subjects are its own: see [`Principal::foreign_issuer`]. Its tokens never reach our sessions.
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
            issuer: Some(Arc::from(check_name(self.issuer)?)),
            audiences,
            max_lifetime: self.max_lifetime,
            any_type: self.any_type,
            foreign: true,
        };
        Ok((policy, self.keys))
    }
}

fn check_name(name: String) -> Result<String, ConfigError> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        return Err(ConfigError::new("an issuer, an audience and a client id have 1 to 255 bytes"));
    }
    Ok(name)
}

fn check_audiences(audiences: &[Box<str>]) -> Result<(), ConfigError> {
    let total: usize = audiences.iter().map(|audience| audience.len()).sum();
    if audiences.iter().any(|audience| audience.is_empty()) || total > MAX_NAME_LEN {
        return Err(ConfigError::new("audiences have 1 to 255 bytes together"));
    }
    Ok(())
}

fn check_cap(cap: Duration) -> Result<(), ConfigError> {
    if cap > MAX_LIFETIME {
        return Err(ConfigError::new("the cap of the token lifetime is above 24 hours"));
    }
    Ok(())
}
