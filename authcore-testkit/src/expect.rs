//! How a check says what it expected: every message begins with the rule.

use std::fmt::Debug;

use authcore::error::Rejection;
use authcore::{Error, ErrorKind};

/// Takes the value out, or fails the check; `what` begins with the rule.
pub(crate) trait Must<T> {
    /// The value, or a panic that begins with `what`.
    fn must(self, what: &str) -> T;
}

impl<T, E: Debug> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{what}: failed with {error:?}"),
        }
    }
}

impl<T> Must<T> for Option<T> {
    #[track_caller]
    fn must(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => panic!("{what}: there is none"),
        }
    }
}

/// Fails the check unless both are equal; `what` begins with the rule.
#[track_caller]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, got: T, expected: T) {
    assert!(got == expected, "{what}: expected {expected:?}, got {got:?}");
}

/// The reason of a refusal; anything but a refusal fails the check.
#[track_caller]
pub(crate) fn refused<T: Debug>(what: &str, result: Result<T, Error>) -> Rejection {
    match result {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("{what}: expected a refusal, got {other:?}"),
    }
}

/// Fails the check unless the answer is that a repetition may help.
#[track_caller]
pub(crate) fn unavailable<T: Debug>(what: &str, result: Result<T, Error>) {
    match result {
        Err(error) if error.kind() == ErrorKind::Unavailable => {}
        other => panic!("{what}: expected 'unavailable', got {other:?}"),
    }
}
