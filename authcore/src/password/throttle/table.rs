//! Counts of attempts in a table of a fixed size.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Admission;
use crate::Timestamp;

/// The number of entries in a set. In a full set, a new entry replaces the least valuable one.
const WAYS: usize = 8;

/// A table of entries by key.
pub(super) struct Table {
    sets: Box<[Mutex<[Entry; WAYS]>]>,
    retention: Duration,
}

/// The counts of an account, of an address, or of an account at an address. An unused entry has the key
/// zero.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    key: u64,
    failures: u32,
    /// Attempts without a reported outcome.
    undecided: u32,
    failed_at: Timestamp,
    admitted_at: Timestamp,
}

/// The number of free failures, and the delays after them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) free: u32,
    /// The number of attempts, failed and undecided together, without a delay as long as fewer than `free`
    /// have failed.
    pub(super) at_once: u32,
    pub(super) first_delay: Duration,
    pub(super) longest_delay: Duration,
}

impl Table {
    /// Creates a table that forgets counts after `retention`.
    pub(super) fn new(capacity: usize, retention: Duration) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Mutex::default()).collect(), retention }
    }

    pub(super) fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.set(key).iter().any(|entry| entry.key == key)
    }

    /// Changes the entry of `key` in one step, so that concurrent attempts are counted one by one. A
    /// missing entry is created in place of the least valuable one.
    pub(super) fn change<T>(&self, key: u64, now: Timestamp, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut set = self.set(key);
        let known = set.iter().position(|entry| entry.key == key);
        let index = known.unwrap_or_else(|| least_valuable(&set, now, self.retention));
        let entry = &mut set[index];
        if known.is_none() {
            *entry = Entry { key, ..Entry::default() };
        }
        *entry = entry.as_of(now, self.retention);
        change(entry)
    }

    /// Changes the entry of `key` if there is one.
    pub(super) fn change_known(&self, key: u64, now: Timestamp, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.set(key).iter_mut().find(|entry| entry.key == key) {
            *entry = entry.as_of(now, self.retention);
            change(entry);
        }
    }

    fn set(&self, key: u64) -> MutexGuard<'_, [Entry; WAYS]> {
        // The number of sets is a power of two. The high bits choose the set.
        let index = (key >> 32) as usize & (self.sets.len() - 1);
        self.sets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Counts one more undecided attempt, unless there is a delay to wait for.
    pub(super) fn try_attempt(&mut self, limit: Limit, now: Timestamp) -> Admission {
        let at_once = if self.failures < limit.free { limit.at_once } else { limit.free };
        let pause = limit.delay(self.count(), at_once);
        if self.undecided > 0 && !pause.is_zero() {
            let wait = self.admitted_at.plus(pause).since(now);
            if !wait.is_zero() {
                return Admission::Refused(wait);
            }
            // Their outcomes are overdue, so they count as failed: their clients may have disconnected.
            self.failures = self.count();
            self.undecided = 0;
            self.failed_at = self.failed_at.max(self.admitted_at);
        }
        let wait = self.failed_at.plus(limit.delay(self.failures, limit.free)).since(now);
        if !wait.is_zero() {
            return Admission::Refused(wait);
        }
        self.undecided = self.undecided.saturating_add(1);
        self.admitted_at = now;
        Admission::Granted
    }

    /// Turns an undecided attempt into a failure. If none is undecided, the attempt already counts as one.
    pub(super) fn fail(&mut self, now: Timestamp) {
        if self.undecided > 0 {
            self.undecided -= 1;
            self.failures = self.failures.saturating_add(1);
            self.failed_at = now;
        }
    }

    /// Uncounts an admitted attempt, whether it is still undecided or already counts as failed.
    pub(super) fn take_back(&mut self) {
        if self.undecided > 0 {
            self.undecided -= 1;
        } else {
            self.failures = self.failures.saturating_sub(1);
        }
    }

    /// Uncounts all attempts.
    pub(super) fn forgive(&mut self) {
        (self.failures, self.undecided) = (0, 0);
    }

    /// Marks the entry as used now, so that older ones are evicted before it.
    pub(super) fn mark_used(&mut self, now: Timestamp) {
        self.admitted_at = now;
    }

    const fn count(&self) -> u32 {
        self.failures.saturating_add(self.undecided)
    }

    /// Returns the entry as it stands at `now`, without counts older than `retention`.
    fn as_of(mut self, now: Timestamp, retention: Duration) -> Self {
        // A time in the future was written before the clock was set back. Without this, delays would be
        // longer by the difference.
        self.admitted_at = self.admitted_at.min(now);
        self.failed_at = self.failed_at.min(now);
        if now >= self.last().plus(retention) {
            self.forgive();
        }
        self
    }

    fn last(&self) -> Timestamp {
        self.admitted_at.max(self.failed_at)
    }
}

impl Limit {
    /// Returns the delay after `failures` failures.
    fn delay(&self, failures: u32, free: u32) -> Duration {
        match failures.checked_sub(free) {
            None => Duration::ZERO,
            Some(beyond) => self.first_delay.saturating_mul(1 << beyond.min(31)).min(self.longest_delay),
        }
    }
}

/// Returns the index of the entry to evict: an unused one, or else the one with the fewest failures, and of
/// those the one that was used longest ago.
fn least_valuable(set: &[Entry; WAYS], now: Timestamp, retention: Duration) -> usize {
    let value = |entry: &Entry| {
        let entry = entry.as_of(now, retention);
        (entry.key != 0, entry.count(), entry.last())
    };
    (0..WAYS).min_by_key(|index| value(&set[*index])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_small_as_the_docs_say() {
        assert!(size_of::<Mutex<[Entry; WAYS]>>() < 40 * WAYS);
        // Two tables: one of accounts and addresses, one of known places.
        assert!(2 * 65_536 / WAYS * size_of::<Mutex<[Entry; WAYS]>>() < 5_000_000);
    }
}
