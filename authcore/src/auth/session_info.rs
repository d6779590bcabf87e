//! A session in the list that its subject sees.

use crate::session::credential_kind::CredentialKind;
use crate::session::sessions::Sessions;
use crate::store::{SessionDetails, SessionRecord};
use crate::{Device, SessionId, Timestamp};

/// A session as its subject may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its public handle, for [`Auth::revoke`](crate::Auth::revoke).
    pub id: SessionId,
    /// Whether it is the one of the request.
    pub current: bool,
    /// When the subject logged in.
    pub created_at: Timestamp,
    /// When it was last used: at most the [precision](crate::SessionPolicy::with_last_use_precision) of its kind
    /// earlier than it really was (rule A15). In the hybrid strategy a use is a refresh.
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used again.
    pub ends_at: Timestamp,
    /// What logged in; the label of an API key is its name.
    pub device: Device,
    /// Whether it is an API key rather than a login.
    pub is_api_key: bool,
    /// What the login stated: the kind of session, the client, and who acts as the subject.
    pub details: SessionDetails,
}

impl SessionInfo {
    pub(super) fn new(sessions: &Sessions, record: &SessionRecord, current: Option<SessionId>) -> Self {
        Self {
            id: record.id(),
            current: current == Some(record.id()),
            created_at: record.created_at(),
            last_seen_at: record.last_seen_at(),
            ends_at: sessions.policies().of(record).timeouts().end(record),
            device: record.device(),
            is_api_key: record.kind() == CredentialKind::ApiKey,
            details: record.details(),
        }
    }
}
