//! The computing itself, which runs on the threads of the pool and nowhere else (rule P4).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::stored::{Parsed, work};
use super::{Password, PasswordError, PasswordHash, Verdict};
use crate::Error;
use crate::secret::fill_random;

const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 32;

/// What a password is verified against.
pub(super) enum Expected {
    /// The hash of an account.
    Hash(Box<Parsed>),
    /// There is no account, or it has no password.
    Nobody,
    /// There is a hash that cannot be read.
    Corrupt,
}

/// Today's parameters.
#[derive(Debug)]
pub(super) struct Engine {
    /// No password's hash: what unknown users are verified against.
    dummy: Parsed,
    /// All that was computed, in KiB times passes.
    #[cfg(test)]
    pub(super) worked: std::sync::atomic::AtomicU64,
}

impl Engine {
    pub(super) fn new(params: Params) -> Result<Self, Error> {
        let mut dummy = Parsed {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params,
            salt: Box::new([0; SALT_LEN]),
            output: Zeroizing::new(vec![0; OUTPUT_LEN]),
        };
        fill_random(&mut dummy.salt)?;
        // Chosen rather than computed: that it is no password's hash is as certain, and nobody waits for it.
        fill_random(&mut dummy.output)?;
        Ok(Self {
            dummy,
            #[cfg(test)]
            worked: std::sync::atomic::AtomicU64::new(0),
        })
    }

    pub(super) const fn params(&self) -> &Params {
        &self.dummy.params
    }

    pub(super) fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        let mut fresh = Parsed {
            algorithm: self.dummy.algorithm,
            version: self.dummy.version,
            params: self.dummy.params.clone(),
            salt: Box::new([0; SALT_LEN]),
            output: Zeroizing::new(vec![0; OUTPUT_LEN]),
        };
        fill_random(&mut fresh.salt)?;
        fresh.output = self.compute(password, &fresh)?;
        fresh.to_text().ok_or(PasswordError::Failed)
    }

    /// Whoever is unknown, and whatever cannot be read, costs as much as a wrong password (rule P2).
    pub(super) fn verify(&self, password: &Password, expected: &Expected) -> Result<Verdict, PasswordError> {
        match expected {
            Expected::Hash(stored) if self.matches(password, stored)? => {
                Ok(if stored.is_outdated(&self.dummy) { Verdict::MatchOutdated } else { Verdict::Match })
            }
            Expected::Hash(stored) => {
                self.make_up_for(password, stored)?;
                Ok(Verdict::Mismatch)
            }
            Expected::Nobody => {
                self.matches(password, &self.dummy)?;
                Ok(Verdict::Mismatch)
            }
            Expected::Corrupt => {
                self.matches(password, &self.dummy)?;
                Err(PasswordError::CorruptHash)
            }
        }
    }

    fn matches(&self, password: &Password, stored: &Parsed) -> Result<bool, PasswordError> {
        Ok(self.compute(password, stored)?.ct_eq(&stored.output).into())
    }

    /// Computes as much more as a hash of older, cheaper parameters costs less than one of today's, so that such an
    /// account does not answer faster than an unknown one. After a match nothing is left to hide.
    fn make_up_for(&self, password: &Password, stored: &Parsed) -> Result<(), PasswordError> {
        let missing = work(self.params()).saturating_sub(work(&stored.params));
        let passes = missing.div_ceil(u64::from(self.params().m_cost()));
        if passes == 0 {
            return Ok(());
        }
        let lanes = self.params().p_cost();
        let memory = u32::try_from(missing / passes).unwrap_or(u32::MAX).max(8 * lanes);
        let passes = u32::try_from(passes).unwrap_or(u32::MAX);
        let rest = Parsed {
            params: Params::new(memory, passes, lanes, None).map_err(|_| PasswordError::Failed)?,
            algorithm: self.dummy.algorithm,
            version: self.dummy.version,
            salt: self.dummy.salt.clone(),
            output: self.dummy.output.clone(),
        };
        self.matches(password, &rest).map(drop)
    }

    /// The output of `like`'s parameters, salt and length.
    fn compute(&self, password: &Password, like: &Parsed) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        #[cfg(test)]
        self.worked.fetch_add(work(&like.params), std::sync::atomic::Ordering::SeqCst);
        let mut memory = Memory::new(like.params.block_count())?;
        let mut output = Zeroizing::new(vec![0; like.output.len()]);
        Argon2::new(like.algorithm, like.version, like.params.clone())
            .hash_password_into_with_memory(password.as_bytes(), &like.salt, &mut output, &mut memory.0[..])
            .map_err(|_| PasswordError::Failed)?;
        Ok(output)
    }
}

/// The memory of one hash. It is wiped: with its first blocks passwords can be tried at the price of a fast hash.
struct Memory(Vec<Block>);

impl Memory {
    fn new(blocks: usize) -> Result<Self, PasswordError> {
        let mut memory = Vec::new();
        // Memory that is short now may be there in a moment.
        memory.try_reserve_exact(blocks).map_err(|_| PasswordError::Busy)?;
        memory.resize(blocks, Block::new());
        Ok(Self(memory))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Block by block, since `Vec`'s own `zeroize` goes over the whole capacity a second time, byte by byte.
        for block in &mut self.0 {
            block.zeroize();
        }
    }
}
