//! Which names are one account.

use authcore::password::{Attempt, MemoryThrottle, Target};

use super::{guess, log_in, nowhere};

#[tokio::test]
async fn a_subject_is_no_name_that_reads_the_same() {
    let throttle = MemoryThrottle::new();
    let own = Attempt { target: Target::Subject("user-42"), address: None };
    while guess(&throttle, nowhere("user-42"), 0).await {}
    log_in(&throttle, own, 0).await;
    assert!(!guess(&throttle, nowhere("user-42"), 0).await, "nor does one forgive the other");
    // Who stole a session waits as well.
    let mut guesses = 0;
    while guess(&throttle, own, 0).await {
        guesses += 1;
    }
    assert_eq!(guesses, 5);
}
