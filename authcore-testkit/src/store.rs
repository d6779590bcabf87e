//! The checks of the store contract, which [`store_contract!`](crate::store_contract) turns into tests.
//!
//! Every check takes a [`Fixture`](crate::Fixture) with a new store and must run on a multi-threaded tokio
//! runtime. It panics with a message that begins with the rule if the store breaks that rule.

mod bytes;
mod cancel;
mod expiry;
mod formats;
mod handles;
mod insert;
mod list;
mod purge;
mod realms;
mod remove;
mod remove_all;
mod replace;

pub use bytes::*;
pub use cancel::*;
pub use expiry::*;
pub use formats::*;
pub use handles::*;
pub use insert::*;
pub use list::*;
pub use purge::*;
pub use realms::*;
pub use remove::*;
pub use remove_all::*;
pub use replace::*;

use crate::Check;

/// Returns all checks that run on one store.
///
/// [`s12_isolated_stores_never_see_each_other`] needs two stores and is not among them.
pub const fn checks() -> &'static [Check] {
    const ALL: &[Check] = crate::__store_checks! { __table () };
    ALL
}

/// The list of all checks, passed to the macro `$then`, which builds the table or the tests from it.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_checks {
    ($then:ident $args:tt) => {
        $crate::$then! { $args store
            s1_insert_never_overwrites
            s1_insert_never_overwrites_for_another_subject
            s1_one_of_concurrent_inserts_wins
            s2_replace_reports_replaced_stale_and_missing
            s2_replace_never_creates
            s2_versions_compare_exactly
            s2_one_of_concurrent_replaces_wins
            s2_concurrent_writers_lose_no_write
            s3_remove_reports_whether_it_removed
            s3_an_older_copy_restores_nothing
            s3_one_of_concurrent_removes_wins
            s3_writers_during_remove_restore_nothing
            s4_remove_all_removes_and_returns_every_session
            s4_remove_all_keeps_the_session_to_keep
            s4_remove_all_leaves_other_subjects_alone
            s4_list_and_load_agree_during_remove_all
            s4_concurrent_remove_all_calls_return_each_session_once
            s5_list_returns_every_session_of_the_subject
            s5_list_follows_replace_and_remove
            s5_subjects_compare_byte_by_byte
            s5_subjects_in_one_partition_stay_separate
            s6_time_to_live_follows_the_callers_clock
            s6_a_life_below_one_second_is_not_rounded_to_zero
            s6_an_expired_record_is_not_an_error
            s6_replace_moves_the_expiry
            s6_the_earlier_expiry_counts
            s7_claims_round_trip_byte_for_byte
            s7_claims_of_the_largest_size_round_trip
            s7_devices_round_trip
            s7_every_kind_of_credential_round_trips
            s7_details_round_trip
            s7_the_largest_numbers_round_trip
            s8_handles_share_state
            s8_a_dropped_insert_is_all_or_nothing
            s8_a_dropped_replace_is_all_or_nothing
            s8_a_dropped_removal_is_all_or_nothing
            s9_records_of_both_formats_round_trip
            s10_debug_shows_no_claims_and_no_secrets
            s11_purge_removes_only_what_has_expired
            s11_purge_respects_its_limit
            s11_concurrent_purges_count_each_record_once
            s11_purge_spares_a_record_used_meanwhile
            a12_realms_are_isolated
            a12_remove_all_stays_in_its_realm
            a12_a_purge_covers_all_realms
            s15_every_handle_sees_acknowledged_writes
            s16_no_conflict_without_a_competing_write
        }
    };
}
