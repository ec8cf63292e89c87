//! `soak`: an hour of mixed use, minute by minute: memory, open files, threads and latencies must stay as they are.

use super::{
    Bench, http,
    mix::{self, Rates, known, mix},
    region, rss_mb,
    worklists::Lists,
};
use access::User;
use jiff::{SignedDuration, civil::date};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use synth::Region;

/// A tenth of what 14 million people ask for at the busiest second, and more: one machine is to be busy, not overrun.
const RATES: Rates = Rates { pages: 20, messages: 50, whole: 2, searches: 5, lists: 2 };
/// Minutes until caches are full, which are not counted as growth.
const WARMING: usize = 5;

/// Measure.
pub fn run(bench: &Bench) -> anyhow::Result<()> {
    let region = Arc::new(Region::new(1, bench.index.people as u64, date(2026, 6, 1)));
    let folder = bench.folder.join("soak");
    let engine = region::loading(bench, &region, &folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let used = runtime.block_on(async {
        let now = region.start() + SignedDuration::from_hours(10);
        let practice = (mix::PRACTICE, mix::PRACTICE_NAME);
        let user = User::staff("bench", "Benchmark", ("R8000", "Clinical practitioner"), practice);
        let mut lists = Lists::open(&engine)?;
        lists.follow(bench, &engine, now).await?;
        let address = http::serve(&engine, now, user, Some(lists.notices.clone())).await?;
        let known = Arc::new(tokio::task::block_in_place(|| known(&region))?);
        let pages = Arc::new(lists.pages(&engine, &known, now).await?);
        let mut minutes = Vec::new();
        let mut sent = 0;
        for minute in 1..=bench.asked.minutes {
            let (first, about) = (sent, region.clone());
            // About more people than are looked at: else each record grows by more than a message a minute.
            let send = move |n| mix::sent_in_turn(&about, first + n);
            let mut took = mix(&engine, address, (&known, &pages), RATES, Duration::from_secs(60), send).await?;
            sent += took.messages.len();
            let one = Minute {
                rss_mb: rss_mb(),
                files: count("/proc/self/fd"),
                threads: count("/proc/self/task"),
                page_p99: http::percentile(&mut took.pages, 99),
                message_p99: http::percentile(&mut took.messages, 99),
            };
            bench.report.line(
                &json!({"bench": "soak", "minute": minute, "rss_mb": one.rss_mb.round(), "files": one.files,
                "threads": one.threads, "pages": took.pages.len(), "messages": took.messages.len(),
                "page_ms_p50": http::percentile(&mut took.pages, 50), "page_ms_p99": one.page_p99,
                "worklist_ms_p99": http::percentile(&mut took.lists, 99),
                "search_ms_p99": http::percentile(&mut took.searches, 99),
                "open_ms_p99": http::percentile(&mut took.whole, 99),
                "message_ms_p50": http::percentile(&mut took.messages, 50), "message_ms_p99": one.message_p99,
                "waiting": engine.progress().head - engine.progress().applied}),
            );
            minutes.push(one);
        }
        lists.stop();
        told(bench, &minutes);
        anyhow::Ok(())
    });
    engine.stop();
    used
}

/// How it stood at the end of a minute.
struct Minute {
    rss_mb: f64,
    files: f64,
    threads: f64,
    page_p99: f64,
    message_p99: f64,
}

/// The beginning, once warm, beside the end, and the slope between.
fn told(bench: &Bench, minutes: &[Minute]) {
    let warm = minutes.get(WARMING.min(minutes.len() / 2)..).unwrap_or_default();
    let part = warm.len().div_ceil(4);
    let (begin, end) = (warm.get(..part).unwrap_or_default(), warm.get(warm.len() - part..).unwrap_or_default());
    let report = &bench.report;
    let of = |which: fn(&Minute) -> f64, part: &[Minute]| median(part.iter().map(which).collect());
    for (first, last, unit, which) in [
        (
            "rss_mb_first",
            "rss_mb_last",
            "MB resident, the median of a quarter of the time",
            (|m: &Minute| m.rss_mb) as fn(&Minute) -> f64,
        ),
        ("files_first", "files_last", "open files", |m| m.files),
        ("threads_first", "threads_last", "threads", |m| m.threads),
        ("page_ms_p99_first", "page_ms_p99_last", "ms", |m| m.page_p99),
        ("message_ms_p99_first", "message_ms_p99_last", "ms", |m| m.message_p99),
    ] {
        report.figure("soak", first, of(which, begin), unit);
        report.figure("soak", last, of(which, end), unit);
    }
    report.figure("soak", "rss_mb_per_hour", slope(warm) * 60.0, "MB an hour, a line through every minute once warm");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Of memory by the minute: least squares.
fn slope(minutes: &[Minute]) -> f64 {
    let points: Vec<(f64, f64)> = (0u32..).map(f64::from).zip(minutes.iter().map(|minute| minute.rss_mb)).collect();
    let count = f64::from(u32::try_from(points.len()).unwrap_or(1).max(1));
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let spread: f64 = points.iter().map(|(at, _)| (at - x).powi(2)).sum();
    points.iter().map(|(at, value)| (at - x) * (value - y)).sum::<f64>() / spread.max(1e-9)
}

fn count(folder: &str) -> f64 {
    f64::from(u32::try_from(std::fs::read_dir(folder).map_or(0, Iterator::count)).unwrap_or(u32::MAX))
}
