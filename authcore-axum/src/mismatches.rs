//! The log of claims that an application can no longer read.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use authcore::{ClaimsMismatch, Principal};

use crate::refusal::named;

/// How many sessions are remembered; beyond that, the one that was logged first is forgotten.
const MAX_REMEMBERED: usize = 4096;

/// The sessions whose claims do not fit the application's type, so that each is logged once (rule A16): a
/// deployment can change the type for every user at the same moment.
#[derive(Debug, Default)]
pub(crate) struct Mismatches(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    hasher: RandomState,
    logged: HashSet<u64>,
    oldest_first: VecDeque<u64>,
}

impl Mismatches {
    /// Logs what does not fit, once for each session. Where there is none, a login is told by its subject and
    /// time.
    pub(crate) fn log(&self, principal: &Principal, mismatch: &ClaimsMismatch) {
        let (subject, realm) = (principal.subject(), principal.realm_name());
        let login = (realm, subject, principal.authenticated_at(), principal.session_id());
        let is_new = {
            let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = remembered.hasher.hash_one(login);
            remembered.insert(key)
        };
        if is_new {
            tracing::warn!(
                subject,
                realm = named(realm),
                actor = principal.actor().as_deref(),
                session = principal.session_id().map(tracing::field::display),
                member = mismatch.member(),
                found = mismatch.found(),
                expected = mismatch.expected(),
                target_type = mismatch.target(),
                "the claims of a session are not of the application's type; its user is asked to log in again",
            );
        }
    }
}

impl Remembered {
    /// Whether the key was not remembered yet.
    fn insert(&mut self, key: u64) -> bool {
        if !self.logged.insert(key) {
            return false;
        }
        self.oldest_first.push_back(key);
        if self.oldest_first.len() > MAX_REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.logged.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a16_memory_for_the_log_is_bounded() {
        let mut remembered = Remembered::default();
        for key in 0..10_000 {
            assert!(remembered.insert(key) && !remembered.insert(key));
        }
        assert_eq!(
            (remembered.logged.len(), remembered.oldest_first.len()),
            (MAX_REMEMBERED, MAX_REMEMBERED)
        );
        assert!(!remembered.insert(9_999) && remembered.insert(0), "the oldest is forgotten first");
    }
}
