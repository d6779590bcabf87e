//! Security incidents that a call discovers.

use std::fmt;

use crate::store::SessionRecord;
use crate::{Device, SessionId, Subject};

/// Something that the subject or an operator should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    pub(crate) kind: IncidentKind,
    pub(crate) subject: Subject,
    pub(crate) session_id: SessionId,
    pub(crate) device: Device,
    pub(crate) actor: Option<Box<str>>,
}

/// The kinds of [`Incident`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IncidentKind {
    /// A refresh token was used after its grace window: a client that lost its successor, or a thief (rule
    /// R3).
    LateReplay,
    /// A refresh token was used that had been replaced twice or more: somebody kept it (rule R3).
    Reuse,
    /// A good refresh token was newer than its stored session: the store lost writes (rule R6).
    StoreRolledBack,
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LateReplay => "late replay",
            Self::Reuse => "reuse",
            Self::StoreRolledBack => "store rolled back",
        })
    }
}

impl Incident {
    pub(crate) fn new(kind: IncidentKind, record: &SessionRecord) -> Box<Self> {
        let (subject, device) = (record.to_subject(), record.device());
        Box::new(Self { kind, subject, session_id: record.id(), device, actor: record.details().actor })
    }

    /// What happened.
    pub fn kind(&self) -> IncidentKind {
        self.kind
    }

    /// To whom.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// In which session. It has ended, but for [`IncidentKind::StoreRolledBack`].
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// What had logged in.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Who had logged in as the subject, if somebody else did.
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_deref()
    }
}
