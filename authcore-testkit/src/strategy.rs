//! The checks of the strategies over a store: what [`strategy_contract!`](crate::strategy_contract) runs,
//! each by name.
//!
//! They drive [`Auth`](authcore::Auth) with a clock that stands near the real time and is moved by hand. All
//! timeouts are hours, so that a server that drops records by its own clock never does so during a check.

mod delivery;
mod kinds;
mod lifetime;
mod login;
mod principal;
mod realms;
mod refresh;
mod refresh_faults;
mod reuse;
mod world;

pub use delivery::*;
pub use kinds::*;
pub use lifetime::*;
pub use login::*;
pub use principal::*;
pub use realms::*;
pub use refresh::*;
pub use refresh_faults::*;
pub use reuse::*;

use crate::Check;

/// All checks of the strategies.
pub const fn checks() -> &'static [Check] {
    const ALL: &[Check] = crate::__strategy_checks! { __table () };
    ALL
}

/// The one list of the checks: hands it to the macro `$then`, for the table and for the tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __strategy_checks {
    ($then:ident $args:tt) => {
        $crate::$then! { $args strategy
            s17_replace_keeps_what_is_fixed
            a1_login_always_mints
            a3_what_cannot_be_a_credential_costs_no_store_call
            a4_the_absolute_timeout_holds_to_the_millisecond
            a4_the_idle_timeout_ends_within_its_share
            a5_a_slide_writes_once_per_share
            a5_a_slide_ignores_what_is_stale_or_unavailable
            a5_other_writes_slide_too
            a6_a_renewed_credential_fails_at_once
            a7_a_login_above_the_limit_ends_the_oldest
            a7_concurrent_logins_settle_at_the_limit
            a7_a_login_whose_list_fails_leaves_no_session
            a8_concurrent_changes_of_claims_lose_none
            a9_a_store_error_is_never_an_answer
            a10_login_replaces_only_what_verifies
            a11_a_principal_does_not_outlive_its_credential
            a11_a_retry_checks_the_principal_again
            a11_only_own_sessions_are_revoked
            a12_no_credential_counts_in_another_realm
            a12_lists_limits_and_logouts_stay_in_their_realm
            a12_purging_cleans_all_realms
            a13_each_kind_has_its_own_timeouts
            a13_each_kind_has_its_own_limits
            a13_a_stricter_policy_reaches_existing_sessions
            a13_an_unknown_kind_is_held_to_the_strictest_timeouts
            a13_spared_kinds_survive_logout_others_alone
            a13_a_logout_of_others_that_failed_can_be_repeated
            a13_an_api_key_is_checked_in_the_store
            a14_a_passive_verification_is_no_use
            a15_the_last_use_lags_by_at_most_its_precision
            s3_a_request_in_flight_brings_no_session_back
            r1_every_generation_gives_the_next_once
            r2_a_replay_within_the_window_gives_the_same_successor
            r2_all_concurrent_presentations_get_one_successor
            r2_the_named_option_keeps_the_window_open
            r3_a_late_replay_ends_the_session
            r3_an_older_generation_ends_the_session
            r3_one_call_reports_a_reuse
            r3_a_removal_that_fails_gives_no_token
            r3_a_clock_that_went_back_is_no_reuse
            r4_revoked_or_expired_refuses_inside_the_window
            r5_rotation_never_moves_the_end
            r6_a_store_that_went_back_is_caught_up_with
            r7_no_fault_logs_out_or_forks
            r8_a_forged_token_changes_nothing
            r9_one_moment_decides_a_call
            r10_the_hook_replaces_claims_or_denies
            r11_a_fresh_token_is_not_rotated
            r12_what_cannot_be_handed_out_changes_nothing
            t17_a_retired_key_logs_nobody_out
        }
    };
}
