//! The stateful strategy: an opaque token, and a session that a store holds.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::call_context::CallContext;
use crate::secret::SecretString;
use crate::session::sessions::Sessions;
use crate::store::SessionRecord;
use crate::{Error, Login, Principal, SessionId};

/// How sessions are opened, proved, renewed and closed by a credential of their own.
///
/// [`ServerSessions`](crate::ServerSessions) is the one that comes with this crate. What does not depend on
/// the credential (listing, revoking, changing claims, expiry) is done once, by [`Sessions`]; a strategy of
/// your own wraps ours, adds what it wants (a check of the client's address, an audit line) and hands on the
/// rest. It needs the `async-trait` crate. The hybrid strategy's refresh tokens are not one of these: they
/// are no credential for every request, and [`Auth::with_hybrid`](crate::Auth::with_hybrid) alone knows what to do with
/// them. Nor are [API keys](crate::Auth::create_api_key): `Auth` makes and verifies them with [`Sessions`],
/// and a strategy of your own does not see them.
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
    label = "expected what `ServerSessions::builder(store).build()?` gives",
    note = "refresh tokens go with access tokens: `Auth::with_hybrid(jwt, RefreshTokens::builder(store).build()?)?`"
)]
pub trait SessionStrategy: fmt::Debug + Send + Sync + 'static {
    /// Opens a session with a new id and a new secret; never adopts anything that the client sent (rule A1).
    /// Then ends the sessions `replaces` (rule A10) and those above the subject's limit (rule A7).
    ///
    /// # Errors
    ///
    /// [`Error::Store`]; [`Error::SessionLimit`] if concurrent logins left no place for this one. The session
    /// does not exist then, or nobody holds its credential.
    async fn open(
        &self,
        login: &Login,
        replaces: &[SessionId],
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error>;

    /// The live session of the context's realm that `credential` proves; writes down the use when that is due
    /// (rules A5, A12, A14).
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] or [`Error::Store`], never one for the other (rule A9).
    async fn verify(&self, credential: &str, context: &CallContext<'_>) -> Result<SessionRecord, Error>;

    /// The session that `credential` proves or has proved, expired or not; `None` if it is gone: for logout
    /// and for a login that replaces it.
    ///
    /// # Errors
    ///
    /// As [`SessionStrategy::verify`]: knowing a session id alone finds nothing (rule R8).
    async fn find(&self, credential: &str, context: &CallContext<'_>)
    -> Result<Option<SessionRecord>, Error>;

    /// Gives the principal's session a new secret and a new epoch, so that every credential and principal
    /// made before is refused from now on (rules A6, A11).
    ///
    /// # Errors
    ///
    /// As [`SessionStrategy::verify`], and [`Error::Contended`].
    async fn renew(
        &self,
        principal: &Principal,
        renewal: Renewal,
        context: &CallContext<'_>,
    ) -> Result<OpenedSession, Error>;

    /// What can be done with its sessions whatever their credential.
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

/// Why a session gets a new credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "strategies handle every case")]
pub enum Renewal {
    /// What the session may do has changed.
    PrivilegeChange,
    /// The subject has just proved themselves again: sets
    /// [`authenticated_at`](SessionRecord::authenticated_at).
    Reauthentication,
}

/// A session and the credential that proves it, which only the client will know.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    pub(crate) record: SessionRecord,
    pub(crate) credential: SecretString,
}

impl OpenedSession {
    /// The session as it was written.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// The credential.
    ///
    /// # Security
    ///
    /// Whoever holds it is the subject.
    pub fn credential(&self) -> &str {
        self.credential.expose()
    }
}
