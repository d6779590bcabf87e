//! The trait of session strategies.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::call_context::CallContext;
use crate::secret::SecretString;
use crate::session::sessions::Sessions;
use crate::store::SessionRecord;
use crate::{Error, Login, Principal, SessionId};

/// A way to open, verify and renew sessions with a credential of its own.
///
/// For authors of a strategy; [`ServerSessions`](crate::ServerSessions) is the built-in one. [`Sessions`]
/// does what does not depend on the credential: listing, revoking, changing claims and expiry. Your own
/// strategy wraps the built-in one, adds what you need (a check of the client's address, an audit line) and
/// delegates the rest. It needs the `async-trait` crate.
///
/// Credentials **must not** begin with `ack_`: `Auth` routes credentials with that prefix to [API
/// keys](crate::Auth::create_api_key), which it creates and verifies with [`Sessions`] and a strategy does
/// not see.
///
/// The hybrid strategy's refresh tokens do not implement this trait, because they are not the credential of
/// every request; see [`Auth::with_hybrid`](crate::Auth::with_hybrid).
///
/// ```
/// use authcore::strategy::{CallContext, OpenedSession};
/// use authcore::{Error, Login, Principal, ServerSessions, SessionId};
/// use authcore::store::SessionRecord;
/// use authcore::strategy::{Renewal, SessionStrategy, Sessions};
///
/// #[derive(Debug)]
/// struct Logged(ServerSessions);
///
/// #[async_trait::async_trait]
/// impl SessionStrategy for Logged {
///     async fn open(
///         &self,
///         login: &Login,
///         replaces: &[SessionId],
///         context: &CallContext<'_>,
///     ) -> Result<OpenedSession, Error> {
///         let opened = self.0.open(login, replaces, context).await?;
///         println!("opened {}", opened.record().id());
///         Ok(opened)
///     }
///     async fn verify(&self, credential: &str, context: &CallContext<'_>) -> Result<SessionRecord, Error> {
///         self.0.verify(credential, context).await
///     }
///     async fn find(
///         &self,
///         credential: &str,
///         context: &CallContext<'_>,
///     ) -> Result<Option<SessionRecord>, Error> {
///         self.0.find(credential, context).await
///     }
///     async fn renew(
///         &self,
///         principal: &Principal,
///         renewal: Renewal,
///         context: &CallContext<'_>,
///     ) -> Result<OpenedSession, Error> {
///         self.0.renew(principal, renewal, context).await
///     }
///     fn sessions(&self) -> &Sessions {
///         self.0.sessions()
///     }
/// }
/// ```
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session strategy",
    label = "expected a built session strategy, such as `ServerSessions::builder(store).build()?`",
    note = "a builder becomes a strategy with `.build()?`",
    note = "for a `Jwt` without sessions, call `Auth::with_tokens(jwt)`",
    note = "for a `Jwt` with refresh tokens, call `Auth::with_hybrid(jwt, refresh_tokens)?`"
)]
pub trait SessionStrategy: fmt::Debug + Send + Sync + 'static {
    /// Opens a session with a new id and a new secret, never with anything that the client sent (rule A1).
    ///
    /// Then ends the sessions `replaces` (rule A10) and those above the subject's limit (rule A7).
    ///
    /// # Errors
    ///
    /// [`Error::Store`], or [`Error::SessionLimit`] if concurrent logins left no room for this one. The
    /// session then does not exist, or no one holds its credential.
    async fn open(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error>;

    /// Returns the live session that `credential` authenticates in the context's realm, and records the use
    /// when that is due (rules A5, A12, A14).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] if the credential is not valid, and [`Error::Store`] if the store failed,
    /// never one for the other (rule A9).
    async fn verify(&self, credential: &str, context: &CallContext<'_>) -> Result<SessionRecord, Error>;

    /// Returns the session that `credential` authenticates, live or expired; `None` if it is gone.
    ///
    /// For logout, and for a login that replaces the session.
    ///
    /// # Errors
    ///
    /// The same as for [`SessionStrategy::verify`]. A session id alone finds nothing (rule R8).
    async fn find(&self, credential: &str, context: &CallContext<'_>)
    -> Result<Option<SessionRecord>, Error>;

    /// Gives the principal's session a new secret and a new epoch, so that every credential and principal
    /// created before is refused (rules A6, A11).
    ///
    /// # Errors
    ///
    /// The same as for [`SessionStrategy::verify`], and [`Error::Contended`].
    async fn renew(
        &self,
        principal: &Principal,
        renewal: Renewal,
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error>;

    /// Returns the sessions, for operations that do not depend on the credential.
    fn sessions(&self) -> &Sessions;
}

#[async_trait]
impl<S: SessionStrategy + ?Sized> SessionStrategy for Arc<S> {
    async fn open(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error> {
        (**self).open(login, replaces, context).await
    }

    async fn verify(&self, credential: &str, context: &CallContext<'_>) -> Result<SessionRecord, Error> {
        (**self).verify(credential, context).await
    }

    async fn find(
        &self,
        credential: &str,
        context: &CallContext<'_>,
    ) -> Result<Option<SessionRecord>, Error> {
        (**self).find(credential, context).await
    }

    async fn renew(
        &self,
        principal: &Principal,
        renewal: Renewal,
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error> {
        (**self).renew(principal, renewal, context).await
    }

    fn sessions(&self) -> &Sessions {
        (**self).sessions()
    }
}

/// The reason why a session gets a new credential, for authors of a session strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "strategies handle every case")]
pub enum Renewal {
    /// The privileges of the session have changed.
    PrivilegeChange,
    /// The subject was authenticated again: sets [`authenticated_at`](SessionRecord::authenticated_at).
    Reauthentication,
}

/// A session and its credential, which only the client will know. For authors of a session strategy.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    pub(crate) record: SessionRecord,
    pub(crate) credential: SecretString,
}

impl OpenedSession {
    /// Returns the session's record as it was written.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// Returns the credential.
    ///
    /// # Security
    ///
    /// It authenticates its holder as the subject. Never log it.
    pub fn expose_credential(&self) -> &str {
        self.credential.expose()
    }
}
