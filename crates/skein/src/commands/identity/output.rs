//! Progress on the terminal, pairs in a file.

use super::people::Ids;
use crate::failure::{Failure, Outcome, io_words};
use identity::{Pair, Ruling};
use indicatif::{ProgressBar, ProgressStyle};
use std::{io::Write, path::Path};

/// A bar for a known amount of work.
pub fn bar(what: &'static str, count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg:<12} {human_pos}/{human_len} {wide_bar} {per_sec} ({eta})") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// A counter for work of unknown amount.
pub fn counter(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{msg:<12} {human_pos} {spinner}") {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

/// The word for a pair's decision.
pub fn decision(pair: &Pair, review: f64) -> &'static str {
    let suspect = matches!(pair.ruling, Some(Ruling::NumberAlone | Ruling::TwoNumbers | Ruling::NoLead));
    match pair.link {
        true => "link",
        false if pair.probability >= review || suspect => "review",
        false => "",
    }
}

/// Write pairs as CSV.
pub fn write(path: &Path, pairs: &[Pair], a: &Ids, b: &Ids, review: f64) -> Outcome {
    let failed =
        |error: &std::io::Error| Failure::asked(format!("cannot write {}: {}", path.display(), io_words(error)));
    let file = std::fs::File::create(path).map_err(|error| failed(&error))?;
    let mut csv = csv::Writer::from_writer(std::io::BufWriter::new(file));
    let row = |csv: &mut csv::Writer<_>, row: [&str; 4]| csv.write_record(row).map_err(std::io::Error::from);
    row(&mut csv, ["id_a", "id_b", "probability", "decision"]).map_err(|error| failed(&error))?;
    for pair in pairs {
        let probability = format!("{:.6}", pair.probability);
        row(&mut csv, [a.get(pair.a), b.get(pair.b), &probability, decision(pair, review)])
            .map_err(|error| failed(&error))?;
    }
    csv.into_inner().map_err(|error| failed(error.error()))?.flush().map_err(|error| failed(&error))
}
