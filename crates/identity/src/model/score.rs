//! The weight of a pattern: the odds that two records are of one person.

use super::{Comparison, Level, Model};
use crate::compare::{COMPARISONS, COMPARISONS_MAX, MISSING, Pattern, at};
use serde::Serialize;

/// No level of any model is impossible: the least share that is reckoned with.
const LEAST: f64 = 1e-9;
const LEVELS_MAX: usize = 8;
/// Patients whose average values are added to a young index's counts.
const ASSUMED: f64 = 5_000.0;
/// Years after birth from which twins seldom live together, and how seldom against children.
const GROWN_UP: u32 = 32;
const GROWN_UP_TWINS: f64 = 0.2;
/// How many [`Class`]es there are.
pub const CLASSES: usize = 10;

/// What a pair of records may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// One person, nothing changed.
    Settled,
    /// One person who moved.
    Moved,
    /// One person with another family name.
    Renamed,
    /// One person with another family name and address.
    RenamedAndMoved,
    /// Two people with nothing in common.
    Unrelated,
    /// Two people who live together.
    Household,
    /// Twins.
    Twins,
    /// Parent and child of one name.
    Namesakes,
    /// Neighbours.
    Neighbours,
    /// Two people of one name and birth date.
    Doubles,
}

/// One line of the waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What was compared; `prior` and `people-who-live-together` are no comparisons.
    pub comparison: String,
    /// The level it reached.
    pub level: String,
    /// Bits (log2 of the Bayes factor) at the level's average.
    pub weight: f64,
    /// Bits added because the shared value is rarer than average, or taken because it is more usual.
    pub frequency: f64,
}

/// The odds of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// How much more likely the pattern is for one person than for two: the Bayes factor.
    pub factor: f64,
    /// The likelihood under each class, prior shares of the class included.
    pub classes: [f64; CLASSES],
}

impl Weighed {
    /// The probability, by itself, that the pair is one person.
    pub fn probability(&self) -> f64 {
        let [a, b, c, d, rest @ ..] = self.classes;
        let one = a + b + c + d;
        one / (one + rest.iter().sum::<f64>()).max(f64::MIN_POSITIVE)
    }
}

type Shares = [f64; CLASSES];

/// A model made ready for scoring against so many people.
#[derive(Clone, Debug)]
pub struct Scorer {
    /// Shares by comparison and level, one for each class.
    tables: Vec<[Row; LEVELS_MAX]>,
    priors: Shares,
    known: f64,
    latest_year: u32,
    /// Patients whose average value is added to what is counted: so much is known before anybody is.
    assumed: f64,
    /// Patients that are counted.
    counted: f64,
}

/// The shares of one level, and whether each is that of chance agreement: then the frequency of the value agreed on is the
/// better one.
#[derive(Clone, Copy, Debug)]
struct Row {
    shares: Shares,
    by_chance: [bool; CLASSES],
}

fn row(level: &Level, comparison: usize) -> Row {
    let moved = level.moved.unwrap_or(level.m);
    let renamed = level.renamed.unwrap_or(level.m);
    // A level that only one of the two changes concerns is governed by that one.
    let both = if level.renamed.is_some() { renamed } else { moved };
    // Where one of a household lives, the others do.
    let together = matches!(comparison, at::POSTCODE | at::STREET | at::PLACE | at::REGION | at::PRACTICE);
    let housed = |share: Option<f64>| share.or(together.then_some(level.m));
    let others =
        [None, housed(level.household), housed(level.twin), housed(level.namesake), level.neighbour, level.double];
    let [unrelated, household, twin, namesake, neighbour, double] = others;
    let own = |share: Option<f64>| share.unwrap_or(level.u).max(LEAST);
    Row {
        shares: [
            level.m.max(LEAST),
            moved.max(LEAST),
            renamed.max(LEAST),
            both.max(LEAST),
            own(unrelated),
            own(household),
            own(twin),
            own(namesake),
            own(neighbour),
            own(double),
        ],
        by_chance: [
            false,
            false,
            false,
            false,
            true,
            household.is_none(),
            twin.is_none(),
            namesake.is_none(),
            neighbour.is_none(),
            double.is_none(),
        ],
    }
}

impl Scorer {
    /// Make a model ready. `people`: how many patients the index holds; `attributes`: their names in the index's order;
    /// `latest_year`: of birth, which tells who is grown up.
    pub fn new(model: &Model, people: usize, attributes: &[String], latest_year: u32) -> Scorer {
        Scorer::among(model, people, 0, attributes, latest_year)
    }

    /// As [`Scorer::new`], for an index that is part of at least so many people: while it fills, its counts say little, so
    /// chance agreement is reckoned with the level's average for as many as are assumed.
    pub fn among(model: &Model, people: usize, least: usize, attributes: &[String], latest_year: u32) -> Scorer {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let (counted, people) = (people.max(1) as f64, people.max(least).max(1) as f64);
        let assumed = if least == 0 { 0.0 } else { ASSUMED };
        let attribute = |name: &String| {
            let known = model.attributes.iter().find(|known| known.name == *name);
            known.cloned().unwrap_or_else(|| super::builtin::attribute(name))
        };
        let comparisons: Vec<Comparison> =
            model.comparisons.iter().cloned().chain(attributes.iter().map(attribute)).take(COMPARISONS_MAX).collect();
        let table = |(at, comparison): (usize, &Comparison)| {
            let mut table = [Row { shares: [1.0; CLASSES], by_chance: [false; CLASSES] }; LEVELS_MAX];
            for (slot, level) in table.iter_mut().zip(&comparison.levels) {
                *slot = row(level, at);
            }
            table
        };
        let each = |count: f64| (count / people).min(0.5);
        let (one, scenarios) = (each(model.prior.known), model.scenarios);
        let (household, twin, namesake) =
            (each(model.prior.household), each(model.prior.twin), each(model.prior.namesake));
        let (neighbour, double) = (each(model.prior.neighbour), each(model.prior.double));
        let priors = [
            one * scenarios.settled,
            one * scenarios.moved,
            one * scenarios.renamed,
            one * scenarios.renamed_and_moved,
            (1.0 - one - household - twin - namesake - neighbour - double).max(0.01),
            household,
            twin,
            namesake,
            neighbour,
            double,
        ];
        Scorer {
            tables: comparisons.iter().enumerate().map(table).collect(),
            priors,
            known: model.prior.known,
            latest_year,
            assumed,
            counted,
        }
    }

    /// The share of those asked about that the index holds.
    pub fn known(&self) -> f64 {
        self.known
    }

    /// The prior odds that a pair is one person.
    pub fn prior_odds(&self) -> f64 {
        let [a, b, c, d, rest @ ..] = self.priors;
        (a + b + c + d) / rest.iter().sum::<f64>().max(f64::MIN_POSITIVE)
    }

    fn of(&self, comparison: usize, level: u8) -> Option<&Row> {
        if level == MISSING { None } else { self.tables.get(comparison)?.get(level as usize) }
    }

    /// The shares of a level: where they are of agreeing by chance, that of the value agreed on, if it is known.
    fn with_frequency(&self, row: &Row, share: f32) -> Shares {
        let mut shares = row.shares;
        if share > 0.0 {
            let [_, _, _, _, average, ..] = shares;
            let share = (f64::from(share) * self.counted + average * self.assumed) / (self.counted + self.assumed);
            let share = share.max(LEAST);
            for (own, by_chance) in shares.iter_mut().zip(row.by_chance) {
                if by_chance {
                    *own = share;
                }
            }
        }
        shares
    }

    /// Weigh a pattern.
    pub fn weigh(&self, pattern: &Pattern) -> Weighed {
        let mut classes = self.priors;
        // Twins share a home as children, seldom as grown-ups.
        if pattern.birth_year != 0
            && u32::from(pattern.birth_year) + GROWN_UP < self.latest_year
            && let [_, _, _, _, _, _, twins, ..] = &mut classes
        {
            *twins *= GROWN_UP_TWINS;
        }
        for (comparison, (&level, &share)) in pattern.levels.iter().zip(&pattern.shares).enumerate() {
            let Some(shares) = self.of(comparison, level) else { continue };
            let shares = self.with_frequency(shares, share);
            for (class, share) in classes.iter_mut().zip(shares) {
                *class *= share;
            }
        }
        let [a, b, c, d, rest @ ..] = classes;
        let factor = (a + b + c + d) / rest.iter().sum::<f64>().max(f64::MIN_POSITIVE) / self.prior_odds();
        Weighed { factor, classes }
    }

    /// Of several patterns, for each comparison the outcome that speaks most for one person: what a cluster knows as a
    /// whole.
    pub fn best_of(&self, patterns: &[Pattern]) -> Pattern {
        let mut best = Pattern::default();
        for comparison in 0..COMPARISONS_MAX {
            let mut most = f64::MIN;
            for pattern in patterns {
                let level = pattern.level(comparison);
                let share = pattern.shares.get(comparison).copied().unwrap_or(0.0);
                let Some(shares) = self.of(comparison, level) else { continue };
                let [m, _, _, _, u, ..] = self.with_frequency(shares, share);
                if m / u > most {
                    most = m / u;
                    best.set(comparison, level, share);
                }
            }
        }
        best
    }

    /// The waterfall of a pattern: lines whose weights, with the prior, add up to the log2 odds. Names of levels come from
    /// the model.
    pub fn lines(&self, model: &Model, attributes: &[String], pattern: &Pattern) -> Vec<Line> {
        let mut lines = vec![Line {
            comparison: "prior".into(),
            level: String::new(),
            weight: self.prior_odds().log2(),
            frequency: 0.0,
        }];
        let attribute = super::builtin::attribute("");
        let (mut sum, mut block) = (self.prior_odds().log2(), Vec::new());
        let (mut block_one, mut block_two) = ([0.0_f64; 4], 0.0);
        for (comparison, (&level, &share)) in pattern.levels.iter().zip(&pattern.shares).enumerate() {
            let Some(plain) = self.of(comparison, level) else { continue };
            let adjusted = self.with_frequency(plain, share);
            let (name, levels) = match model.comparisons.get(comparison) {
                Some(known) => (known.name.as_str(), &known.levels),
                None => (attributes.get(comparison - COMPARISONS).map_or("", String::as_str), &attribute.levels),
            };
            let level = levels.get(level as usize).map(|level| level.level.clone()).unwrap_or_default();
            let [m, moved, renamed, both, u, ..] = plain.shares;
            let [_, _, _, _, adjusted_u, ..] = adjusted;
            let frequency = (u / adjusted_u).log2();
            if (at::FAMILY..COMPARISONS).contains(&comparison) {
                for (sum, share) in block_one.iter_mut().zip([m, moved, renamed, both]) {
                    *sum += share.log2();
                }
                block_two += adjusted_u.log2();
                block.push((name.to_owned(), level, frequency));
            } else {
                let weight = (m / u).log2();
                sum += weight + frequency;
                lines.push(Line { comparison: name.to_owned(), level, weight, frequency });
            }
        }
        if !block.is_empty() {
            let [a, b, c, d, ..] = self.priors;
            let all = a + b + c + d;
            let one: f64 = block_one.iter().zip([a, b, c, d]).map(|(log, prior)| log.exp2() * prior / all).sum();
            let weight = one.log2() - block_two;
            let frequency: f64 = block.iter().map(|(_, _, frequency)| frequency).sum();
            sum += weight;
            let level: Vec<String> = block.into_iter().map(|(name, level, _)| format!("{name} {level}")).collect();
            lines.push(Line {
                comparison: "household".into(),
                level: level.join(", "),
                weight: weight - frequency,
                frequency,
            });
        }
        let total = (self.weigh(pattern).factor * self.prior_odds()).log2();
        lines.push(Line {
            comparison: "people-who-live-together".into(),
            level: String::new(),
            weight: total - sum,
            frequency: 0.0,
        });
        lines
    }
}
