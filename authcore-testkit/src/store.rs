//! The checks of a store's contract: what [`store_contract!`](crate::store_contract) runs, each by name.
//!
//! Every function takes a [`Fixture`](crate::Fixture) with a fresh store, must run on a tokio runtime of
//! several threads, and panics with a message that begins with the rule if the store breaks it.

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

/// All checks that run on one store; [`s12_stores_apart_never_see_each_other`] needs two and is not among
/// them.
pub const fn checks() -> &'static [Check] {
    const ALL: &[Check] = crate::__store_checks! { __table () };
    ALL
}

/// The one list of the checks: hands it to the macro `$then`, for the table and for the tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_checks {
    ($then:ident $args:tt) => {
        $crate::$then! { $args store
            s1_insert_never_overwrites
            s1_insert_never_overwrites_for_another_subject
            s1_one_of_concurrent_inserts_wins
            s2_replace_answers_done_stale_and_gone
            s2_replace_never_creates
            s2_versions_compare_exactly
            s2_one_of_concurrent_replaces_wins
            s2_concurrent_writers_lose_no_write
            s3_remove_tells_whether_it_removed
            s3_an_older_copy_brings_nothing_back
            s3_one_of_concurrent_removes_removes
            s3_writers_beside_remove_bring_nothing_back
            s4_remove_all_takes_every_session_and_tells_which
            s4_remove_all_keeps_the_one_to_keep
            s4_remove_all_leaves_other_subjects_alone
            s4_list_and_load_agree_beside_remove_all
            s4_concurrent_remove_all_share_the_sessions
            s5_list_returns_every_session_of_the_subject
            s5_list_follows_replace_and_remove
            s5_subjects_compare_byte_by_byte
            s5_neighbours_in_a_partition_are_kept_apart
            s6_time_to_live_counts_from_the_last_use_by_the_callers_clock
            s6_less_than_a_second_is_not_rounded_to_nothing
            s6_a_record_already_over_is_no_error
            s6_a_replace_gives_the_record_its_new_end
            s6_the_earlier_end_counts
            s7_claims_round_trip_byte_for_byte
            s7_claims_of_the_largest_size_round_trip
            s7_devices_round_trip
            s7_every_kind_of_credential_round_trips
            s7_details_round_trip
            s7_the_largest_numbers_round_trip
            s8_handles_share_state
            s8_a_dropped_insert_is_whole_or_nothing
            s8_a_dropped_replace_is_whole_or_nothing
            s8_a_dropped_removal_is_whole_or_nothing
            s9_records_of_both_formats_are_kept
            s10_debug_shows_no_claims_and_no_secrets
            s11_purge_removes_only_what_has_expired
            s11_purge_keeps_to_its_limit
            s11_concurrent_purges_count_each_record_once
            s11_purge_never_takes_a_record_that_was_used_meanwhile
            a12_realms_are_kept_apart
            a12_remove_all_stays_in_its_realm
            a12_a_purge_cleans_all_realms
            s15_every_handle_sees_acknowledged_writes
            s16_no_conflict_without_a_rival
        }
    };
}
