//! The model: what agreement and disagreement are worth. A JSON file that can be read, compared and rolled back.
//!
//! Fellegi and Sunter (1969, "A theory for record linkage") weigh each comparison by how much more often it comes out so
//! for one person than for two. Here both sides are mixtures. One person is settled, has moved, has changed the family
//! name, or both; two people have nothing to do with each other, live together, are twins, or are parent and child of one
//! name. So family name, address, telephone and practice count as one block: together they can show no more than that
//! two records belong to one household.

pub mod builtin;
mod lives;
mod score;

pub use lives::GROWN_UP;
pub(crate) use lives::reasons;
pub use score::{CLASSES, Class, Line, ONE_PERSON, Scorer, Weighed};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the file is.
pub const FORMAT: &str = "skein-identity-model";
/// Of which version.
pub const VERSION: u32 = 1;

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// What decisions call it.
    pub name: String,
    /// From what it was learnt: words for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub learnt_from: Option<String>,
    /// What is to be expected before anything is compared.
    pub prior: Prior,
    /// Shares of what happens to one person between two records.
    pub scenarios: Scenarios,
    /// The bands.
    pub thresholds: Thresholds,
    /// Other bands for some sources.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub sources: BTreeMap<String, Thresholds>,
    /// The comparisons, in the order of [`crate::compare::at`].
    pub comparisons: Vec<Comparison>,
    /// Comparisons of attributes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attributes: Vec<Comparison>,
}

/// What is to be expected before anything is compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// How many patients of the index are the person asked about, on average (0.8: four of five are known once).
    pub known: f64,
    /// How many others of the index live with the person, on average.
    pub household: f64,
    /// How many are a twin of the person, on average.
    pub twin: f64,
    /// How many live with the person and are its parent or child of the same name, on average.
    pub namesake: f64,
    /// How many are neighbours, on average.
    pub neighbour: f64,
    /// How many have the same name and date of birth, whatever the name, on average.
    pub double: f64,
    /// How many times as many have the same name and date of birth as the number of people of that name and age gives by
    /// chance.
    #[serde(default = "as_chance_gives")]
    pub chance: f64,
    /// How many twins of over 40 years share a home, or are still registered at one, against children.
    #[serde(default = "few")]
    pub twins_grown_up: f64,
}

fn few() -> f64 {
    0.2
}

fn as_chance_gives() -> f64 {
    1.0
}

/// Shares of what happens to one person between two records; their sum is 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenarios {
    /// Nothing.
    pub settled: f64,
    /// Another address.
    pub moved: f64,
    /// Another family name.
    pub renamed: f64,
    /// Both.
    pub renamed_and_moved: f64,
}

/// The bands: probabilities from which a patient is linked, and from which a person looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Linked without anybody looking.
    pub link: f64,
    /// Put to somebody.
    pub review: f64,
    /// The second-best person must be less likely by this factor.
    pub lead: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { link: 0.95, review: 0.05, lead: 10.0 }
    }
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What is compared.
    pub name: String,
    /// Its levels, in a fixed order.
    pub levels: Vec<Level>,
}

/// How often a level is reached. Absent shares are as `m` (moved, renamed; of addresses
/// and practices also household, twin, namesake: they live together) or as `u`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its name.
    pub level: String,
    /// By two records of one person.
    pub m: f64,
    /// By records of two people who have nothing to do with each other.
    pub u: f64,
    /// By two records of one person who has moved in between.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved: Option<f64>,
    /// By two records of one person whose family name has changed in between.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub renamed: Option<f64>,
    /// By records of two people who live together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub household: Option<f64>,
    /// By records of twins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub twin: Option<f64>,
    /// By records of parent and child of one name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namesake: Option<f64>,
    /// By records of two neighbours: one postcode, street or home for the elderly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub neighbour: Option<f64>,
    /// By records of two people of one name and birth date.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub double: Option<f64>,
}

/// Why a file is not a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not JSON, or JSON of another shape.
    #[error("this is not a model file: {0}")]
    NotAModel(String),
    /// Written by another version.
    #[error(
        "this model file is of version {found}; this program reads version {VERSION}: train a new model, or use the program that wrote it"
    )]
    OtherVersion {
        /// Its version.
        found: u64,
    },
    /// It lacks something, or a share is not a share.
    #[error("this model file does not fit: {0}")]
    DoesNotFit(String),
}

impl Model {
    /// The built-in model.
    pub fn builtin() -> Model {
        builtin::model()
    }

    /// Read a model file.
    ///
    /// # Errors
    /// When the text is not a model, is of another version, or lacks a comparison or level this program needs.
    pub fn from_json(text: &str) -> Result<Model, ModelError> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| ModelError::NotAModel(error.to_string()))?;
        if value.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
            return Err(ModelError::NotAModel(format!("it has no \"format\": \"{FORMAT}\"")));
        }
        let found = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if found != u64::from(VERSION) {
            return Err(ModelError::OtherVersion { found });
        }
        let model: Model = serde_json::from_value(value).map_err(|error| ModelError::NotAModel(error.to_string()))?;
        model.check()?;
        Ok(model)
    }

    /// Write a model file: one line per level, so that two models can be compared line by line.
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let mut out = String::with_capacity(text.len());
        let mut inside = false;
        for line in text.lines() {
            let word = line.trim_start();
            if inside {
                out.push(' ');
                out.push_str(word);
                if word.starts_with('}') {
                    inside = false;
                    out.push('\n');
                }
                continue;
            }
            out.push_str(line);
            // An object of numbers and names only: a level.
            if word == "{" && line.len() > 7 {
                inside = true;
            } else {
                out.push('\n');
            }
        }
        out
    }

    fn check(&self) -> Result<(), ModelError> {
        let expected = builtin::model();
        let fits = |text: String| Err(ModelError::DoesNotFit(text));
        if self.comparisons.len() != expected.comparisons.len() {
            return fits(format!("it has {} comparisons, not {}", self.comparisons.len(), expected.comparisons.len()));
        }
        let attribute = builtin::attribute("");
        let wanted = expected.comparisons.iter().map(Some).chain(std::iter::repeat(None));
        for (own, expected) in self.comparisons.iter().chain(&self.attributes).zip(wanted) {
            if expected.is_some_and(|expected| expected.name != own.name) {
                return fits(format!("'{}' stands where another comparison is expected", own.name));
            }
            let levels = &expected.unwrap_or(&attribute).levels;
            if own.levels.len() != levels.len() || own.levels.iter().zip(levels).any(|(a, b)| a.level != b.level) {
                return fits(format!("the levels of '{}' are not those this program has", own.name));
            }
            for level in &own.levels {
                let shares = [
                    Some(level.m),
                    Some(level.u),
                    level.moved,
                    level.renamed,
                    level.household,
                    level.twin,
                    level.namesake,
                    level.neighbour,
                    level.double,
                ];
                if shares.iter().flatten().any(|share| !(0.0..=1.0).contains(share)) {
                    return fits(format!("a share of '{}' at '{}' is not between 0 and 1", own.name, level.level));
                }
            }
        }
        let bands = std::iter::once(&self.thresholds).chain(self.sources.values());
        for band in bands {
            if !(0.5..=1.0).contains(&band.link) || !(0.0..=band.link).contains(&band.review) || band.lead < 1.0 {
                return fits("thresholds: 0 ≤ review ≤ link, 0.5 ≤ link ≤ 1, lead ≥ 1".into());
            }
        }
        let prior = [
            self.prior.known,
            self.prior.household,
            self.prior.twin,
            self.prior.namesake,
            self.prior.neighbour,
            self.prior.double,
            self.prior.chance,
            self.prior.twins_grown_up,
        ];
        let scenarios = self.scenarios;
        let sum = scenarios.settled + scenarios.moved + scenarios.renamed + scenarios.renamed_and_moved;
        if prior.iter().any(|share| !(0.0..=1000.0).contains(share)) || !(0.99..=1.01).contains(&sum) {
            return fits("prior or scenarios".into());
        }
        Ok(())
    }

    /// The bands for a source.
    pub fn thresholds_for(&self, source: Option<&str>) -> Thresholds {
        source.and_then(|source| self.sources.get(source)).copied().unwrap_or(self.thresholds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_written_and_read() {
        let model = Model::builtin();
        let text = model.to_json();
        assert_eq!(Model::from_json(&text).unwrap(), model);
        assert!(
            text.lines().any(|line| line.contains("\"first-of-january\"") && line.contains("\"namesake\"")),
            "{text}"
        );
    }

    #[test]
    fn another_version_is_refused_with_the_reason() {
        let text = Model::builtin().to_json().replacen("\"version\": 1", "\"version\": 7", 1);
        let error = Model::from_json(&text).unwrap_err().to_string();
        assert!(error.contains("version 7") && error.contains("version 1"), "{error}");
    }

    #[test]
    fn what_is_no_model_is_refused() {
        for text in ["", "{}", "[1]", "{\"format\":\"skein-identity-model\",\"version\":1}"] {
            assert!(Model::from_json(text).is_err());
        }
        let odd = Model::builtin().to_json().replacen("\"m\": 0.855", "\"m\": 1.855", 1);
        assert!(Model::from_json(&odd).unwrap_err().to_string().contains("forename"));
        let odd = Model::builtin().to_json().replacen("\"swapped\"", "\"swopped\"", 1);
        assert!(Model::from_json(&odd).is_err());
    }

    #[test]
    fn shares_add_up() {
        for comparison in Model::builtin().comparisons {
            let levels = comparison.levels.iter().filter(|level| level.level != "different-verified");
            let (m, u) = levels.fold((0.0, 0.0), |(m, u), level| (m + level.m, u + level.u));
            assert!((0.98..1.02).contains(&m) && (0.98..1.02).contains(&u), "{} {m} {u}", comparison.name);
        }
    }
}
