//! Guesses from elsewhere do not lock out an owner at a place of an earlier login.

use authcore::password::MemoryThrottle;

use super::{CAFE, HOME, attempt, guess, nowhere, succeed};

/// Guesses at the account from elsewhere until it is delayed.
async fn make_wait(throttle: &MemoryThrottle, account: &str, secs: u64) {
    while guess(throttle, nowhere(account), secs).await {}
}

#[tokio::test]
async fn a_flood_of_names_pushes_no_own_place_out() {
    let throttle = MemoryThrottle::builder().capacity(1024).build().unwrap();
    let owners: Vec<_> = (0..100).map(|number| format!("owner-{number}")).collect();
    for owner in &owners {
        succeed(&throttle, attempt(owner, HOME), 0).await;
    }
    for number in 0..30_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        guess(&throttle, attempt(&format!("user-{number}"), &format!("10.{a}.{b}.{c}")), 1).await;
    }
    for owner in &owners {
        make_wait(&throttle, owner, 2).await;
        succeed(&throttle, attempt(owner, HOME), 2).await;
    }
}

#[tokio::test]
async fn own_places_take_no_more_room_than_there_is() {
    let throttle = MemoryThrottle::builder().capacity(1024).build().unwrap();
    for number in 0..10_000 {
        succeed(&throttle, attempt(&format!("user-{number}"), HOME), number).await;
    }
    let mut kept = 0;
    for number in 0..10_000 {
        let (account, second) = (format!("user-{number}"), 20_000 + 60 * number);
        make_wait(&throttle, &account, second).await;
        if guess(&throttle, attempt(&account, HOME), second).await {
            kept += 1;
            assert!(number > 5000, "who was seen longest ago is forgotten first");
        }
    }
    assert!((900..=1024).contains(&kept), "{kept}");
}

/// The documented bound: no user is refused for longer than the longest delay after a failure. The first
/// attempt after the delay is admitted.
#[tokio::test]
async fn at_a_new_place_the_owner_waits_as_long_as_an_attacker_goes_on() {
    let throttle = MemoryThrottle::new();
    succeed(&throttle, attempt("ada", HOME), 0).await;
    for second in 0..3600 {
        guess(&throttle, attempt("ada", &format!("2001:db8:{second:x}::1")), second).await;
        if second % 60 == 30 {
            succeed(&throttle, attempt("ada", HOME), second).await;
        }
    }
    assert!(!guess(&throttle, attempt("ada", CAFE), 3600).await);
    // The delay ends with the attack.
    succeed(&throttle, attempt("ada", CAFE), 3660).await;
}

#[tokio::test]
async fn a_success_forgives_the_accounts_failures_at_that_place_only() {
    let throttle = MemoryThrottle::new();
    // At a new place, the failures of the account count.
    for _ in 0..3 {
        for _ in 0..4 {
            assert!(guess(&throttle, nowhere("ada"), 0).await);
        }
        succeed(&throttle, nowhere("ada"), 0).await;
    }
    // At a known place, the failures there count, and not those of strangers elsewhere.
    succeed(&throttle, attempt("ada", HOME), 0).await;
    make_wait(&throttle, "ada", 0).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert!(guess(&throttle, attempt("ada", HOME), 0).await);
        }
        succeed(&throttle, attempt("ada", HOME), 0).await;
    }
    assert!(!guess(&throttle, nowhere("ada"), 0).await);
}

#[tokio::test]
async fn who_is_right_makes_no_neighbour_wait() {
    let throttle = MemoryThrottle::new();
    for number in 0..20 {
        assert!(guess(&throttle, attempt(&format!("user-{number}"), CAFE), 0).await);
    }
    assert!(!guess(&throttle, attempt("ada", CAFE), 0).await);
    for number in 0..100 {
        succeed(&throttle, attempt(&format!("owner-{number}"), CAFE), 1).await;
    }
    assert!(guess(&throttle, attempt("ada", CAFE), 1).await);
    assert!(!guess(&throttle, attempt("grace", CAFE), 2).await, "those before are not forgiven");
}

#[tokio::test]
async fn addresses_of_ipv4_written_as_ipv6_are_not_one_network() {
    let throttle = MemoryThrottle::new();
    for number in 0..30 {
        let account = format!("user-{number}");
        assert!(guess(&throttle, attempt(&account, &format!("::ffff:192.0.2.{number}")), 0).await);
    }
    // The results are the same as without it.
    for number in 0..19 {
        assert!(guess(&throttle, attempt(&format!("guest-{number}"), "::ffff:198.51.100.7"), 0).await);
    }
    assert!(guess(&throttle, attempt("ada", CAFE), 0).await);
    assert!(!guess(&throttle, attempt("ada", CAFE), 0).await);
}
