//! The model that works from day one: reasoned from how people live and how clerks type, not from any one data set.
//!
//! A line per level: how often records of one person reach it (`m`), how often records of two people who have nothing to do
//! with each other do (`u`; where a value agrees, its own frequency is used instead), and, where they differ from these, the
//! same for one person after a move or a change of family name, for people who live together, for twins, for parent and
//! child of one name, and for neighbours.

use super::{Comparison, Level, Model, Prior, Scenarios, Thresholds, VERSION};

/// (name, m, u, moved, renamed, household, twin, namesake, neighbour, double); below zero: as `m` (moved, renamed) or `u` (the rest).
type Line = (&'static str, f64, f64, f64, f64, f64, f64, f64, f64, f64);
const AS: f64 = -1.0;

const FORENAME: &[Line] = &[
    ("same", 0.855, 0.006, AS, AS, AS, 0.0004, 0.91, AS, 0.92),
    ("variant", 0.040, 0.0015, AS, AS, AS, 0.0008, 0.03, AS, 0.03),
    ("slip", 0.045, 0.0012, AS, AS, 0.002, 0.012, 0.02, AS, 0.032),
    ("near", 0.014, 0.020, AS, AS, AS, 0.040, 0.006, AS, 0.004),
    ("initial", 0.008, 0.0008, AS, AS, 0.0010, 0.0015, 0.008, AS, 0.004),
    ("middle", 0.012, 0.0020, AS, AS, 0.006, 0.0020, 0.010, AS, 0.002),
    ("swapped", 0.006, 0.000_01, AS, AS, AS, AS, 0.006, AS, AS),
    ("different", 0.012, 0.968, AS, AS, 0.965, 0.95, 0.010, AS, 0.002),
];

const MIDDLE: &[Line] = &[
    ("same", 0.86, 0.02, AS, AS, 0.03, 0.02, 0.20, AS, AS),
    ("initial", 0.11, 0.01, AS, AS, 0.012, 0.01, 0.05, AS, AS),
    ("different", 0.03, 0.97, AS, AS, 0.958, 0.97, 0.75, AS, AS),
];

const BIRTH: &[Line] = &[
    ("same", 0.955, 0.000_04, AS, AS, 0.0003, 0.985, 0.000_02, AS, 0.98),
    ("swapped", 0.006, 0.000_015, AS, AS, 0.000_03, 0.002, 0.000_005, AS, 0.002),
    ("slip", 0.016, 0.0012, AS, AS, 0.0018, 0.007, 0.0010, AS, 0.008),
    ("part", 0.009, 0.0040, AS, AS, 0.0050, 0.004, 0.0030, AS, 0.003),
    ("first-of-january", 0.004, 0.0010, AS, AS, 0.002, 0.001, 0.0005, AS, 0.002),
    ("year", 0.003, 0.0115, AS, AS, 0.045, 0.0005, 0.0001, AS, 0.002),
    ("generation", 0.003, 0.62, AS, AS, 0.55, 0.0002, 0.84, AS, 0.001),
    ("different", 0.004, 0.36, AS, AS, 0.395, 0.0003, 0.15, AS, 0.002),
];

const SEX: &[Line] = &[
    ("same", 0.990, 0.50, AS, AS, 0.42, 0.66, 0.99, AS, 0.99),
    ("different", 0.010, 0.50, AS, AS, 0.58, 0.34, 0.01, AS, 0.01),
];

const NHS: &[Line] = &[
    ("same", 0.986, 0.000_000_1, AS, AS, 0.0002, 0.0006, 0.0002, AS, AS),
    ("slip", 0.008, 0.000_000_5, AS, AS, 0.000_02, 0.0001, 0.000_02, AS, AS),
    ("former", 0.002, 0.000_000_1, AS, AS, 0.000_05, 0.0001, 0.000_05, AS, AS),
    ("different", 0.004, 0.999_999, AS, AS, 0.9997, 0.9992, 0.9997, AS, AS),
    ("different-verified", 0.0008, 0.999_999, AS, AS, 0.9997, 0.9992, 0.9997, AS, AS),
];

const IDENTIFIER: &[Line] = &[
    ("same", 0.70, 0.000_001, AS, AS, 0.0001, 0.0003, 0.0001, AS, AS),
    ("slip", 0.03, 0.000_03, AS, AS, AS, AS, AS, AS, AS),
    ("different", 0.27, 0.999_97, AS, AS, 0.9998, 0.9996, 0.9998, AS, AS),
];

const EMAIL: &[Line] = &[
    ("same", 0.74, 0.000_001, 0.74, AS, 0.10, 0.15, 0.10, AS, AS),
    ("slip", 0.06, 0.000_02, AS, AS, 0.002, 0.002, 0.002, AS, AS),
    ("different", 0.20, 0.999_98, AS, AS, 0.898, 0.848, 0.898, AS, AS),
];

const FAMILY: &[Line] = &[
    ("same", 0.895, 0.0030, AS, 0.02, 0.72, 0.92, 0.94, 0.008, 0.94),
    ("former", 0.008, 0.0008, AS, 0.22, 0.02, 0.005, 0.002, AS, 0.003),
    ("part", 0.015, 0.0006, AS, 0.14, 0.03, 0.015, 0.010, AS, 0.005),
    ("slip", 0.055, 0.0008, AS, 0.005, 0.018, 0.040, 0.040, AS, 0.042),
    ("near", 0.010, 0.0100, AS, 0.010, 0.012, 0.008, 0.004, AS, 0.003),
    ("different", 0.017, 0.985, AS, 0.605, 0.20, 0.012, 0.004, AS, 0.005),
];

const POSTCODE: &[Line] = &[
    ("same", 0.935, 0.000_03, 0.010, AS, AS, AS, AS, 0.85, AS),
    ("slip", 0.020, 0.0002, 0.003, AS, AS, AS, AS, 0.02, AS),
    ("sector", 0.010, 0.0004, 0.060, AS, AS, AS, AS, 0.08, AS),
    ("district", 0.008, 0.0040, 0.150, AS, AS, AS, AS, 0.01, AS),
    ("different", 0.027, 0.995, 0.777, AS, AS, AS, AS, 0.04, AS),
];

const STREET: &[Line] = &[
    ("same", 0.840, 0.000_002, 0.003, AS, AS, AS, AS, 0.02, AS),
    ("no-number", 0.025, 0.0001, 0.002, AS, AS, AS, AS, 0.06, AS),
    ("neighbour", 0.015, 0.0010, 0.004, AS, AS, AS, AS, 0.70, AS),
    ("near", 0.070, 0.0010, 0.003, AS, AS, AS, AS, 0.03, AS),
    ("number", 0.015, 0.0200, 0.020, AS, AS, AS, AS, 0.01, AS),
    ("different", 0.035, 0.978, 0.968, AS, AS, AS, AS, 0.18, AS),
];

const PLACE: &[Line] = &[
    ("same", 0.91, 0.03, 0.45, AS, AS, AS, AS, 0.92, AS),
    ("slip", 0.04, 0.005, 0.03, AS, AS, AS, AS, 0.04, AS),
    ("different", 0.05, 0.965, 0.52, AS, AS, AS, AS, 0.04, AS),
];

const REGION: &[Line] =
    &[("same", 0.95, 0.15, 0.85, AS, AS, AS, AS, 0.96, AS), ("different", 0.05, 0.85, 0.15, AS, AS, AS, AS, 0.04, AS)];

const PHONE: &[Line] = &[
    ("same", 0.79, 0.000_001, AS, AS, 0.40, 0.55, 0.40, AS, AS),
    ("slip", 0.03, 0.000_03, AS, AS, 0.012, 0.015, 0.012, AS, AS),
    ("different", 0.18, 0.999_97, AS, AS, 0.588, 0.435, 0.588, AS, AS),
];

const PRACTICE: &[Line] = &[
    ("same", 0.92, 0.004, 0.35, AS, AS, AS, AS, 0.60, AS),
    ("different", 0.08, 0.996, 0.65, AS, AS, AS, AS, 0.40, AS),
];

/// What is taken of an attribute that the model has not learnt.
const ATTRIBUTE: &[Line] = &[
    ("same", 0.80, 0.10, AS, AS, AS, AS, AS, AS, AS),
    ("slip", 0.05, 0.02, AS, AS, AS, AS, AS, AS, AS),
    ("different", 0.15, 0.88, AS, AS, AS, AS, AS, AS, AS),
];

const ALL: [(&str, &[Line]); super::super::compare::COMPARISONS] = [
    ("forename", FORENAME),
    ("middle-name", MIDDLE),
    ("birth-date", BIRTH),
    ("sex", SEX),
    ("nhs-number", NHS),
    ("identifier", IDENTIFIER),
    ("email", EMAIL),
    ("family-name", FAMILY),
    ("postcode", POSTCODE),
    ("street", STREET),
    ("place", PLACE),
    ("region", REGION),
    ("telephone", PHONE),
    ("practice", PRACTICE),
];

fn comparison(name: &str, lines: &[Line]) -> Comparison {
    let given = |value: f64| (value >= 0.0).then_some(value);
    let levels =
        lines.iter().map(|&(level, m, u, moved, renamed, household, twin, namesake, neighbour, double)| Level {
            level: level.to_owned(),
            m,
            u,
            moved: given(moved),
            renamed: given(renamed),
            household: given(household),
            twin: given(twin),
            namesake: given(namesake),
            neighbour: given(neighbour),
            double: given(double),
        });
    Comparison { name: name.to_owned(), levels: levels.collect() }
}

/// The comparison of an attribute not yet learnt.
pub fn attribute(name: &str) -> Comparison {
    comparison(name, ATTRIBUTE)
}

/// The built-in model.
pub fn model() -> Model {
    Model {
        format: super::FORMAT.to_owned(),
        version: VERSION,
        name: "built-in".to_owned(),
        learnt_from: None,
        prior: Prior {
            known: 0.85,
            household: 1.0,
            twin: 0.06,
            namesake: 0.03,
            neighbour: 10.0,
            double: 0.00005,
            chance: 4.0,
            twins_grown_up: 0.3,
        },
        scenarios: Scenarios { settled: 0.855, moved: 0.12, renamed: 0.010, renamed_and_moved: 0.015 },
        // Its probabilities are rougher than those of a model learnt from the people it judges.
        thresholds: Thresholds { link: 0.93, ..Thresholds::default() },
        sources: std::collections::BTreeMap::new(),
        comparisons: ALL.iter().map(|(name, lines)| comparison(name, lines)).collect(),
        attributes: Vec::new(),
    }
}
