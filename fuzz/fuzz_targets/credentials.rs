//! A session token, API key or refresh token from a client: any text, or a real one with a few bytes changed.
//!
//! - Only the real credential is accepted, by any call: it has one spelling (rule A3).
//! - No other text ends the session or replaces its credential (rule R8).
//! - A text that is refused is refused for its own fault, never for one of the store (rule A9).
#![no_main]

use std::sync::LazyLock;

use authcore::clock::ManualClock;
use authcore::{
    Auth, Device, Error, ErrorKind, Login, MemoryStore, RefreshTokens, ServerSessions, SessionKind,
    SessionPolicy,
};
use authcore_fuzz::{NOW, Presented, jwt};
use futures_executor::block_on;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

struct World {
    sessions: Auth,
    hybrid: Auth,
    session: String,
    key: String,
    refresh: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let clock = ManualClock::new(NOW);
    let store = MemoryStore::with_clock(clock.clone());
    let sessions =
        ServerSessions::builder(store.clone()).kind(SessionKind::API_KEY, SessionPolicy::api_key());
    let sessions = Auth::with_sessions(sessions.build().unwrap()).with_clock(clock.clone());
    let refresh = RefreshTokens::builder(store).build().unwrap();
    let hybrid = Auth::with_hybrid(jwt(), refresh).unwrap().with_clock(clock);
    let login = || Login::new("user-42").unwrap();
    let session = block_on(sessions.login(login())).unwrap().credential().expose().to_owned();
    let key = login().kind(SessionKind::API_KEY).device(Device::unknown().with_label("a script"));
    let key = block_on(sessions.create_api_key(key)).unwrap().credential().expose().to_owned();
    let refresh = block_on(hybrid.login(login())).unwrap().refresh_token().unwrap().expose().to_owned();
    World { sessions, hybrid, session, key, refresh }
});

#[derive(Debug, Arbitrary)]
enum Which {
    Session,
    Key,
    Refresh,
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Unsupported), "{error:?}");
}

fuzz_target!(|input: (Which, Presented)| {
    let world = &*WORLD;
    let (which, presented) = input;
    let real = match which {
        Which::Session => &world.session,
        Which::Key => &world.key,
        Which::Refresh => &world.refresh,
    };
    let text = presented.text(real);
    let is_real = [&world.session, &world.key, &world.refresh].iter().any(|real| **real == text);
    if !is_real {
        for auth in [&world.sessions, &world.hybrid] {
            refused(block_on(auth.authenticate(&text)));
            refused(block_on(auth.authenticate_passively(&text)));
            refused(block_on(auth.authenticate_any_kind(&text)));
            refused(block_on(auth.authenticate_and_check_session(&text)));
            refused(block_on(auth.refresh(&text)));
            refused(block_on(auth.refresh_with_access_token(&text, &text)));
            // A logout without a credential that verifies may succeed, and then has ended nothing.
            let _ = block_on(auth.logout(&text));
            let _ = block_on(auth.logout_with_access_token(&text, &text));
        }
    }
    assert_eq!(block_on(world.sessions.authenticate(&world.session)).unwrap().subject(), "user-42");
    assert!(block_on(world.sessions.authenticate(&world.key)).unwrap().is_api_key());
    let refreshed = block_on(world.hybrid.refresh(&world.refresh)).unwrap();
    assert_eq!(refreshed.refresh_token().unwrap().expose(), world.refresh);
});
