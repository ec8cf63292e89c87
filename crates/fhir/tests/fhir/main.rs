//! What this crate promises, tried through its public face.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod properties;
mod search;
