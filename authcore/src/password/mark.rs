//! The mark in a stored hash's salt that shows which session changed the password.

use sha2::{Digest as _, Sha256};

use super::PasswordHash;
use super::stored::Parsed;
use crate::secret::fill_random;
use crate::{Error, Principal};

/// The length of every salt that is written, in bytes.
pub(super) const SALT_LEN: usize = 16;
const RANDOM_LEN: usize = 8;
const DOMAIN: &[u8] = b"authcore change of password";

/// The mark that a change of password leaves in the salt of the new hash, derived from the principal's
/// session and epoch.
///
/// It lets a repeated call recognize the hash of the earlier call without verifying a password (rule P5). A
/// marked salt consists of eight random bytes and the first eight bytes of the SHA-256 digest of
/// [`DOMAIN`], the random bytes, and the principal's session and epoch.
///
/// A salt must be unique, not secret, and marked salts stay unique. Two salts of different sessions or
/// epochs are equal only if both halves collide: the probability is 2^-128, as for 16 random bytes. Two
/// salts of the same session and epoch are equal with a probability of 2^-64, and there are few of them,
/// because a change that succeeds begins a new epoch. A salt that was written for another reason matches a
/// given mark with a probability of 2^-64.
#[derive(Debug)]
pub(super) struct SaltMark {
    /// Bytes that identify the principal's session and epoch.
    origin: Vec<u8>,
}

impl SaltMark {
    /// Returns the mark of the principal's session in its current epoch. Without sessions, the subject and
    /// the time of its last authentication take their place.
    pub(super) fn of(principal: &Principal) -> Self {
        let mut origin = Vec::new();
        match principal.session() {
            Some(session) => {
                origin.push(1);
                origin.extend(session.id.as_bytes());
                origin.extend(session.epoch.to_be_bytes());
            }
            None => {
                origin.push(2);
                // In seconds, the precision of `auth_time` in a token.
                origin.extend(principal.authenticated_at().as_secs().to_be_bytes());
                origin.extend(principal.to_subject().key().as_bytes());
            }
        }
        Self { origin }
    }

    /// Returns a fresh salt with this mark.
    pub(super) fn salt(&self) -> Result<[u8; SALT_LEN], Error> {
        let mut salt = [0; SALT_LEN];
        let (random, mark) = salt.split_at_mut(RANDOM_LEN);
        fill_random(random)?;
        mark.copy_from_slice(&self.digest(random)[..SALT_LEN - RANDOM_LEN]);
        Ok(salt)
    }

    /// Returns whether the stored hash has a salt with this mark.
    pub(super) fn is_on(&self, stored: &PasswordHash) -> bool {
        Parsed::parse(stored).is_ok_and(|hash| self.is_in(&hash.salt))
    }

    fn is_in(&self, salt: &[u8]) -> bool {
        let Some((random, mark)) = salt.split_at_checked(RANDOM_LEN) else { return false };
        salt.len() == SALT_LEN && self.digest(random).starts_with(mark)
    }

    fn digest(&self, random: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(DOMAIN).chain_update(random).chain_update(&self.origin).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::strategy::SessionClaims;
    use crate::strategy::VerifiedToken;
    use crate::{SessionId, Timestamp};

    fn principal(subject: &str, session: Option<(u8, u32)>, authenticated_at: u64) -> Principal {
        let session = session.map(|(id, epoch)| SessionClaims { id: SessionId::from_bytes([id; 16]), epoch });
        let (subject, issued_at) = (subject.parse().unwrap(), Timestamp::from_secs(9));
        Principal::from_token(VerifiedToken {
            session,
            authenticated_at: Timestamp::from_secs(authenticated_at),
            ..VerifiedToken::new(subject, issued_at, Timestamp::MAX, "{}".into())
        })
    }

    #[test]
    fn p5_a_mark_fits_its_own_session_and_epoch_only() {
        let principals = [
            principal("ada", Some((1, 0)), 5),
            principal("ada", Some((1, 1)), 5),
            principal("ada", Some((2, 0)), 5),
            principal("ada", None, 5),
            principal("ada", None, 6),
            principal("bob", None, 5),
        ];
        for (index, marked) in principals.iter().enumerate() {
            let salt = SaltMark::of(marked).salt().unwrap();
            for (other, principal) in principals.iter().enumerate() {
                assert_eq!(SaltMark::of(principal).is_in(&salt), index == other, "{index}, {other}");
            }
        }
    }

    #[test]
    fn p5_a_mark_fits_no_other_salt() {
        let mark = SaltMark::of(&principal("ada", Some((1, 0)), 5));
        let salt = mark.salt().unwrap();
        for len in 0..SALT_LEN {
            assert!(!mark.is_in(&salt[..len]), "{len}");
        }
        assert!(!mark.is_in(&[&salt[..], &[0]].concat()));
        for bit in 0..SALT_LEN * 8 {
            let mut other = salt;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!mark.is_in(&other), "{bit}");
        }
        for stored in ["", "hunter2"] {
            assert!(!mark.is_on(&PasswordHash::new(stored)));
        }
    }

    #[test]
    fn p1_marked_salts_are_unique() {
        let mark = SaltMark::of(&principal("ada", Some((1, 0)), 5));
        let salts: HashSet<_> = (0..1000).map(|_| mark.salt().unwrap()).collect();
        assert_eq!(salts.len(), 1000);
    }
}
