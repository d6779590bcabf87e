//! Hashing and verifying, as async code asks for it.

use std::fmt;
use std::sync::Arc;
use std::thread;

use super::engine::{Engine, Expected};
use super::mark::{SALT_LEN, SaltMark};
use super::pool::Pool;
use super::stored::{MAX_LANES, MAX_MEMORY, MAX_WORK, Parsed, checked_params};
use super::{NewPassword, Password, PasswordError, PasswordHash};
use crate::error::ConfigError;
use crate::secret::fill_random;

/// The least that can be configured, and the default (rule P1).
const MIN_MEMORY: u32 = 19 * 1024;
const MIN_PASSES: u32 = 2;
const MIN_LANES: u32 = 1;
const DEFAULT_MAX_THREADS: usize = 4;
const MAX_THREADS: usize = 256;
const DEFAULT_WAITING: usize = 64;
const MAX_WAITING: usize = 65_536;

/// Hashes and verifies passwords with argon2id, on a few threads of its own (rules P1, P4).
///
/// Cheap to clone; clones share the threads, which end when the last clone is dropped. Its futures run on any
/// executor, never block, and may be dropped at any time: a job that has not begun is then never computed.
///
/// # Security
///
/// Every hash that runs takes its memory and one processor, so verifications together take up to `threads`
/// times `memory_kib`, or `threads` times 512 MiB if stored hashes ask for it. The hasher does not count
/// attempts: ask a [`LoginThrottle`](super::LoginThrottle) before each verification, as `authcore-axum` does.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    pool: Pool,
}

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Verdict {
    /// It is the account's password.
    Match,
    /// It is the account's password, and its hash is outdated: today's parameters improve on it and lower
    /// neither its memory nor its passes. Hash it again and store that (rule P1);
    /// [`PasswordLogin`](super::PasswordLogin) does.
    MatchOutdated,
    /// It is not, or there is no such account (rule P2).
    Mismatch,
}

impl PasswordHasher {
    /// Starts building: 19 MiB, two passes and one lane; a thread for each processor, at most four; 64 may
    /// wait.
    pub fn builder() -> PasswordHasherBuilder {
        PasswordHasherBuilder {
            memory: MIN_MEMORY,
            passes: MIN_PASSES,
            lanes: MIN_LANES,
            threads: None,
            waiting: DEFAULT_WAITING,
        }
    }

    /// Hashes a new password under a fresh salt, with today's parameters: for a registration or a reset.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Busy`] if too many are waiting; [`PasswordError::Failed`]; [`PasswordError::Auth`] if
    /// there are no random bytes.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, PasswordError> {
        self.rehash(password.into_password()).await
    }

    /// As [`PasswordHasher::hash`], also for passwords that were set when shorter ones were accepted.
    pub(super) async fn rehash(&self, password: Password) -> Result<PasswordHash, PasswordError> {
        let mut salt = [0; SALT_LEN];
        fill_random(&mut salt)?;
        let engine = Arc::clone(&self.0.engine);
        self.run(move || engine.hash(&password, salt, None)).await
    }

    /// Hashes the new password of an account under a salt that carries `mark`. The result costs at least as
    /// much as the hash that is `replaced`, which must be readable (rule P6).
    pub(super) async fn hash_marked(
        &self,
        password: NewPassword,
        mark: &SaltMark,
        replaced: &PasswordHash,
    ) -> Result<PasswordHash, PasswordError> {
        let (salt, replaced) = (mark.salt()?, Parsed::parse(replaced)?);
        let engine = Arc::clone(&self.0.engine);
        self.run(move || engine.hash(password.password(), salt, Some(&replaced))).await
    }

    /// Verifies a password against what is stored for the account, with the parameters of the stored hash.
    /// With `None` (no such account, or one without a password), verifies against a dummy hash, which takes
    /// as long and returns [`Verdict::Mismatch`] (rule P2).
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::hash`], and [`PasswordError::CorruptHash`] if what is stored is not a hash of
    /// argon2, or needs more than 512 MiB, 64 lanes or 4 GiB of work (memory times passes). Such a hash is
    /// never computed, and the error takes as long as a wrong password.
    ///
    /// # Security
    ///
    /// A failed verification takes about as long for every account. It costs at least as much as today's
    /// parameters, and as the most expensive stored hash that this hasher has verified, up to eight times
    /// today's work. Two differences remain that tell an account from an unknown one: a hash beyond that
    /// bound, and, after each start, the first verification against a hash that is more expensive than all
    /// before. To have neither, set the parameters at least as high as those of any stored hash, and never
    /// lower them.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, PasswordError> {
        let expected = match stored.map(Parsed::parse) {
            Some(Ok(parsed)) => Expected::Hash(Box::new(parsed)),
            Some(Err(_)) => Expected::Corrupt,
            None => Expected::Nobody,
        };
        let engine = Arc::clone(&self.0.engine);
        self.run(move || engine.verify(&password, &expected)).await
    }

    /// A canceled job has panicked: the pool lives as long as `self`.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        self.0.pool.run(work)?.await.unwrap_or(Err(PasswordError::Failed))
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params = self.0.engine.params();
        f.debug_struct("PasswordHasher")
            .field("memory_kib", &params.m_cost())
            .field("iterations", &params.t_cost())
            .field("parallelism", &params.p_cost())
            .field("pool", &self.0.pool)
            .finish()
    }
}

/// Builds a [`PasswordHasher`].
#[derive(Debug, Clone)]
#[must_use]
pub struct PasswordHasherBuilder {
    memory: u32,
    passes: u32,
    lanes: u32,
    threads: Option<usize>,
    waiting: usize,
}

impl PasswordHasherBuilder {
    /// Sets the memory of one hash, in KiB: 19,456 (the default) to 524,288.
    pub fn memory_kib(mut self, memory: u32) -> Self {
        self.memory = memory;
        self
    }

    /// Sets how many passes a hash makes over its memory: at least 2, the default. Memory times passes may be
    /// at most 4 GiB.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.passes = iterations;
        self
    }

    /// How many lanes a hash has: 1 (the default) to 64. They are computed one after the other.
    pub fn parallelism(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// How many passwords are hashed at once, each on a thread of its own: 1 to 256 (rule P4). The default is
    /// the number of processors, at most 4.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How many passwords may wait for a thread: 1 to 65,536, default 64. Beyond that the answer is
    /// [`PasswordError::Busy`], at once (rule P4).
    pub fn max_waiting(mut self, waiting: usize) -> Self {
        self.waiting = waiting;
        self
    }

    /// Checks the settings and starts the threads.
    ///
    /// # Errors
    ///
    /// If a parameter is below rule P1 or above the limits of a stored hash, or the operating system provides
    /// no threads or no random bytes.
    pub fn build(self) -> Result<PasswordHasher, ConfigError> {
        if self.memory < MIN_MEMORY || self.passes < MIN_PASSES || self.lanes < MIN_LANES {
            return Err(ConfigError::new("password hashes need 19456 KiB, 2 iterations and 1 lane at least"));
        }
        let params = checked_params(self.memory, self.passes, self.lanes).ok_or(ConfigError::new(
            "password hashes need more than 524288 KiB, 64 lanes, or 4 GiB of memory times iterations; lower one of them",
        ))?;
        let threads = self.threads.unwrap_or_else(default_threads);
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(ConfigError::new("passwords are hashed on 1 to 256 threads"));
        }
        if !(1..=MAX_WAITING).contains(&self.waiting) {
            return Err(ConfigError::new("1 to 65536 passwords may wait"));
        }
        let engine =
            Engine::new(params).map_err(|_| ConfigError::new("the operating system gave no random bytes"))?;
        let pool = Pool::new(threads, self.waiting)
            .map_err(|_| ConfigError::new("the operating system gave no thread to hash passwords on"))?;
        Ok(PasswordHasher(Arc::new(Inner { engine: Arc::new(engine), pool })))
    }
}

fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(DEFAULT_MAX_THREADS)
}

const _: () = assert!(MIN_MEMORY <= MAX_MEMORY && MIN_LANES <= MAX_LANES);
const _: () = assert!(MIN_MEMORY as u64 * MIN_PASSES as u64 <= MAX_WORK);

#[cfg(test)]
pub(super) mod tests;
