//! What the synthetic region promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::print_stdout
)]

mod determinism;
mod distribution;
mod identity;
mod letters;
mod live;
mod mapped;
mod messages;
mod stories;
mod written;

use jiff::civil::{Date, date};
use synth::Region;

const START: Date = date(2026, 3, 2);

fn region(people: u64) -> Region {
    Region::new(synth::DEFAULT_SEED, people, START)
}
