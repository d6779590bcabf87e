//! The argon2 computations, which run only on the threads of the pool (rule P4).

use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::mark::SALT_LEN;
use super::stored::{Parsed, checked_params, work};
use super::{Password, PasswordError, PasswordHash, Verdict};
use crate::Error;
use crate::secret::fill_random;

const OUTPUT_LEN: usize = 32;
/// How far other accounts' hashes may raise the cost of a failed verification, as a multiple of the work of
/// today's parameters.
const MAX_FAILURE_FACTOR: u64 = 8;

/// The stored hash that a password is verified against.
pub(super) enum Expected {
    /// The hash of an account.
    Hash(Box<Parsed>),
    /// No hash: there is no account, or it has no password.
    Nobody,
    /// A hash that cannot be read.
    Corrupt,
}

/// Hashes and verifies with today's parameters.
#[derive(Debug)]
pub(super) struct Engine {
    /// A hash that no password matches, for the verification of unknown users.
    dummy: Parsed,
    /// The [`Cost`] of a failed verification: that of the most expensive stored hash seen so far.
    failure_cost: AtomicU64,
    /// The total work so far, in KiB times passes.
    #[cfg(test)]
    pub(super) worked: AtomicU64,
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
        // Random rather than computed, which takes no time; no password matches it either way.
        fill_random(&mut dummy.output)?;
        Ok(Self {
            failure_cost: AtomicU64::new(Cost::of(&dummy.params).to_bits()),
            dummy,
            #[cfg(test)]
            worked: AtomicU64::new(0),
        })
    }

    pub(super) fn params(&self) -> &Params {
        &self.dummy.params
    }

    /// Hashes with today's parameters, or with more memory or passes where the `replaced` hash has more
    /// (rule P6).
    pub(super) fn hash(
        &self,
        password: &Password,
        salt: [u8; SALT_LEN],
        replaced: Option<&Parsed>,
    ) -> Result<PasswordHash, PasswordError> {
        let mut fresh = Parsed {
            algorithm: self.dummy.algorithm,
            version: self.dummy.version,
            params: replaced
                .map_or_else(|| self.params().clone(), |replaced| self.params_to_replace(replaced)),
            salt: Box::new(salt),
            output: Zeroizing::new(vec![0; OUTPUT_LEN]),
        };
        fresh.output = self.compute(password, &fresh)?;
        Ok(fresh.to_text())
    }

    /// Returns parameters with no less memory and no fewer passes than both today's and the replaced hash's.
    /// If together they would exceed the limits, the replaced hash's parameters remain.
    fn params_to_replace(&self, replaced: &Parsed) -> Params {
        let (today, former) = (self.params(), &replaced.params);
        let (memory, passes) = (today.m_cost().max(former.m_cost()), today.t_cost().max(former.t_cost()));
        checked_params(memory, passes, today.p_cost()).unwrap_or_else(|| former.clone())
    }

    /// Verifies a password. An unknown account and a hash that cannot be read cost as much as a wrong
    /// password (rule P2).
    pub(super) fn verify(&self, password: &Password, expected: &Expected) -> Result<Verdict, PasswordError> {
        match expected {
            Expected::Hash(stored) => {
                self.record_cost(stored);
                if self.matches(password, stored)? {
                    let outdated = stored.is_outdated(&self.dummy);
                    return Ok(if outdated { Verdict::MatchOutdated } else { Verdict::Match });
                }
                self.make_up_for(password, stored)?;
                Ok(Verdict::Mismatch)
            }
            Expected::Nobody => {
                self.fail(password)?;
                Ok(Verdict::Mismatch)
            }
            Expected::Corrupt => {
                self.fail(password)?;
                Err(PasswordError::CorruptHash)
            }
        }
    }

    /// Verifies against a hash that no password matches, at the cost of a failed verification.
    fn fail(&self, password: &Password) -> Result<(), PasswordError> {
        self.waste(password, self.failure_cost())
    }

    /// Raises the cost of failed verifications to that of `stored`, up to a bound. Without the bound, one
    /// account with an extreme hash would make every guess, at any name, that expensive.
    fn record_cost(&self, stored: &Parsed) {
        let bound = work(self.params()).saturating_mul(MAX_FAILURE_FACTOR);
        let bounded = Cost::of(&stored.params).at_most(bound);
        let _ = self.failure_cost.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |known| {
            (bounded.work() > Cost::from_bits(known).work()).then(|| bounded.to_bits())
        });
    }

    fn failure_cost(&self) -> Cost {
        Cost::from_bits(self.failure_cost.load(Ordering::Relaxed))
    }

    /// Does the work by which `stored` is cheaper than a failed verification, so that an account with a
    /// cheap hash does not respond faster than others. A match has nothing to hide and skips this.
    fn make_up_for(&self, password: &Password, stored: &Parsed) -> Result<(), PasswordError> {
        let failure = self.failure_cost();
        let missing = failure.work().saturating_sub(work(&stored.params));
        if missing == 0 {
            return Ok(());
        }
        // In about the memory of a failed verification, because the time for a KiB grows with the memory.
        let passes = missing.div_ceil(u64::from(failure.memory));
        let memory = u32::try_from(missing / passes).unwrap_or(u32::MAX);
        self.waste(password, Cost { memory, passes: u32::try_from(passes).unwrap_or(u32::MAX) })
    }

    /// Computes a hash and discards it.
    fn waste(&self, password: &Password, cost: Cost) -> Result<(), PasswordError> {
        let lanes = self.params().p_cost();
        let hash = Parsed {
            params: Params::new(cost.memory.max(8 * lanes), cost.passes, lanes, None)
                .map_err(|_| PasswordError::Failed)?,
            algorithm: self.dummy.algorithm,
            version: self.dummy.version,
            salt: self.dummy.salt.clone(),
            output: self.dummy.output.clone(),
        };
        self.matches(password, &hash).map(drop)
    }

    fn matches(&self, password: &Password, stored: &Parsed) -> Result<bool, PasswordError> {
        Ok(self.compute(password, stored)?.ct_eq(&stored.output).into())
    }

    /// Hashes the password with the algorithm, parameters, salt and output length of `like`.
    fn compute(&self, password: &Password, like: &Parsed) -> Result<Zeroizing<Vec<u8>>, PasswordError> {
        #[cfg(test)]
        self.worked.fetch_add(work(&like.params), Ordering::SeqCst);
        let mut memory = Memory::new(like.params.block_count())?;
        let mut output = Zeroizing::new(vec![0; like.output.len()]);
        Argon2::new(like.algorithm, like.version, like.params.clone())
            .hash_password_into_with_memory(password.as_bytes(), &like.salt, &mut output, &mut memory.0[..])
            .map_err(|_| PasswordError::Failed)?;
        Ok(output)
    }
}

/// The memory of one hash in KiB, and its passes.
#[derive(Clone, Copy)]
struct Cost {
    memory: u32,
    passes: u32,
}

impl Cost {
    const fn of(params: &Params) -> Self {
        Self { memory: params.m_cost(), passes: params.t_cost() }
    }

    const fn work(self) -> u64 {
        self.memory as u64 * self.passes as u64
    }

    /// Returns this cost, reduced in passes and then in memory to at most `work`.
    fn at_most(self, work: u64) -> Self {
        let memory = self.memory.min(u32::try_from(work).unwrap_or(u32::MAX)).max(1);
        let passes = u32::try_from(work / u64::from(memory)).unwrap_or(u32::MAX);
        Self { memory, passes: self.passes.min(passes) }
    }

    const fn to_bits(self) -> u64 {
        (self.memory as u64) << 32 | self.passes as u64
    }

    const fn from_bits(bits: u64) -> Self {
        Self { memory: (bits >> 32) as u32, passes: bits as u32 }
    }
}

/// The memory of one hash, wiped when dropped: its first blocks would let a reader try passwords at the
/// cost of a fast hash.
struct Memory(Vec<Block>);

impl Memory {
    fn new(blocks: usize) -> Result<Self, PasswordError> {
        let mut memory = Vec::new();
        // Busy and not failed, because memory may be available again in a moment.
        memory.try_reserve_exact(blocks).map_err(|_| PasswordError::Busy)?;
        memory.resize(blocks, Block::new());
        Ok(Self(memory))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Block by block: `zeroize` of a `Vec` clears the whole capacity a second time, byte by byte.
        for block in &mut self.0 {
            block.zeroize();
        }
    }
}
