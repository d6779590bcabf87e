//! A session as it appears in its subject's list.

use crate::session::credential_kind::CredentialKind;
use crate::session::sessions::Sessions;
use crate::store::{SessionDetails, SessionRecord};
use crate::{Device, SessionId, Timestamp};

/// A session as it is shown to its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The session's public id, for [`Auth::revoke`](crate::Auth::revoke).
    pub id: SessionId,
    /// Whether it is the session of the request.
    pub current: bool,
    /// When the subject logged in.
    pub created_at: Timestamp,
    /// When the session was last used (rule A15).
    ///
    /// It may lag behind the actual last use by up to the
    /// [precision](crate::SessionPolicy::with_last_use_precision) of the session's kind. In the hybrid
    /// strategy a use is a refresh.
    pub last_seen_at: Timestamp,
    /// When the session ends if it is not used again.
    pub ends_at: Timestamp,
    /// The device that logged in. The label of an API key is its name.
    pub device: Device,
    /// Whether it is an API key rather than a login.
    pub is_api_key: bool,
    /// The details that the login stated: the kind of session, the client, and who acts as the subject.
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
