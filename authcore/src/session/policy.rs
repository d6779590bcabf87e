//! How long sessions live and how many one subject may have.

use std::time::Duration;

use super::timeouts::Timeouts;
use crate::Timestamp;
use crate::error::ConfigError;
use crate::store::RecordParts;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The lifetimes of the sessions of one [kind](crate::SessionKind), and how many of them one subject may have
/// (rule A13).
///
/// The defaults are an idle timeout of 7 days, an absolute timeout of 30 days (the longest that NIST SP
/// 800-63B allows at its first assurance level), 100 sessions per subject, and a cookie that ends with the
/// browser session.
///
/// A stricter policy applies to existing sessions too: of the value in a session's record and the value in
/// the current policy of its kind, the shorter applies. A more generous policy applies to new logins only.
///
/// The idle timeout counts from the recorded time of last use, which lags behind the actual last use by up to
/// the [precision](SessionPolicy::with_last_use_precision). To shorten the idle timeout below an hour without
/// logging out active users, first deploy a precision below the new idle timeout, wait for an hour, and then
/// deploy the idle timeout.
///
/// Every process that shares a store must register the same kinds. A process holds sessions of a kind that it
/// does not know to the strictest of its timeouts, and ends them when a subject logs out the others.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionPolicy {
    idle_timeout: Option<Duration>,
    absolute_timeout: Duration,
    slide_share: f64,
    last_use_precision: Duration,
    max_sessions: Option<usize>,
    survives_logout_others: bool,
    persistent_cookie: bool,
    is_login: bool,
    is_api_key: bool,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            idle_timeout: Some(7 * DAY),
            absolute_timeout: 30 * DAY,
            slide_share: 0.25,
            last_use_precision: HOUR,
            max_sessions: Some(100),
            survives_logout_others: false,
            persistent_cookie: false,
            is_login: true,
            is_api_key: false,
        }
    }
}

impl SessionPolicy {
    /// Creates a policy with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a policy for 'keep me logged in': an idle timeout of 30 days, an absolute timeout of 90 days,
    /// and a cookie that outlives the browser session.
    pub fn remembered() -> Self {
        Self::new().with_idle_timeout(30 * DAY).with_absolute_timeout(90 * DAY).with_persistent_cookie()
    }

    /// Creates a policy for shared devices: an idle timeout of 5 minutes and an absolute timeout of one hour.
    ///
    /// With the hybrid strategy, access tokens may live for at most half that idle timeout: set their
    /// [lifetime](crate::jwt::JwtBuilder::lifetime) to 2.5 minutes or less, instead of the default 15.
    pub fn kiosk() -> Self {
        Self::new().with_idle_timeout(Duration::from_secs(5 * 60)).with_absolute_timeout(HOUR)
    }

    /// Creates a policy for [API keys](crate::Auth::create_api_key): no idle timeout, an absolute timeout of
    /// one year, 20 keys per subject.
    ///
    /// The keys survive 'log out the others' and a change of the password.
    pub fn api_key() -> Self {
        Self {
            is_api_key: true,
            ..Self::new()
                .without_idle_timeout()
                .with_absolute_timeout(365 * DAY)
                .with_max_sessions_per_subject(20)
                .surviving_logout_others()
        }
    }

    /// Sets how long a session lives without use: at least one second, at most the absolute timeout (rule
    /// A4).
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Removes the idle timeout: an unused session lives until its absolute timeout.
    ///
    /// # Security
    ///
    /// A credential that is lost or forgotten stays valid until then.
    #[must_use]
    pub fn without_idle_timeout(mut self) -> Self {
        self.idle_timeout = None;
        self
    }

    /// Sets how long a session lives at the most, however often it is used (rule A4).
    ///
    /// At least one second; at most 400 days, or 10 years for API keys.
    #[must_use]
    pub fn with_absolute_timeout(mut self, timeout: Duration) -> Self {
        self.absolute_timeout = timeout;
        self
    }

    /// Sets the share of the idle timeout after which a use is recorded: above 0, at most 0.5, 0.25 by
    /// default.
    ///
    /// A session may end earlier than its idle timeout says, by this share or by the precision of the last
    /// use, whichever is shorter (rules A4, A5).
    #[must_use]
    pub fn with_slide_share(mut self, share: f64) -> Self {
        self.slide_share = share;
        self
    }

    /// Sets how far the [displayed time of last use](crate::SessionInfo::last_seen_at) may lag behind the
    /// actual last use: at least one second, one hour by default (rule A15).
    ///
    /// However many requests it serves, a session is written at most once in this time, or once in the
    /// configured share of the idle timeout if that is shorter. In the hybrid strategy a use is a refresh.
    #[must_use]
    pub fn with_last_use_precision(mut self, precision: Duration) -> Self {
        self.last_use_precision = precision;
        self
    }

    /// Sets how many sessions of this kind a subject may have; 100 by default.
    ///
    /// A login beyond the limit ends the oldest session (rule A7). An API key beyond the limit is refused.
    #[must_use]
    pub fn with_max_sessions_per_subject(mut self, max: usize) -> Self {
        self.max_sessions = Some(max);
        self
    }

    /// Removes the limit on the sessions of a subject.
    ///
    /// # Security
    ///
    /// A single user's password is then enough to fill the store.
    #[must_use]
    pub fn without_session_limit(mut self) -> Self {
        self.max_sessions = None;
        self
    }

    /// Keeps sessions of this kind when the subject [logs out the others](crate::Auth::logout_others) or
    /// changes the password.
    ///
    /// [`Auth::logout_everywhere`](crate::Auth::logout_everywhere) still ends them.
    ///
    /// # Security
    ///
    /// A thief's session of such a kind survives a change of the password too.
    #[must_use]
    pub fn surviving_logout_others(mut self) -> Self {
        self.survives_logout_others = true;
        self
    }

    /// Lets the cookie of such a session outlive the browser session, until the session's absolute expiry.
    ///
    /// # Security
    ///
    /// The next user of a shared computer finds the cookie.
    #[must_use]
    pub fn with_persistent_cookie(mut self) -> Self {
        self.persistent_cookie = true;
        self
    }

    /// Marks sessions of this kind as not representing a login, such as a guest with a shopping cart, or a
    /// user who has entered a password but not yet a second factor.
    ///
    /// [`Auth::authenticate`](crate::Auth::authenticate) refuses such a session;
    /// [`Auth::authenticate_any_kind`](crate::Auth::authenticate_any_kind) accepts it.
    #[must_use]
    pub fn not_a_login(mut self) -> Self {
        self.is_login = false;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let longest = if self.is_api_key { 3653 * DAY } else { 400 * DAY };
        if self.absolute_timeout > longest {
            return Err(ConfigError::new(if self.is_api_key {
                "the absolute timeout of API keys is above 10 years; shorten it"
            } else {
                "the absolute timeout is above 400 days; shorten it"
            }));
        }
        if self.absolute_timeout < Duration::from_secs(1) {
            return Err(ConfigError::new("the absolute timeout is below one second"));
        }
        if self.idle_timeout.is_some_and(|idle| idle > self.absolute_timeout) {
            return Err(ConfigError::new("the idle timeout is above the absolute timeout"));
        }
        if self.idle_timeout.is_some_and(|idle| idle < Duration::from_secs(1)) {
            return Err(ConfigError::new("the idle timeout is below one second"));
        }
        if !(self.slide_share > 0.0 && self.slide_share <= 0.5) {
            return Err(ConfigError::new("the slide share must be above 0 and at most 0.5"));
        }
        if self.last_use_precision < Duration::from_secs(1) {
            return Err(ConfigError::new("the precision of the last use is below one second"));
        }
        if self.max_sessions == Some(0) {
            return Err(ConfigError::new("the limit of sessions per subject is 0; allow at least 1"));
        }
        if self.is_api_key && self.persistent_cookie {
            return Err(ConfigError::new("a policy for API keys cannot have a persistent cookie"));
        }
        if self.is_api_key && !self.is_login {
            return Err(ConfigError::new("a policy for API keys cannot be marked `not_a_login`"));
        }
        Ok(())
    }

    /// Returns the idle timeout; `None` if there is none.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
    }

    /// Returns the absolute timeout.
    pub fn absolute_timeout(&self) -> Duration {
        self.absolute_timeout
    }

    /// Returns the share of the idle timeout after which a use is recorded.
    pub fn slide_share(&self) -> f64 {
        self.slide_share
    }

    /// Returns how far the displayed time of last use may lag behind the actual last use.
    pub fn last_use_precision(&self) -> Duration {
        self.last_use_precision
    }

    /// Returns the limit of sessions per subject; `None` if there is none.
    pub fn max_sessions_per_subject(&self) -> Option<usize> {
        self.max_sessions
    }

    /// Returns whether sessions of this kind survive 'log out the others' and a change of the password.
    pub fn survives_logout_others(&self) -> bool {
        self.survives_logout_others
    }

    /// Returns whether the cookie of such a session outlives the browser session.
    pub fn has_persistent_cookie(&self) -> bool {
        self.persistent_cookie
    }

    /// Returns whether sessions of this kind represent a login.
    pub fn represents_login(&self) -> bool {
        self.is_login
    }

    /// Returns whether this is a policy for API keys, made by [`SessionPolicy::api_key`].
    pub fn is_for_api_keys(&self) -> bool {
        self.is_api_key
    }

    /// Returns the idle timeout, or the absolute timeout if there is none.
    pub(crate) fn effective_idle_timeout(&self) -> Duration {
        self.idle_timeout.unwrap_or(self.absolute_timeout)
    }

    /// Returns a policy at least as strict as both in every timeout, for sessions of an unknown kind.
    pub(crate) fn stricter(&self, other: &Self) -> Self {
        let idle = match (self.idle_timeout, other.idle_timeout) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            idle_timeout: idle,
            absolute_timeout: self.absolute_timeout.min(other.absolute_timeout),
            ..self.clone()
        }
    }

    /// Sets the expiries of a new session.
    pub(crate) fn begin(&self, parts: &mut RecordParts, now: Timestamp) {
        parts.expires_at = now.plus(self.absolute_timeout);
        parts.idle_expires_at = now.plus(self.effective_idle_timeout()).min(parts.expires_at);
    }

    /// Returns the timeouts in the form that every verification compares.
    pub(crate) fn timeouts(&self) -> Timeouts {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timeouts {
            idle: self.idle_timeout.map_or(u64::MAX, millis),
            absolute: millis(self.absolute_timeout),
            precision: millis(self.last_use_precision),
            share: self.slide_share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_policies_are_refused() {
        let policy = SessionPolicy::new;
        for good in [policy(), SessionPolicy::remembered(), SessionPolicy::kiosk(), SessionPolicy::api_key()]
        {
            assert!(good.check().is_ok(), "{good:?}");
        }
        for bad in [
            policy().with_idle_timeout(31 * DAY),
            policy().with_idle_timeout(Duration::ZERO),
            policy().with_absolute_timeout(401 * DAY),
            policy().with_absolute_timeout(HOUR),
            policy().without_idle_timeout().with_absolute_timeout(Duration::ZERO),
            policy().with_slide_share(0.0),
            policy().with_slide_share(0.6),
            policy().with_slide_share(f64::NAN),
            policy().with_last_use_precision(Duration::from_millis(999)),
            policy().with_max_sessions_per_subject(0),
            SessionPolicy::api_key().with_absolute_timeout(3654 * DAY),
            SessionPolicy::api_key().with_persistent_cookie(),
            SessionPolicy::api_key().not_a_login(),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
