//! Slows down who guesses passwords, and hardly anybody else.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::{ConfigError, StoreError, Timestamp};

/// Who tries to log in, as far as that is known before the password is looked at.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a throttle that forgets a new part must not compile")]
pub struct Attempt<'a> {
    /// What was given as the account's name, whether there is such an account or not.
    pub account: &'a str,
    /// Where the request came from; `None` if the host does not say.
    pub address: Option<IpAddr>,
}

impl fmt::Debug for Attempt<'_> {
    /// Without the account's name, for which people take their password by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Whether an attempt may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a host must handle both")]
pub enum Admission {
    /// Look at the password.
    Granted,
    /// Not before so long: HTTP 429 with `Retry-After`, in seconds rounded up. The password must not be looked at.
    Refused(Duration),
}

/// Counts attempts to log in, for each account and for each address.
///
/// A host asks [`admit`](LoginThrottle::admit) before it looks at a password, and says
/// [`succeeded`](LoginThrottle::succeeded) after a good one. What is in between counts as failed, so that many guesses at
/// once are no way around it.
///
/// [`MemoryThrottle`] counts in one process. For a fleet, implement it on what all nodes share.
///
/// # Security
///
/// A refusal must be a delay that ends, and never a lock: whoever can lock an account by failing can lock anybody out.
#[async_trait]
pub trait LoginThrottle: fmt::Debug + Send + Sync + 'static {
    /// Whether this attempt may be made now; if so, it counts as failed from now on.
    ///
    /// # Errors
    ///
    /// `Unavailable` if that cannot be said: answer 503.
    async fn admit(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Admission, StoreError>;

    /// The attempt was by the account's owner.
    ///
    /// # Errors
    ///
    /// `Unavailable` if that cannot be written down; the login holds all the same.
    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError>;
}

/// A throttle in the memory of this process, of a fixed size.
///
/// After five failures in a row an account has to wait, a second at first, and twice as long after each further one, up to
/// a minute. Attempts while it waits are refused, and do not make it longer. An address may fail twenty times before it
/// waits likewise, since many people may share one; of IPv6, the first 64 bits are an address. A quiet hour forgets.
///
/// From an address where an account was logged in to before, only failures from there count against that account, so
/// that a stranger who fails all the time keeps nobody out of their own account.
///
/// It takes about 3 MB unless set otherwise; when it is full, whoever failed least is forgotten first.
///
/// ```
/// use std::time::Duration;
///
/// use authcore::password::{Admission, Attempt, LoginThrottle as _, MemoryThrottle};
/// use authcore::Timestamp;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let throttle = MemoryThrottle::new();
/// let (guess, now) = (Attempt { account: "ada", address: None }, Timestamp::from_secs(1_800_000_000));
/// for _ in 0..5 {
///     assert_eq!(throttle.admit(guess, now).await?, Admission::Granted);
/// }
/// assert_eq!(throttle.admit(guess, now).await?, Admission::Refused(Duration::from_secs(1)));
/// # Ok(())
/// # }
/// ```
pub struct MemoryThrottle {
    sets: Box<[Mutex<[Entry; WAYS]>]>,
    hasher: RandomState,
    policy: Policy,
}

/// Builds a [`MemoryThrottle`].
#[derive(Debug, Clone)]
#[must_use]
pub struct MemoryThrottleBuilder {
    policy: Policy,
    capacity: usize,
}

#[derive(Debug, Clone, Copy)]
struct Policy {
    free_for_account: u32,
    free_for_address: u32,
    first_delay: Duration,
    longest_delay: Duration,
    memory: Duration,
}

/// How many entries share a place: the one that matters least makes room.
const WAYS: usize = 8;

/// What is known of an account, of an address, or of both together. Zero is nobody.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    key: u64,
    failures: u32,
    /// Whether the account was logged in to from this address.
    trusted: bool,
    last: Timestamp,
    next: Timestamp,
}

impl MemoryThrottle {
    /// A throttle with the default options.
    pub fn new() -> Self {
        let MemoryThrottleBuilder { policy, capacity } = Self::builder();
        Self::with(policy, capacity)
    }

    /// Starts with the default options.
    pub const fn builder() -> MemoryThrottleBuilder {
        MemoryThrottleBuilder {
            policy: Policy {
                free_for_account: 5,
                free_for_address: 20,
                first_delay: Duration::from_secs(1),
                longest_delay: Duration::from_secs(60),
                memory: Duration::from_secs(60 * 60),
            },
            capacity: 65_536,
        }
    }

    fn with(policy: Policy, capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            // Of its own secret, so that nobody can choose names that share a place.
            hasher: RandomState::new(),
            policy,
        }
    }

    fn key(&self, what: impl Hash) -> u64 {
        self.hasher.hash_one(what).max(1)
    }

    fn keys(&self, attempt: Attempt<'_>) -> Keys {
        let network = attempt.address.map(network);
        Keys {
            account: self.key(("account", attempt.account)),
            address: network.map(|network| self.key(("address", network))),
            pair: network.map(|network| self.key(("pair", attempt.account, network))),
        }
    }

    /// The entry as it stands now.
    fn look(&self, key: u64, now: Timestamp) -> Entry {
        let set = self.set(key);
        set.iter()
            .find(|entry| entry.key == key)
            .copied()
            .unwrap_or_default()
            .recalled(now, self.policy.memory)
    }

    fn change(&self, key: u64, now: Timestamp, change: impl FnOnce(&mut Entry)) {
        let mut set = self.set(key);
        let place = set
            .iter()
            .position(|entry| entry.key == key)
            .unwrap_or_else(|| least(&set, now, self.policy.memory));
        let Some(entry) = set.get_mut(place) else { return };
        if entry.key != key {
            *entry = Entry { key, ..Entry::default() };
        }
        *entry = entry.recalled(now, self.policy.memory);
        entry.last = now.max(entry.last);
        change(entry);
    }

    fn set(&self, key: u64) -> MutexGuard<'_, [Entry; WAYS]> {
        // A power of two of them; the high bits, as the low ones tell entries of one set apart.
        let index = (key >> 32) as usize & (self.sets.len() - 1);
        self.sets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failure, unless there is a delay to wait for; in one step, so that many at once are counted one by one.
    fn try_fail(&self, key: u64, now: Timestamp, free: u32) -> Admission {
        let mut admission = Admission::Granted;
        self.change(key, now, |entry| {
            if entry.next > now {
                admission = Admission::Refused(entry.next.since(now));
            } else {
                entry.failures = entry.failures.saturating_add(1);
                entry.next = now.plus(self.policy.delay(entry.failures, free));
            }
        });
        admission
    }
}

impl Default for MemoryThrottle {
    fn default() -> Self {
        Self::new()
    }
}

struct Keys {
    account: u64,
    address: Option<u64>,
    pair: Option<u64>,
}

impl Entry {
    /// What is still remembered of it.
    fn recalled(self, now: Timestamp, memory: Duration) -> Self {
        let forgotten = now >= self.last.plus(memory);
        if forgotten { Self { key: self.key, trusted: self.trusted, ..Self::default() } } else { self }
    }
}

impl Policy {
    /// How long to wait after so many failures.
    fn delay(&self, failures: u32, free: u32) -> Duration {
        match failures.checked_sub(free) {
            None => Duration::ZERO,
            Some(beyond) => self.first_delay.saturating_mul(1 << beyond.min(31)).min(self.longest_delay),
        }
    }
}

/// The one that may be forgotten: who failed least, and of those who was seen longest ago.
fn least(set: &[Entry; WAYS], now: Timestamp, memory: Duration) -> usize {
    let worth = |entry: &Entry| {
        let entry = entry.recalled(now, memory);
        (entry.key != 0, entry.failures, entry.trusted, entry.last)
    };
    (0..WAYS).min_by_key(|place| worth(&set[*place])).unwrap_or_default()
}

/// Who has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[async_trait]
impl LoginThrottle for MemoryThrottle {
    async fn admit(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Admission, StoreError> {
        let keys = self.keys(attempt);
        // First, so that who has to wait there cannot make others wait.
        if let Some(address) = keys.address
            && let refused @ Admission::Refused(_) = self.try_fail(address, now, self.policy.free_for_address)
        {
            return Ok(refused);
        }
        let own_place = keys.pair.filter(|pair| self.look(*pair, now).trusted);
        Ok(self.try_fail(own_place.unwrap_or(keys.account), now, self.policy.free_for_account))
    }

    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        let keys = self.keys(attempt);
        let good = |entry: &mut Entry| (entry.failures, entry.next) = (0, Timestamp::UNIX_EPOCH);
        let was_own_place = keys.pair.is_some_and(|pair| self.look(pair, now).trusted);
        if !was_own_place {
            self.change(keys.account, now, good);
        }
        if let Some(pair) = keys.pair {
            self.change(pair, now, |entry| {
                good(entry);
                entry.trusted = true;
            });
        }
        // This one was no failure; those before it are not forgiven, or an attacker's own account would do that.
        if let Some(address) = keys.address {
            self.change(address, now, |entry| {
                entry.failures = entry.failures.saturating_sub(1);
                entry.next = Timestamp::UNIX_EPOCH;
            });
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryThrottle")
            .field("capacity", &(self.sets.len() * WAYS))
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl MemoryThrottleBuilder {
    /// Sets how often an account may fail before it waits.
    pub const fn free_attempts(mut self, count: u32) -> Self {
        self.policy.free_for_account = count;
        self
    }

    /// Sets how often an address may fail before it waits, whatever the accounts.
    pub const fn free_attempts_per_address(mut self, count: u32) -> Self {
        self.policy.free_for_address = count;
        self
    }

    /// Sets the longest delay: at most an hour.
    pub const fn longest_delay(mut self, delay: Duration) -> Self {
        self.policy.longest_delay = delay;
        self
    }

    /// Sets how many accounts and addresses are remembered, of 40 bytes each: at most 16 million.
    pub const fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// The throttle.
    ///
    /// # Errors
    ///
    /// If no attempt would be free, a delay is below a second or above an hour, or the capacity is zero or above 16 million.
    pub fn build(self) -> Result<MemoryThrottle, ConfigError> {
        let Policy { free_for_account, free_for_address, first_delay, longest_delay, .. } = self.policy;
        if free_for_account == 0 || free_for_address == 0 {
            return Err(ConfigError::new("a login throttle without a free attempt lets nobody in"));
        }
        if longest_delay < first_delay || longest_delay > Duration::from_secs(60 * 60) {
            return Err(ConfigError::new("the longest delay of a login throttle is a second to an hour"));
        }
        if self.capacity == 0 || self.capacity > 1 << 24 {
            return Err(ConfigError::new("a login throttle remembers 1 to 16 million entries"));
        }
        Ok(MemoryThrottle::with(self.policy, self.capacity))
    }
}
