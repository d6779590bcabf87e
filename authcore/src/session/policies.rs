//! The policies of all kinds of session.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use super::kind::SessionKind;
use super::policy::SessionPolicy;
use super::timeouts::Timeouts;
use crate::Timestamp;
use crate::error::{ConfigError, LoginError, Rejection};
use crate::session::credential_kind::CredentialKind;
use crate::store::SessionRecord;

/// How many names of unknown kinds are remembered, so that each is logged only once.
const MAX_REPORTED: usize = 64;

/// The policy of the default kind and those of the registered kinds.
#[derive(Debug, Clone)]
pub(crate) struct Policies {
    default: KindPolicy,
    named: Vec<(SessionKind, KindPolicy)>,
    /// For sessions of unknown kinds, written by a newer release or under another configuration.
    strictest: KindPolicy,
    /// The unknown kinds that were logged.
    reported: Arc<Mutex<Vec<Box<str>>>>,
}

/// A policy and its timeouts.
#[derive(Debug, Clone)]
pub(crate) struct KindPolicy {
    policy: SessionPolicy,
    timeouts: Timeouts,
}

impl KindPolicy {
    fn new(policy: SessionPolicy) -> Self {
        Self { timeouts: policy.timeouts(), policy }
    }

    #[inline]
    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Refuses a session that has expired by the core's clock (rules A4, A13, S6).
    #[inline]
    pub(crate) fn check_live(&self, record: &SessionRecord, now: Timestamp) -> Result<(), Rejection> {
        if now >= self.timeouts.end(record) { Err(Rejection::Expired) } else { Ok(()) }
    }
}

impl Deref for KindPolicy {
    type Target = SessionPolicy;

    fn deref(&self) -> &SessionPolicy {
        &self.policy
    }
}

impl Policies {
    pub(crate) fn new(
        default: SessionPolicy,
        named: Vec<(SessionKind, SessionPolicy)>,
    ) -> Result<Self, ConfigError> {
        default.check()?;
        if default.is_for_api_keys() {
            return Err(ConfigError::new(
                "the policy of the default kind is one for API keys; register it for `SessionKind::API_KEY`",
            ));
        }
        if !default.represents_login() {
            return Err(ConfigError::new(
                "the policy of the default kind is marked `not_a_login`; mark the policy of another kind",
            ));
        }
        let mut strictest = default.clone();
        for (place, (kind, policy)) in named.iter().enumerate() {
            policy.check().map_err(|error| error.of(&format!("session kind `{kind}`")))?;
            if kind.is_default() {
                return Err(ConfigError::new(
                    "`.kind(..)` cannot set the policy of the default kind; use `.policy(..)`",
                ));
            }
            if named[..place].iter().any(|(earlier, _)| earlier == kind) {
                return Err(ConfigError::with_value(format!("the session kind `{kind}` has two policies")));
            }
            if (*kind == SessionKind::API_KEY) != policy.is_for_api_keys()
                && [SessionKind::API_KEY, SessionKind::REMEMBERED, SessionKind::KIOSK].contains(kind)
            {
                return Err(ConfigError::with_value(format!(
                    "the policy of session kind `{kind}` is unsuitable: `api-key` needs one made by \
                     `SessionPolicy::api_key`, and `remembered` and `kiosk` need a policy that is not"
                )));
            }
            if !policy.is_for_api_keys() {
                strictest = strictest.stricter(policy);
            }
        }
        let named = named.into_iter().map(|(kind, policy)| (kind, KindPolicy::new(policy))).collect();
        Ok(Self {
            default: KindPolicy::new(default),
            named,
            strictest: KindPolicy::new(strictest),
            reported: Arc::default(),
        })
    }

    /// Returns the policy of the default kind.
    pub(crate) fn default_kind(&self) -> &SessionPolicy {
        &self.default.policy
    }

    /// Returns all kinds and their policies, the default first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&SessionKind, &SessionPolicy)> {
        const DEFAULT: &SessionKind = &SessionKind::DEFAULT;
        let named = self.named.iter().map(|(kind, policy)| (kind, &**policy));
        std::iter::once((DEFAULT, &*self.default)).chain(named)
    }

    fn find(&self, kind: &str) -> Option<&KindPolicy> {
        if kind.is_empty() {
            return Some(&self.default);
        }
        self.named.iter().find(|(known, _)| known.as_str() == kind).map(|(_, policy)| policy)
    }

    /// Returns the policy for a login of this kind.
    pub(crate) fn for_login(&self, kind: &SessionKind, api_key: bool) -> Result<&KindPolicy, LoginError> {
        let name = if kind.is_default() { "" } else { kind.as_str() };
        let policy = self.find(name).ok_or_else(|| LoginError::UnknownKind(kind.clone()))?;
        if policy.is_for_api_keys() == api_key {
            Ok(policy)
        } else {
            Err(LoginError::UnsuitableKind(kind.clone()))
        }
    }

    /// Returns whether sessions of this kind may represent a login. A session of an unknown kind says so
    /// itself.
    pub(crate) fn allows_login(&self, kind: &str) -> bool {
        self.find(kind).is_none_or(|policy| policy.represents_login())
    }

    /// Returns the policy that currently applies to a session.
    #[inline]
    pub(crate) fn of(&self, record: &SessionRecord) -> &KindPolicy {
        if record.is_plain() { &self.default } else { self.of_detailed(record) }
    }

    fn of_detailed(&self, record: &SessionRecord) -> &KindPolicy {
        let kind = record.session_kind();
        if let Some(policy) = self.find(kind)
            && policy.is_for_api_keys() == (record.kind() == CredentialKind::ApiKey)
        {
            return policy;
        }
        self.report(kind);
        &self.strictest
    }

    #[cold]
    fn report(&self, kind: &str) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < MAX_REPORTED && !reported.iter().any(|known| **known == *kind) {
            reported.push(kind.into());
            tracing::warn!(kind, "sessions of a kind without a policy are held to the strictest timeouts");
        }
    }

    /// Returns whether sessions of some kind survive 'log out the others'.
    pub(crate) fn spare_any(&self) -> bool {
        self.all().any(|(_, policy)| policy.survives_logout_others())
    }
}
