//! Issuing the credentials that a client receives.

use std::time::Duration;

use serde_json::json;

use super::Auth;
use crate::claims::Claims;
use crate::error::{LoginError, Rejection};
use crate::refresh_tokens::RefreshSessions;
use crate::session::sessions::Sessions;
use crate::store::{SessionDetails, SessionRecord};
use crate::strategy::{
    AccessToken, OpenedSession, SessionClaims, TokenStrategy, UnsignedToken, VerifiedToken,
};
use crate::{Credential, Error, IssuedCredentials, Login, Principal, Realm, RefreshCredential, Timestamp};

impl Auth {
    pub(super) fn access_tokens<'a>(
        &self,
        tokens: &'a dyn TokenStrategy,
        refresh: &'a RefreshSessions,
        now: Timestamp,
    ) -> AccessTokens<'a> {
        AccessTokens { tokens, sessions: refresh.sessions(), max_len: self.max_token_len, now }
    }

    pub(super) fn sessionless_tokens<'a>(
        &'a self,
        tokens: &'a dyn TokenStrategy,
        now: Timestamp,
    ) -> SessionlessTokens<'a> {
        SessionlessTokens { tokens, realm: &self.realm, max_len: self.max_token_len, now }
    }
}

/// Returns the credentials of a session whose session token or API key is the only credential.
pub(super) fn by_session(sessions: &Sessions, opened: OpenedSession, now: Timestamp) -> IssuedCredentials {
    let policy = sessions.policies().of(&opened.record);
    let expires_at = policy.timeouts().absolute_end(&opened.record);
    IssuedCredentials {
        credential: Credential::new(opened.credential),
        issued_at: now,
        expires_at,
        refresh: None,
        refresh_expires_at: None,
        persistent: policy.has_persistent_cookie(),
        principal: Principal::from_session(opened.record, expires_at),
        incident: None,
    }
}

/// Issues access tokens for sessions, before the sessions' records are written (rule R12).
#[derive(Clone, Copy)]
pub(super) struct AccessTokens<'a> {
    pub(super) tokens: &'a dyn TokenStrategy,
    pub(super) sessions: &'a Sessions,
    /// The length limit of tokens, in bytes.
    pub(super) max_len: usize,
    pub(super) now: Timestamp,
}

impl AccessTokens<'_> {
    /// Issues the access token of a session.
    pub(super) fn issue(self, record: &SessionRecord) -> Result<AccessToken, Error> {
        let details = record.details();
        let unsigned = UnsignedToken {
            session: Some(SessionClaims { id: record.id(), epoch: record.epoch() }),
            not_after: Some(self.sessions.policies().of(record).timeouts().absolute_end(record)),
            realm: record.realm_name(),
            ..UnsignedToken::new(record.subject(), record.claims_json(), record.authenticated_at())
                .with_details(&details)
        };
        issue(self.tokens, &unsigned, self.now, self.max_len)
    }

    /// Returns the refresh token of a session together with an access token of the same session.
    pub(super) fn hand_out(self, opened: OpenedSession, access: AccessToken) -> IssuedCredentials {
        let policy = self.sessions.policies().of(&opened.record);
        IssuedCredentials {
            credential: Credential::new(access.text),
            // As the token's own `iat`.
            issued_at: Timestamp::from_secs(self.now.as_secs()),
            expires_at: access.expires_at,
            refresh: Some(RefreshCredential::new(opened.credential)),
            refresh_expires_at: Some(policy.timeouts().absolute_end(&opened.record)),
            persistent: policy.has_persistent_cookie(),
            principal: Principal::from_session(opened.record, access.expires_at),
            incident: None,
        }
    }
}

/// Signs a token, and refuses one that is longer than `max_len` bytes.
fn issue(
    tokens: &dyn TokenStrategy,
    unsigned: &UnsignedToken<'_>,
    now: Timestamp,
    max_len: usize,
) -> Result<AccessToken, Error> {
    let access = tokens.issue(unsigned, now)?;
    let len = access.expose().len();
    if len > max_len { Err(unsigned.too_large(len, max_len).into()) } else { Ok(access) }
}

/// Issues access tokens without a session.
#[derive(Clone, Copy)]
pub(super) struct SessionlessTokens<'a> {
    pub(super) tokens: &'a dyn TokenStrategy,
    pub(super) realm: &'a Realm,
    /// The length limit of tokens, in bytes.
    pub(super) max_len: usize,
    pub(super) now: Timestamp,
}

impl SessionlessTokens<'_> {
    /// Issues the token of a login.
    pub(super) fn issue_for_login(self, login: &Login) -> Result<IssuedCredentials, Error> {
        if !login.details.kind.is_default() {
            return Err(LoginError::NoSessions(login.details.kind.clone()).into());
        }
        let authenticated_at = login.authenticated_at.map_or(self.now, |at| at.min(self.now));
        self.issue(login, authenticated_at, None)
    }

    /// Issues a new token for the holder of a valid one, with the same subject, claims and time of
    /// authentication.
    pub(super) fn reissue(self, token: &str, limit: Duration) -> Result<IssuedCredentials, Error> {
        let principal = self.tokens.verify(token, self.now)?;
        if principal.foreign_issuer().is_some() {
            // Signing it here would turn another issuer's subject into one of this application.
            return Err(Rejection::WrongIssuer.into());
        }
        principal.check_realm(self.realm)?;
        if principal.session_id().is_some() {
            // A token of the hybrid strategy is renewed through its session, which may have ended.
            return Err(Rejection::WrongKind.into());
        }
        if !principal.is_default_login() {
            // This strategy never issues such a token, but another process with the key may.
            return Err(Rejection::NotALogin.into());
        }
        // The leeway compensates for clock skew; it does not extend the limit.
        let authenticated_at = principal.authenticated_at().min(self.now);
        let end = authenticated_at.plus(limit);
        if self.now >= end {
            return Err(Rejection::Expired.into());
        }
        let mut login = Login::from(principal.to_subject()).claims(&principal.claims::<Claims>()?)?;
        login.details.client_id = principal.client_id().map(Into::into);
        login.details.actor = principal.actor().map(Into::into);
        login.details.acr = principal.context_class().map(Into::into);
        login.details.amr = principal.methods().into_iter().map(Into::into).collect();
        self.issue(&login, authenticated_at, Some(end))
    }

    fn issue(
        self,
        login: &Login,
        authenticated_at: Timestamp,
        not_after: Option<Timestamp>,
    ) -> Result<IssuedCredentials, Error> {
        let unsigned = UnsignedToken {
            not_after,
            realm: self.realm.name(),
            ..UnsignedToken::new(login.subject.as_str(), &login.claims, authenticated_at)
                .with_details(&login.details)
        };
        let access = issue(self.tokens, &unsigned, self.now, self.max_len)?;
        let (subject, claims) = (login.subject.in_realm(self.realm), login.claims.clone().into());
        let principal = Principal::from_token(VerifiedToken {
            authenticated_at,
            contents: stated(&login.details),
            ..VerifiedToken::new(subject, self.now, access.expires_at, claims)
        });
        Ok(IssuedCredentials {
            credential: Credential::new(access.text),
            // As the token's own `iat`.
            issued_at: Timestamp::from_secs(self.now.as_secs()),
            expires_at: access.expires_at,
            refresh: None,
            refresh_expires_at: None,
            persistent: false,
            principal,
            incident: None,
        })
    }
}

/// Returns the details of a login as its token contains them: one JSON object, or the empty text.
fn stated(details: &SessionDetails) -> String {
    if details.is_plain() {
        return String::new();
    }
    let SessionDetails { client_id, actor, acr, amr, .. } = details;
    let actor = actor.as_ref().map(|sub| json!({ "sub": sub }));
    json!({ "client_id": client_id, "act": actor, "acr": acr, "amr": amr }).to_string()
}
