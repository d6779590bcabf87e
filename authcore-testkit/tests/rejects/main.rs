//! The suite rejects every broken store, by the right rule, and nothing else of it.

#![expect(clippy::expect_used, reason = "tests")]

mod broken;

use std::collections::BTreeMap;
use std::sync::Once;

use authcore::MemoryStore;
use authcore_testkit::{Check, Fixture, store, strategy};

use broken::{Broken, Defect};

/// The name of the threads that run checks.
const CHECKING: &str = "checking";

static QUIET: Once = Once::new();

/// Failures of checks are expected here; their backtraces would only be in the way.
fn be_quiet() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(CHECKING) {
            usual(panic);
        }
    }));
}

/// Runs checks on fresh stores and gives the messages of those that failed, by their names.
fn failures(checks: &[Check], fixture: impl Fn() -> Fixture) -> BTreeMap<&'static str, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .thread_name(CHECKING)
        .enable_all()
        .build()
        .expect("a runtime");
    QUIET.call_once(be_quiet);
    let mut failed = BTreeMap::new();
    for check in checks {
        let running = runtime.spawn({
            let (check, fixture) = (*check, fixture());
            async move { check.run(fixture).await }
        });
        if let Err(error) = runtime.block_on(running) {
            let panic = error.into_panic();
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            failed.insert(check.name(), text.expect("a message"));
        }
    }
    failed
}

/// Fails unless all of `broken` failed, everything else that did is of a rule in `perhaps`, and every message
/// begins with its rule.
fn judge(failed: &BTreeMap<&str, String>, broken: &[&str], perhaps: &[&str]) {
    for name in broken {
        assert!(failed.contains_key(name), "{name} accepts the store; {:?} do not", failed.keys());
    }
    for (name, message) in failed {
        let rule = name.split('_').next().unwrap_or_default().to_uppercase();
        assert!(message.starts_with(&format!("{rule}: ")), "{name} does not begin with its rule: {message}");
        assert!(broken.contains(name) || perhaps.contains(&&*rule), "{name} blames the store: {message}");
    }
}

macro_rules! rejects {
    ($($test:ident: $defect:ident breaks [$($name:ident),+] perhaps [$($rule:literal),*];)+) => {
        $(
            #[test]
            fn $test() {
                let failed = failures(store::checks(), || Broken::new(Defect::$defect).into());
                judge(&failed, &[$(stringify!($name)),+], &[$($rule),*]);
            }
        )+
    };
}

rejects! {
    insert_overwrites: InsertOverwrites
        breaks [
            s1_insert_never_overwrites,
            s1_insert_never_overwrites_for_another_subject,
            s1_one_of_concurrent_inserts_wins
        ]
        perhaps [];
    insert_looks_then_writes: InsertLooksThenWrites breaks [s1_one_of_concurrent_inserts_wins] perhaps [];
    insert_indexes_later: InsertIndexesLater breaks [s8_a_dropped_insert_is_whole_or_nothing] perhaps ["S4"];
    replace_upserts: ReplaceUpserts
        breaks [
            s2_replace_never_creates,
            s3_an_older_copy_brings_nothing_back,
            s3_writers_beside_remove_bring_nothing_back
        ]
        perhaps ["S2", "S11"];
    replace_ignores_version: ReplaceIgnoresVersion
        breaks [
            s2_replace_answers_done_stale_and_gone,
            s2_versions_compare_exactly,
            s2_one_of_concurrent_replaces_wins
        ]
        perhaps ["S2"];
    replace_takes_lower_versions: ReplaceTakesLowerVersions
        breaks [s2_replace_answers_done_stale_and_gone, s2_versions_compare_exactly]
        perhaps [];
    replace_compares_doubles: ReplaceComparesDoubles breaks [s2_versions_compare_exactly] perhaps [];
    replace_looks_then_writes: ReplaceLooksThenWrites
        breaks [s2_one_of_concurrent_replaces_wins, s2_concurrent_writers_lose_no_write]
        perhaps ["S3", "S8", "S11"];
    replace_says_gone_for_stale: ReplaceSaysGoneForStale
        breaks [s2_replace_answers_done_stale_and_gone, s2_versions_compare_exactly]
        perhaps ["S2"];
    remove_always_true: RemoveAlwaysTrue
        breaks [s3_remove_tells_whether_it_removed, s3_one_of_concurrent_removes_removes]
        perhaps [];
    remove_never_true: RemoveNeverTrue
        breaks [s3_remove_tells_whether_it_removed, s3_one_of_concurrent_removes_removes]
        perhaps ["S2", "S3", "S8", "S15", "S9", "A12"];
    remove_forgets_index: RemoveForgetsIndex
        breaks [s5_list_follows_replace_and_remove, s3_remove_tells_whether_it_removed]
        perhaps ["S2", "S3", "S8", "S15", "S9", "A12"];
    remove_all_ignores_keep: RemoveAllIgnoresKeep breaks [s4_remove_all_keeps_the_one_to_keep] perhaps [];
    remove_all_leaves_one: RemoveAllLeavesOne
        breaks [s4_remove_all_takes_every_session_and_tells_which]
        perhaps ["S3", "S4", "S5", "S6", "S8", "S15", "S9", "A12"];
    remove_all_names_kept: RemoveAllNamesKept breaks [s4_remove_all_keeps_the_one_to_keep] perhaps ["A12"];
    remove_all_one_by_one: RemoveAllOneByOne
        breaks [s4_concurrent_remove_all_share_the_sessions, s8_a_dropped_removal_is_whole_or_nothing]
        perhaps ["S4"];
    list_misses_one: ListMissesOne
        breaks [s5_list_returns_every_session_of_the_subject, s5_list_follows_replace_and_remove]
        perhaps ["S1", "S2", "S3", "S4", "S6", "S7", "S8", "S11", "S15", "S16", "S9", "A12"];
    list_is_cut: ListIsCut breaks [s5_list_returns_every_session_of_the_subject] perhaps [];
    list_folds_case: ListFoldsCase breaks [s5_subjects_compare_byte_by_byte] perhaps ["A12"];
    list_trims: ListTrims breaks [s5_subjects_compare_byte_by_byte] perhaps [];
    list_by_partition: ListByPartition
        breaks [s5_neighbours_in_a_partition_are_kept_apart, s4_remove_all_leaves_other_subjects_alone]
        perhaps ["S1", "S4"];
    expires_by_its_own_clock: ExpiresByItsOwnClock
        breaks [s6_time_to_live_counts_from_the_last_use_by_the_callers_clock]
        perhaps ["S6"];
    life_in_whole_seconds: LifeInWholeSeconds
        breaks [s6_less_than_a_second_is_not_rounded_to_nothing]
        perhaps [];
    forgets_new_end: ForgetsNewEnd breaks [s6_a_replace_gives_the_record_its_new_end] perhaps ["S11"];
    endless_overflows: EndlessOverflows breaks [s6_the_earlier_end_counts] perhaps [];
    claims_reserialized: ClaimsReserialized breaks [s7_claims_round_trip_byte_for_byte] perhaps [];
    claims_trimmed: ClaimsTrimmed breaks [s7_claims_round_trip_byte_for_byte] perhaps [];
    device_dropped: DeviceDropped
        breaks [s7_devices_round_trip, s7_claims_of_the_largest_size_round_trip]
        perhaps ["S9"];
    details_dropped: DetailsDropped breaks [s7_details_round_trip] perhaps ["S7", "S9"];
    api_key_as_session: ApiKeyAsSession breaks [s7_every_kind_of_credential_round_trips] perhaps ["S9"];
    reads_one_format: ReadsOneFormat
        breaks [s9_records_of_both_formats_are_kept, s7_details_round_trip]
        perhaps ["S7", "A12"];
    realm_ignored: RealmIgnored
        breaks [a12_realms_are_kept_apart, a12_remove_all_stays_in_its_realm]
        perhaps ["S7"];
    realm_joined_by_a_separator: RealmJoinedBySeparator breaks [a12_realms_are_kept_apart] perhaps [];
    remove_all_takes_all_realms: RemoveAllTakesAllRealms
        breaks [a12_realms_are_kept_apart, a12_remove_all_stays_in_its_realm]
        perhaps [];
    purges_one_realm: PurgesOneRealm breaks [a12_a_purge_cleans_all_realms] perhaps [];
    milliseconds_cut: MillisecondsCut breaks [s7_the_largest_numbers_round_trip] perhaps ["S9"];
    numbers_as_doubles: NumbersAsDoubles breaks [s7_the_largest_numbers_round_trip] perhaps [];
    clone_does_not_share: CloneDoesNotShare
        breaks [s8_handles_share_state, s15_every_handle_sees_acknowledged_writes]
        perhaps ["S16"];
    debug_shows_claims: DebugShowsClaims breaks [s10_debug_shows_no_claims_and_no_secrets] perhaps [];
    purge_takes_live: PurgeTakesLive
        breaks [s11_purge_removes_only_what_has_expired]
        perhaps ["S6", "A12"];
    purge_takes_end: PurgeTakesEnd breaks [s11_purge_removes_only_what_has_expired] perhaps [];
    purge_ignores_limit: PurgeIgnoresLimit breaks [s11_purge_keeps_to_its_limit] perhaps ["S11"];
    purge_never_more: PurgeNeverMore breaks [s11_purge_keeps_to_its_limit] perhaps [];
    purge_does_nothing: PurgeDoesNothing
        breaks [s11_purge_removes_only_what_has_expired, s11_concurrent_purges_count_each_record_once]
        perhaps ["S6", "S11", "A12"];
    purge_takes_used: PurgeTakesUsed
        breaks [s11_purge_never_takes_a_record_that_was_used_meanwhile]
        perhaps [];
    reads_a_replica: ReadsAReplica
        breaks [s15_every_handle_sees_acknowledged_writes]
        perhaps ["S1", "S2", "S5", "S6", "S7", "S8", "S11", "S16", "S9", "A12"];
    conflict_once_in_a_while: ConflictOnceInAWhile
        breaks [s16_no_conflict_without_a_rival]
        perhaps ["S4", "S5", "S6", "S7", "S11", "S15", "S9", "A12"];
}

#[test]
fn a_store_without_a_defect_passes_everything() {
    let fixture = || Fixture::new(MemoryStore::new());
    assert_eq!(failures(store::checks(), fixture), BTreeMap::new());
    assert_eq!(failures(strategy::checks(), fixture), BTreeMap::new());
}

#[test]
fn stores_that_are_not_apart() {
    const S12: Check = Check::new("s12_stores_apart_never_see_each_other", |fixture| {
        Box::pin(store::s12_stores_apart_never_see_each_other(fixture))
    });
    let apart = || Fixture::new(MemoryStore::new()).second_handle(MemoryStore::new());
    assert_eq!(failures(&[S12], apart), BTreeMap::new());
    judge(&failures(&[S12], || MemoryStore::new().into()), &[S12.name()], &[]);
}

#[test]
fn a_store_whose_server_expires_need_not_purge() {
    let checks: Vec<_> = store::checks().iter().copied().filter(|check| check.rule() == "S11").collect();
    let fixture = || Fixture::new(Broken::new(Defect::PurgeDoesNothing)).expires_by_itself();
    assert_eq!(failures(&checks, fixture), BTreeMap::new());
}

/// The strategies over a store that breaks its contract break theirs.
#[test]
fn strategies_over_broken_stores() {
    for (defect, broken) in [
        (Defect::ReplaceUpserts, "s3_a_request_in_flight_brings_no_session_back"),
        (Defect::ReplaceIgnoresVersion, "a8_concurrent_changes_of_claims_lose_none"),
        (Defect::ReplaceLooksThenWrites, "a8_concurrent_changes_of_claims_lose_none"),
        (Defect::ReplaceIgnoresVersion, "a11_a_retry_checks_the_principal_again"),
        (Defect::RemoveAlwaysTrue, "r3_one_call_reports_a_reuse"),
        (Defect::ListMissesOne, "a7_concurrent_logins_settle_at_the_limit"),
        (Defect::RemoveAllIgnoresKeep, "a11_only_own_sessions_are_revoked"),
        (Defect::RemoveAllTakesAllRealms, "a12_lists_limits_and_logouts_stay_in_their_realm"),
        (Defect::DetailsDropped, "a13_each_kind_has_its_own_limits"),
        (Defect::ReadsAReplica, "a6_a_renewed_credential_fails_at_once"),
    ] {
        let checks: Vec<_> =
            strategy::checks().iter().copied().filter(|check| check.name() == broken).collect();
        judge(&failures(&checks, || Broken::new(defect).into()), &[broken], &[]);
    }
}
