//! Stories about a whole region, told to the real binary over real sockets.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::string_slice
)]

mod harness;

mod a_hospitals_own_census;
mod a_monitor_reads;
mod a_region_broken_again_and_again;
mod all_57_types_are_answered;
mod backups;
mod bad_input;
mod command_line;
mod copies;
mod every_prefix_of_a_crash;
mod hazard_log;
mod hostile_bytes;
mod it_is_packaged;
mod itk_messages_make_one_record;
mod known_by_certificates;
mod late_message_never_overwrites;
mod letters_arrive_as_pdf;
mod loading_and_sending;
mod merge_and_undo;
mod misuse_is_noticed;
mod on_postgresql;
mod over_a_network;
mod people_in_hl7v2;
mod policies_follow_their_files;
mod security_documents;
mod several_processes;
mod stewards_at_the_terminal;
mod synthea_history_opens_whole;
mod systems_are_told;
mod the_demonstration;
mod the_error_desk;
mod the_journal_is_the_truth;
mod twice_is_once;
mod upgrades;
mod what_a_trace_says;
mod what_was_read_is_on_record;
mod word_goes_out;
