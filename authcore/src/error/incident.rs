//! Security incidents that a call detects.

use std::fmt;

use crate::store::SessionRecord;
use crate::{Device, SessionId, Subject};

/// A security incident of a session, of which the subject or an operator should be told.
///
/// For applications that alert their users: returned by [`Error::incident`](crate::Error::incident) and
/// [`IssuedCredentials::incident`](crate::IssuedCredentials::incident).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    pub(crate) kind: IncidentKind,
    pub(crate) subject: Subject,
    pub(crate) session_id: SessionId,
    pub(crate) device: Device,
    pub(crate) actor: Option<Box<str>>,
}

/// The kinds of [`Incident`], for code that decides whom to alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IncidentKind {
    /// A refresh token was used after its grace window: by a client that lost its successor, or by a thief
    /// (rule R3).
    ReplayedLate,
    /// A refresh token was used that had been replaced at least twice, so a copy had been kept (rule R3).
    Reuse,
    /// A valid refresh token was newer than its stored session, so the store lost writes (rule R6).
    StoreWentBack,
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReplayedLate => "late replay",
            Self::Reuse => "reuse",
            Self::StoreWentBack => "store rolled back",
        })
    }
}

impl Incident {
    pub(crate) fn new(kind: IncidentKind, record: &SessionRecord) -> Box<Self> {
        let (subject, device) = (record.to_subject(), record.device());
        Box::new(Self { kind, subject, session_id: record.id(), device, actor: record.details().actor })
    }

    /// Returns what happened.
    pub fn kind(&self) -> IncidentKind {
        self.kind
    }

    /// Returns the subject of the session.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the session. It has ended, except for [`IncidentKind::StoreWentBack`].
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// Returns the device that logged in.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns who acts as the subject in this session; `None` if the subject itself logged in.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }
}
