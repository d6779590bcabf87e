//! The session that a principal belongs to.

use crate::SessionId;
use crate::session::credential_kind::CredentialKind;

/// Which session a principal belongs to, and which credential of it is required.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRef {
    pub(crate) id: SessionId,
    pub(crate) epoch: u32,
    pub(crate) kind: CredentialKind,
}
