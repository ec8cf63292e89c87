//! Reading must not be what intake waits for.

use crate::support::files;
use hl7v2::parse;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The bound is loose, for tests share their machine and are built with little optimisation; `--nocapture` shows the figure.
#[test]
fn a_one_kilobyte_admission_is_read_in_microseconds() {
    let (name, bytes) = files("hl7v2/itk-uk").into_iter().find(|(name, _)| name.contains("A01")).unwrap();
    let rounds = 2000;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..rounds {
            let message = parse(black_box(&bytes)).message.unwrap();
            black_box(message.header().control_id.len());
        }
        best = best.min(start.elapsed() / rounds);
    }
    println!("{name}, {} bytes: {best:?}", bytes.len());
    assert!(best < Duration::from_micros(100), "{best:?}");
}

/// Hostile sizes: time and memory stay in proportion.
#[test]
fn a_long_message_takes_time_in_proportion() {
    for filler in ["|", "^", "\r", "\\", "\n", "PID|\r", "\\.br\\", "\u{b}", "x"] {
        let text = format!("MSH|^~\\&|A||||||ADT^A01|1|P|2.4\rOBX|{}", filler.repeat(2_000_000 / filler.len()));
        let start = Instant::now();
        let message = parse(text.as_bytes()).message.unwrap();
        let last = message.segments().next_back().unwrap();
        black_box(last.field(last.len()).text().len() + last.field(1).whole().len());
        assert!(start.elapsed() < Duration::from_secs(5), "{filler:?}: {:?}", start.elapsed());
    }
}
