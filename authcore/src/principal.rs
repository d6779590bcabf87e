//! The principal of a request.

pub(crate) mod facts;
pub(crate) mod session_ref;

use std::borrow::Cow;
use std::fmt;

pub(crate) use facts::{Origin, Source, TokenFacts};
use serde::Deserialize;
pub(crate) use session_ref::SessionRef;

use crate::claims::{ClaimsMismatch, is_readable};
use crate::error::Rejection;
use crate::jwt::TokenContents;
use crate::session::credential_kind::CredentialKind;
use crate::store::SessionRecord;
use crate::strategy::{SessionClaims, VerifiedToken};
use crate::{Error, Realm, SessionId, SessionKind, Subject, Timestamp};

/// The authenticated user of a request, as [`Auth::authenticate`](crate::Auth::authenticate) returns it.
///
/// A principal does not outlive its credential. Operations that change or list sessions refuse a principal
/// whose credential has expired, and check it against the store again (rule A11).
#[derive(Clone)]
pub struct Principal {
    proof: Proof,
    expires_at: Timestamp,
}

#[derive(Clone)]
enum Proof {
    Session(SessionRecord),
    Token(TokenFacts),
    /// A token whose session was read from the store.
    Live(Box<(SessionRecord, TokenFacts)>),
}

impl Principal {
    /// Creates the principal of a session token or an API key, which expires at `expires_at` with its
    /// session.
    pub(crate) fn from_session(record: SessionRecord, expires_at: Timestamp) -> Self {
        Self { expires_at, proof: Proof::Session(record) }
    }

    /// Returns the principal of the same credential with the current record of its session.
    pub(crate) fn refreshed_by(self, record: SessionRecord) -> Self {
        let proof = match self.proof {
            Proof::Session(_) => Proof::Session(record),
            Proof::Token(token) => Proof::Live(Box::new((record, token))),
            Proof::Live(both) => Proof::Live(Box::new((record, both.1))),
        };
        Self { expires_at: self.expires_at, proof }
    }

    /// Creates the principal of a token that a [`TokenStrategy`](crate::strategy::TokenStrategy) has
    /// verified.
    pub fn from_token(token: VerifiedToken) -> Self {
        let origin = Origin {
            session: token.session,
            foreign_issuer: token.foreign_issuer,
            realm: token.subject.realm_name().into(),
            kind: if token.kind.is_default() { "" } else { token.kind.as_str() }.into(),
            is_login: token.is_login,
        };
        let facts = TokenFacts::new(
            token.claims,
            token.subject.as_str(),
            &token.contents,
            Source { text: &token.key_id, members_len: 0 },
            token.authenticated_at,
            Some(Box::new(origin)),
        );
        Self::from_facts(facts, token.expires_at)
    }

    pub(crate) fn from_facts(token: TokenFacts, expires_at: Timestamp) -> Self {
        Self { expires_at, proof: Proof::Token(token) }
    }

    /// Returns the session's record, unless only a token is known.
    fn record(&self) -> Option<&SessionRecord> {
        match &self.proof {
            Proof::Session(record) => Some(record),
            Proof::Live(both) => Some(&both.0),
            Proof::Token(_) => None,
        }
    }

    fn facts(&self) -> Option<&TokenFacts> {
        match &self.proof {
            Proof::Token(token) => Some(token),
            Proof::Live(both) => Some(&both.1),
            Proof::Session(_) => None,
        }
    }

    /// Reads the record if there is one, and the token otherwise.
    fn either<'p, T: Default>(
        &'p self,
        record: impl FnOnce(&'p SessionRecord) -> T,
        token: impl FnOnce(&'p TokenFacts) -> T,
    ) -> T {
        match (self.record(), self.facts()) {
            (Some(stored), _) => record(stored),
            (None, Some(facts)) => token(facts),
            (None, None) => T::default(),
        }
    }

    /// Returns the authenticated user's identifier, without the realm.
    pub fn subject(&self) -> &str {
        self.either(SessionRecord::subject, TokenFacts::subject)
    }

    /// Returns the authenticated user within the realm, as [`Admin`](crate::Admin) and stores expect it.
    pub fn to_subject(&self) -> Subject {
        Subject::from_checked(self.realm_name(), self.subject())
    }

    /// Returns the realm that the credential is for (rule A12).
    pub fn realm(&self) -> Realm {
        Realm::from_checked(self.realm_name())
    }

    /// Returns the name of the [realm](Principal::realm); empty for the unnamed realm.
    pub fn realm_name(&self) -> &str {
        self.either(SessionRecord::realm_name, TokenFacts::realm_name)
    }

    /// Returns the kind of session (rule A13); the default kind if there is no session.
    pub fn kind(&self) -> SessionKind {
        SessionKind::from_checked(self.kind_name())
    }

    /// Returns the name of the kind; empty for the default.
    pub(crate) fn kind_name(&self) -> &str {
        self.either(SessionRecord::session_kind, TokenFacts::kind)
    }

    /// Returns whether the credential is of the unnamed realm and the default kind, and represents a login.
    ///
    /// Nearly all do, and then there is nothing left to compare. `false` does not rule these out.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        match &self.proof {
            Proof::Session(record) => record.is_plain(),
            Proof::Token(token) => token.is_plain(),
            Proof::Live(_) => false,
        }
    }

    /// Returns whether the credential is of the default kind and represents a login.
    pub(crate) fn is_default_login(&self) -> bool {
        self.kind_name().is_empty() && self.states_login()
    }

    /// Refuses a credential of another realm (rule A12).
    #[inline]
    pub(crate) fn check_realm(&self, realm: &Realm) -> Result<(), Rejection> {
        let same = if self.is_plain() { realm.is_unnamed() } else { self.realm_name() == realm.name() };
        if same { Ok(()) } else { Err(Rejection::OtherRealm) }
    }

    /// Returns whether the credential says that it represents a login.
    pub(crate) fn states_login(&self) -> bool {
        self.either(SessionRecord::is_login, TokenFacts::is_login)
    }

    /// Returns the issuer that vouches for the subject, if it is not the application itself.
    ///
    /// # Security
    ///
    /// Subjects are unique within one issuer only: `user-42` of another issuer is a different user.
    pub fn foreign_issuer(&self) -> Option<&str> {
        self.facts()?.foreign_issuer()
    }

    /// Returns who acts as the subject, such as support staff (RFC 8693); `None` if the subject acts for
    /// itself.
    pub fn actor(&self) -> Option<Cow<'_, str>> {
        self.either(
            |record| record.details().actor.map(|actor| Cow::Owned(actor.into())),
            |token| token.contents().actor(),
        )
    }

    /// Returns the OAuth client that the credential was issued to.
    ///
    /// Without a token, this is the client that the login stated.
    pub fn client_id(&self) -> Option<Cow<'_, str>> {
        self.facts().and_then(|token| token.contents().client_id()).or_else(|| {
            let details = self.record()?.details();
            details.client_id.map(|client| Cow::Owned(client.into()))
        })
    }

    /// Returns the methods by which the subject was authenticated: `amr` (RFC 8176), as the login or the
    /// token's issuer stated.
    pub fn methods(&self) -> Vec<Cow<'_, str>> {
        self.either(
            |record| record.details().amr.into_iter().map(|method| Cow::Owned(method.into())).collect(),
            |token| token.contents().methods(),
        )
    }

    /// Returns how strongly the subject was authenticated: `acr` (OpenID Connect), as the login or the
    /// token's issuer stated.
    pub fn context_class(&self) -> Option<Cow<'_, str>> {
        self.either(
            |record| record.details().acr.map(|acr| Cow::Owned(acr.into())),
            |token| token.contents().context_class(),
        )
    }

    /// Returns the verified contents of the token (rule T16); `None` for a session token or an API key.
    pub fn token(&self) -> Option<TokenContents<'_>> {
        self.facts().map(TokenFacts::contents).filter(|contents| !contents.key_id().is_empty())
    }

    /// Returns the id of the session; `None` for a token without a session.
    pub fn session_id(&self) -> Option<SessionId> {
        self.session().map(|session| session.id)
    }

    pub(crate) fn session(&self) -> Option<SessionRef> {
        self.either(
            |record| Some(SessionRef { id: record.id(), epoch: record.epoch(), kind: record.kind() }),
            |token| {
                let SessionClaims { id, epoch } = token.session()?;
                Some(SessionRef { id, epoch, kind: CredentialKind::Refresh })
            },
        )
    }

    /// Returns whether the credential is an [API key](crate::Auth::create_api_key).
    pub fn is_api_key(&self) -> bool {
        self.record().is_some_and(|record| record.kind() == CredentialKind::ApiKey)
    }

    /// Returns when the subject was last authenticated.
    pub fn authenticated_at(&self) -> Timestamp {
        self.either(SessionRecord::authenticated_at, |token| token.authenticated_at)
    }

    /// Returns when the credential expires at the latest.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns the application's claims as a `T`.
    ///
    /// # Errors
    ///
    /// - [`Error::Claims`] if the claims are not a `T`: the application's type has changed since the login,
    ///   and its user must log in again (rule A16).
    /// - [`Error::Unauthenticated`] if no type can read the claims of the token or of the session's record.
    ///   The rejection is [`MalformedPayload`](crate::error::Rejection::MalformedPayload) for both.
    pub fn claims<'p, T: Deserialize<'p>>(&'p self) -> Result<T, Error> {
        let claims = self.either(SessionRecord::claims_json, TokenFacts::claims);
        serde_json::from_str(claims).map_err(|error| {
            if is_readable(claims) {
                Error::Claims(Box::new(ClaimsMismatch::of_object::<T>(claims, &error)))
            } else {
                Rejection::MalformedPayload("a number is out of range, or values are nested too deeply")
                    .into()
            }
        })
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Principal");
        shown.field("subject", &self.subject());
        if !self.realm_name().is_empty() {
            shown.field("realm", &self.realm_name());
        }
        if let Some(actor) = self.actor() {
            shown.field("actor", &actor);
        }
        shown
            .field("foreign_issuer", &self.foreign_issuer())
            .field("session_id", &self.session_id())
            .field("kind", &self.kind().as_str())
            .field("authenticated_at", &self.authenticated_at())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
