//! The operations that not every strategy supports.

use std::fmt;

/// A group of [`Auth`](crate::Auth) methods that not every strategy supports, for
/// [`Auth::supports`](crate::Auth::supports).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Auth::refresh`](crate::Auth::refresh): supported by the hybrid strategy, and by tokens with
    /// re-issue.
    Refresh,
    /// [`Auth::authenticate_and_check_session`](crate::Auth::authenticate_and_check_session): supported by
    /// every strategy with a store.
    CheckSession,
    /// [`Auth::renew`](crate::Auth::renew) and
    /// [`Auth::record_reauthentication`](crate::Auth::record_reauthentication): supported by every strategy
    /// with a store.
    Renew,
    /// [`Auth::update_claims`](crate::Auth::update_claims): supported by every strategy with a store.
    UpdateClaims,
    /// [`Auth::sessions_of`](crate::Auth::sessions_of): supported by every strategy with a store.
    ListSessions,
    /// Ending sessions by [`Auth::revoke`](crate::Auth::revoke),
    /// [`Auth::logout_others`](crate::Auth::logout_others),
    /// [`Auth::logout_everywhere`](crate::Auth::logout_everywhere) or [`Admin`](crate::Admin): supported by
    /// every strategy with a store.
    RevokeSessions,
    /// [`Auth::create_api_key`](crate::Auth::create_api_key) and the verification of API keys: supported by
    /// every strategy with a store.
    ApiKeys,
    /// [`Admin::purge_expired`](crate::Admin::purge_expired): supported by every strategy with a store.
    PurgeExpired,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refresh => "refreshing credentials",
            Self::CheckSession => "checking the session in the store",
            Self::Renew => "renewing a session",
            Self::UpdateClaims => "updating a session's claims",
            Self::ListSessions => "listing sessions",
            Self::RevokeSessions => "revoking sessions",
            Self::ApiKeys => "using API keys",
            Self::PurgeExpired => "purging expired sessions",
        })
    }
}
