//! The throttle in the memory of one process.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::table::{Entry, Limit, Table};
use super::{Admission, Attempt, LoginThrottle, Target};
use crate::Timestamp;
use crate::error::ConfigError;
use crate::store::StoreError;

/// The number of concurrent attempts from one address, as a multiple of its free failures.
const AT_ONCE: u32 = 4;
const MAX_CAPACITY: usize = 1 << 24;

/// A throttle that counts in the memory of one process, in tables of a fixed size.
///
/// Cheap to clone; clones share the counts.
///
/// # Delays
///
/// After five failures in a row, an account has to wait: one second at first, and twice as long after each
/// further failure, up to a minute. Attempts during the delay are refused and do not extend it. An address
/// has twenty failures before it has to wait in the same way, because many users may share it; the first 64
/// bits of an IPv6 address count as one address. Failures are forgotten after an hour without an admitted
/// attempt. If the clock is set back, a running delay starts again, at its original length.
///
/// # Concurrent attempts
///
/// An attempt counts as a failure of its account until its outcome is reported, so that concurrent guesses
/// gain nothing. If more than five logins to one account arrive at the same moment, the others are refused,
/// for at most a second unless one of the five fails.
///
/// An address with fewer than twenty failures may have eighty undecided attempts, so that many users behind
/// one address can log in at the same moment. An attacker can make that many concurrent guesses there, and
/// after that one a minute.
///
/// # Known places
///
/// At an address where an account has logged in before, only failures from that address count against the
/// account. An attacker elsewhere does not delay the owner there. Known places are remembered for longer
/// than an hour, as long as there is room, and failures take none of that room.
///
/// # Security
///
/// At a new place, the owner waits as long as the account does. No delay exceeds a minute, but each failure
/// begins a new one. An attacker who guesses at the end of each delay, from enough networks or from one
/// that the owner shares, is often first and can keep the owner out of new places while the attack lasts.
/// Without client addresses ([`Attempt::address`] is `None`), every place is new. If this matters, offer
/// another way to log in, such as a link by email.
///
/// # Memory
///
/// Less than 5 MB with the default capacity. A full table forgets the entries with the fewest failures
/// first.
///
/// ```
/// use std::time::Duration;
///
/// use authcore::password::{Admission, Attempt, LoginThrottle as _, MemoryThrottle, Target};
/// use authcore::{Realm, Timestamp};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let throttle = MemoryThrottle::new();
/// let now = Timestamp::from_secs(1_800_000_000);
/// let realm = Realm::UNNAMED;
/// let guess = Attempt { realm: &realm, target: Target::Identifier("ada"), address: None };
/// for _ in 0..5 {
///     assert_eq!(throttle.admit(guess, now).await?, Admission::Granted);
/// }
/// assert_eq!(throttle.admit(guess, now).await?, Admission::Refused(Duration::from_secs(1)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryThrottle(Arc<Counters>);

struct Counters {
    /// Counts of accounts and of addresses.
    counts: Table,
    /// Counts of accounts at the addresses where they have logged in. Only a success adds an entry, so that
    /// failures, of any number of names, evict none.
    places: Table,
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
    retention: Duration,
}

impl MemoryThrottle {
    /// Creates a throttle with the default settings.
    pub fn new() -> Self {
        let MemoryThrottleBuilder { policy, capacity } = Self::builder();
        Self::with(policy, capacity)
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> MemoryThrottleBuilder {
        MemoryThrottleBuilder {
            policy: Policy {
                free_for_account: 5,
                free_for_address: 20,
                first_delay: Duration::from_secs(1),
                longest_delay: Duration::from_secs(60),
                retention: Duration::from_secs(60 * 60),
            },
            capacity: 65_536,
        }
    }

    fn with(policy: Policy, capacity: usize) -> Self {
        Self(Arc::new(Counters {
            counts: Table::new(capacity, policy.retention),
            places: Table::new(capacity, policy.retention),
            // Keyed at random, so that an attacker cannot choose names whose entries collide.
            hasher: RandomState::new(),
            policy,
        }))
    }
}

impl Counters {
    fn key(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value).max(1)
    }

    fn keys(&self, attempt: Attempt<'_>) -> Keys {
        let network = attempt.address.map(network);
        let folded = match attempt.target {
            Target::Identifier(name) => Some(folded(name)),
            Target::Subject(_) => None,
        };
        let target = folded.as_deref().map_or(attempt.target, Target::Identifier);
        Keys {
            account: self.key(("account", attempt.realm, target)),
            address: network.map(|network| self.key(("address", attempt.realm, network))),
            pair: network.map(|network| self.key(("pair", attempt.realm, target, network))),
        }
    }

    /// Returns where failures of the account count: at the attempt's address if that is a known place of
    /// the account, and otherwise together with those of all unknown places.
    fn account(&self, keys: &Keys) -> (&Table, u64) {
        match keys.pair {
            Some(pair) if self.places.contains(pair) => (&self.places, pair),
            _ => (&self.counts, keys.account),
        }
    }

    /// Changes the counts of the account and the address of an admitted attempt.
    fn record_outcome(&self, attempt: Attempt<'_>, now: Timestamp, change: impl Fn(&mut Entry)) {
        let keys = self.keys(attempt);
        let (table, account) = self.account(&keys);
        table.change_known(account, now, &change);
        if let Some(address) = keys.address {
            self.counts.change_known(address, now, &change);
        }
    }
}

impl Default for MemoryThrottle {
    fn default() -> Self {
        Self::new()
    }
}

/// The keys of an attempt in the tables.
struct Keys {
    account: u64,
    address: Option<u64>,
    pair: Option<u64>,
}

impl Policy {
    const fn limit(&self, free: u32, at_once: u32) -> Limit {
        Limit { free, at_once, first_delay: self.first_delay, longest_delay: self.longest_delay }
    }

    const fn of_account(&self) -> Limit {
        self.limit(self.free_for_account, self.free_for_account)
    }

    const fn of_address(&self) -> Limit {
        self.limit(self.free_for_address, self.free_for_address.saturating_mul(AT_ONCE))
    }
}

/// Returns one spelling for all those of a name that differ only in case or in surrounding white space.
fn folded(name: &str) -> String {
    let lower = name.trim().chars().flat_map(char::to_lowercase);
    // To upper case and back, because some letters are equal only there: the two small sigmas, `ß` and
    // `ss`.
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// Returns the network that counts as one address. A client with one IPv6 address usually has the 2^64 that
/// share its first 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[async_trait]
impl LoginThrottle for MemoryThrottle {
    async fn admit(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<Admission, StoreError> {
        let Counters { counts, policy, .. } = &*self.0;
        let keys = self.0.keys(attempt);
        let admit = |table: &Table, key, limit| table.change(key, now, |entry| entry.try_attempt(limit, now));
        // The address first, so that a client that has to wait cannot delay accounts.
        if let Some(address) = keys.address
            && let refused @ Admission::Refused(_) = admit(counts, address, policy.of_address())
        {
            return Ok(refused);
        }
        let (table, account) = self.0.account(&keys);
        let admission = admit(table, account, policy.of_account());
        if let (Admission::Refused(_), Some(address)) = (admission, keys.address) {
            // No password is verified, so this is not a failure of the address.
            counts.change_known(address, now, Entry::take_back);
        }
        Ok(admission)
    }

    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        let Counters { counts, places, .. } = &*self.0;
        let keys = self.0.keys(attempt);
        // At a known place, this does not forgive failures elsewhere.
        let (table, account) = self.0.account(&keys);
        table.change_known(account, now, Entry::forgive);
        if let Some(pair) = keys.pair {
            places.change(pair, now, |entry| entry.mark_used(now));
        }
        // Only this attempt. If earlier failures were forgiven, an attacker could log in to an account of
        // their own to clear them.
        if let Some(address) = keys.address {
            counts.change_known(address, now, Entry::take_back);
        }
        Ok(())
    }

    async fn failed(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.0.record_outcome(attempt, now, |entry| entry.fail(now));
        Ok(())
    }

    async fn withdrawn(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.0.record_outcome(attempt, now, Entry::take_back);
        Ok(())
    }
}

impl fmt::Debug for MemoryThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryThrottle")
            .field("capacity", &self.0.counts.capacity())
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}

impl MemoryThrottleBuilder {
    /// Sets how many failures in a row an account may have before it has to wait: at least 1, default 5.
    pub fn free_attempts(mut self, count: u32) -> Self {
        self.policy.free_for_account = count;
        self
    }

    /// Sets how many failures an address may have, over all accounts, before it has to wait: at least 1,
    /// default 20.
    pub fn free_attempts_per_address(mut self, count: u32) -> Self {
        self.policy.free_for_address = count;
        self
    }

    /// Sets the longest delay: one second to one hour, default one minute.
    pub fn longest_delay(mut self, delay: Duration) -> Self {
        self.policy.longest_delay = delay;
        self
    }

    /// Sets how many entries each of the two tables holds, one for accounts and addresses and one for known
    /// places: 1 to 16,777,216, default 65,536, rounded up to a power of two. An entry takes less than 40
    /// bytes.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// Checks the settings and creates the throttle.
    ///
    /// # Errors
    ///
    /// If a setting is outside its range.
    pub fn build(self) -> Result<MemoryThrottle, ConfigError> {
        let Policy { free_for_account, free_for_address, first_delay, longest_delay, .. } = self.policy;
        if free_for_account == 0 {
            return Err(ConfigError::new("`free_attempts` is 0; set at least 1, or nobody can log in"));
        }
        if free_for_address == 0 {
            return Err(ConfigError::new(
                "`free_attempts_per_address` is 0; set at least 1, or nobody can log in",
            ));
        }
        if longest_delay < first_delay || longest_delay > Duration::from_secs(60 * 60) {
            return Err(ConfigError::with_value(format!(
                "`longest_delay` is {longest_delay:?}; set 1 second to 1 hour"
            )));
        }
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            return Err(ConfigError::with_value(format!(
                "`capacity` is {}; set 1 to {MAX_CAPACITY}",
                self.capacity
            )));
        }
        Ok(MemoryThrottle::with(self.policy, self.capacity))
    }
}
