//! What a token must say of itself beyond its signature.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::SessionClaims;
use super::claims::Registered;
use super::codec::is_not_json;
use crate::claims::Reserved;
use crate::{ClaimFault, Rejection, Subject, Timestamp};

/// The rules for the tokens of one issuer.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// The `iss` that is required, unless waived.
    pub(super) issuer: Option<Arc<str>>,
    /// The `aud` of which one is required, unless waived (empty).
    pub(super) audiences: Vec<Box<str>>,
    /// The longest `exp - iat` (rule T7).
    pub(super) max_lifetime: Duration,
    /// Whether any `typ` will do (rule T4).
    pub(super) any_type: bool,
    /// Whether it is somebody else's token.
    pub(super) foreign: bool,
}

/// Whether an expired token is still looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    Checked,
    /// For logout: the token may have expired, and must be good otherwise.
    Ignored,
}

impl Policy {
    pub(super) const fn is_own(&self) -> bool {
        !self.foreign
    }

    /// The issuer, if it is not ourselves.
    pub(super) fn foreign_issuer(&self) -> Option<&Arc<str>> {
        self.issuer.as_ref().filter(|_| self.foreign)
    }

    pub(super) fn accepts_issuer(&self, issuer: &str) -> bool {
        self.issuer.as_deref().is_none_or(|own| own == issuer)
    }

    pub(super) fn accepts_audience(&self, audience: &str) -> bool {
        self.audiences.is_empty() || self.audiences.iter().any(|own| **own == *audience)
    }

    /// The header's `typ` (rule T4; RFC 9068, section 4).
    pub(super) fn check_type(&self, typ: Option<&str>) -> Result<(), Rejection> {
        let access_token =
            |typ: &str| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt");
        match typ {
            _ if self.any_type => Ok(()),
            Some(typ) if access_token(typ) => Ok(()),
            Some(_) => Err(Rejection::WrongType),
            None => Err(Rejection::MissingParameter("typ")),
        }
    }

    /// Everything that the payload must say (rules T6 and T7), whichever way it was read. Takes the subject
    /// out of `claims`, which are not moved: that costs more than the checks.
    pub(super) fn check<'de>(
        &self,
        claims: &mut Registered<'de, '_>,
        now: Timestamp,
        leeway: Duration,
        expiry: Expiry,
    ) -> Result<Checked<'de>, Rejection> {
        if !claims.issuer_matches && self.issuer.is_some() {
            return Err(if claims.has(Reserved::Iss) { Rejection::WrongIssuer } else { missing("iss") });
        }
        if !claims.audience_matches && !self.audiences.is_empty() {
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
        if expires_at.since(issued_at) > self.max_lifetime {
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
        // Nobody proves themselves after the token that says so.
        let authenticated_at = authenticated_at.min(issued_at);
        Ok(Checked { subject, session, authenticated_at, issued_at, expires_at })
    }
}

/// What a payload says that was found good.
pub(super) struct Checked<'de> {
    pub(super) subject: Cow<'de, str>,
    pub(super) session: Option<SessionClaims>,
    pub(super) authenticated_at: Timestamp,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// Why a payload that could not be read was refused; `fault` is what a registered claim was stopped at.
#[cold]
pub(super) fn unreadable(payload: &str, error: &serde_json::Error, fault: Option<Rejection>) -> Rejection {
    if is_not_json(payload, error) {
        return Rejection::MalformedPayload("it is not JSON");
    }
    fault.unwrap_or_else(|| {
        let is_object = payload.trim_ascii_start().starts_with('{');
        Rejection::MalformedPayload(if is_object {
            "its claims are not of the type that the application asked for"
        } else {
            "it is not a JSON object"
        })
    })
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
