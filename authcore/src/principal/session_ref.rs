//! The session that a principal belongs to.

use crate::SessionId;
use crate::session::credential_kind::CredentialKind;

/// The session that a principal belongs to, and the kind and epoch of its credential.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRef {
    pub(crate) id: SessionId,
    pub(crate) epoch: u32,
    pub(crate) kind: CredentialKind,
}
