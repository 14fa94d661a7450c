//! What every broker keeps to, and what each does beside that.

mod attaching;
mod bounds;
mod crashes;
mod faulty;
mod folder;
mod history;
mod log;
mod memory;
mod presence;
mod publishing;
mod restarts;
mod told;
mod world;

/// Makes a test of each rule for each broker. A rule that is not named here is dead code to the compiler.
macro_rules! contract {
    ($($subject:ident: $($rule:ident)*;)*) => {
        mod contract_memory {
            $($(
                #[test]
                fn $rule() {
                    crate::$subject::$rule(&mut crate::memory::world);
                }
            )*)*
        }

        mod contract_log_always {
            $($(
                #[test]
                fn $rule() {
                    crate::$subject::$rule(&mut crate::log::always);
                }
            )*)*
        }

        mod contract_log_interval {
            $($(
                #[test]
                fn $rule() {
                    crate::$subject::$rule(&mut crate::log::interval);
                }
            )*)*
        }

        mod contract_log_never {
            $($(
                #[test]
                fn $rule() {
                    crate::$subject::$rule(&mut crate::log::never);
                }
            )*)*
        }
    };
}

contract! {
    attaching:
        who_is_attached_hears_each_publication_once_in_order
        who_detached_hears_nothing_more
        attaching_twice_delivers_once
        a_page_and_what_follows_have_no_gap
        a_publication_is_delivered_before_it_is_answered
        joins_and_leaves_reach_all_who_are_attached
        channels_do_not_hear_of_each_other;
    publishing:
        offsets_count_from_one_in_one_epoch
        without_history_there_are_no_positions
        a_publication_carries_what_was_said_with_it
        a_second_publication_with_a_key_is_answered_like_the_first
        a_key_counts_for_five_minutes
        a_key_counts_in_its_channel
        a_version_that_is_not_new_is_suppressed
        versions_of_another_epoch_count_anew
        a_publication_without_version_is_never_suppressed;
    history:
        limits_and_directions
        since_a_position
        since_a_position_of_another_epoch
        since_a_position_that_is_not_kept_any_more
        limit_zero_asks_for_the_top
        size_bounds_what_is_kept
        a_smaller_size_drops_what_is_kept
        publications_expire_one_by_one
        a_stream_is_made_by_who_asks_for_it
        a_position_is_forgotten_after_meta_ttl
        a_position_is_not_forgotten_while_somebody_is_attached
        a_position_is_not_forgotten_while_publications_are_kept
        removed_history_leaves_the_position
        switching_history_off_ends_the_stream;
    presence:
        clients_are_present_until_removed
        clients_are_forgotten_after_their_ttl
        another_word_puts_the_end_off
        users_are_counted_once
        a_client_that_changes_its_user_counts_for_the_new_one;
    bounds:
        channels_that_nobody_uses_leave_nothing
        a_channel_too_many_is_refused_until_there_is_room
        a_presence_too_many_is_refused_until_there_is_room
        bytes_of_a_channel_drop_its_oldest
        bytes_of_all_channels_drop_the_oldest_of_all
        a_result_too_many_forgets_the_oldest
        long_keys_are_refused
        unused_positions_are_forgotten_sooner
        ttls_beyond_any_clock_are_taken
        channels_are_listed_by_pattern
        what_is_counted;
}
