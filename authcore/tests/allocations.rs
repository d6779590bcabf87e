//! Heap allocations of the hot paths, counted per call. The documentation promises these bounds.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use authcore::clock::ManualClock;
use authcore::error::Rejection;
use authcore::jwt::{Algorithm, Jwt, Key, KeyRing, TokenBuffer};
use authcore::store::{SessionRecord, SessionStore as _};
use authcore::strategy::TokenStrategy as _;
use authcore::{
    Auth, Device, IssuedCredentials, Login, MemoryStore, RefreshTokens, ServerSessions, Timestamp,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: [u8; 32] = [7; 32];
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const ISSUER: &str = "https://auth.example.com";

/// Counts the allocations of each thread, so that concurrent tests do not disturb each other.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more, and none is needed.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system allocator, and counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns how often `call` allocates or grows a block.
fn allocations<T>(call: impl FnOnce() -> T) -> usize {
    let before = ALLOCATIONS.get();
    let result = black_box(call());
    let after = ALLOCATIONS.get();
    drop(result);
    after - before
}

#[derive(Debug, Deserialize)]
struct Role<'t> {
    role: &'t str,
}

fn jwt() -> Jwt {
    let keys = KeyRing::new(Key::hmac("k1", Algorithm::HS256, &SECRET).unwrap());
    Jwt::builder(keys).issuer(ISSUER).audience("api").build().unwrap()
}

fn login(claims: &Value) -> Login {
    Login::new("user-42").unwrap().claims(claims).unwrap()
}

fn issue(auth: Auth, claims: &Value) -> IssuedCredentials {
    auth.with_clock(ManualClock::new(NOW)).login(login(claims)).now_or_never().unwrap().unwrap()
}

/// A verifier that has cached a header like that of [`foreign_token`].
fn experienced_jwt() -> Jwt {
    let jwt = jwt();
    jwt.verify(&foreign_token(), NOW).unwrap();
    jwt
}

fn own_token(claims: &Value) -> String {
    issue(Auth::with_tokens(jwt()), claims).credential().expose().to_owned()
}

/// An access token of the hybrid strategy, which names its session.
fn session_token(claims: &Value) -> String {
    let refresh = RefreshTokens::builder(MemoryStore::new()).build().unwrap();
    issue(Auth::with_hybrid(jwt(), refresh).unwrap(), claims).credential().expose().to_owned()
}

fn sign(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap().chain_update(&signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The same token from another library, with other spaces and another order of members, so no fast path
/// applies.
fn foreign_token() -> String {
    let now = NOW.as_secs();
    let exp = now + 600;
    let times = format!(r#""exp": {exp}, "iat": {now}"#);
    let payload = format!(
        r#"{{ "role": "admin", "sub": "user-42", {times}, "aud": ["other", "api"], "iss": "{ISSUER}" }}"#
    );
    sign(r#"{ "typ": "at+jwt", "kid": "k1", "alg": "HS256" }"#, &payload)
}

fn tokens() -> [(&'static str, String); 3] {
    let role = json!({ "role": "admin" });
    [("own", own_token(&role)), ("of a session", session_token(&role)), ("foreign", foreign_token())]
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| Box::new([0_u8; 16])), 1);
    assert_eq!(allocations(|| vec![0_u8; 4096]), 1, "zeroed");
    let mut text = String::with_capacity(1);
    assert_eq!(allocations(|| text.push_str("longer than that")), 1, "grown");
    assert_eq!(allocations(|| std::hint::black_box(1)), 0);
    let elsewhere = || std::thread::spawn(|| drop(black_box(vec![0; 10_000]))).join();
    assert!(allocations(elsewhere) < 100, "what other threads do is theirs");
}

#[test]
fn t8_verifying_claims_allocates_nothing() {
    let (jwt, mut buffer) = (experienced_jwt(), TokenBuffer::new());
    for (kind, token) in tokens() {
        let count = allocations(|| {
            let verified = jwt.verify_claims::<Role<'_>>(&token, NOW, &mut buffer).unwrap();
            assert_eq!((&*verified.subject, verified.claims.role), ("user-42", "admin"));
        });
        assert_eq!(count, 0, "{kind}");
    }
}

#[test]
fn t8_a_principal_takes_one_allocation_or_two() {
    let jwt = experienced_jwt();
    for (kind, token) in tokens() {
        let count = allocations(|| jwt.verify(&token, NOW).unwrap());
        assert_eq!(count, if kind == "of a session" { 2 } else { 1 }, "{kind}");
    }
}

#[test]
fn t8_authenticating_a_token_takes_two_allocations() {
    let refresh = RefreshTokens::builder(MemoryStore::new()).build().unwrap();
    for auth in [Auth::with_tokens(experienced_jwt()), Auth::with_hybrid(experienced_jwt(), refresh).unwrap()]
    {
        let auth = auth.with_clock(ManualClock::new(NOW));
        for (kind, token) in tokens() {
            let count = allocations(|| auth.authenticate(&token).now_or_never().unwrap().unwrap());
            assert!(count <= 2, "{kind}: {count}");
        }
    }
}

/// A forged token must not cost more work than a valid one.
#[test]
fn t8_t12_a_token_that_is_refused_takes_no_more_than_a_good_one() {
    let (jwt, mut buffer) = (jwt(), TokenBuffer::new());
    let good = own_token(&json!({ "role": "admin" }));
    let signature = good.rfind('.').unwrap();
    let payload = URL_SAFE_NO_PAD.encode("{}");
    let headed = |header: &str| format!("{}.{payload}.AAAA", URL_SAFE_NO_PAD.encode(header));
    for (token, expected) in [
        (format!("{good}A"), Rejection::WrongSignature),
        (format!("{}.AAAA", &good[..signature]), Rejection::WrongSignature),
        (headed(r#"{"alg":"none","typ":"at+jwt"}"#), Rejection::WrongAlgorithm),
        (headed(r#"{"alg":"HS256","typ":"JWT"}"#), Rejection::WrongType),
        (headed(r#"{"alg":"HS256","typ":"at+jwt","kid":"k2"}"#), Rejection::UnknownKey),
        (headed(r#"{"alg":"HS256","typ":"at+jwt","crit":[]}"#), Rejection::CriticalExtension),
        (headed(r#"{"alg":"HS256","typ":"at+jwt"}"#), Rejection::WrongSignature),
    ] {
        let count = allocations(|| {
            assert_eq!(jwt.verify_claims::<Role<'_>>(&token, NOW, &mut buffer).unwrap_err(), expected);
            assert_eq!(jwt.verify(&token, NOW).unwrap_err(), expected);
        });
        assert_eq!(count, 0, "{token}");
    }
    let shapeless = [String::new(), "..".into(), "a.b".into(), ".".repeat(8192), "A".repeat(1 << 20)];
    for token in shapeless {
        let count = allocations(|| jwt.verify(&token, NOW).unwrap_err());
        assert_eq!(count, 0, "{} bytes", token.len());
    }
    let expired = NOW.plus(std::time::Duration::from_secs(3600));
    let count = allocations(|| jwt.verify_claims::<Role<'_>>(&good, expired, &mut buffer).unwrap_err());
    assert_eq!(count, 0, "expired");
    assert!(allocations(|| jwt.verify(&good, expired).unwrap_err()) <= 2);
}

#[test]
fn a_session_of_the_embedded_store_is_verified_without_allocation() {
    let auth = Auth::with_sessions(ServerSessions::builder(MemoryStore::new()).build().unwrap());
    let issued = auth.login(login(&json!({ "role": "admin" }))).now_or_never().unwrap().unwrap();
    let count = allocations(|| {
        let principal = auth.authenticate(issued.credential().expose()).now_or_never().unwrap().unwrap();
        assert_eq!(principal.claims::<Role<'_>>().unwrap().role, "admin");
    });
    assert_eq!(count, 0);
}

/// The work of a store of blobs in every verification.
#[test]
fn a_stored_record_is_read_into_one_block() {
    let store = MemoryStore::new();
    let auth = Auth::with_sessions(ServerSessions::builder(store.clone()).build().unwrap());
    let device = Device::unknown().with_label("Ada's phone").with_user_agent("Mozilla/5.0");
    let login = login(&json!({ "role": "admin" })).device(device.with_ip([127, 0, 0, 1].into()));
    let issued = auth.login(login).now_or_never().unwrap().unwrap();
    let id = issued.principal().session_id().unwrap();
    let record = store.load(id).now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(allocations(|| SessionRecord::decode(record.as_bytes()).unwrap()), 1);
}

/// A payload above a kilobyte is decoded on the heap.
#[test]
fn t8_a_principal_with_large_claims_takes_one_allocation_more() {
    let jwt = jwt();
    let mut buffer = TokenBuffer::new();
    for len in [100, 1000, 3000] {
        let token = own_token(&json!({ "role": "admin", "note": "x".repeat(len) }));
        let count = allocations(|| jwt.verify(&token, NOW).unwrap());
        assert_eq!(count, if len < 600 { 1 } else { 2 }, "{len}");
        let count = allocations(|| {
            jwt.verify_claims::<Role<'_>>(&token, NOW, &mut buffer).unwrap();
        });
        assert_eq!(count, 0, "{len}");
    }
}

#[test]
fn t8_a_header_that_is_no_header_takes_a_bounded_number_of_allocations() {
    let jwt = jwt();
    // Names with an escape are owned strings; a header has at most 16 members.
    let escaped: String = (0..16).map(|name| format!(r#""\u006{name:x}":1,"#)).collect();
    for (header, most) in [
        ("", 4),
        ("[]", 4),
        ("{", 4),
        ("null", 4),
        (r#"{"alg":1}"#, 4),
        (r#"{"a":1,"a":1}"#, 4),
        (&"[".repeat(512), 4),
        (&format!(r#"{{{escaped}"alg":"HS256"}}"#), 16 + 8),
    ] {
        let token = format!("{}.AAAA.AAAA", URL_SAFE_NO_PAD.encode(header));
        let count = allocations(|| jwt.verify(&token, NOW).unwrap_err());
        assert!(count <= most, "{header}: {count}");
    }
}

#[test]
fn a3_authenticating_a_session_takes_two_allocations() {
    let sessions = ServerSessions::builder(MemoryStore::new()).build().unwrap();
    let auth = Auth::with_sessions(sessions).with_clock(ManualClock::new(NOW));
    let issued = auth.login(login(&json!({ "role": "admin" }))).now_or_never().unwrap().unwrap();
    let token = issued.credential().expose();
    let count = allocations(|| auth.authenticate(token).now_or_never().unwrap().unwrap());
    assert!(count <= 2, "{count}");
    let principal = auth.authenticate(token).now_or_never().unwrap().unwrap();
    assert_eq!(allocations(|| principal.claims::<Role<'_>>().unwrap().role == "admin"), 0);
    assert_eq!(allocations(|| principal.clone()), 0, "a principal is one shared block");
}
