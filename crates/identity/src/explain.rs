//! Why: the waterfall of one pair, in words and numbers that a data steward can read. No value of any person is in it.

use crate::{
    compare::at,
    matching::Scored,
    model::{Line, Model, Scorer},
    rules::Ruling,
};
use serde::Serialize;

/// Comparisons that say where somebody lives.
const WHEREABOUTS: [usize; 6] = [at::POSTCODE, at::STREET, at::PLACE, at::REGION, at::PHONE, at::PRACTICE];

/// Why a pair got its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The model that weighed it.
    pub model: String,
    /// The model's version.
    pub version: u32,
    /// Prior and weights in bits: their sum is the log2 of the odds.
    pub lines: Vec<Line>,
    /// The sum.
    pub bits: f64,
    /// The probability after rules, and the other candidates.
    pub probability: f64,
    /// The rule that had the last word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Whether one of them is restricted: nothing is said about addresses, telephones and practices.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

/// Make one. The whereabouts of restricted people are not even packed into their rows (`packed::pack`), so nothing here
/// can rest on them; that nothing was compared is said in the same words whatever there is.
pub(crate) fn explanation(
    model: &Model,
    scorer: &Scorer,
    attributes: &[String],
    scored: &Scored,
    restricted: bool,
) -> Explanation {
    let mut pattern = scored.pattern;
    if restricted {
        for comparison in WHEREABOUTS {
            pattern.set(comparison, crate::compare::MISSING, 0.0);
        }
    }
    let mut lines = scorer.lines(model, attributes, &pattern);
    for line in &mut lines {
        line.weight = round(line.weight);
        line.frequency = round(line.frequency);
        line.shared = round(line.shared);
    }
    let bits = lines.iter().map(|line| line.weight + line.frequency + line.shared).sum::<f64>();
    Explanation {
        model: model.name.clone(),
        version: model.version,
        lines,
        bits: round(bits),
        probability: round6(scored.probability),
        ruling: scored.ruling,
        withheld: restricted,
    }
}

fn round(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    // No minus zero in a file.
    if rounded == 0.0 { 0.0 } else { rounded }
}

fn round6(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
