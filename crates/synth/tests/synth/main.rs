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

/// Not a test: prints what a person's sources say, for people who work on the region.
/// `SYNTH_LOOK=12 cargo test -p synth look -- --ignored --nocapture`
#[test]
#[ignore = "prints"]
fn look() {
    let index = std::env::var("SYNTH_LOOK").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let people = std::env::var("SYNTH_PEOPLE").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let region = region(people);
    for h in region.highlights() {
        println!("{} {} {} {}: {}", h.person, h.nhs_number, h.name, h.born(), h.title);
    }
    let person = region.person(index).unwrap();
    println!("{person:#?}");
    for message in region.history(&person) {
        println!("--- {} {} {}", message.source, message.at, message.bytes.len());
        println!("{}", String::from_utf8_lossy(&message.bytes).replace('\r', "\n"));
    }
}
