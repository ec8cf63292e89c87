//! What the reader of HL7 v2 promises, through its public face.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod acknowledging;
mod batches;
mod charsets;
mod differential;
mod frames;
mod properties;
mod reading;
mod speed;
mod support;
