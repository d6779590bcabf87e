//! The checks of a token's claims, after its signature.

use std::borrow::Cow;
use std::time::Duration;

use super::payload::Registered;
use super::policy::Policy;
use crate::claims::Reserved;
use crate::error::{ClaimFault, Rejection};
use crate::strategy::SessionClaims;
use crate::{Subject, Timestamp};

/// Whether an expired token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    Checked,
    /// For logout: the token may have expired, and must be valid otherwise.
    Ignored,
}

/// Checks the claims of a payload (rules T6 and T7). Takes the subject out of `claims`, which are not moved
/// as a whole because that costs more than the checks.
pub(super) fn validate<'de>(
    policy: &Policy,
    claims: &mut Registered<'de, '_>,
    now: Timestamp,
    leeway: Duration,
    expiry: Expiry,
) -> Result<Checked<'de>, Rejection> {
    if !claims.issuer_matches && policy.issuer.is_some() {
        return Err(if claims.has(Reserved::Iss) { Rejection::WrongIssuer } else { missing("iss") });
    }
    if !claims.audience_matches && !policy.audiences.is_empty() {
        return Err(if claims.has(Reserved::Aud) { Rejection::WrongAudience } else { missing("aud") });
    }
    let expires_at = claims.expires_at.ok_or_else(|| missing("exp"))?;
    let issued_at = claims.issued_at.ok_or_else(|| missing("iat"))?;
    if expiry == Expiry::Checked && now >= expires_at.plus(leeway) {
        return Err(Rejection::Expired);
    }
    let soon = now.plus(leeway);
    let authenticated_at = claims.authenticated_at.unwrap_or(issued_at);
    let latest = issued_at.max(authenticated_at).max(claims.not_before.unwrap_or(issued_at));
    if latest > soon {
        return Err(Rejection::NotYetValid);
    }
    if expires_at.since(issued_at) > policy.max_lifetime {
        return Err(Rejection::LifetimeAboveCap);
    }
    let subject = claims.subject.take().ok_or_else(|| missing("sub"))?;
    check_subject(&subject)?;
    let session = match (claims.session_id, claims.epoch) {
        (Some(id), Some(epoch)) => Some(SessionClaims { id, epoch }),
        (None, None) => None,
        (Some(_), None) => return Err(missing("epoch")),
        (None, Some(_)) => return Err(missing("sid")),
    };
    // The authentication cannot be later than the token that states it.
    let authenticated_at = authenticated_at.min(issued_at);
    Ok(Checked { subject, session, authenticated_at, issued_at, expires_at })
}

/// The checked claims of a payload.
pub(super) struct Checked<'de> {
    pub(super) subject: Cow<'de, str>,
    pub(super) session: Option<SessionClaims>,
    pub(super) authenticated_at: Timestamp,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

const fn missing(claim: &'static str) -> Rejection {
    Rejection::InvalidClaim(claim, ClaimFault::Missing)
}

fn check_subject(subject: &str) -> Result<(), Rejection> {
    if Subject::is_one(subject) {
        Ok(())
    } else {
        Err(Rejection::InvalidClaim("sub", ClaimFault::InvalidValue))
    }
}
