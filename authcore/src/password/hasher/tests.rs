use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use proptest::prelude::*;

use super::*;
use crate::password::pool::tests::Gate;

const TODAY: u64 = 19_456 * 2;

fn hasher() -> PasswordHasher {
    PasswordHasher::builder().threads(1).build().unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

/// A hash by another tool: `argon2` itself.
fn foreign(text: &str, algorithm: Algorithm, version: Version, (m, t, p): (u32, u32, u32)) -> PasswordHash {
    let params = Params::new(m, t, p, None).unwrap();
    let hash = Argon2::new(algorithm, version, params)
        .hash_password_with_salt(text.as_bytes(), b"sixteen byte sal")
        .unwrap();
    PasswordHash::new(hash.to_string())
}

/// Returns the result of one poll.
async fn polled<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

impl PasswordHasher {
    /// Returns the work since the last call, in KiB times passes.
    pub(in crate::password) fn worked(&self) -> u64 {
        self.0.engine.worked.swap(0, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn p1_hashes_are_argon2id_with_at_least_the_required_parameters() {
    let hasher = hasher();
    let one = hasher.hash(NewPassword::new("correct horse").unwrap()).await.unwrap();
    let two = hasher.hash(NewPassword::new("correct horse").unwrap()).await.unwrap();
    assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.expose());
    assert_ne!(one.expose(), two.expose(), "each has its own salt");
    for stored in [&one, &two] {
        assert_eq!(hasher.verify(password("correct horse"), Some(stored)).await.unwrap(), Verdict::Match);
    }
}

#[test]
fn p1_parameters_only_rise() {
    let builder = PasswordHasher::builder;
    for refused in [
        builder().memory_kib(19_455),
        builder().iterations(1),
        builder().parallelism(0),
        builder().memory_kib(MAX_MEMORY + 1),
        builder().memory_kib(MAX_MEMORY).iterations(9),
        builder().iterations(u32::MAX),
        builder().parallelism(65),
        builder().threads(0),
        builder().threads(257),
        builder().max_waiting(0),
        builder().max_waiting(65_537),
    ] {
        assert!(refused.clone().build().is_err(), "{refused:?}");
    }
    for allowed in [
        builder().memory_kib(65_536).iterations(3).parallelism(4),
        builder().memory_kib(MAX_MEMORY).iterations(8).parallelism(64),
    ] {
        assert!(allowed.clone().build().is_ok(), "{allowed:?}");
    }
    let too_much = builder().memory_kib(1 << 20).build().unwrap_err().to_string();
    assert!(too_much.contains("524288 KiB"), "{too_much}");
}

#[tokio::test]
async fn p1_a_weaker_hash_verifies_by_its_own_parameters_and_is_outdated() {
    let hasher = hasher();
    use Algorithm::{Argon2d, Argon2i, Argon2id};
    for (algorithm, version, params, verdict) in [
        (Argon2id, Version::V0x13, (19_456, 2, 1), Verdict::Match),
        (Argon2id, Version::V0x13, (32_768, 3, 1), Verdict::Match),
        (Argon2id, Version::V0x13, (4_096, 2, 1), Verdict::MatchOutdated),
        (Argon2id, Version::V0x13, (19_456, 1, 1), Verdict::MatchOutdated),
        (Argon2id, Version::V0x10, (19_456, 2, 1), Verdict::MatchOutdated),
        (Argon2i, Version::V0x13, (19_456, 2, 1), Verdict::MatchOutdated),
        (Argon2d, Version::V0x13, (19_456, 2, 2), Verdict::MatchOutdated),
        (Argon2id, Version::V0x13, (19_456, 2, 2), Verdict::Match),
        // Cheaper in one respect, or another variant or version, and more expensive in another respect.
        (Argon2id, Version::V0x13, (65_536, 1, 1), Verdict::Match),
        (Argon2id, Version::V0x13, (4_096, 4, 1), Verdict::Match),
        (Argon2i, Version::V0x10, (19_457, 2, 1), Verdict::Match),
    ] {
        let stored = foreign("old", algorithm, version, params);
        assert_eq!(hasher.verify(password("old"), Some(&stored)).await.unwrap(), verdict, "{stored:?}");
        assert_eq!(hasher.verify(password("new"), Some(&stored)).await.unwrap(), Verdict::Mismatch);
    }
    let first = foreign("old", Argon2i, Version::V0x10, (4_096, 2, 1));
    let unversioned = PasswordHash::new(first.expose().replace("$v=16", ""));
    assert_eq!(hasher.verify(password("old"), Some(&unversioned)).await.unwrap(), Verdict::MatchOutdated);
}

#[tokio::test]
async fn p2_an_unknown_user_costs_a_real_verification() {
    let hasher = hasher();
    let stored = hasher.hash(NewPassword::new("correct horse").unwrap()).await.unwrap();
    assert_eq!(hasher.worked(), TODAY);
    assert_eq!(hasher.verify(password("wrong"), Some(&stored)).await.unwrap(), Verdict::Mismatch);
    assert_eq!(hasher.worked(), TODAY);
    assert_eq!(hasher.verify(password("wrong"), None).await.unwrap(), Verdict::Mismatch);
    assert_eq!(hasher.worked(), TODAY);
    let corrupt = hasher.verify(password("wrong"), Some(&PasswordHash::new("hunter2"))).await;
    assert!(matches!(corrupt, Err(PasswordError::CorruptHash)), "{corrupt:?}");
    assert_eq!(hasher.worked(), TODAY);
}

#[tokio::test]
async fn p2_a_wrong_password_costs_as_much_on_an_account_with_older_parameters() {
    let hasher = PasswordHasher::builder().memory_kib(32_768).iterations(3).threads(1).build().unwrap();
    for params in [(19_456, 2, 1), (32_768, 2, 1), (8, 1, 1), (32_767, 3, 1), (1_000, 64, 1)] {
        let stored = foreign("old", Algorithm::Argon2id, Version::V0x13, params);
        assert_eq!(hasher.verify(password("wrong"), Some(&stored)).await.unwrap(), Verdict::Mismatch);
        let (worked, today) = (hasher.worked(), 32_768 * 3);
        assert!(worked.abs_diff(today) <= 8, "{params:?}: {worked}");
    }
}

#[tokio::test]
async fn p2_a_wrong_password_costs_as_much_as_the_most_expensive_hash_seen() {
    let hasher = hasher();
    let expensive = foreign("old", Algorithm::Argon2id, Version::V0x13, (65_536, 3, 1));
    let older = foreign("old", Algorithm::Argon2id, Version::V0x13, (4_096, 2, 1));
    // A right password counts as well.
    assert_eq!(hasher.verify(password("old"), Some(&expensive)).await.unwrap(), Verdict::Match);
    assert_eq!(hasher.worked(), 65_536 * 3);
    for stored in [None, Some(&expensive), Some(&older), Some(&PasswordHash::new("hunter2"))] {
        let outcome = hasher.verify(password("wrong"), stored).await;
        assert!(matches!(outcome, Ok(Verdict::Mismatch) | Err(PasswordError::CorruptHash)), "{outcome:?}");
        let worked = hasher.worked();
        assert!(worked.abs_diff(65_536 * 3) <= 64, "{worked}");
    }
    // Right passwords have nothing to hide.
    assert_eq!(hasher.verify(password("old"), Some(&older)).await.unwrap(), Verdict::MatchOutdated);
    assert_eq!(hasher.worked(), 4_096 * 2);
}

#[tokio::test]
async fn p2_one_extreme_hash_makes_other_failures_cost_eight_times_as_much_at_most() {
    let hasher = hasher();
    let extreme = foreign("old", Algorithm::Argon2id, Version::V0x13, (131_072, 3, 1));
    assert_eq!(hasher.verify(password("wrong"), Some(&extreme)).await.unwrap(), Verdict::Mismatch);
    assert_eq!(hasher.worked(), 131_072 * 3);
    assert_eq!(hasher.verify(password("wrong"), None).await.unwrap(), Verdict::Mismatch);
    // Two passes: three would be above eight times today's work.
    assert_eq!(hasher.worked(), 131_072 * 2);
    let monstrous = foreign("old", Algorithm::Argon2id, Version::V0x13, (400_000, 1, 1));
    assert_eq!(hasher.verify(password("old"), Some(&monstrous)).await.unwrap(), Verdict::Match);
    hasher.worked();
    assert_eq!(hasher.verify(password("wrong"), None).await.unwrap(), Verdict::Mismatch);
    assert_eq!(hasher.worked(), TODAY * 8);
}

#[tokio::test]
async fn p1_a_hash_with_absurd_parameters_is_refused_without_being_run() {
    let hasher = hasher();
    let small = foreign("old", Algorithm::Argon2id, Version::V0x13, (8, 1, 1));
    for params in [
        "m=1048576,t=2,p=1",
        "m=524289,t=1,p=1",
        "m=524288,t=9,p=1",
        "m=19456,t=4294967295,p=1",
        "m=4294967295,t=4294967295,p=1",
        "m=19456,t=2,p=65",
    ] {
        let absurd = PasswordHash::new(small.expose().replace("m=8,t=1,p=1", params));
        let refused = hasher.verify(password("old"), Some(&absurd)).await;
        assert!(matches!(refused, Err(PasswordError::CorruptHash)), "{params}: {refused:?}");
        // As much as a wrong password, and as an unknown name.
        assert_eq!(hasher.worked(), TODAY, "{params}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn p1_hashes_of_every_salt_and_output_length_that_argon2_allows_verify(
        algorithm in prop::sample::select(&[Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id][..]),
        version in prop::sample::select(&[Some(Version::V0x13), Some(Version::V0x10), None][..]),
        (memory, passes, lanes) in (8_u32..64, 1_u32..4, 1_u32..=4),
        salt in prop_oneof![
            prop::collection::vec(any::<u8>(), 8..=64),
            prop::collection::vec(any::<u8>(), 8..=600),
        ],
        output in prop_oneof![4_usize..=64, 4_usize..=600],
        text in prop::collection::vec(any::<u8>(), 0..=32),
    ) {
        let memory = memory.max(8 * lanes);
        let argon2 = Argon2::new(
            algorithm,
            version.unwrap_or(Version::V0x10),
            Params::new(memory, passes, lanes, None).unwrap(),
        );
        let mut hash = vec![0; output];
        argon2.hash_password_into(&text, &salt, &mut hash).unwrap();
        let stored = |hash: &[u8]| {
            let version = version.map_or(String::new(), |version| format!("$v={}", u32::from(version)));
            let [salt, hash] = [&salt, hash].map(|bytes| STANDARD_NO_PAD.encode(bytes));
            PasswordHash::new(format!("${algorithm}{version}$m={memory},t={passes},p={lanes}${salt}${hash}"))
        };
        let engine = Engine::new(Params::new(8, 1, 1, None).unwrap()).unwrap();
        let verify = |stored| {
            let expected = Expected::Hash(Box::new(Parsed::parse(&stored).unwrap()));
            engine.verify(&Password::new(text.clone()).unwrap(), &expected).unwrap()
        };
        prop_assert_ne!(verify(stored(&hash)), Verdict::Mismatch);
        hash[output / 2] ^= 1;
        prop_assert_eq!(verify(stored(&hash)), Verdict::Mismatch);
        // A truncated output is a different hash.
        hash[output / 2] ^= 1;
        if output > 4 {
            prop_assert_eq!(verify(stored(&hash[..output - 1])), Verdict::Mismatch);
        }
    }
}

#[test]
fn p6_a_replaced_hash_loses_neither_memory_nor_passes() {
    let engine = |memory, passes| {
        let params = checked_params(memory, passes, 1).unwrap();
        Engine::new(params).unwrap()
    };
    let salt = [7; SALT_LEN];
    for (today, replaced, params) in [
        ((64, 2), "m=32,t=1,p=1", "m=64,t=2,p=1"),
        ((64, 2), "m=64,t=2,p=2", "m=64,t=2,p=1"),
        ((64, 2), "m=128,t=1,p=1", "m=128,t=2,p=1"),
        ((64, 2), "m=32,t=3,p=1", "m=64,t=3,p=1"),
        ((64, 2), "m=128,t=4,p=4", "m=128,t=4,p=1"),
        // Both together would be above the limit of work.
        ((32_768, 2), "m=8,t=500,p=1", "m=8,t=500,p=1"),
    ] {
        let stored = format!("$argon2id$v=19${replaced}$c29tZXNhbHRzb21lc2FsdA$MDEyMw");
        let replaced = Parsed::parse(&PasswordHash::new(stored)).unwrap();
        let fresh = engine(today.0, today.1).hash(&password("new"), salt, Some(&replaced)).unwrap();
        let prefix = format!("$argon2id$v=19${params}$BwcHBwcHBwcHBwcHBwcHBw$");
        assert!(fresh.expose().starts_with(&prefix), "{} from {replaced:?}", fresh.expose());
    }
}

#[tokio::test]
async fn p2_takes_about_as_long_for_known_and_unknown_users() {
    let hasher = hasher();
    let stored = hasher.hash(NewPassword::new("correct horse").unwrap()).await.unwrap();
    let older = foreign("correct horse", Algorithm::Argon2id, Version::V0x13, (1_024, 1, 1));
    // The quickest run of each: other load on the machine only adds time, so more runs only get closer.
    let mut quickest = [Duration::MAX; 3];
    for run in 1..=100 {
        for (stored, quickest) in [None, Some(&stored), Some(&older)].into_iter().zip(&mut quickest) {
            let began = Instant::now();
            assert_eq!(hasher.verify(password("wrong"), stored).await.unwrap(), Verdict::Mismatch);
            *quickest = began.elapsed().min(*quickest);
        }
        let (least, most) = (quickest.iter().min().unwrap(), quickest.iter().max().unwrap());
        if run >= 8 && *most < 2 * *least {
            return;
        }
    }
    panic!("nobody, today's hash, an older one: {quickest:?}");
}

#[tokio::test]
async fn p3_verifies_exactly_what_was_received() {
    let hasher = hasher();
    let stored = hasher.hash(NewPassword::new(" \u{c4}pfel am Baum\0").unwrap()).await.unwrap();
    for other in
        ["\u{c4}pfel am Baum\0", " A\u{308}pfel am Baum\0", " \u{c4}pfel am Baum", " \u{e4}pfel am baum\0"]
    {
        assert_eq!(
            hasher.verify(password(other), Some(&stored)).await.unwrap(),
            Verdict::Mismatch,
            "{other:?}"
        );
    }
    let exact = hasher.verify(password(" \u{c4}pfel am Baum\0"), Some(&stored)).await.unwrap();
    assert_eq!(exact, Verdict::Match);
    let long = "x".repeat(1024);
    let stored = hasher.hash(NewPassword::new(long.as_str()).unwrap()).await.unwrap();
    let nearly = format!("{}y", &long[1..]);
    assert_eq!(hasher.verify(password(&nearly), Some(&stored)).await.unwrap(), Verdict::Mismatch);
}

#[tokio::test]
async fn p3_the_last_copy_of_a_password_goes_with_its_job() {
    let hasher = hasher();
    let watched = password("correct horse");
    let copies = || watched.copies();
    hasher.verify(watched.clone(), None).await.map(drop).unwrap();
    assert_eq!(copies(), 1, "after a verification");

    let (gate, held) = Gate::close(&hasher.0.pool);
    let mut waiting = Box::pin(hasher.verify(watched.clone(), None));
    assert!(polled(&mut waiting).await.is_pending());
    assert_eq!(copies(), 2, "while it waits");
    drop(waiting);
    drop(gate);
    held.await.unwrap();
    // The only thread drops the job before it takes the next.
    hasher.verify(password("other"), None).await.map(drop).unwrap();
    assert_eq!(copies(), 1, "after its future was dropped");
}

#[tokio::test]
async fn p4_clones_share_one_bounded_pool() {
    let hasher = PasswordHasher::builder().threads(1).max_waiting(1).build().unwrap();
    let clone = hasher.clone();
    let (gate, held) = Gate::close(&hasher.0.pool);
    let mut waiting = Box::pin(clone.verify(password("correct horse"), None));
    assert!(polled(&mut waiting).await.is_pending());
    let refused = polled(&mut Box::pin(hasher.hash(NewPassword::new("correct horse").unwrap()))).await;
    assert!(matches!(refused, Poll::Ready(Err(PasswordError::Busy))), "{refused:?}");
    let refused = hasher.verify(password("correct horse"), None).await.unwrap_err();
    assert_eq!(refused.kind(), crate::ErrorKind::Unavailable);
    drop(gate);
    assert_eq!(waiting.await.unwrap(), Verdict::Mismatch);
    held.await.unwrap();
    assert!(hasher.verify(password("correct horse"), None).await.is_ok());
}

#[tokio::test]
async fn p4_never_computes_on_the_calling_thread() {
    let hasher = hasher();
    let mut verification = Box::pin(hasher.verify(password("correct horse"), None));
    let (gate, _held) = Gate::close(&hasher.0.pool);
    // The poll returns although the only thread of the pool is occupied.
    assert!(polled(&mut verification).await.is_pending());
    assert_eq!(hasher.worked(), 0);
    drop(gate);
    assert_eq!(verification.await.unwrap(), Verdict::Mismatch);
    assert_eq!(hasher.worked(), TODAY);
}

#[tokio::test]
async fn p4_a_panic_leaves_no_caller_hanging() {
    let hasher = hasher();
    let outcome = hasher.run::<()>(|| std::panic::resume_unwind(Box::new("on purpose"))).await;
    assert!(matches!(outcome, Err(PasswordError::Failed)), "{outcome:?}");
    assert!(hasher.verify(password("correct horse"), None).await.is_ok());
}

#[test]
fn debug_shows_only_settings() {
    let shown = format!("{:?}", hasher());
    assert!(shown.contains("memory_kib: 19456"), "{shown}");
    assert!(!shown.contains("salt") && !shown.contains("output"), "{shown}");
}
