//! The ends of sessions under today's policy, and the writing of uses.

use crate::Timestamp;
use crate::store::{RecordParts, SessionRecord};

/// The timeouts of a policy in milliseconds: converted once, since every verification asks them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// [`u64::MAX`] if there is none.
    pub(super) idle: u64,
    pub(super) absolute: u64,
    pub(super) precision: u64,
    pub(super) share: f64,
}

impl Timeouts {
    /// When a session ends in any case: by its record or by this policy, whichever is earlier (rule A13).
    #[inline]
    pub(crate) fn absolute_end(&self, record: &SessionRecord) -> Timestamp {
        let by_policy = record.created_at().as_millis().saturating_add(self.absolute);
        Timestamp::from_millis(record.expires_at().as_millis().min(by_policy))
    }

    /// When a session ends if it is not used again: by its record or by this policy, whichever is earlier
    /// (rule A13).
    #[inline]
    pub(crate) fn end(&self, record: &SessionRecord) -> Timestamp {
        let by_policy = record.last_seen_at().as_millis().saturating_add(self.idle);
        let idle = Timestamp::from_millis(record.idle_expires_at().as_millis().min(by_policy));
        idle.min(self.absolute_end(record))
    }

    /// Whether a use at `now` is to be written down (rules A5, A15).
    #[inline]
    pub(crate) fn is_due(&self, record: &SessionRecord, now: Timestamp) -> bool {
        let last = record.last_seen_at().as_millis();
        let unwritten = now.as_millis().saturating_sub(last);
        if unwritten >= self.precision {
            return true;
        }
        // The idle timeout under which the session was opened. Once its end has met the absolute expiry, only
        // today's is left to be moved.
        let (idle_end, end) = (record.idle_expires_at(), record.expires_at());
        let recorded = if idle_end < end { idle_end.as_millis().saturating_sub(last) } else { u64::MAX };
        let idle = recorded.min(self.idle);
        idle != u64::MAX && unwritten as f64 >= idle as f64 * self.share
    }
}

/// Writes down a use at `now`: the idle expiry moves by the idle timeout of the record, never past the
/// absolute one and never back. A stricter policy of today is checked and never written: a process with an
/// older or newer configuration must not shorten a session for the others.
pub(crate) fn slide(parts: &mut RecordParts, now: Timestamp) {
    let idle = parts.idle_expires_at.since(parts.last_seen_at);
    let now = now.max(parts.last_seen_at);
    parts.last_seen_at = now;
    parts.idle_expires_at = now.plus(idle).min(parts.expires_at);
}
