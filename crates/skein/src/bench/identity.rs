//! `identity`: decisions of the person index, against so many people (`--people`).

use super::{
    Bench, identity_adding,
    identity_people::{asked, person},
    identity_store, per_second,
};
use fhir::{PatientKey, PersonKey};
use identity::{Builder, Index, Matcher, Model, Packed, Scratch};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Decisions timed one by one.
const TIMED: usize = 20_000;
/// How long two threads decide as fast as they can.
const RUSH: Duration = Duration::from_secs(10);
/// People packed at a time for each thread.
const PIECE: u64 = 16_384;

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let people = bench.index.people.max(1) as u64;
    let index = if bench.index.from_store {
        identity_store::load(bench, people)?
    } else {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(2);
        let begin = Instant::now();
        let index = Arc::new(made(people, threads));
        bench.report.figure("identity", "load_s", begin.elapsed().as_secs_f64(), "s");
        index
    };
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let bytes = index.bytes() as f64 / people as f64;
    bench.report.figure("identity", "bytes_per_person", bytes, "bytes");
    let model = Model::builtin();
    let matcher = Matcher::new(&index, &model);

    let mut scratch = Scratch::default();
    let mut times = Vec::with_capacity(TIMED);
    let (mut linked, mut compared) = (0_usize, 0_usize);
    let cpu = cpu_ns();
    for number in 0..TIMED as u64 + 500 {
        let (facts, _) = asked(number, people);
        let start = Instant::now();
        let answer = matcher.decide(&facts, None, None, &mut scratch);
        let took = start.elapsed();
        // The first ones find nothing in the processor's caches that later ones do.
        if number >= 500 {
            times.push(took);
        }
        linked += usize::from(matches!(answer.outcome, identity::Outcome::Link(_)));
        compared += answer.compared;
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    bench.report.figure("identity", "decision_us_p50", at(500), "us");
    bench.report.figure("identity", "decision_us_p99", at(990), "us");
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let each = |count: usize| count as f64 / (TIMED + 500) as f64;
    // On a machine that does other things meanwhile this is the figure to compare.
    if let (Some(before), Some(after)) = (cpu, cpu_ns()) {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let each = (after - before) as f64 / 1000.0 / (TIMED + 500) as f64;
        bench.report.figure("identity", "decision_us_cpu_mean", each, "us");
    }
    bench.report.figure("identity", "compared_mean", each(compared), "patients");
    bench.report.figure("identity", "linked_share", each(linked), "");

    let rush = |thread: u64| {
        let mut scratch = Scratch::default();
        let (mut count, begin) = (0_usize, Instant::now());
        let mut number = 1_000_000 + thread * 50_000_000;
        while begin.elapsed() < RUSH {
            for _ in 0..64 {
                matcher.decide(&asked(number, people).0, None, None, &mut scratch);
                number += 1;
                count += 1;
            }
        }
        (count, begin.elapsed())
    };
    let done: Vec<(usize, Duration)> = std::thread::scope(|scope| {
        let rush = &rush;
        let running: Vec<_> = (0..2).map(|thread| scope.spawn(move || rush(thread))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let rate: f64 = done.iter().map(|(count, took)| per_second(*count, *took)).sum();
    bench.report.figure("identity", "decisions_per_s", rate, "decisions/s");
    identity_adding::measure(bench, &index, people);
    Ok(())
}

/// Time that this thread has been on a processor, in nanoseconds.
pub fn cpu_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn made(people: u64, threads: usize) -> Index {
    let mut builder = Builder::new(usize::try_from(people).unwrap_or(usize::MAX), Vec::new());
    let mut next = 0;
    while next < people {
        let starts: Vec<u64> = (0..threads as u64).map(|n| next + n * PIECE).filter(|start| *start < people).collect();
        let piles: Vec<Packed> = std::thread::scope(|scope| {
            let builder = &builder;
            let running: Vec<_> = starts
                .iter()
                .map(|start| {
                    scope.spawn(move || {
                        let mut pile = Packed::default();
                        for number in *start..(*start + PIECE).min(people) {
                            builder.pack(&mut pile, PatientKey(number), PersonKey(number), &person(number));
                        }
                        pile
                    })
                })
                .collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        for pile in piles {
            builder.append(pile);
        }
        next += starts.len() as u64 * PIECE;
    }
    builder.build_with(threads)
}
