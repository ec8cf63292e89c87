//! What messages become, told as stories: each file is about one kind of message or one promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod appointments;
mod convergence;
mod documents;
mod every_type;
mod guide;
mod hostile;
mod identity;
mod itk;
mod medicines;
mod merges;
mod orders;
mod patients;
mod results;
mod shape;
mod speed;
mod support;
mod visits;
