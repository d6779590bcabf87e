//! The verification of JSON Web Tokens (RFC 7519, RFC 9068).

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;

use super::codec::{self, EncodedTag, Header, MAX_HEADER_LEN, Segments};
use super::contents::TokenContents;
use super::issuance::Issuance;
use super::keys::{Key, MacState};
use super::payload::{ClaimsText, Registered};
use super::policy::Policy;
use super::validation::{Expiry, validate};
use super::verified_claims::{TokenBuffer, VerifiedClaims};
use crate::error::Rejection;
use crate::principal::{Origin, Source, TokenFacts};
use crate::{Principal, SessionId, Timestamp};

/// Verifies tokens with their keys and the policies of their issuers.
pub(super) struct Verifier {
    /// The signing key, then our other keys, then those of trusted issuers.
    pub(super) keys: Vec<TrustedKey>,
    pub(super) policies: Vec<Policy>,
    /// The start of tokens that we issued, one for each of our keys.
    pub(super) recognised: Vec<Recognised>,
    pub(super) leeway: Duration,
}

pub(super) struct TrustedKey {
    pub(super) key: Key,
    pub(super) policy: usize,
    /// The header segment of the first token that this key verified and whose start was not recognized, so
    /// that the same header is not parsed again. Only a holder of the key can set it, and the meaning of a
    /// header for a key never changes.
    known_header: OnceLock<Box<str>>,
}

/// The start of a token that one of our keys signed for our issuer, audience and client: the header, a dot,
/// and the first part of the payload. A token that begins with it is verified without decoding or hashing
/// these bytes again.
pub(super) struct Recognised {
    pub(super) start: String,
    pub(super) mac: MacState,
    /// The members of the payload in the start, as one JSON object, followed by the key's id.
    source: Box<str>,
    members_len: usize,
}

impl Verifier {
    /// As [`Jwt::verify_claims`](super::strategy::Jwt::verify_claims).
    pub(super) fn verify_claims<'b, T: Deserialize<'b>>(
        &'b self,
        token: &str,
        now: Timestamp,
        buffer: &'b mut TokenBuffer,
    ) -> Result<VerifiedClaims<'b, T>, Rejection> {
        let signed = self.check_signature(token)?;
        let payload = signed.decode(&mut buffer.0)?;
        let mut registered = Registered::new(signed.policy, signed.recognised);
        let claims = registered.read(payload, PhantomData::<T>)?;
        let checked = validate(signed.policy, &mut registered, now, self.leeway, Expiry::Checked)?;
        if !registered.is_plain() {
            refuse_special(&signed.source.contents(payload))?;
        }
        Ok(VerifiedClaims {
            subject: checked.subject,
            foreign_issuer: signed.policy.foreign_issuer().map(|issuer| &**issuer),
            session_id: checked.session.map(|session| session.id),
            authenticated_at: checked.authenticated_at,
            issued_at: checked.issued_at,
            expires_at: checked.expires_at,
            token: signed.source.contents(payload),
            claims,
        })
    }

    pub(super) fn principal(
        &self,
        token: &str,
        now: Timestamp,
        expiry: Expiry,
    ) -> Result<Principal, Rejection> {
        let signed = self.check_signature(token)?;
        if signed.decoded_len() <= SMALL_PAYLOAD_LEN {
            self.principal_of(&signed, &mut [0; SMALL_PAYLOAD_LEN], now, expiry)
        } else {
            self.principal_of(&signed, &mut vec![0; signed.decoded_len()], now, expiry)
        }
    }

    fn principal_of(
        &self,
        signed: &Signed<'_, '_>,
        buffer: &mut [u8],
        now: Timestamp,
        expiry: Expiry,
    ) -> Result<Principal, Rejection> {
        let payload = signed.decode(buffer)?;
        let mut registered = Registered::new(signed.policy, signed.recognised);
        // The capacity for all texts of the principal: claims and subject are parts of the payload.
        let capacity = 2 * payload.len() + signed.source.text.len();
        let claims = registered.read(payload, ClaimsText { capacity })?;
        let checked = validate(signed.policy, &mut registered, now, self.leeway, expiry)?;
        let foreign_issuer = signed.policy.foreign_issuer().cloned();
        let is_special = !registered.is_plain();
        let origin = (checked.session.is_some() || foreign_issuer.is_some() || is_special).then(|| {
            let mut origin = Origin { session: checked.session, foreign_issuer, ..Origin::default() };
            if is_special {
                origin.state(&signed.source.contents(payload));
            }
            Box::new(origin)
        });
        let facts = TokenFacts::new(
            claims,
            &checked.subject,
            payload,
            signed.source,
            checked.authenticated_at,
            origin,
        );
        Ok(Principal::from_facts(facts, checked.expires_at))
    }
}

/// Payloads up to this length are decoded on the stack.
const SMALL_PAYLOAD_LEN: usize = 1024;

impl Verifier {
    /// Checks the signature, before any claim is looked at (rule T5).
    fn check_signature<'t>(&self, token: &'t str) -> Result<Signed<'_, 't>, Rejection> {
        if token.len() <= codec::MAX_TOKEN_LEN {
            for own in &self.recognised {
                if let Some(rest) = token.strip_prefix(&*own.start) {
                    return self.check_recognised(own, rest);
                }
            }
        }
        let segments = Segments::split(token)?;
        let known = self.keys.iter().find(|trusted| trusted.knows(segments.header));
        let trusted = match known {
            Some(trusted) => trusted,
            None => self.read_header(segments.header)?,
        };
        verify_tag(&trusted.key.mac.tag_of(segments.signed.as_bytes()), segments.signature)?;
        if known.is_none() {
            trusted.known_header.get_or_init(|| segments.header.into());
        }
        Ok(Signed {
            policy: &self.policies[trusted.policy],
            payload: segments.payload,
            recognised: false,
            source: Source { text: trusted.key.kid(), members_len: 0 },
        })
    }

    /// Returns the key that a header selects, if its policy accepts the header's type (rule T4).
    fn read_header(&self, segment: &str) -> Result<&TrustedKey, Rejection> {
        let mut buffer = [0; MAX_HEADER_LEN];
        let header = Header::read(segment, &mut buffer)?;
        let trusted = self.key_for(&header)?;
        self.policies[trusted.policy].check_type(header.typ.as_ref().map(|typ| &*typ.0))?;
        Ok(trusted)
    }

    fn check_recognised<'j, 't>(
        &'j self,
        own: &'j Recognised,
        rest: &'t str,
    ) -> Result<Signed<'j, 't>, Rejection> {
        let dot = memchr::memrchr(b'.', rest.as_bytes());
        let dot = dot.ok_or(Segments::SHAPE)?;
        let (payload, signature) = (&rest[..dot], &rest[dot + 1..]);
        verify_tag(&own.mac.tag_of(payload.as_bytes()), signature).map_err(|_| misfit(payload, signature))?;
        Ok(Signed {
            policy: &self.policies[0],
            payload,
            recognised: true,
            source: Source { text: &own.source, members_len: own.members_len },
        })
    }

    /// Returns the configured key that `kid` selects. The algorithm must be that of the key (rules T1 to
    /// T3).
    fn key_for(&self, header: &Header<'_>) -> Result<&TrustedKey, Rejection> {
        if header.critical {
            return Err(Rejection::CriticalExtension);
        }
        let trusted = match (&header.kid, &self.keys[..]) {
            (Some(kid), keys) => keys.iter().find(|trusted| trusted.key.kid() == kid.0),
            (None, [only]) => Some(only),
            (None, _) => return Err(Rejection::MissingParameter("kid")),
        };
        let trusted = trusted.ok_or(Rejection::UnknownKey)?;
        let algorithm = header.algorithm.as_ref().ok_or(Rejection::MissingParameter("alg"))?;
        if algorithm.0 != trusted.key.algorithm().name() {
            return Err(Rejection::WrongAlgorithm);
        }
        Ok(trusted)
    }
}

impl TrustedKey {
    pub(super) fn new(key: Key, policy: usize) -> Self {
        Self { key, policy, known_header: OnceLock::new() }
    }

    fn knows(&self, header: &str) -> bool {
        self.known_header.get().is_some_and(|known| **known == *header)
    }
}

/// Returns the reason why a token with a recognized start is refused, the same as for other tokens.
#[cold]
fn misfit(payload: &str, signature: &str) -> Rejection {
    if memchr::memchr(b'.', payload.as_bytes()).is_some() {
        Segments::SHAPE
    } else if signature.is_empty() {
        Segments::UNSIGNED
    } else {
        Rejection::WrongSignature
    }
}

/// Refuses a token that only a caller with a realm and kinds may accept (rules A12, A13).
#[cold]
fn refuse_special(contents: &TokenContents<'_>) -> Result<(), Rejection> {
    if contents.realm().is_some() {
        return Err(Rejection::OtherRealm);
    }
    if contents.stated_kind().is_some_and(|kind| !kind.is_login) {
        return Err(Rejection::NotALogin);
    }
    Ok(())
}

fn verify_tag(tag: &EncodedTag, signature: &str) -> Result<(), Rejection> {
    if tag.matches(signature) { Ok(()) } else { Err(Rejection::WrongSignature) }
}

/// A token whose signature is verified and whose payload is still encoded.
struct Signed<'j, 't> {
    policy: &'j Policy,
    payload: &'t str,
    /// Whether the start was recognized; `payload` is then the rest after it.
    recognised: bool,
    source: Source<'j>,
}

impl Signed<'_, '_> {
    fn decode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, Rejection> {
        let start = usize::from(self.recognised);
        buffer[..start].fill(b'{');
        let decoded = codec::decode(self.payload, &mut buffer[start..])
            .ok_or(Rejection::MalformedPayload("it is not base64url"))?
            .len();
        std::str::from_utf8(&buffer[..start + decoded])
            .map_err(|_| Rejection::MalformedPayload("it is not UTF-8"))
    }

    /// Returns the size of the decoded payload, in bytes.
    const fn decoded_len(&self) -> usize {
        self.recognised as usize + self.payload.len() * 3 / 4
    }
}

impl Recognised {
    pub(super) fn new(key: &Key, policy: &Policy, issuance: &Issuance) -> Self {
        let start = issuance.start(key, policy, None);
        let mut mac = key.mac.clone();
        mac.update(start.as_bytes());
        let members = issuance.members(policy, None);
        Self { start, mac, source: format!("{members}{}", key.kid()).into(), members_len: members.len() }
    }
}

/// Returns the session that a token names, without verifying the token (rule T17).
pub(super) fn named_session(token: &str) -> Option<SessionId> {
    let segments = Segments::split(token).ok()?;
    let mut buffer = vec![0; segments.payload.len()];
    let payload = codec::decode(segments.payload, &mut buffer)?;
    let payload = std::str::from_utf8(payload).ok()?;
    TokenContents::new("", "", payload).get::<Cow<'_, str>>("sid")?.parse().ok()
}
