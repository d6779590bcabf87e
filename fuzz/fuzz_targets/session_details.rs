//! What a store keeps of a login's statements: any text (rule S9).
//!
//! - What is read is written so that it reads the same, and is written the same again.
//! - What is refused is corrupt.
#![no_main]

use authcore::store::{SessionDetails, StoreErrorKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &str| {
    let details = match SessionDetails::from_json(Some(json)) {
        Ok(details) => details,
        Err(error) => return assert_eq!(error.kind(), StoreErrorKind::Corrupt),
    };
    let written = details.to_json();
    assert_eq!(written.is_none(), details.is_plain());
    let again = SessionDetails::from_json(written.as_deref()).unwrap();
    assert_eq!(again, details);
    assert_eq!(again.to_json(), written);
});
