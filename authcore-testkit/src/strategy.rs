//! The checks of the strategies over a store, which [`strategy_contract!`](crate::strategy_contract) turns
//! into tests.
//!
//! They drive [`Auth`](authcore::Auth) with a manual clock that starts at the real time. All timeouts are
//! hours, so that a server which drops records by its own clock never does so during a check.

mod delivery;
mod kinds;
mod lifetime;
mod login;
mod principal;
mod realms;
/// Refreshes with a valid token.
mod refresh;
mod refresh_faults;
mod reuse;
mod test_app;

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

/// Returns all checks of the strategies.
pub const fn checks() -> &'static [Check] {
    const ALL: &[Check] = crate::__strategy_checks! { __table () };
    ALL
}

/// The list of all checks, passed to the macro `$then`, which builds the table or the tests from it.
#[doc(hidden)]
#[macro_export]
macro_rules! __strategy_checks {
    ($then:ident $args:tt) => {
        $crate::$then! { $args strategy
            s17_replace_keeps_fixed_fields
            a1_login_always_mints
            a3_a_malformed_credential_causes_no_store_call
            a4_the_absolute_timeout_holds_to_the_millisecond
            a4_the_idle_timeout_takes_effect_within_its_share
            a5_a_slide_writes_once_per_share
            a5_a_stale_or_unavailable_slide_is_ignored
            a5_other_writes_slide_too
            a6_the_old_credential_fails_after_renew
            a7_a_login_above_the_limit_ends_the_oldest
            a7_concurrent_logins_end_at_the_limit
            a7_a_login_whose_list_fails_leaves_no_session
            a8_concurrent_changes_of_claims_lose_none
            a9_a_store_error_never_becomes_a_session
            a10_login_replaces_only_verified_credentials
            a11_a_principal_does_not_outlive_its_credential
            a11_a_retry_checks_the_principal_again
            a11_a_subject_revokes_only_its_own_sessions
            a12_credentials_are_refused_in_other_realms
            a12_lists_limits_and_logouts_stay_in_their_realm
            a12_an_admin_purge_covers_all_realms
            a13_each_kind_has_its_own_timeouts
            a13_each_kind_has_its_own_limits
            a13_a_stricter_policy_reaches_existing_sessions
            a13_an_unknown_kind_is_held_to_the_strictest_timeouts
            a13_spared_kinds_survive_only_logout_others
            a13_a_failed_logout_others_can_be_repeated
            a13_an_api_key_is_checked_in_the_store
            a14_passive_verification_does_not_count_as_use
            a15_the_last_use_lags_by_at_most_its_precision
            s3_a_request_in_flight_restores_no_session
            r1_each_refresh_issues_the_next_generation
            r2_a_replay_within_the_window_returns_the_same_successor
            r2_concurrent_presentations_get_one_successor
            r2_an_option_keeps_the_window_open
            r3_a_late_replay_ends_the_session
            r3_an_older_generation_ends_the_session
            r3_one_call_reports_a_reuse
            r3_a_failed_removal_issues_no_token
            r3_a_clock_set_back_is_not_reuse
            r4_revoked_or_expired_refuses_inside_the_window
            r5_rotation_never_moves_the_absolute_expiry
            r6_a_session_recovers_from_a_store_rollback
            r7_no_fault_ends_or_forks_a_session
            r8_a_forged_token_changes_nothing
            r9_a_refresh_reads_the_clock_once
            r10_the_hook_replaces_claims_or_denies
            r11_a_fresh_token_is_not_rotated
            r12_an_undeliverable_refresh_changes_nothing
            t17_a_retired_key_logs_nobody_out
        }
    };
}
