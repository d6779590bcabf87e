//! The log of claims that an application can no longer read.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use authcore::Principal;
use authcore::error::ClaimsMismatch;

use crate::refusal::named;

/// How many sessions are logged; one more line says that there are others.
const MAX_LOGGED: usize = 65_536;

/// The sessions whose claims do not fit the application's type, so that each is logged once (rule A16): a
/// deployment can change the type for every user at the same moment.
#[derive(Debug, Default)]
pub(crate) struct Mismatches(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    hasher: RandomState,
    logged: HashSet<u64>,
    is_full: bool,
}

/// What the log is to be told of a session.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// It was not logged yet.
    Session,
    /// It and all that follow are not logged.
    Full,
    None,
}

impl Mismatches {
    /// Logs what does not fit, once for each session. Where there is none, a login is told by its subject and
    /// time.
    pub(crate) fn log(&self, principal: &Principal, mismatch: &ClaimsMismatch) {
        let (subject, realm) = (principal.subject(), principal.realm_name());
        let login = (realm, subject, principal.authenticated_at(), principal.session_id());
        let news = {
            let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = remembered.hasher.hash_one(login);
            remembered.insert(key)
        };
        match news {
            News::None => {}
            News::Full => tracing::warn!("the claims of further sessions are not of the application's type"),
            News::Session => tracing::warn!(
                subject,
                realm = named(realm),
                actor = principal.actor().as_deref(),
                session = principal.session_id().map(tracing::field::display),
                member = mismatch.member(),
                found = mismatch.found(),
                expected = mismatch.expected(),
                target_type = mismatch.target(),
                "the claims of a session are not of the application's type; its user is asked to log in again",
            ),
        }
    }
}

impl Remembered {
    /// Notes a session.
    fn insert(&mut self, key: u64) -> News {
        if self.logged.contains(&key) {
            return News::None;
        }
        if self.logged.len() < MAX_LOGGED {
            self.logged.insert(key);
            return News::Session;
        }
        if std::mem::replace(&mut self.is_full, true) { News::None } else { News::Full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a16_each_session_is_logged_once_and_memory_is_bounded() {
        let mut remembered = Remembered::default();
        let most = MAX_LOGGED as u64;
        for _ in 0..2 {
            for key in 0..most {
                let is_new = remembered.logged.len() as u64 == key;
                assert_eq!(remembered.insert(key) == News::Session, is_new);
            }
        }
        assert_eq!(remembered.logged.len(), MAX_LOGGED);
        assert_eq!(remembered.insert(most), News::Full);
        assert_eq!((remembered.insert(most), remembered.insert(0)), (News::None, News::None));
    }
}
