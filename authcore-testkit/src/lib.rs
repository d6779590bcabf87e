//! The contract of session stores as a test suite.
