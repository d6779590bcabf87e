//! The hasher: hashing and verification as async calls.

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

/// The minimum of each parameter, which is also its default (rule P1).
const MIN_MEMORY: u32 = 19 * 1024;
const MIN_PASSES: u32 = 2;
const MIN_LANES: u32 = 1;
const DEFAULT_MAX_THREADS: usize = 4;
const MAX_THREADS: usize = 256;
const DEFAULT_WAITING: usize = 64;
const MAX_WAITING: usize = 65_536;

/// Hashes and verifies passwords with argon2id, on its own threads (rules P1, P4).
///
/// Cheap to clone. Clones share the threads, which end when the last clone is dropped. The futures run on
/// any executor, never block, and may be dropped at any time; a job that has not started by then is never
/// run.
///
/// ```
/// use authcore::password::{NewPassword, Password, PasswordHasher, Verdict};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::builder().build()?;
/// // Registration: store `stored.expose()` with the account.
/// let stored = hasher.hash(NewPassword::new("correct horse battery")?).await?;
/// // Login.
/// let verdict = hasher.verify(Password::new("correct horse battery")?, Some(&stored)).await?;
/// assert_eq!(verdict, Verdict::Match);
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// Each running hash occupies its full memory and one processor. Together, verifications take up to
/// `threads` times `memory_kib`, or `threads` times 512 MiB if stored hashes need that much.
///
/// The hasher does not count attempts. Ask a [`LoginThrottle`](super::LoginThrottle) before each
/// verification, as `authcore-axum` does.
#[derive(Clone)]
pub struct PasswordHasher(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    pool: Pool,
}

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a verification has no other result")]
pub enum Verdict {
    /// The password is the account's.
    Match,
    /// The password is the account's, and the stored hash is outdated: today's parameters improve on it and
    /// lower neither its memory nor its passes. Hash the password again and store the result (rule P1), as
    /// [`PasswordLogin`](super::PasswordLogin) does.
    MatchOutdated,
    /// The password is wrong, or there is no such account (rule P2).
    Mismatch,
}

impl PasswordHasher {
    /// Returns a builder with the defaults: 19 MiB of memory, two passes and one lane; one thread for each
    /// processor, at most four; 64 waiting passwords.
    pub fn builder() -> PasswordHasherBuilder {
        PasswordHasherBuilder {
            memory: MIN_MEMORY,
            passes: MIN_PASSES,
            lanes: MIN_LANES,
            threads: None,
            waiting: DEFAULT_WAITING,
        }
    }

    /// Hashes a new password with a fresh salt and today's parameters, for a registration or a reset.
    ///
    /// # Errors
    ///
    /// - [`PasswordError::Busy`] if too many passwords are waiting, or memory is short at the moment.
    /// - [`PasswordError::Failed`] if the computation fails.
    /// - [`PasswordError::Auth`] with [`Error::NoEntropy`](crate::Error::NoEntropy) if the operating system
    ///   provides no random bytes.
    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, PasswordError> {
        self.rehash(password.into_password()).await
    }

    /// As [`PasswordHasher::hash`], but also for passwords below today's minimum length.
    pub(super) async fn rehash(&self, password: Password) -> Result<PasswordHash, PasswordError> {
        let mut salt = [0; SALT_LEN];
        fill_random(&mut salt)?;
        let engine = Arc::clone(&self.0.engine);
        self.run(move || engine.hash(&password, salt, None)).await
    }

    /// Hashes the new password of an account with a salt that carries `mark`. The result costs at least as
    /// much as the `replaced` hash, which must be readable (rule P6).
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

    /// Verifies a password against the account's stored hash, with the parameters of that hash.
    ///
    /// With `None` (no such account, or an account without a password), it verifies against a dummy hash,
    /// which takes as long and returns [`Verdict::Mismatch`] (rule P2).
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::hash`], and [`PasswordError::CorruptHash`] if the stored text is not an argon2
    /// hash, or needs more than 512 MiB of memory, 64 lanes or 4 GiB of work (memory times passes). Such a
    /// hash is never computed, and the error takes as long as a wrong password.
    ///
    /// # Security
    ///
    /// A failed verification takes about as long for every account. It costs at least as much as today's
    /// parameters, and as much as the most expensive stored hash that this hasher has verified so far, up
    /// to eight times today's work. Time still tells an existing account from an unknown one in two cases:
    ///
    /// - the account's stored hash exceeds that bound;
    /// - the account's stored hash is more expensive than every other one since the process started, and
    ///   this is its first verification.
    ///
    /// To rule out both, set the parameters at least as high as those of every stored hash, and never lower
    /// them.
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

    /// Runs `work` on the pool. Only a panic cancels a job, since the pool lives as long as `self`.
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

    /// Sets the number of passes over the memory: at least 2 (the default). Memory times passes is at most
    /// 4 GiB.
    pub fn iterations(mut self, iterations: u32) -> Self {
        self.passes = iterations;
        self
    }

    /// Sets the number of lanes: 1 (the default) to 64. They are computed one after the other.
    pub fn parallelism(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// Sets how many passwords are hashed at once, each on its own thread: 1 to 256 (rule P4). The default
    /// is the number of processors, at most 4.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Sets how many passwords may wait for a thread: 1 to 65,536, default 64. Beyond that, calls return
    /// [`PasswordError::Busy`] at once (rule P4).
    pub fn max_waiting(mut self, waiting: usize) -> Self {
        self.waiting = waiting;
        self
    }

    /// Checks the settings and starts the threads.
    ///
    /// # Errors
    ///
    /// If a setting is outside its range, or if the operating system provides no threads or no random
    /// bytes.
    pub fn build(self) -> Result<PasswordHasher, ConfigError> {
        let (memory, passes, lanes) = (self.memory, self.passes, self.lanes);
        if memory < MIN_MEMORY || passes < MIN_PASSES || lanes < MIN_LANES {
            return Err(ConfigError::with_value(format!(
                "`memory_kib` is {memory}, `iterations` is {passes} and `parallelism` is {lanes}; \
                 the minimum is {MIN_MEMORY}, {MIN_PASSES} and {MIN_LANES}"
            )));
        }
        let params = checked_params(memory, passes, lanes).ok_or_else(|| {
            ConfigError::with_value(format!(
                "`memory_kib` is {memory}, `iterations` is {passes} and `parallelism` is {lanes}; \
                 the maximum is {MAX_MEMORY} KiB, {MAX_LANES} lanes, \
                 and {MAX_WORK} KiB of memory times iterations"
            ))
        })?;
        let threads = self.threads.unwrap_or_else(default_threads);
        if !(1..=MAX_THREADS).contains(&threads) {
            return Err(ConfigError::with_value(format!("`threads` is {threads}; set 1 to {MAX_THREADS}")));
        }
        if !(1..=MAX_WAITING).contains(&self.waiting) {
            return Err(ConfigError::with_value(format!(
                "`max_waiting` is {}; set 1 to {MAX_WAITING}",
                self.waiting
            )));
        }
        let engine = Engine::new(params)
            .map_err(|_| ConfigError::new("the operating system provided no random bytes"))?;
        let pool = Pool::new(threads, self.waiting).map_err(|_| {
            ConfigError::new("the operating system could not start the threads that hash passwords")
        })?;
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
