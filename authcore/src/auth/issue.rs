//! What the client is handed.

use std::time::Duration;

use crate::claims::Claims;
use crate::principal::VerifiedToken;
use crate::token::{Grant, SessionClaims};
use crate::{Error, Issued, Login, OpenedSession, Principal, Rejection, Timestamp, TokenStrategy};

/// A session token is the credential itself.
pub(super) fn by_session(opened: OpenedSession, now: Timestamp) -> Issued {
    Issued {
        credential: opened.credential,
        issued_at: now,
        expires_at: opened.record.expires_at(),
        refresh: None,
        refresh_expires_at: None,
        principal: Principal::from_session(opened.record),
        incident: None,
    }
}

/// A refresh token goes with an access token for the same session.
pub(super) fn by_refresh(
    tokens: &dyn TokenStrategy,
    opened: OpenedSession,
    now: Timestamp,
) -> Result<Issued, Error> {
    let record = opened.record;
    let grant = Grant {
        subject: record.subject(),
        claims: record.claims_json(),
        authenticated_at: record.authenticated_at(),
        session: Some(SessionClaims { id: record.id(), epoch: record.epoch() }),
        not_after: Some(record.expires_at()),
    };
    let access = tokens.issue(&grant, now)?;
    Ok(Issued {
        credential: access.text,
        // As the token's own `iat`.
        issued_at: Timestamp::from_secs(now.as_secs()),
        expires_at: access.expires_at,
        refresh: Some(opened.credential),
        refresh_expires_at: Some(record.expires_at()),
        principal: Principal::from_access(record, access.expires_at),
        incident: None,
    })
}

/// An access token without a session.
pub(super) fn issue_alone(
    tokens: &dyn TokenStrategy,
    login: &Login,
    authenticated_at: Timestamp,
    now: Timestamp,
    not_after: Option<Timestamp>,
) -> Result<Issued, Error> {
    let grant = Grant {
        subject: login.subject.as_str(),
        claims: &login.claims,
        authenticated_at,
        session: None,
        not_after,
    };
    let access = tokens.issue(&grant, now)?;
    let principal = Principal::from_token(VerifiedToken {
        subject: login.subject.clone(),
        session: None,
        foreign_issuer: None,
        issued_at: now,
        authenticated_at,
        expires_at: access.expires_at,
        claims: login.claims.clone().into(),
    });
    Ok(Issued {
        credential: access.text,
        // As the token's own `iat`.
        issued_at: Timestamp::from_secs(now.as_secs()),
        expires_at: access.expires_at,
        refresh: None,
        refresh_expires_at: None,
        principal,
        incident: None,
    })
}

/// A fresh token for the holder of a good one: the same subject and claims, and the login's time.
pub(super) fn reissue(
    tokens: &dyn TokenStrategy,
    token: &str,
    limit: Duration,
    now: Timestamp,
) -> Result<Issued, Error> {
    let principal = tokens.verify(token, now)?;
    if principal.foreign_issuer().is_some() {
        // Our signature would make another issuer's subject one of ours.
        return Err(Rejection::WrongIssuer.into());
    }
    if principal.session_id().is_some() {
        // A token of the hybrid strategy lives on by its session, which may have ended.
        return Err(Rejection::WrongKind.into());
    }
    // The leeway is for clocks that differ; it makes no limit longer.
    let authenticated_at = principal.authenticated_at().min(now);
    let end = authenticated_at.plus(limit);
    if now >= end {
        return Err(Rejection::Expired.into());
    }
    let login = Login::of(principal.to_subject()).claims(&principal.claims::<Claims>()?)?;
    issue_alone(tokens, &login, authenticated_at, now, Some(end))
}
