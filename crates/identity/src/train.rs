//! Learning a model without labels: expectation and maximisation over pairs that share a blocking key, with the shares
//! among unrelated people taken from random pairs (as Winkler 1988 and the Splink authors do). The same data, start and
//! seed give the same model.

use crate::{
    compare::{COMPARISONS, MISSING, Pattern, at},
    index::{Index, Question},
    matching::{Matcher, Scratch},
    model::{CLASSES, Comparison, GROWN_UP, Level, Model, ONE_PERSON, Scenarios, Scorer, Thresholds, builtin},
    terms::mix,
};
use fhir::PatientKey;

/// What to learn from, and how.
pub struct Training<'q> {
    /// A sample of those asked about; each with its own key where it is in the index itself.
    pub sample: &'q [(Question, Option<PatientKey>)],
    /// Whether each of the sample is at most one of the index: linking two files without duplicates.
    pub at_most_one: bool,
    /// Random pairs to learn chance agreement from.
    pub random_pairs: usize,
    /// Chooses the random pairs.
    pub seed: u64,
    /// What the model says it was learnt from.
    pub learnt_from: String,
    /// Called with the share of the work done.
    pub progress: Option<&'q dyn Fn(f64)>,
}

const ITERATIONS_MAX: usize = 30;
/// What the starting model is worth, in pairs.
const START_PAIRS: f64 = 40.0;
const START_RANDOM: f64 = 400.0;
/// The prior shares of families are stiffer: few pairs tell of them.
const START_FAMILIES: f64 = 20.0;
/// The start's share of namesakes with the same birthday is worth so many of them.
const START_CHANCE: f64 = 2.0;
const CHANCE_MOST: f64 = 50.0;
/// From here on a learnt model links: its probabilities are truer than the built-in model's.
const LINK_LEARNT: f64 = 0.92;
/// Of twins who share a home as children so many at most do over 40: what seems more are people known by another name.
const GROWN_UP_MOST: f64 = 0.03;
/// Of those asked about so many are not known: too few to learn of their families, and enough.
const UNKNOWN_FEW: f64 = 0.03;
const UNKNOWN_ENOUGH: f64 = 0.08;
/// Stop when no share moves by more.
const STILL: f64 = 2e-4;
/// What two people have in common never comes to less than so much of what the start says.
const ALONG_LEAST: f64 = 0.2;
/// Of pairs of one person that both have an NHS number, so many at most have two different ones.
const OTHER_NUMBER_MOST: f64 = 0.004;
/// No level of one person is rarer than this: a model must not be certain.
const LEAST: f64 = 2e-5;

type Counts = Vec<[f64; 8]>;

/// One of the sample.
struct Group {
    /// Those who may be the same person.
    patterns: Vec<Pattern>,
    /// What those are who certainly are not, summed.
    strangers: Strangers,
    /// Others of the name and birthday that chance gives.
    doubles: f64,
    /// Whether of an age at which twins have left home.
    grown_up: bool,
}

/// Of each class of two people, how many.
type Strangers = [f64; CLASSES - ONE_PERSON];

#[derive(Default)]
struct Expected {
    same: Counts,
    chance: Counts,
    scenarios: [f64; 4],
    found: f64,
    /// Classes of two people, from unrelated on.
    strangers: Strangers,
    /// The same of all who are asked about, known or not.
    of_all: Strangers,
    /// The twins of those grown up, and how many grown up are asked about.
    grown_up: (f64, f64),
    /// How many of those asked about `strangers` are of: where the index holds at most one, of those it does not hold. What
    /// stands against one person is that the person is not known and the other is a relative: newcomers have relatives
    /// there more often, or less, than those who are known.
    of: f64,
    /// Namesakes with the same birthday that chance gives those asked about.
    doubles: f64,
}

/// Learn a model, starting from another.
pub fn train(index: &Index, start: &Model, training: &Training<'_>) -> Model {
    let mut start = start.clone();
    for name in index.attributes() {
        if !start.attributes.iter().any(|known| known.name == *name) {
            start.attributes.push(builtin::attribute(name));
        }
    }
    let mut model = start.clone();
    model.name = "learnt".to_owned();
    if start.name == Model::builtin().name {
        model.thresholds = Thresholds { link: LINK_LEARNT, ..Thresholds::default() };
    }
    model.learnt_from = Some(training.learnt_from.clone());
    let matcher = Matcher::new(index, &start);
    let mut scratch = Scratch::default();
    let mut groups: Vec<Group> = Vec::with_capacity(training.sample.len());
    for (number, (question, own)) in training.sample.iter().enumerate() {
        let mut strangers = [0.0_f64; CLASSES - ONE_PERSON];
        matcher.score(question, &mut scratch, |weighed| {
            // Certainly two people: what they are to each other is counted once.
            let [_, _, _, _, rest @ ..] = weighed.classes;
            let all = rest.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            for (sum, class) in strangers.iter_mut().zip(rest) {
                *sum += class / all;
            }
        });
        let others = matcher
            .found(&scratch)
            .iter()
            .filter(|(row, ..)| own.is_none() || index.who(*row).map(|(patient, _)| patient) != *own);
        groups.push(Group {
            patterns: others.map(|(_, pattern, _)| *pattern).collect(),
            strangers,
            doubles: matcher.doubles(question),
            grown_up: (1..index.births().latest_year().saturating_sub(GROWN_UP))
                .contains(&(question.record().birth() >> 9)),
        });
        if number % 256 == 0
            && let Some(progress) = training.progress
        {
            #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
            progress(number as f64 / training.sample.len() as f64 * 0.7);
        }
    }
    let random = random_pairs(&matcher, training);
    for round in 0..ITERATIONS_MAX {
        let scorer = Scorer::new(&model, index.len(), index.attributes(), index.births().latest_year());
        let expected = expect(&scorer, &model, index, training, &groups, &random);
        let moved = maximise(&mut model, &start, index, training, &expected);
        if let Some(progress) = training.progress {
            #[expect(clippy::cast_precision_loss, reason = "a share of the work")]
            progress(0.7 + 0.3 * (round + 1) as f64 / ITERATIONS_MAX as f64);
        }
        if moved < STILL {
            break;
        }
    }
    // What two people have in common is written down by the same clerks, with the same slips. Only at the end: while it
    // is learnt how many twins there are, that their family names are alike tells them from one person badly typed.
    for (comparison, start) in model.comparisons.iter_mut().zip(&start.comparisons) {
        for of in FAMILIES {
            along(comparison, start, of);
        }
    }
    round_shares(&mut model);
    model
}

fn random_pairs(matcher: &Matcher<'_>, training: &Training<'_>) -> Vec<Pattern> {
    let index = matcher.index();
    let (rows, asked) = (u64::from(index.rows()), training.sample.len() as u64);
    let mut pairs = Vec::with_capacity(training.random_pairs);
    if rows == 0 || asked == 0 {
        return pairs;
    }
    let mut state = training.seed;
    let mut next = |below: u64| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(state) % below
    };
    for _ in 0..training.random_pairs {
        let question = usize::try_from(next(asked)).ok().and_then(|at| training.sample.get(at));
        let (Some((question, own)), Ok(row)) = (question, u32::try_from(next(rows))) else { continue };
        if own.is_some() && index.who(row).map(|(patient, _)| patient) == *own || !index.is_live(row) {
            continue;
        }
        let Some(other) = index.row(row) else { continue };
        let context = matcher.context(question.lexicon(index), &[]);
        pairs.push(crate::compare::compare(&question.record(), &other, &context));
    }
    pairs
}

fn tally(counts: &mut Counts, pattern: &Pattern, weight: f64, wanted: impl Fn(usize) -> bool) {
    for (comparison, (counts, &level)) in counts.iter_mut().zip(&pattern.levels).enumerate() {
        if level != MISSING
            && wanted(comparison)
            && let Some(count) = counts.get_mut(level as usize)
        {
            *count += weight;
        }
    }
}

fn expect(
    scorer: &Scorer,
    model: &Model,
    index: &Index,
    training: &Training<'_>,
    groups: &[Group],
    random: &[Pattern],
) -> Expected {
    let comparisons = COMPARISONS + index.attributes().len();
    let mut expected =
        Expected { same: vec![[0.0; 8]; comparisons], chance: vec![[0.0; 8]; comparisons], ..Expected::default() };
    let has = |comparison: usize, which: fn(&Level) -> bool| {
        model.comparisons.get(comparison).is_some_and(|known| known.levels.iter().any(which))
    };
    let by_move: Vec<bool> =
        (0..comparisons).map(|comparison| has(comparison, |level| level.moved.is_some())).collect();
    let by_name: Vec<bool> =
        (0..comparisons).map(|comparison| has(comparison, |level| level.renamed.is_some())).collect();
    let flag = |list: &[bool], comparison: usize| list.get(comparison).copied().unwrap_or(false);
    let known = scorer.known().min(0.98);
    for group in groups {
        let weighed: Vec<_> = group.patterns.iter().map(|pattern| scorer.weigh(pattern)).collect();
        let odds = |weighed: &crate::model::Weighed| weighed.factor * scorer.prior_odds();
        let all: f64 = weighed.iter().map(odds).sum();
        let unknown = if training.at_most_one { (1.0 - known) / (1.0 - known + all) } else { 1.0 };
        expected.of += unknown;
        expected.doubles += unknown * group.doubles;
        let mut strangers = group.strangers.map(|count| (unknown * count, count));
        for (pattern, weighed) in group.patterns.iter().zip(&weighed) {
            let one = match training.at_most_one {
                true => odds(weighed) / (1.0 - known + all),
                false => weighed.probability(),
            };
            let [a, b, c, d, rest @ ..] = weighed.classes;
            let same = (a + b + c + d).max(f64::MIN_POSITIVE);
            let other = rest.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            let [settled, moved, renamed, both] = [a, b, c, d].map(|class| one * class / same);
            for (sum, share) in expected.scenarios.iter_mut().zip([settled, moved, renamed, both]) {
                *sum += share;
            }
            expected.found += one;
            for ((sum, all), class) in strangers.iter_mut().zip(rest) {
                *sum += if training.at_most_one { unknown } else { 1.0 - one } * class / other;
                *all += (1.0 - one) * class / other;
            }
            if one < 1e-6 {
                continue;
            }
            tally(&mut expected.same, pattern, settled, |_| true);
            tally(&mut expected.same, pattern, moved, |comparison| !flag(&by_move, comparison));
            tally(&mut expected.same, pattern, renamed, |comparison| !flag(&by_name, comparison));
            tally(&mut expected.same, pattern, both, |comparison| {
                !flag(&by_move, comparison) && !flag(&by_name, comparison)
            });
        }
        for ((sum, all), (more, more_all)) in expected.strangers.iter_mut().zip(&mut expected.of_all).zip(strangers) {
            *sum += more;
            *all += more_all;
        }
        if group.grown_up {
            let [_, _, (twins, _), _, _, _, (apart, _)] = strangers;
            expected.grown_up.0 += twins + apart;
            expected.grown_up.1 += unknown;
        }
    }
    for pattern in random {
        let two = 1.0 - scorer.weigh(pattern).probability();
        if two > 0.5 {
            tally(&mut expected.chance, pattern, two, |_| true);
        }
    }
    expected
}

fn maximise(model: &mut Model, start: &Model, index: &Index, training: &Training<'_>, expected: &Expected) -> f64 {
    let mut moved = 0.0_f64;
    let place = |name: &str| index.attributes().iter().position(|known| known == name).map(|at| at + COMPARISONS);
    let own = start.comparisons.iter().enumerate().map(|(at, known)| (Some(at), known));
    let attributes = start.attributes.iter().map(|known| (place(&known.name), known));
    let now = model.comparisons.iter_mut().chain(&mut model.attributes);
    for (comparison, (at, start)) in now.zip(own.chain(attributes)) {
        let (Some(same), Some(chance)) =
            (at.and_then(|at| expected.same.get(at)), at.and_then(|at| expected.chance.get(at)))
        else {
            continue;
        };
        moved = moved.max(relearn(comparison, start, same, chance, at == Some(at::NHS)));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let asked = training.sample.len() as f64;
    let mix = |count: f64, from: f64, stiffness: f64| (count + stiffness * from) / (asked + stiffness);
    let known = mix(expected.found, start.prior.known, 5.0);
    moved = moved.max((known - model.prior.known).abs());
    model.prior.known = if training.at_most_one { known.clamp(0.02, 0.99) } else { known.clamp(0.001, 50.0) };
    let [_, household, twin, namesake, neighbour, double, apart] = expected.strangers;
    let [_, household_all, twin_all, namesake_all, neighbour_all, _, apart_all] = expected.of_all;
    // Of those not known, where there are enough to learn from; where nearly everybody is known, those who seem not to be
    // are badly typed, and it is reckoned with what holds of all.
    let enough = ((expected.of / asked - UNKNOWN_FEW) / (UNKNOWN_ENOUGH - UNKNOWN_FEW)).clamp(0.0, 1.0);
    let of = |count: f64, all: f64, from: f64, stiffness: f64| {
        let of_all = mix(all, from, stiffness);
        (1.0 - enough) * of_all + enough * (count + stiffness * of_all) / (expected.of + stiffness)
    };
    model.prior.household = of(household, household_all, start.prior.household, START_FAMILIES).min(20.0);
    model.prior.namesake = of(namesake, namesake_all, start.prior.namesake, START_FAMILIES).min(1.0);
    model.prior.neighbour = of(neighbour, neighbour_all, start.prior.neighbour, 1.0).min(1000.0);
    // Twins of an age at which they have left home are reckoned against those of the others.
    let twin = of(twin + apart, twin_all + apart_all, start.prior.twin, START_FAMILIES);
    let (twins_old, old) = expected.grown_up;
    let grown_up = (twins_old + START_FAMILIES * start.prior.twins_grown_up * twin) / (old + START_FAMILIES);
    let share_old = (old / expected.of.max(f64::MIN_POSITIVE)).min(0.9);
    let young = (twin - share_old * grown_up) / (1.0 - share_old);
    model.prior.twin = young.clamp(1e-6, 1.0);
    model.prior.twins_grown_up = if training.at_most_one {
        (grown_up / model.prior.twin).clamp(0.005, GROWN_UP_MOST)
    } else {
        start.prior.twins_grown_up
    };
    // As many namesakes of the same birthday as there are, against as many as the names and ages of those asked about would
    // give by chance.
    let chance = (double + START_CHANCE * start.prior.chance) / (expected.doubles + START_CHANCE);
    model.prior.chance = (enough * chance + (1.0 - enough) * start.prior.chance).clamp(0.5, CHANCE_MOST);
    let [a, b, c, d] = expected.scenarios;
    let from = start.scenarios;
    let all = a + b + c + d + START_FAMILIES;
    let share = |count: f64, from: f64| (count + START_FAMILIES * from) / all;
    model.scenarios = Scenarios {
        settled: share(a, from.settled),
        moved: share(b, from.moved),
        renamed: share(c, from.renamed),
        renamed_and_moved: share(d, from.renamed_and_moved),
    };
    moved
}

/// New shares of one comparison. The level of two verified numbers is not learnt: it is a rule.
fn relearn(comparison: &mut Comparison, start: &Comparison, same: &[f64; 8], chance: &[f64; 8], numbers: bool) -> f64 {
    let learnt = comparison.levels.len() - usize::from(numbers);
    let sums = |counts: &[f64; 8]| counts.iter().take(learnt).sum::<f64>();
    let (same_all, chance_all) = (sums(same), sums(chance));
    let start_m: f64 = start.levels.iter().take(learnt).map(|level| level.m).sum();
    let start_u: f64 = start.levels.iter().take(learnt).map(|level| level.u).sum();
    let mut moved = 0.0_f64;
    let own = comparison.levels.iter_mut().zip(&start.levels).zip(same.iter().zip(chance)).take(learnt);
    for ((level, start), (same, chance)) in own {
        let m = (same + START_PAIRS * start.m / start_m) / (same_all + START_PAIRS);
        level.u = (chance + START_RANDOM * start.u / start_u) / (chance_all + START_RANDOM);
        moved = moved.max((m - level.m).abs());
        level.m = m.max(LEAST);
    }
    // A number is a person's own: that it differs is never learnt to be usual from those who were taken for one person.
    if numbers && let Some(level) = comparison.levels.iter_mut().find(|level| level.level == "different") {
        level.m = level.m.min(OTHER_NUMBER_MOST);
    }
    moved
}

/// Where a level of two people who are something to each other is kept.
type Of = fn(&mut Level) -> &mut Option<f64>;
const FAMILIES: [Of; 4] =
    [|level| &mut level.household, |level| &mut level.twin, |level| &mut level.namesake, |level| &mut level.double];

/// Of two people, some have one value, as one person has: what was learnt of how one person's values differ holds for them.
fn along(comparison: &mut Comparison, start: &Comparison, of: Of) {
    let begin: Vec<(f64, f64)> =
        start.levels.iter().filter_map(|level| Some((level.m, (*of(&mut level.clone()))?))).collect();
    let Some((m, share)) = begin.first().copied().filter(|_| begin.len() == start.levels.len()) else { return };
    let common = (share / m).min(1.0);
    let now: Vec<f64> = comparison
        .levels
        .iter()
        .zip(&begin)
        .map(|(level, (m, share))| (share + common * (level.m - m)).max(share * ALONG_LEAST))
        .collect();
    let (before, after) = (begin.iter().map(|(_, share)| share).sum::<f64>(), now.iter().sum::<f64>());
    for (level, share) in comparison.levels.iter_mut().zip(now) {
        *of(level) = Some(share * before / after);
    }
}

/// Six significant digits: enough, and readable.
fn round_shares(model: &mut Model) {
    let round = |share: &mut f64| {
        if *share > 0.0 && share.is_finite() {
            let scale = 10_f64.powf(5.0 - share.log10().floor());
            *share = (*share * scale).round() / scale;
        }
    };
    for level in model.comparisons.iter_mut().chain(&mut model.attributes).flat_map(|known| &mut known.levels) {
        round(&mut level.m);
        round(&mut level.u);
        for of in FAMILIES {
            if let Some(share) = of(level) {
                round(share);
            }
        }
    }
    round(&mut model.prior.known);
    round(&mut model.prior.household);
    round(&mut model.prior.twin);
    round(&mut model.prior.namesake);
    round(&mut model.prior.neighbour);
    round(&mut model.prior.double);
    round(&mut model.prior.chance);
    round(&mut model.prior.twins_grown_up);
    let scenarios = &mut model.scenarios;
    round(&mut scenarios.settled);
    round(&mut scenarios.moved);
    round(&mut scenarios.renamed);
    round(&mut scenarios.renamed_and_moved);
}
