//! Assertions whose failure messages begin with the rule and say what was expected and what happened.

use std::fmt::Debug;

use authcore::error::Rejection;
use authcore::{Error, ErrorKind};

/// Returns the value of a `Result` or an `Option`, or fails the check.
pub(crate) trait OrFail<T> {
    /// Returns the value. Panics if there is none; `what` begins the message and starts with the rule.
    fn or_fail(self, what: &str) -> T;
}

impl<T, E: Debug> OrFail<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{what}: expected success, got the error {error:?}"),
        }
    }
}

impl<T> OrFail<T> for Option<T> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Some(value) => value,
            None => panic!("{what}: expected a value, got none"),
        }
    }
}

/// Fails the check unless the two values are equal; `what` starts with the rule.
#[track_caller]
pub(crate) fn expect_equal<T: PartialEq + Debug>(what: &str, got: T, expected: T) {
    assert!(got == expected, "{what}: expected {expected:?}, got {got:?}");
}

/// Returns the reason of a refusal; any other result fails the check.
#[track_caller]
pub(crate) fn expect_refusal<T: Debug>(what: &str, result: Result<T, Error>) -> Rejection {
    match result {
        Err(Error::Unauthenticated(rejection)) => rejection,
        other => panic!("{what}: expected a refusal, got {other:?}"),
    }
}

/// Fails the check unless the result is an error of the kind `Unavailable`.
#[track_caller]
pub(crate) fn expect_unavailable<T: Debug>(what: &str, result: Result<T, Error>) {
    match result {
        Err(error) if error.kind() == ErrorKind::Unavailable => {}
        other => panic!("{what}: expected an `Unavailable` error, got {other:?}"),
    }
}
