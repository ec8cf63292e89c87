//! `skein identity explain`: the waterfall of two records of a file.

use super::{
    columns::Said,
    learn, output,
    people::{self, Opened},
};
use crate::{
    cli::identity::Explain,
    failure::{Failure, Outcome},
    say,
};
use identity::Matcher;

/// Explain.
pub fn run(asked: &Explain) -> Outcome {
    let Some(input) = &asked.input else { return Err(Failure::asked("name a file of people with --input")) };
    let said = Said::parse(asked.files.columns.as_deref()).map_err(Failure::asked)?;
    let file = Opened::open(input, &said).map_err(Failure::asked)?;
    let how = file.alone();
    let bar = output::counter("reading");
    let read = people::index(file, &how, learn::threads(&asked.files), &|count| bar.set_position(count as u64));
    bar.finish_and_clear();
    let (index, ids, _) = read.map_err(Failure::asked)?;
    let model = match learn::chosen(&asked.files)? {
        Some(model) => model,
        None => learn::of_index(&index, input, asked.files.seed),
    };
    let places = ids.places();
    let row = |id: &str| {
        places.get(id).copied().ok_or_else(|| Failure::asked(format!("{} has no record '{id}'", input.display())))
    };
    let (a, b) = (row(&asked.a)?, row(&asked.b)?);
    let matcher = Matcher::new(&index, &model);
    let explanation = matcher.explain_rows(a, b).ok_or_else(|| Failure::found("the records cannot be compared"))?;
    if asked.json {
        say::line(&serde_json::to_string(&explanation).unwrap_or_default());
        return Ok(());
    }
    let mut sum = 0.0;
    say::line(&format!("{:<20} {:>8} {:>9} {:>8} {:>8}  level", "comparison", "weight", "frequency", "shared", "sum"));
    for line in &explanation.lines {
        sum += line.weight + line.frequency + line.shared;
        say::line(&format!(
            "{:<20} {:>8.2} {:>9.2} {:>8.2} {:>8.2}  {}",
            line.comparison, line.weight, line.frequency, line.shared, sum, line.level
        ));
    }
    say::line(&format!(
        "{:<20} {:>8.2} bits, probability {:.6}",
        "these two alone",
        explanation.bits,
        odds(explanation.bits)
    ));
    let ruling = explanation
        .ruling
        .and_then(|ruling| serde_json::to_value(ruling).ok())
        .and_then(|word| word.as_str().map(|word| format!(", rule {word}")))
        .unwrap_or_default();
    say::line(&format!(
        "beside all others    probability {:.6}{ruling}; model '{}' version {}",
        explanation.probability, explanation.model, explanation.version
    ));
    Ok(())
}

/// The probability that odds of so many bits are.
fn odds(bits: f64) -> f64 {
    1.0 / (1.0 + (-bits).exp2())
}
