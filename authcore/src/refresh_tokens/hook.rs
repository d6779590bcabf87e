//! The application's decision about each refresh.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;
use crate::claims::Claims;
use crate::store::SessionRecord;

/// The decision of a [`RefreshHook`] about a refresh.
///
/// For applications that implement the hook.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "applications build it")]
pub enum RefreshDecision {
    /// Continue with the claims as they are.
    Keep,
    /// Continue with these claims, in the session and in the access token.
    Replace(Claims),
    /// End the session, because the account is disabled or gone.
    Deny,
}

/// Decides about every refresh, so that revoking a role or disabling an account takes effect before the
/// session expires (rule R10).
///
/// For applications of the hybrid strategy whose claims can change. The hook is called before the session is
/// changed, and again if its claims were changed meanwhile.
///
/// ```
/// use authcore::store::SessionRecord;
/// use authcore::strategy::{RefreshDecision, RefreshHook};
/// use authcore::{Claims, Error};
///
/// #[derive(Debug)]
/// struct CurrentRole;
///
/// #[async_trait::async_trait]
/// impl RefreshHook for CurrentRole {
///     async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error> {
///         // ... read the account of session.subject() from the database ...
///         let mut claims = Claims::new();
///         claims.set("role", "reader")?;
///         Ok(RefreshDecision::Replace(claims))
///     }
/// }
/// ```
#[async_trait]
pub trait RefreshHook: fmt::Debug + Send + Sync + 'static {
    /// Decides about the refresh of this session.
    ///
    /// # Errors
    ///
    /// Any error refuses this refresh and changes nothing. If the account cannot be read, return
    /// [`StoreError::unavailable`](crate::store::StoreError::unavailable), and the client will try again.
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error>;
}

#[async_trait]
impl<H: RefreshHook + ?Sized> RefreshHook for Arc<H> {
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error> {
        (**self).on_refresh(session).await
    }
}
