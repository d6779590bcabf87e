//! The policy for the tokens of one issuer.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Rejection;

/// The policy for the tokens of one issuer.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// The required `iss`; `None` if waived.
    pub(super) issuer: Option<Arc<str>>,
    /// The accepted `aud` values, of which one is required; empty if waived.
    pub(super) audiences: Vec<Box<str>>,
    /// The maximum `exp - iat` (rule T7).
    pub(super) max_lifetime: Duration,
    /// Whether any `typ` is accepted (rule T4).
    pub(super) any_type: bool,
    /// Whether the tokens are those of another issuer.
    pub(super) foreign: bool,
}

impl Policy {
    pub(super) fn is_own(&self) -> bool {
        !self.foreign
    }

    /// Returns the issuer if it is not the application itself.
    pub(super) fn foreign_issuer(&self) -> Option<&Arc<str>> {
        self.issuer.as_ref().filter(|_| self.foreign)
    }

    pub(super) fn accepts_issuer(&self, issuer: &str) -> bool {
        self.issuer.as_deref().is_none_or(|own| own == issuer)
    }

    pub(super) fn accepts_audience(&self, audience: &str) -> bool {
        self.audiences.is_empty() || self.audiences.iter().any(|own| **own == *audience)
    }

    /// Checks the header's `typ` (rule T4; RFC 9068, section 4).
    pub(super) fn check_type(&self, typ: Option<&str>) -> Result<(), Rejection> {
        let access_token =
            |typ: &str| typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt");
        match typ {
            _ if self.any_type => Ok(()),
            Some(typ) if access_token(typ) => Ok(()),
            Some(_) => Err(Rejection::WrongType),
            None => Err(Rejection::MissingParameter("typ")),
        }
    }
}
