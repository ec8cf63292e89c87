//! What intake promises, through its public face and real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    clippy::disallowed_methods
)]

mod engine;
mod listener_answers;
mod listener_limits;
mod listener_tls;
mod network_faults;
mod sender_patience;
mod stewards;
mod support;
mod torn_and_hostile_frames;
mod writing;
