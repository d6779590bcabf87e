//! A throttle in the memory of one process.

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

/// How many may log in from one address at once, as a multiple of those who may fail there.
const AT_ONCE: u32 = 4;

/// A throttle in the memory of this process, of a fixed size.
///
/// After five failures in a row an account has to wait, a second at first, and twice as long after each
/// further one, up to a minute. Attempts while it waits are refused, and do not make it longer. An address
/// may fail twenty times before it waits likewise, since many people may share one; of IPv6, the first 64
/// bits are an address. A quiet hour forgets. If the clock is set back, a delay begins anew, and is no longer
/// than that.
///
/// As long as an attempt is undecided, its account waits as if it had failed, so that guesses at once are no
/// more than guesses one by one: of more than five logins to one account in the same moment, the others are
/// refused for a second at most unless one fails. An address that has not failed twenty times may have eighty
/// undecided, so that a crowd behind one address can log in at once; so many guesses can be made at once
/// there, and then one a minute.
///
/// From an address where an account was logged in to before, only failures from there count against that
/// account, so that a stranger elsewhere who fails all the time keeps its owner out of no such place. That is
/// remembered for longer than an hour, as long as there is room, and failures take none of it.
///
/// # Security
///
/// At a new place an owner waits as long as the account does. No delay is longer than a minute, but it begins
/// anew with each failure: whoever guesses at the end of each, from as many networks as that takes or from
/// one that the owner shares, is often first, and can refuse the owner there for as long as the attack lasts.
/// Where the host says no addresses ([`Attempt::address`] is `None`), every place is a new one. If that
/// matters, have a second way in, such as a link by mail.
///
/// # Memory
///
/// It takes less than 5 MB unless set otherwise; when it is full, whoever failed least is forgotten first.
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
    /// Of accounts and of addresses.
    counts: Table,
    /// Of accounts at the addresses where they were logged in to. Only a success puts one here, so that
    /// failures, of however many names, push none of them out.
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
    memory: Duration,
}

impl MemoryThrottle {
    /// A throttle with the default options.
    pub fn new() -> Self {
        let MemoryThrottleBuilder { policy, capacity } = Self::builder();
        Self::with(policy, capacity)
    }

    /// Starts with the default options.
    pub fn builder() -> MemoryThrottleBuilder {
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
        Self(Arc::new(Counters {
            counts: Table::new(capacity, policy.memory),
            places: Table::new(capacity, policy.memory),
            // Of its own secret, so that nobody can choose names that share a place.
            hasher: RandomState::new(),
            policy,
        }))
    }
}

impl Counters {
    fn key(&self, what: impl Hash) -> u64 {
        self.hasher.hash_one(what).max(1)
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

    /// What counts against the account: failures at its own place, or those from everywhere else.
    fn account(&self, keys: &Keys) -> (&Table, u64) {
        match keys.pair {
            Some(pair) if self.places.contains(pair) => (&self.places, pair),
            _ => (&self.counts, keys.account),
        }
    }

    /// Changes what is known of the account and the address of an attempt that was admitted.
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

/// One text for the spellings that an application may take for one name.
fn folded(name: &str) -> String {
    let lower = name.trim().chars().flat_map(char::to_lowercase);
    // There and back once more, since some letters are alike in upper case only: the two small sigmas, `ß`
    // and `ss`.
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
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
        let Counters { counts, policy, .. } = &*self.0;
        let keys = self.0.keys(attempt);
        let admit = |table: &Table, key, limit| table.change(key, now, |entry| entry.try_attempt(limit, now));
        // First, so that who has to wait there cannot make others wait.
        if let Some(address) = keys.address
            && let refused @ Admission::Refused(_) = admit(counts, address, policy.of_address())
        {
            return Ok(refused);
        }
        let (table, account) = self.0.account(&keys);
        let admission = admit(table, account, policy.of_account());
        if let (Admission::Refused(_), Some(address)) = (admission, keys.address) {
            // No password was looked at, so it is no failure of whoever shares the address.
            counts.change_known(address, now, Entry::take_back);
        }
        Ok(admission)
    }

    async fn succeeded(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<(), StoreError> {
        let Counters { counts, places, .. } = &*self.0;
        let keys = self.0.keys(attempt);
        // At home it does not forgive what strangers did elsewhere.
        let (table, account) = self.0.account(&keys);
        table.change_known(account, now, Entry::forgive);
        if let Some(pair) = keys.pair {
            places.change(pair, now, |entry| entry.see(now));
        }
        // This one was no failure; those before it are not forgiven, or an attacker's own account would do
        // that.
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
    /// Sets how often an account may fail before it waits.
    pub fn free_attempts(mut self, count: u32) -> Self {
        self.policy.free_for_account = count;
        self
    }

    /// Sets how often an address may fail before it waits, whatever the accounts.
    pub fn free_attempts_per_address(mut self, count: u32) -> Self {
        self.policy.free_for_address = count;
        self
    }

    /// Sets the longest delay: at most an hour.
    pub fn longest_delay(mut self, delay: Duration) -> Self {
        self.policy.longest_delay = delay;
        self
    }

    /// Sets how many accounts and addresses are remembered, and as many addresses where accounts were logged
    /// in to, of less than 40 bytes each: at most 16 million.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// The throttle.
    ///
    /// # Errors
    ///
    /// If no attempt would be free, a delay is below a second or above an hour, or the capacity is zero or
    /// above 16 million.
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
