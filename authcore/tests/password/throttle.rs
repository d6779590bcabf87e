//! The throttle slows down guessing without locking out legitimate users.

mod clock;
mod names;
mod places;
mod undecided;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use authcore::password::{Admission, Attempt, LoginThrottle as _, MemoryThrottle, Target};
use authcore::{Realm, Timestamp};

const HOME: &str = "192.0.2.1";
const CAFE: &str = "198.51.100.7";

fn attempt<'a>(account: &'a str, address: &str) -> Attempt<'a> {
    Attempt {
        realm: &Realm::UNNAMED,
        target: Target::Identifier(account),
        address: Some(address.parse::<IpAddr>().unwrap()),
    }
}

const fn nowhere(account: &str) -> Attempt<'_> {
    Attempt { realm: &Realm::UNNAMED, target: Target::Identifier(account), address: None }
}

const fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

/// Makes a wrong guess, unless the throttle refuses it.
async fn guess(throttle: &MemoryThrottle, guess: Attempt<'_>, secs: u64) -> bool {
    let granted = throttle.admit(guess, at(secs)).await.unwrap() == Admission::Granted;
    if granted {
        throttle.failed(guess, at(secs)).await.unwrap();
    }
    granted
}

/// Logs in with the right password, which must not be refused.
async fn succeed(throttle: &MemoryThrottle, owner: Attempt<'_>, secs: u64) {
    assert_eq!(throttle.admit(owner, at(secs)).await.unwrap(), Admission::Granted, "{owner:?}");
    throttle.succeeded(owner, at(secs)).await.unwrap();
}

/// Guesses as fast as the throttle allows and returns the number of guesses within the given seconds.
async fn guesses(throttle: &MemoryThrottle, attempt: Attempt<'_>, secs: u64) -> usize {
    let mut granted = 0;
    for second in 0..secs {
        while granted < 10_000 && guess(throttle, attempt, second).await {
            granted += 1;
        }
    }
    granted
}

#[tokio::test]
async fn an_account_waits_longer_after_each_failure_up_to_a_minute() {
    let throttle = MemoryThrottle::new();
    let guess = nowhere("ada");
    let mut now = at(0);
    for _ in 0..5 {
        assert_eq!(throttle.admit(guess, now).await.unwrap(), Admission::Granted);
    }
    for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        let delay = Duration::from_secs(expected);
        // Attempts during the delay do not extend it.
        for _ in 0..3 {
            assert_eq!(throttle.admit(guess, now).await.unwrap(), Admission::Refused(delay));
        }
        now = now.plus(delay);
        assert_eq!(throttle.admit(guess, now).await.unwrap(), Admission::Granted);
    }
    // An hour without failures resets the delay.
    now = now.plus(Duration::from_secs(3600));
    for _ in 0..5 {
        assert_eq!(throttle.admit(guess, now).await.unwrap(), Admission::Granted);
    }
}

#[tokio::test]
async fn a_day_of_guessing_is_some_1400_guesses() {
    let day = 24 * 3600;
    let of_account = guesses(&MemoryThrottle::new(), nowhere("ada"), day).await;
    assert!((1400..1500).contains(&of_account), "{of_account}");

    // Guesses at many accounts from one address.
    let throttle = MemoryThrottle::new();
    let mut of_address = 0;
    for second in 0..day {
        for number in 0..3 {
            let account = format!("user-{second}-{number}");
            of_address += usize::from(guess(&throttle, attempt(&account, CAFE), second).await);
        }
    }
    assert!((1400..1500).contains(&of_address), "{of_address}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_guesses_at_once_are_no_way_around_it() {
    let throttle = Arc::new(MemoryThrottle::new());
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let throttle = Arc::clone(&throttle);
            tokio::spawn(async move {
                let address = format!("10.0.{number}.1");
                throttle.admit(attempt("ada", &address), at(0)).await.unwrap() == Admission::Granted
            })
        })
        .collect();
    let mut granted = 0;
    for task in tasks {
        granted += usize::from(task.await.unwrap());
    }
    assert_eq!(granted, 5);
}

#[tokio::test]
async fn a_stranger_keeps_nobody_out_who_was_there_before() {
    let throttle = MemoryThrottle::new();
    succeed(&throttle, attempt("ada", HOME), 0).await;
    for second in 0..600 {
        for number in 0..10 {
            let _ = throttle.admit(attempt("ada", &format!("10.0.{number}.1")), at(second)).await.unwrap();
        }
        if second % 60 == 59 {
            succeed(&throttle, attempt("ada", HOME), second).await;
        }
    }
    // That address does not let other users of it bypass the delay.
    let of_neighbour = guesses(&throttle, attempt("ada", HOME), 600).await;
    assert!(of_neighbour < 25, "{of_neighbour}");
}

#[tokio::test]
async fn an_own_account_forgives_no_guesses_of_others() {
    let throttle = MemoryThrottle::new();
    let mut granted = 0;
    for second in 0..3600 {
        for number in 0..30 {
            let account = format!("victim-{second}-{number}");
            granted += usize::from(guess(&throttle, attempt(&account, CAFE), second).await);
            if throttle.admit(attempt("mallory", CAFE), at(second)).await.unwrap() == Admission::Granted {
                throttle.succeeded(attempt("mallory", CAFE), at(second)).await.unwrap();
            }
        }
    }
    assert!(granted < 200, "{granted} guesses in an hour");
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_address() {
    let throttle = MemoryThrottle::new();
    let mut granted = 0;
    for number in 0..100 {
        let (account, address) = (format!("user-{number}"), format!("2001:db8::{number:x}"));
        granted += usize::from(guess(&throttle, attempt(&account, &address), 0).await);
    }
    assert_eq!(granted, 20);
    let elsewhere = attempt("user-0", "2001:db8:0:1::1");
    assert_eq!(throttle.admit(elsewhere, at(0)).await.unwrap(), Admission::Granted);
}

/// Unknown names evict other unknown names, and rarely accounts with many failures.
#[tokio::test]
async fn a_flood_of_names_takes_no_more_room_and_forgets_no_culprit() {
    let throttle = MemoryThrottle::builder().capacity(1024).build().unwrap();
    let culprit = nowhere("ada");
    for _ in 0..6 {
        let _ = throttle.admit(culprit, at(0)).await.unwrap();
    }
    for number in 0..100_000 {
        let account = format!("user-{number}");
        let _ = throttle.admit(nowhere(&account), at(0)).await.unwrap();
    }
    assert_ne!(throttle.admit(culprit, at(0)).await.unwrap(), Admission::Granted);
}

#[test]
fn options_are_checked() {
    let builder = MemoryThrottle::builder;
    for bad in [
        builder().capacity(0),
        builder().capacity(usize::MAX),
        builder().free_attempts(0),
        builder().free_attempts_per_address(0),
        builder().longest_delay(Duration::ZERO),
        builder().longest_delay(Duration::MAX),
    ] {
        assert!(bad.build().is_err());
    }
    let subject = Target::Subject("hunter2");
    let shown = format!("{:?} {:?} {subject:?}", builder().build().unwrap(), attempt("hunter2", HOME));
    assert!(!shown.contains("hunter2"), "{shown}");
}
