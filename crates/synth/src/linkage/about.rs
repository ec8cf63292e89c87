//! `about.json`: the seed, the sizes, the rates asked for and the shares that came out.

use super::{
    cases::{CASES, Case, NEW},
    faults::{FAULTS, Fault},
    household::TODAY,
    person::Person,
    record::{COLUMNS, Record, SOURCES, Source},
};
use crate::dice::real;
use std::{collections::BTreeMap, fmt::Write};

/// What came out, counted on the way.
#[derive(Default)]
pub(super) struct Counts {
    index: u64,
    female: u64,
    ages: BTreeMap<u8, u64>,
    ethnicities: BTreeMap<char, u64>,
    index_missing: [u64; COLUMNS.len()],
    incoming: u64,
    matched: u64,
    incoming_missing: [u64; COLUMNS.len()],
    cases: BTreeMap<Case, u64>,
    sources: BTreeMap<&'static str, u64>,
    faults: BTreeMap<Fault, u64>,
    numbers_of_faults: [u64; 6],
}

impl Counts {
    /// A row of the index.
    pub(super) fn index(&mut self, person: &Person, record: &Record) {
        self.index += 1;
        self.female += u64::from(person.female);
        let band = u8::try_from(crate::dice::floor(person.age / 10.0).clamp(0, 9)).unwrap_or(0);
        *self.ages.entry(band).or_default() += 1;
        *self.ethnicities.entry(person.ethnicity).or_default() += 1;
        missing(&mut self.index_missing, record);
    }

    /// An incoming record.
    pub(super) fn incoming(&mut self, matched: bool, case: Case, source: &Source, record: &Record, faults: &[Fault]) {
        self.incoming += 1;
        self.matched += u64::from(matched);
        *self.cases.entry(case).or_default() += 1;
        *self.sources.entry(source.name).or_default() += 1;
        missing(&mut self.incoming_missing, record);
        for fault in faults {
            *self.faults.entry(*fault).or_default() += 1;
        }
        if let Some(count) = self.numbers_of_faults.get_mut(faults.len().min(5)) {
            *count += 1;
        }
    }

    /// Incoming records of people in the index.
    pub(super) fn matches(&self) -> u64 {
        self.matched
    }
}

fn missing(counts: &mut [u64; COLUMNS.len()], record: &Record) {
    for (count, value) in counts.iter_mut().zip(record.values()) {
        *count += u64::from(value.is_empty());
    }
}

/// The file's text.
pub(super) fn json(people: u64, incoming: u64, seed: u64, counts: &Counts) -> String {
    let mut out = String::from("{\n");
    let mut line = |text: String| {
        out.push_str("  ");
        out.push_str(&text);
    };
    line("\"what\": \"synthetic people for judging a matcher; see docs/identity-test-data.md\",\n".to_owned());
    line(format!("\"form\": 1,\n  \"seed\": {seed},\n  \"people\": {people},\n  \"incoming\": {incoming},\n"));
    line(format!("\"matches\": {},\n  \"day\": \"{}\",\n", counts.matched, crate::when::iso_date(TODAY)));
    line(object("asked_new", NEW.iter().map(|(case, share)| (case.name().to_owned(), *share))));
    line(object("asked_sources", SOURCES.iter().map(|source| (source.name.to_owned(), source.share))));
    line(object("asked_weights_of_corruptions", FAULTS.iter().map(|row| (row.1.to_owned(), row.2))));
    line(object(
        "cases",
        CASES.iter().map(|(case, name)| ((*name).to_owned(), share(counts.cases.get(case).copied(), counts.incoming))),
    ));
    line(object(
        "sources",
        counts.sources.iter().map(|(name, count)| ((*name).to_owned(), share(Some(*count), counts.incoming))),
    ));
    line(object(
        "corruptions",
        FAULTS.iter().map(|row| (row.1.to_owned(), share(counts.faults.get(&row.0).copied(), counts.incoming))),
    ));
    line(object(
        "corruptions_a_record",
        counts
            .numbers_of_faults
            .iter()
            .zip(0..)
            .map(|(count, n): (_, u8)| (n.to_string(), share(Some(*count), counts.incoming))),
    ));
    line(object("incoming_missing", named(&counts.incoming_missing, counts.incoming)));
    line(object("index_missing", named(&counts.index_missing, counts.index)));
    line(object(
        "index_ages",
        counts
            .ages
            .iter()
            .map(|(band, count)| (format!("{}", u16::from(*band) * 10), share(Some(*count), counts.index))),
    ));
    line(object(
        "index_ethnicity",
        counts.ethnicities.iter().map(|(code, count)| (code.to_string(), share(Some(*count), counts.index))),
    ));
    line(format!("\"index_female\": {:.5}\n", share(Some(counts.female), counts.index)));
    out.push_str("}\n");
    out
}

fn named(counts: &[u64; COLUMNS.len()], of: u64) -> impl Iterator<Item = (String, f64)> {
    COLUMNS.iter().zip(counts).map(move |(name, count)| ((*name).to_owned(), share(Some(*count), of)))
}

fn share(count: Option<u64>, of: u64) -> f64 {
    real(count.unwrap_or(0)) / real(of.max(1))
}

fn object(name: &str, members: impl Iterator<Item = (String, f64)>) -> String {
    let mut out = format!("\"{name}\": {{");
    for (nth, (name, value)) in members.enumerate() {
        let _ = write!(out, "{}\"{name}\": {value:.5}", if nth > 0 { ", " } else { "" });
    }
    out.push_str("},\n");
    out
}
