//! Which names belong to one account.

use authcore::Realm;
use authcore::password::{Attempt, MemoryThrottle, Target};

use super::{guess, nowhere, succeed};

#[tokio::test]
async fn a_subject_is_no_name_that_reads_the_same() {
    let throttle = MemoryThrottle::new();
    let own = Attempt { realm: &Realm::UNNAMED, target: Target::Subject("user-42"), address: None };
    while guess(&throttle, nowhere("user-42"), 0).await {}
    succeed(&throttle, own, 0).await;
    assert!(!guess(&throttle, nowhere("user-42"), 0).await, "nor does one forgive the other");
    // The thief of a session is delayed too.
    let mut guesses = 0;
    while guess(&throttle, own, 0).await {
        guesses += 1;
    }
    assert_eq!(guesses, 5);
}

#[tokio::test]
async fn another_spelling_is_no_other_account() {
    for spellings in [
        ["ada", "Ada", "ADA", " ada\t", "\u{3000}aDa\u{a0}"],
        ["ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ", "Οδυσσευς", " ΟΔΥΣΣΕΥς"],
        ["STRASSE", "straße", "strasse", "STRAẞE", "Straße"],
    ] {
        let throttle = MemoryThrottle::new();
        let mut guesses = 0;
        for spelling in spellings {
            while guess(&throttle, nowhere(spelling), 0).await {
                guesses += 1;
            }
        }
        assert_eq!(guesses, 5, "{spellings:?}");
        // A success counts for the same account.
        succeed(&throttle, nowhere(spellings[0]), 1).await;
        assert!(guess(&throttle, nowhere(spellings[4]), 1).await);
    }
}

#[tokio::test]
async fn other_names_are_other_accounts() {
    let throttle = MemoryThrottle::new();
    let subject =
        |subject| Attempt { realm: &Realm::UNNAMED, target: Target::Subject(subject), address: None };
    // S5: subjects are compared byte by byte.
    for other in
        [nowhere("a da"), nowhere("adá"), nowhere(""), subject("ada"), subject("Ada"), subject(" ada")]
    {
        while guess(&throttle, nowhere("ada"), 0).await {}
        let mut guesses = 0;
        while guess(&throttle, other, 0).await {
            guesses += 1;
        }
        assert_eq!(guesses, 5, "{other:?}");
    }
}
