//! The host's decision about each refresh.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;
use crate::claims::Claims;
use crate::store::SessionRecord;

/// What a host says to a refresh: see [`RefreshHook`].
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "hosts build it")]
pub enum RefreshDecision {
    /// Go on with the claims as they are.
    Keep,
    /// Go on with these claims, in the session and in the access token.
    Replace(Claims),
    /// End the session: the account is disabled, or gone.
    Deny,
}

/// Asked at every refresh, so that a role taken away or a disabled account does not live on until the
/// session's absolute expiry (rule R10).
///
/// It is asked before the session is changed, and again if its claims were changed meanwhile.
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
    /// Any error refuses this refresh and changes nothing; answer
    /// [`StoreError::unavailable`](crate::store::StoreError::unavailable) when the account cannot be read, and the
    /// client will try again.
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error>;
}

#[async_trait]
impl<H: RefreshHook + ?Sized> RefreshHook for Arc<H> {
    async fn on_refresh(&self, session: &SessionRecord) -> Result<RefreshDecision, Error> {
        (**self).on_refresh(session).await
    }
}
