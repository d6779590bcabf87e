//! The suite rejects every broken store by the right rule, and by no unrelated rule.

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

/// Silences the panic messages of checks, which are expected here.
fn silence_check_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(CHECKING) {
            usual(panic);
        }
    }));
}

/// Runs checks on new stores and returns the messages of those that failed, by name.
fn failures(checks: &[Check], fixture: impl Fn() -> Fixture) -> BTreeMap<&'static str, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .thread_name(CHECKING)
        .enable_all()
        .build()
        .expect("a runtime");
    QUIET.call_once(silence_check_panics);
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

/// Fails unless all checks in `broken` failed, every other failed check belongs to a rule in `perhaps`, and
/// every message begins with its rule.
fn assert_rejected_by(failed: &BTreeMap<&str, String>, broken: &[&str], perhaps: &[&str]) {
    for name in broken {
        assert!(
            failed.contains_key(name),
            "expected {name} to reject the store, but only {:?} do",
            failed.keys()
        );
    }
    for (name, message) in failed {
        let rule = name.split('_').next().unwrap_or_default().to_uppercase();
        assert!(
            message.starts_with(&format!("{rule}: ")),
            "expected the message of {name} to begin with its rule, got: {message}"
        );
        assert!(
            broken.contains(name) || perhaps.contains(&&*rule),
            "expected {name} to accept the store, but it fails: {message}"
        );
    }
}

macro_rules! rejects {
    ($($test:ident: $defect:ident breaks [$($name:ident),+] perhaps [$($rule:literal),*];)+) => {
        $(
            #[test]
            fn $test() {
                let failed = failures(store::checks(), || Broken::new(Defect::$defect).into());
                assert_rejected_by(&failed, &[$(stringify!($name)),+], &[$($rule),*]);
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
    insert_reads_then_writes: InsertReadsThenWrites breaks [s1_one_of_concurrent_inserts_wins] perhaps [];
    insert_indexes_later: InsertIndexesLater breaks [s8_a_dropped_insert_is_all_or_nothing] perhaps ["S4"];
    replace_upserts: ReplaceUpserts
        breaks [
            s2_replace_never_creates,
            s3_an_older_copy_restores_nothing,
            s3_writers_during_remove_restore_nothing
        ]
        perhaps ["S2", "S11"];
    replace_ignores_version: ReplaceIgnoresVersion
        breaks [
            s2_replace_reports_replaced_stale_and_missing,
            s2_versions_compare_exactly,
            s2_one_of_concurrent_replaces_wins
        ]
        perhaps ["S2"];
    replace_takes_lower_versions: ReplaceTakesLowerVersions
        breaks [s2_replace_reports_replaced_stale_and_missing, s2_versions_compare_exactly]
        perhaps [];
    replace_compares_doubles: ReplaceComparesDoubles breaks [s2_versions_compare_exactly] perhaps [];
    replace_reads_then_writes: ReplaceReadsThenWrites
        breaks [s2_one_of_concurrent_replaces_wins, s2_concurrent_writers_lose_no_write]
        perhaps ["S3", "S8", "S11"];
    replace_reports_missing_for_stale: ReplaceReportsMissingForStale
        breaks [s2_replace_reports_replaced_stale_and_missing, s2_versions_compare_exactly]
        perhaps ["S2"];
    remove_always_true: RemoveAlwaysTrue
        breaks [s3_remove_reports_whether_it_removed, s3_one_of_concurrent_removes_wins]
        perhaps [];
    remove_never_true: RemoveNeverTrue
        breaks [s3_remove_reports_whether_it_removed, s3_one_of_concurrent_removes_wins]
        perhaps ["S2", "S3", "S8", "S15", "S9", "A12"];
    remove_forgets_index: RemoveForgetsIndex
        breaks [s5_list_follows_replace_and_remove, s3_remove_reports_whether_it_removed]
        perhaps ["S2", "S3", "S8", "S15", "S9", "A12"];
    remove_all_ignores_keep: RemoveAllIgnoresKeep breaks [s4_remove_all_keeps_the_session_to_keep] perhaps [];
    remove_all_leaves_one: RemoveAllLeavesOne
        breaks [s4_remove_all_removes_and_returns_every_session]
        perhaps ["S3", "S4", "S5", "S6", "S8", "S15", "S9", "A12"];
    remove_all_returns_kept: RemoveAllReturnsKept
        breaks [s4_remove_all_keeps_the_session_to_keep]
        perhaps ["A12"];
    remove_all_one_by_one: RemoveAllOneByOne
        breaks [
            s4_concurrent_remove_all_calls_return_each_session_once,
            s8_a_dropped_removal_is_all_or_nothing
        ]
        perhaps ["S4"];
    list_misses_one: ListMissesOne
        breaks [s5_list_returns_every_session_of_the_subject, s5_list_follows_replace_and_remove]
        perhaps ["S1", "S2", "S3", "S4", "S6", "S7", "S8", "S11", "S15", "S16", "S9", "A12"];
    list_is_truncated: ListIsTruncated breaks [s5_list_returns_every_session_of_the_subject] perhaps [];
    list_folds_case: ListFoldsCase breaks [s5_subjects_compare_byte_by_byte] perhaps ["A12"];
    list_trims: ListTrims breaks [s5_subjects_compare_byte_by_byte] perhaps [];
    list_by_partition: ListByPartition
        breaks [s5_subjects_in_one_partition_stay_separate, s4_remove_all_leaves_other_subjects_alone]
        perhaps ["S1", "S4"];
    expires_by_its_own_clock: ExpiresByItsOwnClock
        breaks [s6_time_to_live_follows_the_callers_clock]
        perhaps ["S6"];
    lifetime_in_whole_seconds: LifetimeInWholeSeconds
        breaks [s6_a_life_below_one_second_is_not_rounded_to_zero]
        perhaps [];
    ignores_new_expiry: IgnoresNewExpiry breaks [s6_replace_moves_the_expiry] perhaps ["S11"];
    largest_expiry_overflows: LargestExpiryOverflows breaks [s6_the_earlier_expiry_counts] perhaps [];
    claims_reserialized: ClaimsReserialized breaks [s7_claims_round_trip_byte_for_byte] perhaps [];
    claims_trimmed: ClaimsTrimmed breaks [s7_claims_round_trip_byte_for_byte] perhaps [];
    device_dropped: DeviceDropped
        breaks [s7_devices_round_trip, s7_claims_of_the_largest_size_round_trip]
        perhaps ["S9"];
    details_dropped: DetailsDropped breaks [s7_details_round_trip] perhaps ["S7", "S9"];
    api_key_as_session: ApiKeyAsSession breaks [s7_every_kind_of_credential_round_trips] perhaps ["S9"];
    reads_one_format: ReadsOneFormat
        breaks [s9_records_of_both_formats_round_trip, s7_details_round_trip]
        perhaps ["S7", "A12"];
    realm_ignored: RealmIgnored
        breaks [a12_realms_are_isolated, a12_remove_all_stays_in_its_realm]
        perhaps ["S7"];
    realm_joined_by_a_separator: RealmJoinedBySeparator breaks [a12_realms_are_isolated] perhaps [];
    remove_all_crosses_realms: RemoveAllCrossesRealms
        breaks [a12_realms_are_isolated, a12_remove_all_stays_in_its_realm]
        perhaps [];
    purges_one_realm: PurgesOneRealm breaks [a12_a_purge_covers_all_realms] perhaps [];
    milliseconds_truncated: MillisecondsTruncated breaks [s7_the_largest_numbers_round_trip] perhaps ["S9"];
    numbers_as_doubles: NumbersAsDoubles breaks [s7_the_largest_numbers_round_trip] perhaps [];
    clone_does_not_share: CloneDoesNotShare
        breaks [s8_handles_share_state, s15_every_handle_sees_acknowledged_writes]
        perhaps ["S16"];
    debug_shows_claims: DebugShowsClaims breaks [s10_debug_shows_no_claims_and_no_secrets] perhaps [];
    purge_removes_live: PurgeRemovesLive
        breaks [s11_purge_removes_only_what_has_expired]
        perhaps ["S6", "A12"];
    purge_removes_too_early: PurgeRemovesTooEarly breaks [s11_purge_removes_only_what_has_expired] perhaps [];
    purge_ignores_limit: PurgeIgnoresLimit breaks [s11_purge_respects_its_limit] perhaps ["S11"];
    purge_never_more: PurgeNeverMore breaks [s11_purge_respects_its_limit] perhaps [];
    purge_does_nothing: PurgeDoesNothing
        breaks [s11_purge_removes_only_what_has_expired, s11_concurrent_purges_count_each_record_once]
        perhaps ["S6", "S11", "A12"];
    purge_removes_used: PurgeRemovesUsed
        breaks [s11_purge_spares_a_record_used_meanwhile]
        perhaps [];
    reads_a_replica: ReadsAReplica
        breaks [s15_every_handle_sees_acknowledged_writes]
        perhaps ["S1", "S2", "S5", "S6", "S7", "S8", "S11", "S16", "S9", "A12"];
    conflicts_sometimes: ConflictsSometimes
        breaks [s16_no_conflict_without_a_competing_write]
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
    const S12: Check = Check::new("s12_isolated_stores_never_see_each_other", |fixture| {
        Box::pin(store::s12_isolated_stores_never_see_each_other(fixture))
    });
    let apart = || Fixture::new(MemoryStore::new()).second_handle(MemoryStore::new());
    assert_eq!(failures(&[S12], apart), BTreeMap::new());
    assert_rejected_by(&failures(&[S12], || MemoryStore::new().into()), &[S12.name()], &[]);
}

#[test]
fn a_store_whose_server_expires_need_not_purge() {
    let checks: Vec<_> = store::checks().iter().copied().filter(|check| check.rule() == "S11").collect();
    let fixture = || Fixture::new(Broken::new(Defect::PurgeDoesNothing)).expires_by_itself();
    assert_eq!(failures(&checks, fixture), BTreeMap::new());
}

/// The strategy suite also rejects a store that breaks its contract.
#[test]
fn strategies_over_broken_stores() {
    for (defect, broken) in [
        (Defect::ReplaceUpserts, "s3_a_request_in_flight_restores_no_session"),
        (Defect::ReplaceIgnoresVersion, "a8_concurrent_changes_of_claims_lose_none"),
        (Defect::ReplaceReadsThenWrites, "a8_concurrent_changes_of_claims_lose_none"),
        (Defect::ReplaceIgnoresVersion, "a11_a_retry_checks_the_principal_again"),
        (Defect::RemoveAlwaysTrue, "r3_one_call_reports_a_reuse"),
        (Defect::ListMissesOne, "a7_concurrent_logins_end_at_the_limit"),
        (Defect::RemoveAllIgnoresKeep, "a11_a_subject_revokes_only_its_own_sessions"),
        (Defect::RemoveAllCrossesRealms, "a12_lists_limits_and_logouts_stay_in_their_realm"),
        (Defect::DetailsDropped, "a13_each_kind_has_its_own_limits"),
        (Defect::ReadsAReplica, "a6_the_old_credential_fails_after_renew"),
    ] {
        let checks: Vec<_> =
            strategy::checks().iter().copied().filter(|check| check.name() == broken).collect();
        assert_rejected_by(&failures(&checks, || Broken::new(defect).into()), &[broken], &[]);
    }
}
