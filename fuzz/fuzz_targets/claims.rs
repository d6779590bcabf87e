//! Claims as an application receives them, as JSON from elsewhere (rules T10, T13).
//!
//! - Claims that are read are written as JSON that reads the same.
//! - A login with them is refused by name or size, or carries them unchanged in both kinds of credential.
//! - No claim that decides about a token comes from them.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use authcore::clock::ManualClock;
use authcore::{Auth, Claims, Login, MemoryStore, ServerSessions};
use authcore_fuzz::{NOW, jwt};
use futures_executor::block_on;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

static AUTHS: LazyLock<[Auth; 2]> = LazyLock::new(|| {
    let clock = ManualClock::new(NOW);
    let sessions = ServerSessions::builder(MemoryStore::with_clock(clock.clone())).build().unwrap();
    [Auth::with_sessions(sessions).with_clock(clock.clone()), Auth::with_tokens(jwt()).with_clock(clock)]
});

fn texts(claims: &Claims) -> BTreeMap<String, String> {
    let text = |name: &str| claims.get::<Box<RawValue>>(name).unwrap().unwrap().get().to_owned();
    claims.names().map(|name| (name.to_owned(), text(name))).collect()
}

fuzz_target!(|json: &[u8]| {
    let Ok(claims) = serde_json::from_slice::<Claims>(json) else { return };
    for name in ["iss", "sub", "aud", "exp", "iat", "jti"] {
        assert!(!claims.names().any(|other| other == name), "{name}");
    }
    let written = serde_json::to_string(&claims).unwrap();
    let again: Claims = serde_json::from_str(&written).unwrap();
    assert_eq!(texts(&again), texts(&claims));

    let Ok(login) = Login::new("user-42").unwrap().claims(&claims) else { return };
    for auth in &*AUTHS {
        let Ok(issued) = block_on(auth.login(login.clone())) else { continue };
        let principal = block_on(auth.authenticate(issued.credential().expose())).unwrap();
        assert_eq!(principal.subject(), "user-42");
        assert_eq!(texts(&principal.claims::<Claims>().unwrap()), texts(&claims));
    }
});
