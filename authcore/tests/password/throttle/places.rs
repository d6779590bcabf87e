//! Where an account was logged in to before, strangers keep nobody out.

use authcore::password::MemoryThrottle;

use super::{HOME, attempt, guess, log_in, nowhere};

/// Guesses at the account from elsewhere until it waits.
async fn make_wait(throttle: &MemoryThrottle, account: &str, secs: u64) {
    while guess(throttle, nowhere(account), secs).await {}
}

#[tokio::test]
async fn a_flood_of_names_pushes_no_own_place_out() {
    let throttle = MemoryThrottle::builder().capacity(1024).build().unwrap();
    let owners: Vec<_> = (0..100).map(|number| format!("owner-{number}")).collect();
    for owner in &owners {
        log_in(&throttle, attempt(owner, HOME), 0).await;
    }
    for number in 0..30_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        guess(&throttle, attempt(&format!("user-{number}"), &format!("10.{a}.{b}.{c}")), 1).await;
    }
    for owner in &owners {
        make_wait(&throttle, owner, 2).await;
        log_in(&throttle, attempt(owner, HOME), 2).await;
    }
}

#[tokio::test]
async fn own_places_take_no_more_room_than_there_is() {
    let throttle = MemoryThrottle::builder().capacity(1024).build().unwrap();
    for number in 0..10_000 {
        log_in(&throttle, attempt(&format!("user-{number}"), HOME), number).await;
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
