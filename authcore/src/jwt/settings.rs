//! The limits and checks of settings.

use std::time::Duration;

use crate::error::ConfigError;

/// The maximum of a configured lifetime or lifetime cap (rule T7).
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(10 * 60);
/// The maximum length of an issuer, of all audiences together and of a client id, in bytes.
const MAX_NAME_LEN: usize = 255;

/// Checks the length of a name; `setting` says in errors which one it is.
pub(super) fn check_name(setting: &str, name: String) -> Result<String, ConfigError> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        return Err(ConfigError::with_value(format!(
            "{setting} has {} bytes; it needs 1 to {MAX_NAME_LEN}",
            name.len()
        )));
    }
    Ok(name)
}

/// Checks the lengths of audiences; `setting` says in errors which ones they are.
pub(super) fn check_audiences(setting: &str, audiences: &[Box<str>]) -> Result<(), ConfigError> {
    let total: usize = audiences.iter().map(|audience| audience.len()).sum();
    if audiences.iter().any(|audience| audience.is_empty()) {
        return Err(ConfigError::with_value(format!(
            "{setting} is empty; it needs 1 to {MAX_NAME_LEN} bytes"
        )));
    }
    if total > MAX_NAME_LEN {
        return Err(ConfigError::with_value(format!(
            "{setting} has {total} bytes in total; the limit is {MAX_NAME_LEN}"
        )));
    }
    Ok(())
}

/// Checks a lifetime cap; `setting` says in errors which one it is.
pub(super) fn check_cap(setting: &str, cap: Duration) -> Result<(), ConfigError> {
    if cap > MAX_LIFETIME {
        return Err(ConfigError::with_value(format!(
            "{setting} is {cap:?}; the limit is {MAX_LIFETIME:?} (24 hours)"
        )));
    }
    Ok(())
}
