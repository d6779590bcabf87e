//! Changes of the clock, and the reset after an hour without failures.

use std::time::Duration;

use authcore::password::{Admission, Attempt, LoginThrottle as _, MemoryThrottle};

use super::{CAFE, HOME, at, attempt, guess, nowhere, succeed};

const HOUR: u64 = 3600;

async fn wait(throttle: &MemoryThrottle, attempt: Attempt<'_>, secs: u64) -> u64 {
    match throttle.admit(attempt, at(secs)).await.unwrap() {
        Admission::Granted => 0,
        Admission::Refused(wait) => wait.as_secs(),
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
    for decided in [true, false] {
        let throttle = MemoryThrottle::new();
        let ada = nowhere("ada");
        for _ in 0..5 {
            assert_eq!(wait(&throttle, ada, HOUR).await, 0);
            if decided {
                throttle.failed(ada, at(HOUR)).await.unwrap();
            }
        }
        for (now, expected) in [(HOUR, 1), (0, 1), (0, 1), (1, 0), (1, 2), (2, 1), (3, 0), (3, 4)] {
            assert_eq!(wait(&throttle, ada, now).await, expected, "{decided} {now}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_forgets_no_failures() {
    let throttle = MemoryThrottle::new();
    let ada = nowhere("ada");
    for second in 0..600 {
        guess(&throttle, ada, HOUR + second).await;
    }
    assert_eq!(wait(&throttle, ada, 0).await, 60);
    assert_eq!(wait(&throttle, ada, 59).await, 1);
    assert!(guess(&throttle, ada, 60).await);
    assert_eq!(wait(&throttle, ada, 60).await, 60);
}

#[tokio::test]
async fn a_quiet_hour_forgets_failures_and_no_own_place() {
    let throttle = MemoryThrottle::new();
    succeed(&throttle, attempt("ada", HOME), 0).await;
    for day in 1..4 {
        let morning = day * 24 * HOUR;
        // Guesses without an address delay only the account; guesses from an address delay that address.
        while guess(&throttle, nowhere("ada"), morning).await {}
        succeed(&throttle, attempt("ada", HOME), morning).await;
        for number in 0..20 {
            assert!(guess(&throttle, attempt(&format!("user-{number}"), CAFE), morning).await);
        }
        assert_eq!(wait(&throttle, attempt("grace", CAFE), morning).await, 1);
        assert_eq!(wait(&throttle, nowhere("ada"), morning).await, 1);
    }
    let refused = throttle.admit(nowhere("ada"), at(3 * 24 * HOUR)).await.unwrap();
    assert_eq!(refused, Admission::Refused(Duration::from_secs(1)));
}
