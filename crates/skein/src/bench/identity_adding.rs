//! People who are added to the index while others are asked about, and then taken in by it.

use super::{
    Bench,
    identity_people::{asked, person},
    per_second, reset_rss_max, rss_mb, rss_mb_max,
};
use fhir::{PatientKey, PersonKey};
use identity::{Index, Matcher, Model, PatientFacts, Scratch};
use std::time::{Duration, Instant};

/// So many people are added as a region adds before its index takes them in: one in so many of all, and at least…
const ONE_IN: u64 = 16;
const LEAST: u64 = 4096;
/// Facts made beforehand at a time: making them is not what is measured.
const PIECE: u64 = 16_384;

/// Measure; the index has `people`.
pub fn measure(bench: &Bench, index: &Index, people: u64) {
    let more = people.div_ceil(ONE_IN).max(LEAST);
    let adding = || {
        let mut took = Duration::ZERO;
        for start in (people..people + more).step_by(usize::try_from(PIECE).unwrap_or(1)) {
            let some: Vec<(u64, PatientFacts)> =
                (start..(start + PIECE).min(people + more)).map(|number| (number, person(number))).collect();
            let begin = Instant::now();
            for (number, facts) in &some {
                index.put(PatientKey(*number), PersonKey(*number), facts);
            }
            took += begin.elapsed();
        }
        took
    };
    let (rss, bytes) = (rss_mb(), index.bytes());
    let (took, worst) = while_asked(index, people, adding);
    bench.report.figure("identity", "adds_per_s", per_second(usize::try_from(more).unwrap_or(0), took), "people/s");
    bench.report.figure("identity", "decision_us_p99_while_added", worst, "us");
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let each = |now: usize| now.saturating_sub(bytes) as f64 / more as f64;
    bench.report.figure("identity", "added_bytes_per_person", each(index.bytes()), "bytes");
    bench.report.figure("identity", "added_rss_mb", rss_mb() - rss, "MB");

    reset_rss_max();
    let before = rss_mb();
    let (took, worst) = while_asked(index, people, || {
        let begin = Instant::now();
        index.take_in();
        begin.elapsed()
    });
    bench.report.figure("identity", "take_in_s", took.as_secs_f64(), "s");
    bench.report.figure("identity", "take_in_rss_mb_more", rss_mb_max() - before, "MB");
    bench.report.figure("identity", "decision_us_p99_while_taken_in", worst, "us");
    bench.report.figure("identity", "taken_in_bytes_per_person", each(index.bytes()), "bytes");
    bench.report.figure("identity", "taken_in_rss_mb", rss_mb() - rss, "MB");
}

/// Do something on a thread of its own, and decide about one patient after the other until it is done: what it gives, and the p99 of
/// the decisions in microseconds.
fn while_asked<T: Send>(index: &Index, people: u64, does: impl FnOnce() -> T + Send) -> (T, f64) {
    let model = Model::builtin();
    let (matcher, mut scratch) = (Matcher::new(index, &model), Scratch::default());
    let mut times = Vec::new();
    let done = std::thread::scope(|scope| {
        let running = scope.spawn(does);
        let mut number = 500_000_000;
        while !running.is_finished() {
            let facts = asked(number, people).0;
            number += 1;
            let start = Instant::now();
            matcher.decide(&facts, None, None, &mut scratch);
            times.push(start.elapsed());
        }
        running.join()
    });
    times.sort_unstable();
    let worst = times.get(times.len() * 99 / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    match done {
        Ok(done) => (done, worst),
        Err(panicked) => std::panic::resume_unwind(panicked),
    }
}
