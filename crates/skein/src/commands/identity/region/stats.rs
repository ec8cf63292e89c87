//! `skein identity stats`: counts alone, nobody's data.

use super::{Desk, plain};
use crate::{cli::identity::region::Stats, edge, failure::Outcome, say};
use fhir::PersonKey;
use intake::{EntryKind, LinkDecision};
use record::{QueueMark, ReviewStatus};
use serde_json::json;
use std::collections::BTreeMap;

/// Entries of the journal read at a time.
const ENTRIES: usize = 4096;
const ENTRIES_BYTES_MAX: usize = 16 << 20;
/// Reviews read at a time.
const REVIEWS: usize = 1000;
/// Ages of what waits, in days: up to, and its words.
const AGES: [(i64, &str); 4] = [(1, "a day"), (7, "a week"), (31, "a month"), (i64::MAX, "older")];

#[derive(Default)]
struct Counts {
    patients: u64,
    persons: u64,
    /// How many persons have so many patients.
    sizes: BTreeMap<u64, u64>,
    rules: BTreeMap<String, u64>,
    /// Kind and age of what waits.
    waiting: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// Steward, day and act.
    decisions: BTreeMap<(String, String, &'static str), u64>,
}

/// Count.
pub fn run(asked: &Stats) -> Outcome {
    let mut desk = Desk::open(&asked.region, None)?;
    let permit = desk.permit("stats".into())?;
    desk.release(Ok(permit.seal(())))?;
    let mut counts = Counts::default();
    links(&desk, &mut counts)?;
    waiting(&desk, &mut counts)?;
    decisions(&mut desk, &mut counts)?;
    if asked.json {
        say::line(&as_json(&counts).to_string());
        return Ok(());
    }
    say::line(&format!("{} patients are {} persons", counts.patients, counts.persons));
    for (size, persons) in &counts.sizes {
        say::line(&format!("  {persons} with {size} {}", if *size == 1 { "patient" } else { "patients" }));
    }
    say::line("links by rule");
    for (rule, count) in &counts.rules {
        say::line(&format!("  {count} {}", plain(rule)));
    }
    if !counts.waiting.is_empty() {
        say::line("waiting, by kind and age up to");
    }
    for ((kind, status, age), count) in &counts.waiting {
        say::line(&format!("  {count} {kind}, {status}, {age}"));
    }
    if !counts.decisions.is_empty() {
        say::line("decisions");
    }
    for ((name, day, act), count) in &counts.decisions {
        say::line(&format!("  {day}  {}  {count} {act}", plain(name)));
    }
    Ok(())
}

fn links(desk: &Desk, counts: &mut Counts) -> Outcome {
    let mut size: Option<(PersonKey, u64)> = None;
    desk.visit.derived.snapshot()?.each_link(|link| {
        counts.patients += 1;
        *counts.rules.entry(record::rule_of(&link.reason)).or_default() += 1;
        match &mut size {
            Some((person, count)) if *person == link.person => *count += 1,
            _ => {
                close(&mut counts.sizes, size.replace((link.person, 1)));
                counts.persons += 1;
            }
        }
        Ok(())
    })?;
    close(&mut counts.sizes, size);
    Ok(())
}

fn close(sizes: &mut BTreeMap<u64, u64>, of: Option<(PersonKey, u64)>) {
    if let Some((_, count)) = of {
        *sizes.entry(count).or_default() += 1;
    }
}

fn waiting(desk: &Desk, counts: &mut Counts) -> Outcome {
    let snapshot = desk.visit.derived.snapshot()?;
    let now = edge::now();
    for status in [ReviewStatus::Open, ReviewStatus::Second] {
        let mut after: Option<QueueMark> = None;
        loop {
            let page = snapshot.reviews(status, None, after, REVIEWS)?;
            let Some(last) = page.last() else { break };
            after = Some(QueueMark { score: last.score, pair: last.pair });
            for review in &page {
                let days = (now.as_second() - snapshot.received(review.seq)?.as_second()) / 86_400;
                let age = AGES.iter().find(|(most, _)| days < *most).map_or("older", |(_, words)| *words);
                *counts.waiting.entry((review.kind.as_str(), status.as_str(), age)).or_default() += 1;
            }
        }
    }
    Ok(())
}

fn decisions(desk: &mut Desk, counts: &mut Counts) -> Outcome {
    let mut from = 1;
    loop {
        let entries = desk.visit.journal.read(from, ENTRIES, ENTRIES_BYTES_MAX)?;
        let Some(last) = entries.last() else { break };
        from = last.pos + 1;
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Link) {
            let decision = entry.about.as_deref().and_then(|about| serde_json::from_str::<LinkDecision>(about).ok());
            if let Some(decision) = decision {
                let day = record::when::london(entry.received).date().to_string();
                *counts.decisions.entry((decision.name, day, decision.act.as_str())).or_default() += 1;
            }
        }
    }
    Ok(())
}

fn as_json(counts: &Counts) -> serde_json::Value {
    let waiting: Vec<_> = counts
        .waiting
        .iter()
        .map(|((kind, status, age), count)| json!({"kind": kind, "status": status, "age": age, "count": count}))
        .collect();
    let decisions: Vec<_> = counts
        .decisions
        .iter()
        .map(|((name, day, act), count)| json!({"by": name, "day": day, "act": act, "count": count}))
        .collect();
    let sizes: Vec<_> = counts.sizes.iter().map(|(size, count)| json!({"patients": size, "persons": count})).collect();
    json!({"patients": counts.patients, "persons": counts.persons, "persons_by_patients": sizes,
        "links_by_rule": counts.rules, "waiting": waiting, "decisions": decisions})
}
