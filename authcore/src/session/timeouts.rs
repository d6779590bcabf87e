//! The expiry of sessions under the current policy, and the recording of uses.

use crate::Timestamp;
use crate::store::{RecordParts, SessionRecord};

/// The timeouts of a policy in milliseconds, converted once because every verification compares them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// [`u64::MAX`] if there is no idle timeout.
    pub(super) idle: u64,
    pub(super) absolute: u64,
    pub(super) precision: u64,
    pub(super) share: f64,
}

impl Timeouts {
    /// Returns when a session ends at the latest: by its record or by this policy, whichever is earlier (rule
    /// A13).
    #[inline]
    pub(crate) fn absolute_end(&self, record: &SessionRecord) -> Timestamp {
        let by_policy = record.created_at().as_millis().saturating_add(self.absolute);
        Timestamp::from_millis(record.expires_at().as_millis().min(by_policy))
    }

    /// Returns when a session ends if it is not used again: by its record or by this policy, whichever is
    /// earlier (rule A13).
    #[inline]
    pub(crate) fn end(&self, record: &SessionRecord) -> Timestamp {
        let by_policy = record.last_seen_at().as_millis().saturating_add(self.idle);
        let idle = Timestamp::from_millis(record.idle_expires_at().as_millis().min(by_policy));
        idle.min(self.absolute_end(record))
    }

    /// Returns whether a use at `now` is to be recorded (rules A5, A15).
    #[inline]
    pub(crate) fn is_due(&self, record: &SessionRecord, now: Timestamp) -> bool {
        let last = record.last_seen_at().as_millis();
        let unwritten = now.as_millis().saturating_sub(last);
        if unwritten >= self.precision {
            return true;
        }
        // The idle timeout under which the session was opened. Once the idle expiry has reached the absolute
        // expiry, only the current policy's idle timeout can still be moved.
        let (idle_end, end) = (record.idle_expires_at(), record.expires_at());
        let recorded = if idle_end < end { idle_end.as_millis().saturating_sub(last) } else { u64::MAX };
        let idle = recorded.min(self.idle);
        idle != u64::MAX && unwritten as f64 >= idle as f64 * self.share
    }
}

/// Records a use at `now`: moves the idle expiry by the record's idle timeout, never past the absolute expiry
/// and never back.
///
/// A stricter current policy is checked but never written: a process with another configuration must not
/// shorten a session for the others.
pub(crate) fn slide(parts: &mut RecordParts, now: Timestamp) {
    let idle = parts.idle_expires_at.since(parts.last_seen_at);
    let now = now.max(parts.last_seen_at);
    parts.last_seen_at = now;
    parts.idle_expires_at = now.plus(idle).min(parts.expires_at);
}
