//! Learning a model without labels: expectation and maximisation over pairs that share a blocking key, with the shares
//! among unrelated people taken from random pairs (as Winkler 1988 and the Splink authors do). The same data, start and
//! seed give the same model.

use crate::{
    compare::{COMPARISONS, MISSING, Pattern, at},
    index::{Index, Question},
    matching::{Matcher, Scratch},
    model::{CLASSES, Comparison, Level, Model, Scenarios, Scorer, builtin},
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
/// Stop when no share moves by more.
const STILL: f64 = 2e-4;
/// No level of one person is rarer than this: a model must not be certain.
const LEAST: f64 = 2e-5;

type Counts = Vec<[f64; 8]>;

#[derive(Default)]
struct Expected {
    same: Counts,
    chance: Counts,
    scenarios: [f64; 4],
    found: f64,
    /// Unrelated, household, twins, namesakes, neighbours.
    strangers: [f64; CLASSES - 4],
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
    model.learnt_from = Some(training.learnt_from.clone());
    let matcher = Matcher::new(index, &start);
    let mut scratch = Scratch::default();
    let mut strangers = [0.0_f64; CLASSES - 4];
    let mut groups: Vec<Vec<Pattern>> = Vec::with_capacity(training.sample.len());
    for (number, (question, own)) in training.sample.iter().enumerate() {
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
        groups.push(others.map(|(_, pattern, _)| *pattern).collect());
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
        let mut expected = expect(&scorer, &model, index, training, &groups, &random);
        for (sum, more) in expected.strangers.iter_mut().zip(strangers) {
            *sum += more;
        }
        let moved = maximise(&mut model, &start, index, training, &expected);
        if let Some(progress) = training.progress {
            #[expect(clippy::cast_precision_loss, reason = "a share of the work")]
            progress(0.7 + 0.3 * (round + 1) as f64 / ITERATIONS_MAX as f64);
        }
        if moved < STILL {
            break;
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
    groups: &[Vec<Pattern>],
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
        let weighed: Vec<_> = group.iter().map(|pattern| scorer.weigh(pattern)).collect();
        let odds = |weighed: &crate::model::Weighed| weighed.factor * scorer.prior_odds();
        let all: f64 = weighed.iter().map(odds).sum();
        for (pattern, weighed) in group.iter().zip(&weighed) {
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
            for (sum, class) in expected.strangers.iter_mut().zip(rest) {
                *sum += (1.0 - one) * class / other;
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
    let [_, household, twin, namesake, neighbour, double] = expected.strangers;
    model.prior.household = mix(household, start.prior.household, START_FAMILIES).min(20.0);
    model.prior.twin = mix(twin, start.prior.twin, START_FAMILIES).min(1.0);
    model.prior.namesake = mix(namesake, start.prior.namesake, START_FAMILIES).min(1.0);
    model.prior.double = mix(double, start.prior.double, START_FAMILIES).min(1.0);
    model.prior.neighbour = mix(neighbour, start.prior.neighbour, 1.0).min(1000.0);
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
    moved
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
    }
    round(&mut model.prior.known);
    round(&mut model.prior.household);
    round(&mut model.prior.twin);
    round(&mut model.prior.namesake);
    round(&mut model.prior.neighbour);
    round(&mut model.prior.double);
    let scenarios = &mut model.scenarios;
    round(&mut scenarios.settled);
    round(&mut scenarios.moved);
    round(&mut scenarios.renamed);
    round(&mut scenarios.renamed_and_moved);
}
