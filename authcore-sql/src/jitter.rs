//! Random durations, so that tasks that started together do not act together again.

use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;

/// Returns a random duration between zero and `most`. Without random bytes it is `most`.
pub(crate) fn up_to(most: Duration) -> Duration {
    let share = SysRng.try_next_u32().unwrap_or(u32::MAX);
    most.mul_f64(f64::from(share) / f64::from(u32::MAX))
}
