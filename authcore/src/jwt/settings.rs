//! Limits and checks of what is configured.

use std::time::Duration;

use crate::error::ConfigError;

/// The longest lifetime and the longest cap that can be configured (rule T7).
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(10 * 60);
/// The most bytes of an issuer, of all audiences and of a client id.
const MAX_NAME_LEN: usize = 255;

pub(super) fn check_name(what: &str, name: String) -> Result<String, ConfigError> {
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        let len = name.len();
        return Err(ConfigError::with_value(format!(
            "{what} has {len} bytes instead of 1 to {MAX_NAME_LEN}"
        )));
    }
    Ok(name)
}

pub(super) fn check_audiences(audiences: &[Box<str>]) -> Result<(), ConfigError> {
    let total: usize = audiences.iter().map(|audience| audience.len()).sum();
    if audiences.iter().any(|audience| audience.is_empty()) {
        return Err(ConfigError::new("an audience is empty"));
    }
    if total > MAX_NAME_LEN {
        return Err(ConfigError::with_value(format!(
            "all audiences together have {total} bytes, above {MAX_NAME_LEN}"
        )));
    }
    Ok(())
}

pub(super) fn check_cap(cap: Duration) -> Result<(), ConfigError> {
    if cap > MAX_LIFETIME {
        return Err(ConfigError::with_value(format!(
            "the cap of the token lifetime (`max_lifetime`) is {cap:?}, above 24 hours"
        )));
    }
    Ok(())
}
