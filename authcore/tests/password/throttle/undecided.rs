//! Attempts whose outcome is not known yet, or never will be.

use std::time::Duration;

use authcore::password::{Admission, Attempt, LoginThrottle as _, MemoryThrottle};

use super::{CAFE, HOME, at, attempt, guess, nowhere, succeed};

async fn granted(throttle: &MemoryThrottle, attempt: Attempt<'_>, secs: u64) -> bool {
    throttle.admit(attempt, at(secs)).await.unwrap() == Admission::Granted
}

#[tokio::test]
async fn a_crowd_behind_one_address_logs_in_at_once() {
    let throttle = MemoryThrottle::new();
    let names: Vec<_> = (0..80).map(|number| format!("user-{number}")).collect();
    for _ in 0..3 {
        for name in &names {
            assert!(granted(&throttle, attempt(name, CAFE), 0).await, "{name}");
        }
        for name in &names {
            throttle.succeeded(attempt(name, CAFE), at(0)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn guesses_at_once_from_one_address_have_an_end() {
    let throttle = MemoryThrottle::new();
    let names: Vec<_> = (0..200).map(|number| format!("user-{number}")).collect();
    let mut looks = Vec::new();
    for name in &names {
        if granted(&throttle, attempt(name, CAFE), 0).await {
            looks.push(name);
        }
    }
    assert_eq!(looks.len(), 80);
    for name in looks {
        throttle.failed(attempt(name, CAFE), at(0)).await.unwrap();
    }
    let refused = throttle.admit(attempt("another", CAFE), at(0)).await.unwrap();
    assert_eq!(refused, Admission::Refused(Duration::from_secs(60)));
    // After that, one at a time.
    assert!(granted(&throttle, attempt("another", CAFE), 60).await);
    assert!(!granted(&throttle, attempt("a-third", CAFE), 60).await);
}

#[tokio::test]
async fn guesses_that_nobody_waits_for_count_as_failed() {
    let throttle = MemoryThrottle::new();
    let mut looks = 0;
    for second in 0..3600 {
        for number in 0..100 {
            let name = format!("user-{second}-{number}");
            looks += usize::from(granted(&throttle, attempt(&name, CAFE), second).await);
        }
    }
    assert!((130..150).contains(&looks), "{looks}");
}

#[tokio::test]
async fn guesses_one_by_one_are_fewer() {
    let throttle = MemoryThrottle::new();
    let mut looks = 0;
    for number in 0..100 {
        let name = format!("user-{number}");
        looks += usize::from(guess(&throttle, attempt(&name, CAFE), 0).await);
    }
    assert_eq!(looks, 20);
    // From then on, one at a time.
    assert!(granted(&throttle, attempt("another", CAFE), 1).await);
    assert!(!granted(&throttle, attempt("a-third", CAFE), 1).await);
}

/// When an attempt is decided: at once, later or never.
#[tokio::test]
async fn guesses_at_once_at_an_account_are_no_more_than_one_by_one() {
    for decided in [true, false] {
        let throttle = MemoryThrottle::new();
        let mut looks = Vec::new();
        for second in 0..300 {
            let mut at_once = 0;
            for _ in 0..40 {
                at_once += usize::from(granted(&throttle, nowhere("ada"), second).await);
            }
            for _ in 0..at_once {
                looks.push(second);
                if decided {
                    throttle.failed(nowhere("ada"), at(second)).await.unwrap();
                }
            }
        }
        assert_eq!(looks, [0, 0, 0, 0, 0, 1, 3, 7, 15, 31, 63, 123, 183, 243], "{decided}");
    }
}

#[tokio::test]
async fn an_account_that_waits_costs_its_neighbours_nothing() {
    let throttle = MemoryThrottle::new();
    for _ in 0..5 {
        assert!(guess(&throttle, attempt("ada", CAFE), 0).await);
    }
    for _ in 0..1000 {
        assert!(!granted(&throttle, attempt("ada", CAFE), 0).await, "no password is looked at");
    }
    for number in 0..15 {
        let name = format!("user-{number}");
        assert!(guess(&throttle, attempt(&name, CAFE), 0).await, "{name}");
    }
    assert!(!granted(&throttle, attempt("grace", CAFE), 0).await, "those count");
}

#[tokio::test]
async fn what_is_withdrawn_counts_nowhere() {
    let throttle = MemoryThrottle::new();
    succeed(&throttle, attempt("ada", HOME), 0).await;
    // For an account, for a known place, and for an address.
    for place in [CAFE, HOME] {
        for _ in 0..100 {
            assert!(granted(&throttle, attempt("ada", place), 0).await);
            throttle.withdrawn(attempt("ada", place), at(0)).await.unwrap();
        }
    }
    // It neither extends a running delay nor resets one.
    for _ in 0..5 {
        assert!(guess(&throttle, attempt("ada", CAFE), 0).await);
    }
    for _ in 0..100 {
        assert!(granted(&throttle, attempt("ada", CAFE), 1).await);
        throttle.withdrawn(attempt("ada", CAFE), at(1)).await.unwrap();
    }
    assert!(guess(&throttle, attempt("ada", CAFE), 1).await);
    let refused = throttle.admit(attempt("ada", CAFE), at(1)).await.unwrap();
    assert_eq!(refused, Admission::Refused(Duration::from_secs(2)));
}

/// The attempts counted as failed in the meantime.
#[tokio::test]
async fn what_is_decided_late_is_believed() {
    let throttle = MemoryThrottle::new();
    let names: Vec<_> = (0..81).map(|number| format!("user-{number}")).collect();
    for name in &names[..80] {
        assert!(granted(&throttle, attempt(name, CAFE), 0).await);
    }
    assert!(!granted(&throttle, attempt(&names[80], CAFE), 30).await);
    for name in &names[..80] {
        throttle.succeeded(attempt(name, CAFE), at(30)).await.unwrap();
    }
    for name in &names[..80] {
        assert!(granted(&throttle, attempt(name, CAFE), 30).await);
    }
}
