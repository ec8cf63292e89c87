//! The site, asked as its callers ask it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod demographics;
mod fhir_reading;
mod fhir_writing;
mod pages;
mod site;
mod stewards;
mod identity_feed;
mod matching;
mod pix;
mod support;
mod visitor;
