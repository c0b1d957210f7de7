//! Conversations as plain text files, `tests/transcripts/*.txt`, replayed line by line.
//!
//! Each file is a claim, and the test that it makes has its name. A bug report becomes a file.

mod player;
mod script;
mod shown;

/// One test for each file.
macro_rules! transcripts {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                let text = include_str!(concat!("../transcripts/", stringify!($name), ".txt"));
                player::play(stringify!($name), text);
            }
        )*
    };
}

transcripts! {
    // Answers and refusals.
    get_is_answered
    writes_are_answered
    a_wait_may_be_idle_for_days
    refusals_end_the_call
    a_directory_that_3_5_does_not_update_is_refused
    a_refusal_is_told_by_its_body_and_not_by_its_type
    code_401_is_not_status_401
    a_body_of_known_length_needs_no_end
    a_cut_success_is_applied
    a_wait_is_not_repeated_after_its_head
    a_cut_refusal_is_still_a_refusal
    the_largest_answer_is_within_the_limit
    of_a_large_refusal_the_beginning_counts

    // What is repeated, and what is not.
    not_sent_goes_to_the_next_endpoint
    reads_are_repeated_after_an_unknown_outcome
    writes_are_not_repeated_after_a_reset
    writes_are_not_repeated_after_silence
    set_is_not_repeated_after_500
    a_member_that_gave_up_on_a_write_is_not_recommended
    guarded_writes_are_repeated_after_an_unknown_outcome
    a_call_finds_out_why_it_is_refused
    at_least_once_repeats_writes

    // How fresh it has to be.
    a_read_says_itself_how_fresh_it_is
    monotonic_reads_are_never_older_than_what_was_seen
    consensus_refutes_what_was_seen
    an_index_that_was_never_true_is_refuted_by_consensus
    a_member_without_a_leader_is_not_asked
    a_leader_that_is_gone_is_named

    // Who is left.
    a_read_only_proxy_passes_writes_on_to_others
    a_misdirected_request_goes_to_others
    a_404_that_is_not_etcds_goes_to_others
    v2_disabled_everywhere_is_said_once
    an_api_that_is_missing_is_named
    a_request_timeout_is_retried_by_reads
    retry_after_is_honored_within_the_deadline
    only_the_cluster_that_is_meant_is_believed
    a_success_that_is_not_etcds_is_no_answer
    an_empty_success_is_no_answer
    a_single_endpoint_is_asked_twice_by_reads
    there_is_no_second_chance_for_anything_else

    // Time.
    the_limit_for_a_head_grows_with_each_pass
    credentials_earn_local_reads_more_time
    without_limits_there_are_none
    gos_limits_wait_for_ever_and_try_each_endpoint_once
    the_deadline_spans_endpoints
    a_drip_ends_with_the_deadline
    silence_within_a_body_has_a_limit
    passes_can_be_counted
    pauses_between_passes_grow
    a_client_that_has_spent_its_retries_asks_seldom
    a_pass_that_can_only_fail_again_is_not_made
    a_read_that_is_polled_again_has_less_time
    a_write_that_is_polled_again_is_lost
    an_abandoned_write_blames_nobody
    a_call_that_begins_too_late_blames_nobody
    an_abandoned_call_that_is_late_moves_the_pin
    a_silent_endpoint_costs_a_wait_no_more_than_its_head
    a_wait_has_time_for_the_second_endpoint

    // Redirects and paths.
    redirects_keep_method_and_body
    relative_locations_are_resolved
    a_redirect_moves_the_pin_to_its_target
    a_late_target_of_a_redirect_is_not_recommended
    a_failure_after_a_redirect_is_the_targets
    a_redirect_does_not_restart_the_limit
    foreign_redirects_are_refused_by_name
    foreign_redirects_go_without_credentials
    redirects_never_leave_https
    redirects_are_counted
    a_redirect_to_another_request_is_refused
    ten_redirects_are_followed
    other_redirects_are_never_followed
    a_redirect_needs_a_location
    user_information_in_a_location_is_dropped
    user_information_in_a_bad_location_is_not_shown
    user_information_is_hidden_however_it_is_written
    the_policys_check_may_refuse_redirects
    an_endpoint_with_a_path_is_a_prefix
    a_long_request_line_is_blamed_from_4097_bytes_on

    // Ends.
    nonsense_is_refused_before_anything_is_sent
    stopped_before_the_head
    stopped_within_a_success
    stopped_within_a_refusal
    stopped_between_passes
    left_before_the_head
    left_within_an_answer
    left_between_passes
    what_comes_after_the_end_changes_nothing
    every_attempt_is_told_with_its_time

    // What became of a write.
    resolve_looks_for_a_value_in_the_history
    resolve_knows_a_guarded_write_by_its_index
    resolve_finds_a_pushed_value
    resolve_of_a_deletion_tells_what_is_gone
    resolve_asks_nobody_where_nothing_is_open
    modify_writes_until_nobody_is_faster

    // Watches.
    watch_goes_on_after_each_change
    watch_is_pinned_by_its_first_head
    watch_moves_on_while_nothing_happens
    watch_loses_no_change_whose_answer_was_cut
    watch_rests_after_an_empty_answer
    watch_tells_errors_that_may_pass_and_goes_on
    watch_ends_after_an_error_that_stays
    watch_fails_over_until_it_has_a_head
    watch_takes_another_route
    watch_can_be_stopped
    watch_left_while_it_rests_goes_on
    watch_that_is_polled_again_has_less_time
    watch_times_attempts_from_their_own_wait
    watch_takes_no_early_end_for_silence
    watch_leaves_a_member_that_fell_silent
    watch_looks_sooner_where_much_is_written
    watch_tells_a_gap_where_history_is_gone
    watch_tells_that_the_cluster_changed
    watch_tells_that_the_index_went_back
    watch_looks_behind_a_copy_of_the_store
    watch_leaves_out_what_is_not_asked_for
    watch_streams_while_it_is_up_to_date
    watch_goes_on_after_a_stream_that_broke
    watch_leaps_over_what_it_cannot_understand
    watch_goes_on_after_a_change_that_is_too_large
    watch_backs_off_without_progress
    watch_waits_on_behind_a_proxy_that_holds_heads_back
    watch_takes_no_white_space_for_a_change
    watch_looks_for_a_hidden_removal_at_old_servers
    watch_asks_a_new_server_once_how_old_it_is
    watch_asks_again_how_old_a_server_is

    // Mirrors.
    mirror_lists_and_then_watches
    mirror_of_a_missing_key_is_empty
    mirror_of_a_file_is_that_file
    mirror_tells_the_difference_after_a_gap
    mirror_does_not_go_back_to_what_a_member_has_that_is_behind
    mirror_believes_consensus_that_the_store_went_back
    mirror_follows_to_another_cluster
    mirror_drops_what_was_in_a_directory
    mirror_clears_away_what_a_file_takes_the_place_of
    mirror_lists_again_where_a_change_tells_of_an_unknown_past
    mirror_takes_a_refreshed_file_for_the_same
    mirror_leaves_out_what_listings_leave_out
    mirror_tells_errors_that_may_pass_and_goes_on
    mirror_ends_after_an_error_that_stays
    mirror_can_be_stopped
    mirror_under_another_path_learns_what_keys_begin_with

    // Members, users, statistics.
    sync_asks_for_the_members
    sync_asks_for_the_leader_if_that_is_wanted
    sync_asks_for_the_machines_where_there_are_no_members
    sync_takes_no_urls_that_lead_nowhere
    sync_believes_loopback_members_of_loopback_endpoints
    sync_never_leaves_https
    sync_takes_no_user_information_and_shows_none
    sync_maps_what_is_advertised
    sync_goes_on_where_it_was_answered
    auto_sync_asks_again_after_the_interval
    auto_sync_takes_a_fresh_route_for_each_sync
    auto_sync_goes_on_after_errors_with_growing_pauses
    auto_sync_rests_longer_than_a_short_interval_after_errors
    auto_sync_asks_for_the_leader_each_time
    auto_sync_ends_only_when_it_is_stopped
    auto_sync_has_a_deadline_even_if_reads_have_none
    auto_sync_moves_the_pin_as_any_call_does
    a_user_is_added_only_if_there_is_none
    a_user_with_roles_is_added_without_a_look
    a_password_is_changed_only_if_there_is_a_user
    a_user_is_written_where_the_look_was_answered
    answers_of_another_cluster_are_not_taken
    statistics_of_the_leader_are_asked_of_the_next
    an_unwell_member_is_an_answer
    changes_of_members_are_not_repeated

    // Diagnoses.
    diagnose_asks_one_endpoint_for_everything
    diagnose_does_not_ask_on_where_nobody_answers
    diagnose_tells_v2_that_is_off_from_v2_that_is_gone
    diagnose_tells_the_ports_of_etcd_apart
    diagnose_tells_who_answers_instead
    diagnose_tells_members_that_are_not_well
    diagnose_has_one_deadline_for_all_questions
    diagnose_takes_answers_of_other_clusters_and_moves_no_pin
    diagnose_can_be_stopped
}

#[test]
fn no_transcript_is_left_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    let mut found = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(NAMES.contains(&name), "{name} is not in the list");
        found += 1;
    }
    assert_eq!(found, NAMES.len());
}
