//! The weight of a pattern: the odds that two records are of one person.

use super::{Comparison, Level, Model, lives};
use crate::compare::{
    COMPARISONS, COMPARISONS_MAX, MISSING, Pattern, at,
    level::{plain, postcode},
};
use serde::Serialize;
use std::borrow::Cow;

/// No level of any model is impossible: the least share that is reckoned with.
const LEAST: f64 = 1e-9;
const LEVELS_MAX: usize = 8;
/// Patients whose average values are added to a young index's counts.
const ASSUMED: f64 = 5_000.0;
/// Of the 10,000 numbers of one exchange 39 are a slip apart from a given one, and in a small town one telephone in four is of
/// the same exchange: two strangers' numbers are so at least this often, though a sample should have none.
const PHONE_SLIP_LEAST: f64 = 1e-3;
/// Of two grown-up people of one family, so many give one mobile number, against children, whose number is a parent's.
const MOBILE_SHARED: f64 = 0.15;
/// Where so many others of the index live with a person on average, there are families in it: of whole populations one or more,
/// of records that somebody made up one by one fewer than one in a hundred.
const FAMILIES_LEAST: f64 = 0.1;
/// From this age on a mobile is one's own.
const OWN_MOBILE_AGE: u32 = 18;
/// From this age on whoever takes another family name nearly always is a woman; children of both sexes take one with a parent.
const MARRIED_AGE: u32 = 18;
/// Of grown-up women and men, so many times as many take another family name as of all.
const RENAMED_WOMEN: f64 = 1.7;
const RENAMED_MEN: f64 = 0.3;
/// Of those of one postcode district, so many at most are of one town, or county, and so many have one practice.
const TOWN_OF_AREA: f64 = 0.95;
const PRACTICE_OF_AREA: f64 = 0.5;
/// How many [`Class`]es there are.
pub const CLASSES: usize = 11;
/// How many of them are one person.
pub const ONE_PERSON: usize = 4;

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
    /// Twins, one of whom is known at another address than the other: they moved, or their parents parted.
    TwinsApart,
}

impl Class {
    /// All of them, in the order of [`Weighed::classes`].
    pub const ALL: [Class; CLASSES] = [
        Class::Settled,
        Class::Moved,
        Class::Renamed,
        Class::RenamedAndMoved,
        Class::Unrelated,
        Class::Household,
        Class::Twins,
        Class::Namesakes,
        Class::Neighbours,
        Class::Doubles,
        Class::TwinsApart,
    ];

    /// Its word in an explanation.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Settled => "nothing",
            Class::Moved => "address",
            Class::Renamed => "family-name",
            Class::RenamedAndMoved => "family-name-and-address",
            Class::Unrelated => "strangers",
            Class::Household => "one-household",
            Class::Twins | Class::TwinsApart => "twins",
            Class::Namesakes => "parent-and-child",
            Class::Neighbours => "neighbours",
            Class::Doubles => "same-name-and-birthday",
        }
    }
}

/// One line of the waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What was compared; `prior`, `what-changed` and `who-else` are no comparisons.
    pub comparison: String,
    /// The level it reached.
    pub level: String,
    /// Bits (log2 of the Bayes factor) at the level's average.
    pub weight: f64,
    /// Bits added because the shared value is rarer than average, or taken because it is more usual.
    pub frequency: f64,
    /// Bits taken off because the two other people that the pair is likeliest to be (of one household, twins, parent and
    /// child…) would have it so too; added where they would not.
    pub shared: f64,
}

/// The odds of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// How much more likely the pattern is for one person than for two: the Bayes factor.
    pub factor: f64,
    /// The likelihood under each class, prior shares of the class included.
    pub classes: [f64; CLASSES],
    /// How much more likely the further names are for one person than for twins: 1 where they were not compared.
    pub further: f64,
    /// Whether both are known to be grown up.
    pub grown_up: bool,
    /// Whether there are families among the people at hand.
    pub families: bool,
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

/// An area that both records name.
#[derive(Clone, Copy, Debug)]
struct Area {
    /// The share of strangers who live in one such area.
    by_chance: f64,
    /// The comparison that tells it.
    known_by: usize,
}

/// A model made ready for scoring against so many people.
#[derive(Clone, Debug)]
pub struct Scorer {
    /// Shares by comparison and level, one for each class.
    tables: Vec<[Row; LEVELS_MAX]>,
    priors: Shares,
    /// What a pair's expected namesakes of the same birthday add to the prior of [`Class::Doubles`], for each of them.
    chance: f64,
    grown_up: f64,
    families: bool,
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
    let least = if comparison == at::PHONE && level.level == "slip" { PHONE_SLIP_LEAST } else { LEAST };
    let own = |share: Option<f64>| share.unwrap_or(level.u).max(least);
    let apart = if together { Some(moved) } else { twin };
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
            own(apart),
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
            apart.is_none(),
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
            known.map_or_else(|| Cow::Owned(super::builtin::attribute(name)), Cow::Borrowed)
        };
        // Made for every decision of a region that fills: nothing is copied that need not be.
        let comparisons = model.comparisons.iter().map(Cow::Borrowed).chain(attributes.iter().map(attribute));
        let table = |(at, comparison): (usize, Cow<'_, Comparison>)| {
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
            twin * (1.0 - scenarios.moved),
            namesake,
            neighbour,
            double,
            twin * scenarios.moved,
        ];
        Scorer {
            tables: comparisons.take(COMPARISONS_MAX).enumerate().map(table).collect(),
            priors,
            chance: model.prior.chance / people,
            grown_up: model.prior.twins_grown_up,
            families: model.prior.household >= FAMILIES_LEAST,
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

    /// The shares of a level: where they are of agreeing by chance, that of the value agreed on, if it is known; `company`
    /// times as many among those who agree so far.
    fn with_frequency(&self, row: &Row, share: f32, company: f32) -> Shares {
        let mut shares = row.shares;
        if share > 0.0 {
            let [_, _, _, _, average, ..] = shares;
            let share = (f64::from(share) * self.counted + average * self.assumed) / (self.counted + self.assumed);
            let share = (share * f64::from(company)).clamp(LEAST, 0.5_f64.max(share));
            for (own, by_chance) in shares.iter_mut().zip(row.by_chance) {
                if by_chance {
                    *own = share;
                }
            }
        }
        shares
    }

    /// What is to be expected of a pair before anything is compared, its age and the number of its namesakes apart.
    fn priors_of(&self, pattern: &Pattern) -> Shares {
        let mut priors = self.priors;
        if pattern.birth_year != 0 {
            let age = self.latest_year.saturating_sub(u32::from(pattern.birth_year));
            let [_, _, _, _, _, _, twins, _, _, _, apart] = &mut priors;
            let share = lives::twins_at_home(age, self.grown_up);
            *twins *= share;
            *apart *= share;
            lives::move_as_at(age, &mut priors);
        }
        let [_, _, _, _, _, _, _, _, _, doubles, _] = &mut priors;
        *doubles += self.chance * f64::from(pattern.doubles);
        if let Some(woman) = pattern.woman.filter(|_| self.both_older(pattern, MARRIED_AGE)) {
            let [_, _, renamed, both, ..] = &mut priors;
            let times = if woman { RENAMED_WOMEN } else { RENAMED_MEN };
            *renamed *= times;
            *both *= times;
        }
        priors
    }

    /// Whether they share a mobile, and both are grown up.
    fn own_mobile(&self, pattern: &Pattern) -> bool {
        pattern.mobile && self.both_older(pattern, OWN_MOBILE_AGE)
    }

    /// Whether both are at least so old.
    fn both_older(&self, pattern: &Pattern, age: u32) -> bool {
        let younger = u32::from(pattern.birth_year) + u32::from(pattern.years_apart);
        pattern.birth_year != 0 && younger + age <= self.latest_year
    }

    /// For each comparison that was made: its place, its level, its shares as the model has them and for the value agreed on.
    fn made<'p>(&'p self, pattern: &'p Pattern) -> impl Iterator<Item = (usize, u8, Shares, Shares)> + use<'p> {
        let area = self.area(pattern);
        pattern.levels.iter().zip(&pattern.shares).enumerate().filter_map(move |(comparison, (&level, &share))| {
            let row = self.of(comparison, level)?;
            // Names keep company: given the family name, the forename is so many times as usual.
            let company = if comparison == at::FORENAME { pattern.company } else { 1.0 };
            let mut shares = self.with_frequency(row, share, company);
            if let Some(area) = area
                && level == plain::SAME
                && matches!(comparison, at::PLACE | at::REGION | at::PRACTICE)
            {
                self.within(&mut shares, row, comparison, area);
            }
            if comparison == at::FORENAME
                && let Some((one, two)) = pattern.both_names.map(lives::reasons)
            {
                for (at, share) in shares.iter_mut().enumerate() {
                    *share *= if at < ONE_PERSON { one } else { two };
                }
            }
            if comparison == at::FAMILY && pattern.further_family > 0.0 {
                lives::further_family(&mut shares, pattern.further_family);
            }
            if comparison == at::PHONE && level == plain::SAME && self.own_mobile(pattern) {
                let [_, _, _, _, _, household, twins, namesakes, _, _, apart] = &mut shares;
                for family in [household, twins, namesakes, apart] {
                    *family *= MOBILE_SHARED;
                }
            }
            Some((comparison, level, row.shares, shares))
        })
    }

    /// The share of strangers who live in the area that both records name: the postcode's district, else the place.
    fn area(&self, pattern: &Pattern) -> Option<Area> {
        if pattern.level(at::POSTCODE) <= postcode::DISTRICT {
            let row = self.of(at::POSTCODE, postcode::DISTRICT)?;
            let [_, _, _, _, by_chance, ..] = row.shares;
            return Some(Area { by_chance, known_by: at::POSTCODE });
        }
        let share = pattern.shares.get(at::PLACE).copied().unwrap_or(0.0);
        (pattern.level(at::PLACE) == plain::SAME && share > 0.0)
            .then(|| Area { by_chance: f64::from(share), known_by: at::PLACE })
    }

    /// Who lives in one area has its town, county and practices in common: what is known by it already says nothing more.
    fn within(&self, shares: &mut Shares, row: &Row, comparison: usize, area: Area) {
        if area.known_by == comparison {
            return;
        }
        let [_, _, _, _, by_chance, ..] = *shares;
        let most = if comparison == at::PRACTICE { PRACTICE_OF_AREA } else { TOWN_OF_AREA };
        let among = (by_chance / area.by_chance).clamp(by_chance, most.max(by_chance));
        for (own, chance) in shares.iter_mut().zip(row.by_chance) {
            if chance {
                *own = among;
            }
        }
        let [_, moved, _, both, ..] = shares;
        let kept = if comparison == at::PRACTICE { moved.sqrt() } else { TOWN_OF_AREA };
        *moved = moved.max(kept);
        *both = both.max(kept);
    }

    /// Weigh a pattern.
    pub fn weigh(&self, pattern: &Pattern) -> Weighed {
        let (mut classes, mut further) = (self.priors_of(pattern), 1.0);
        for (comparison, _, _, shares) in self.made(pattern) {
            if comparison == at::MIDDLE {
                let [one, _, _, _, _, _, twins, ..] = shares;
                further = one / twins;
            }
            for (class, share) in classes.iter_mut().zip(shares) {
                *class *= share;
            }
        }
        let [a, b, c, d, rest @ ..] = classes;
        let factor = (a + b + c + d) / rest.iter().sum::<f64>().max(f64::MIN_POSITIVE) / self.prior_odds();
        Weighed {
            factor,
            classes,
            further,
            grown_up: self.both_older(pattern, OWN_MOBILE_AGE),
            families: self.families,
        }
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
                let [m, _, _, _, u, ..] = self.with_frequency(shares, share, 1.0);
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
    ///
    /// One person is a mixture of what may have changed, two people a mixture of what they may be to each other. A line's
    /// weight is that of the likeliest mixture, and what the mixture itself costs stands in two lines of its own, so that
    /// the sum is exact: log Σ p·f = Σ w·log f + Σ w·log(p / w), with w = p·f / Σ p·f.
    pub fn lines(&self, model: &Model, attributes: &[String], pattern: &Pattern) -> Vec<Line> {
        let weighed = self.weigh(pattern);
        let priors = self.priors_of(pattern);
        let (one, two) = (portions(&weighed.classes, 0..ONE_PERSON), portions(&weighed.classes, ONE_PERSON..CLASSES));
        let plain_line = |comparison: &str, level: &str, weight: f64| Line {
            comparison: comparison.into(),
            level: level.into(),
            weight,
            frequency: 0.0,
            shared: 0.0,
        };
        let mut lines = vec![plain_line("prior", "", self.prior_odds().log2())];
        let attribute = super::builtin::attribute("");
        for (comparison, level, plain, adjusted) in self.made(pattern) {
            let (name, levels) = match model.comparisons.get(comparison) {
                Some(known) => (known.name.as_str(), &known.levels),
                None => (attributes.get(comparison - COMPARISONS).map_or("", String::as_str), &attribute.levels),
            };
            let level = levels.get(level as usize).map_or("", |level| level.level.as_str());
            let [_, _, _, _, average, ..] = plain;
            let [_, _, _, _, by_chance, ..] = adjusted;
            lines.push(Line {
                weight: mean_log2(&one, &adjusted) - average.log2(),
                frequency: (average / by_chance).log2(),
                shared: by_chance.log2() - mean_log2(&two, &adjusted),
                ..plain_line(name, level, 0.0)
            });
        }
        let [a, b, c, d, rest @ ..] = self.priors;
        let (ones, twos) = (a + b + c + d, rest.iter().sum::<f64>());
        let cost = |portions: &Shares, whole: f64| -> f64 {
            let each = portions.iter().zip(&priors).filter(|(portion, _)| **portion > 0.0);
            each.map(|(portion, prior)| portion * (prior.max(f64::MIN_POSITIVE) / whole / portion).log2()).sum()
        };
        lines.push(plain_line("what-changed", likeliest(&one), cost(&one, ones)));
        lines.push(plain_line("who-else", likeliest(&two), -cost(&two, twos)));
        lines
    }
}

/// The portions of some classes in their sum; 0 for the others.
fn portions(classes: &Shares, which: std::ops::Range<usize>) -> Shares {
    let sum = classes.iter().take(which.end).skip(which.start).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut portions = [0.0; CLASSES];
    for (at, (portion, class)) in portions.iter_mut().zip(classes).enumerate() {
        if which.contains(&at) {
            *portion = class / sum;
        }
    }
    portions
}

fn mean_log2(portions: &Shares, shares: &Shares) -> f64 {
    portions
        .iter()
        .zip(shares)
        .filter(|(portion, _)| **portion > 0.0)
        .map(|(portion, share)| portion * share.log2())
        .sum()
}

fn likeliest(portions: &Shares) -> &'static str {
    let best = Class::ALL.iter().zip(portions).max_by(|(_, a), (_, b)| a.total_cmp(b));
    best.map_or("", |(class, _)| class.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::level::yes;

    const TOWN: f32 = 0.03;
    const PRACTICE: f32 = 0.0005;

    /// Two records of one name and birthday with other homes; of a district, a town and a practice where asked for.
    fn moved(district: bool, town: bool, practice: bool) -> Pattern {
        let mut pattern = Pattern::default();
        for comparison in [at::FORENAME, at::BIRTH, at::FAMILY] {
            pattern.set(comparison, 0, 0.001);
        }
        pattern.set(at::POSTCODE, if district { postcode::DISTRICT } else { postcode::DIFFERENT }, 0.0);
        pattern.set(at::PLACE, if town { plain::SAME } else { plain::DIFFERENT }, if town { TOWN } else { 0.0 });
        if practice {
            pattern.set(at::PRACTICE, yes::SAME, PRACTICE);
        }
        pattern
    }

    #[test]
    fn a_grown_up_woman_changes_her_family_name_more_often_than_a_man_and_a_child_as_its_parents_do() {
        let model = Model::builtin();
        let scorer = Scorer::new(&model, 1_000_000, &[], 2020);
        let renamed = |woman, birth_year| {
            let mut pattern = moved(true, true, true);
            pattern.set(at::FAMILY, crate::compare::level::family::DIFFERENT, 0.0);
            (pattern.woman, pattern.birth_year) = (woman, birth_year);
            scorer.weigh(&pattern).probability()
        };
        let [woman, nobody, man] = [Some(true), None, Some(false)].map(|woman| renamed(woman, 1985));
        assert!(woman > nobody && nobody > man, "{woman} {nobody} {man}");
        assert!((renamed(Some(true), 2015) - renamed(Some(false), 2015)).abs() < 1e-12);
    }

    #[test]
    fn what_the_district_says_is_not_said_again_by_town_and_practice() {
        let model = Model::builtin();
        let scorer = Scorer::new(&model, 1_000_000, &[], 2020);
        let bits = |pattern: &Pattern, comparison: &str| {
            let lines = scorer.lines(&model, &[], pattern);
            let sum: f64 = lines.iter().map(|line| line.weight + line.frequency + line.shared).sum();
            let odds = (scorer.weigh(pattern).factor * scorer.prior_odds()).log2();
            assert!((sum - odds).abs() < 1e-9, "{sum} {odds}");
            let line = lines.into_iter().find(|line| line.comparison == comparison).unwrap();
            line.weight + line.frequency + line.shared
        };
        let town = |district| bits(&moved(district, true, false), "place");
        assert!(town(true).abs() < 0.1 && town(false) > 3.0, "{} {}", town(true), town(false));
        let practice = |district, town| bits(&moved(district, town, true), "practice");
        let (here, town, anywhere) = (practice(true, true), practice(false, true), practice(false, false));
        assert!(0.0 < here && here < town && town < anywhere, "{here} {town} {anywhere}");
    }
}
