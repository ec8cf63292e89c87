//! What the record shows, section by section.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod allergies_on_screen;
mod banner_on_screen;
mod cumulative_results;
mod headings_on_screen;
mod letter_text;
mod medicines_on_screen;
mod plans_on_screen;
mod problems_on_screen;
mod reconciliation;
mod results_on_screen;
mod timeline;
mod util;
mod whole_synthea_record;
