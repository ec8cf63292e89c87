//! England's people in shares, from the 2021 census (ONS, Open Government Licence), rounded: approximate on purpose.

use super::Sex;
use crate::dice::Dice;

/// Five-year age bands from 0, the last 90 to 104, each with its share of the people and the share of it that is female.
pub(crate) const AGE_BANDS: [(f64, f64); 19] = [
    (0.054, 0.488),
    (0.059, 0.488),
    (0.060, 0.488),
    (0.057, 0.487),
    (0.060, 0.495),
    (0.066, 0.503),
    (0.070, 0.508),
    (0.067, 0.508),
    (0.063, 0.507),
    (0.064, 0.506),
    (0.069, 0.507),
    (0.067, 0.507),
    (0.058, 0.509),
    (0.049, 0.514),
    (0.049, 0.519),
    (0.036, 0.531),
    (0.025, 0.556),
    (0.015, 0.600),
    (0.009, 0.670),
];

/// Ethnic categories with their share among heads of families in three age groups: under 40, 40 to 64, 65 and over.
/// Children take their parents', so these lie above the census for all ages.
pub(crate) const ETHNICITY: [(&str, [f64; 3]); 16] = [
    ("A", [0.5604, 0.6646, 0.8779]),
    ("B", [0.0079, 0.0130, 0.0187]),
    ("C", [0.0990, 0.0975, 0.0275]),
    ("D", [0.0185, 0.0078, 0.0022]),
    ("E", [0.0092, 0.0026, 0.0011]),
    ("F", [0.0172, 0.0065, 0.0022]),
    ("G", [0.0158, 0.0078, 0.0022]),
    ("H", [0.0502, 0.0455, 0.0198]),
    ("J", [0.0528, 0.0260, 0.0088]),
    ("K", [0.0211, 0.0104, 0.0033]),
    ("L", [0.0264, 0.0234, 0.0066]),
    ("M", [0.0132, 0.0169, 0.0110]),
    ("N", [0.0462, 0.0325, 0.0055]),
    ("P", [0.0092, 0.0065, 0.0011]),
    ("R", [0.0132, 0.0104, 0.0033]),
    ("S", [0.0396, 0.0286, 0.0088]),
];

/// The chance that somebody of this age died in the two years before the region starts, and is still on its books.
pub(crate) fn died_lately(age: f64) -> f64 {
    match age {
        ..35.0 => 0.0006,
        ..50.0 => 0.002,
        ..65.0 => 0.007,
        ..75.0 => 0.022,
        ..85.0 => 0.065,
        _ => 0.19,
    }
}

/// The age at a point of the cumulative distribution, 0 to 1, and the female share there.
pub(crate) fn age_at(share: f64) -> (f64, f64) {
    let total: f64 = AGE_BANDS.iter().map(|band| band.0).sum();
    let mut left = share * total;
    let mut from = 0.0;
    for (index, (weight, female)) in AGE_BANDS.iter().enumerate() {
        let last = index + 1 == AGE_BANDS.len();
        if left < *weight || last {
            let within = (left / weight).clamp(0.0, 0.999);
            // Past ninety every year is about a quarter emptier than the one before.
            let age = if last { from - (1.0 - within * 0.97).ln() / 0.27 } else { from + 5.0 * within };
            return (age.min(106.0), *female);
        }
        left -= weight;
        from += 5.0;
    }
    (40.0, 0.5)
}

/// An ethnic category for somebody of this age.
pub(crate) fn ethnicity(age: f64, dice: &mut Dice) -> &'static str {
    let group = if age < 40.0 {
        0
    } else if age < 65.0 {
        1
    } else {
        2
    };
    let index = dice.weighted(ETHNICITY.iter().map(|row| row.1.get(group).copied().unwrap_or(0.0)));
    ETHNICITY.get(index).map_or("A", |row| row.0)
}

/// Chance of living with a partner, by age.
pub(crate) fn partnered(age: f64, sex: Sex) -> f64 {
    match (age, sex) {
        (..20.0, _) => 0.0,
        (..25.0, _) => 0.15,
        (..35.0, _) => 0.55,
        (..65.0, _) => 0.70,
        (..75.0, Sex::Male) => 0.76,
        (..75.0, Sex::Female) => 0.66,
        (..85.0, Sex::Male) => 0.72,
        (..85.0, Sex::Female) => 0.45,
        (_, Sex::Male) => 0.50,
        (_, Sex::Female) => 0.16,
    }
}

/// Languages other than English by ethnic category: BCP 47 code, name, and the share of adults who prefer it.
pub(crate) fn language(category: &str, dice: &mut Dice) -> Option<(&'static str, &'static str)> {
    let (code, name, share) = match category {
        "C" => *dice.pick(&[
            ("pl", "Polish", 0.30),
            ("ro", "Romanian", 0.35),
            ("pt", "Portuguese", 0.25),
            ("es", "Spanish", 0.15),
            ("lt", "Lithuanian", 0.3),
        ]),
        "H" => *dice.pick(&[("gu", "Gujarati", 0.15), ("pa", "Panjabi", 0.15), ("hi", "Hindi", 0.08)]),
        "J" => *dice.pick(&[("ur", "Urdu", 0.18), ("pa", "Panjabi", 0.12)]),
        "K" => ("bn", "Bengali", 0.22),
        "L" => *dice.pick(&[("ta", "Tamil", 0.2), ("ne", "Nepali", 0.2)]),
        "R" => *dice.pick(&[("zh", "Chinese", 0.25), ("yue", "Cantonese", 0.2)]),
        "N" => *dice.pick(&[("so", "Somali", 0.2), ("fr", "French", 0.1), ("ti", "Tigrinya", 0.1)]),
        "S" => *dice.pick(&[("ar", "Arabic", 0.3), ("fa", "Persian", 0.25), ("tr", "Turkish", 0.2)]),
        _ => return None,
    };
    dice.chance(share).then_some((code, name))
}
