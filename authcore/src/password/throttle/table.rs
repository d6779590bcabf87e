//! Counts of attempts, in a table of a fixed size.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Admission;
use crate::Timestamp;

/// How many entries share a place: the one that matters least makes room.
const WAYS: usize = 8;

/// Entries by key.
pub(super) struct Table {
    sets: Box<[Mutex<[Entry; WAYS]>]>,
    memory: Duration,
}

/// What is known of an account, of an address, or of an account at an address. The key zero is nobody's.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    key: u64,
    failures: u32,
    /// Attempts of which nobody has said yet what came of them.
    undecided: u32,
    failed_at: Timestamp,
    admitted_at: Timestamp,
}

/// How often one may fail, and how long one waits then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) free: u32,
    /// How many attempts may be undecided while fewer than `free` have failed, those counted too.
    pub(super) at_once: u32,
    pub(super) first_delay: Duration,
    pub(super) longest_delay: Duration,
}

impl Table {
    /// A table that forgets counts after `memory`.
    pub(super) fn new(capacity: usize, memory: Duration) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Mutex::default()).collect(), memory }
    }

    pub(super) fn capacity(&self) -> usize {
        self.sets.len() * WAYS
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.set(key).iter().any(|entry| entry.key == key)
    }

    /// Changes an entry, in one step, so that many at once are counted one by one. If there is none, it is made, and
    /// another forgotten.
    pub(super) fn change<T>(&self, key: u64, now: Timestamp, change: impl FnOnce(&mut Entry) -> T) -> T {
        let mut set = self.set(key);
        let known = set.iter().position(|entry| entry.key == key);
        let place = known.unwrap_or_else(|| least(&set, now, self.memory));
        let entry = &mut set[place];
        if known.is_none() {
            *entry = Entry { key, ..Entry::default() };
        }
        *entry = entry.recalled(now, self.memory);
        change(entry)
    }

    /// Changes an entry if there is one.
    pub(super) fn change_known(&self, key: u64, now: Timestamp, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.set(key).iter_mut().find(|entry| entry.key == key) {
            *entry = entry.recalled(now, self.memory);
            change(entry);
        }
    }

    fn set(&self, key: u64) -> MutexGuard<'_, [Entry; WAYS]> {
        // A power of two of them; the high bits, as the low ones tell entries of one set apart.
        let index = (key >> 32) as usize & (self.sets.len() - 1);
        self.sets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Counts one more attempt, undecided, unless there is something to wait for.
    pub(super) fn try_attempt(&mut self, limit: Limit, now: Timestamp) -> Admission {
        let at_once = if self.failures < limit.free { limit.at_once } else { limit.free };
        let pause = limit.delay(self.count(), at_once);
        if self.undecided > 0 && !pause.is_zero() {
            let wait = self.admitted_at.plus(pause).since(now);
            if !wait.is_zero() {
                return Admission::Refused(wait);
            }
            // They were waited for long enough, and are taken for failed: their clients may have hung up.
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

    /// An undecided attempt has failed. If none is undecided, it is among the failures already.
    pub(super) fn fail(&mut self, now: Timestamp) {
        if self.undecided > 0 {
            self.undecided -= 1;
            self.failures = self.failures.saturating_add(1);
            self.failed_at = now;
        }
    }

    /// An attempt that was admitted counts no more, whether it is still undecided or was taken for failed.
    pub(super) fn take_back(&mut self) {
        if self.undecided > 0 {
            self.undecided -= 1;
        } else {
            self.failures = self.failures.saturating_sub(1);
        }
    }

    pub(super) fn forgive(&mut self) {
        (self.failures, self.undecided) = (0, 0);
    }

    /// Keeps it longer than what was not seen since.
    pub(super) fn see(&mut self, now: Timestamp) {
        self.admitted_at = now;
    }

    const fn count(&self) -> u32 {
        self.failures.saturating_add(self.undecided)
    }

    /// What is still remembered of it.
    fn recalled(mut self, now: Timestamp, memory: Duration) -> Self {
        // What is to come was written before the clock was set back. A delay goes on from here, or it would be as much
        // longer.
        self.admitted_at = self.admitted_at.min(now);
        self.failed_at = self.failed_at.min(now);
        if now >= self.last().plus(memory) {
            self.forgive();
        }
        self
    }

    fn last(&self) -> Timestamp {
        self.admitted_at.max(self.failed_at)
    }
}

impl Limit {
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
        (entry.key != 0, entry.count(), entry.last())
    };
    (0..WAYS).min_by_key(|place| worth(&set[*place])).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_small_as_the_docs_say() {
        assert!(size_of::<Mutex<[Entry; WAYS]>>() < 40 * WAYS);
        // Those of accounts and addresses, and the places beside them.
        assert!(2 * 65_536 / WAYS * size_of::<Mutex<[Entry; WAYS]>>() < 5_000_000);
    }
}
