//! Names from outside, as text: a session's id in a path, a subject, a realm by host name, a kind of session.
//!
//! - What is read is written as the same text: each has one spelling.
//! - The key of a subject in a realm tells subject and realm apart (rule A12).
#![no_main]

use authcore::{Realm, SessionId, SessionKind, Subject};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, other) = input;
    if let Ok(id) = text.parse::<SessionId>() {
        assert_eq!(id.to_string(), text);
        assert_eq!(SessionId::from_bytes(*id.as_bytes()), id);
    }
    if let Ok(kind) = SessionKind::new(text) {
        assert_eq!(kind.as_str(), text);
    }
    if let Ok(subject) = Subject::new(text) {
        assert_eq!(subject.as_str(), text);
        if let Ok(realm) = Realm::new(other) {
            assert_eq!(realm.name(), other);
            let inside = subject.in_realm(&realm);
            assert_eq!((inside.as_str(), inside.realm_name()), (text, other));
            assert_eq!(inside.key() == subject.key(), realm.is_unnamed());
        }
    }
});
