//! What is derived from the change feed: stories, caseloads, notices. By messages, as sources send them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod caseloads;
mod deliveries_on_a_bad_network;
mod handover;
mod held_up;
mod place;
mod stay;
mod subscribing;
mod told;
