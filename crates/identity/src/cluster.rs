//! Finding the duplicates of one file. Pairs are joined to clusters, the surest first; what a pair alone does not show, the
//! cluster may, and what contradicts the cluster is kept apart.

use crate::{
    batch::{Pair, REPORTED_LEAST, in_pieces},
    compare::Pattern,
    matching::Matcher,
    rules::{GUARDED_MOST, Ruling, ruled, ruling},
};
use std::collections::HashMap;

/// Cross pairs looked at when two clusters are joined.
const CROSS_MAX: usize = 36;
/// One pair can speak so loudly, in bits, for or against joining.
const BITS_MAX: f64 = 12.0;
/// Two clusters are kept apart where their pairs speak against each other by more, on average.
const APART_BITS: f64 = -4.0;
/// The cluster as a whole must be this sure to take in what no single pair shows.
const WHOLE_LEAST: f64 = 0.9;

/// All pairs of the index that may be one person, on so many threads. The order of rows does not change them.
pub fn dedupe(matcher: &Matcher<'_>, threads: usize, progress: &(dyn Fn(usize) + Sync)) -> Vec<Pair> {
    let index = matcher.index();
    let pieces = in_pieces(index.rows() as usize, threads, progress, |range, scratch| {
        let mut found = Vec::new();
        for row in range.filter_map(|row| u32::try_from(row).ok()) {
            let Some(question) = index.question_of_row(row) else { continue };
            matcher.score(&question, scratch, |_| ());
            for (other, pattern, weighed) in matcher.found(scratch) {
                if *other <= row {
                    continue;
                }
                let ruling = index.row(*other).and_then(|other| ruling(&question.record(), &other, pattern, weighed));
                let probability = ruled(weighed.probability(), ruling);
                if probability >= REPORTED_LEAST {
                    found.push(Pair { a: row, b: *other, probability, link: false, ruling });
                }
            }
        }
        found
    });
    let mut pairs: Vec<Pair> = pieces.into_iter().flatten().collect();
    join(matcher, &mut pairs);
    let link = matcher.model().thresholds.link;
    for pair in &mut pairs {
        let guarded = matches!(pair.ruling, Some(ruling) if ruling != Ruling::VerifiedNumber);
        pair.link = pair.probability >= link && !guarded;
    }
    pairs.sort_by_key(|pair| (pair.a, pair.b));
    pairs
}

fn bits(probability: f64) -> f64 {
    let probability = probability.clamp(1e-12, 1.0 - 1e-12);
    (probability / (1.0 - probability)).log2().clamp(-BITS_MAX, BITS_MAX)
}

struct Clusters {
    of: HashMap<u32, usize>,
    members: Vec<Vec<u32>>,
}

impl Clusters {
    fn of(&mut self, row: u32) -> usize {
        *self.of.entry(row).or_insert_with(|| {
            self.members.push(vec![row]);
            self.members.len() - 1
        })
    }

    fn members(&self, cluster: usize) -> &[u32] {
        self.members.get(cluster).map_or(&[], Vec::as_slice)
    }

    fn merge(&mut self, a: usize, b: usize) {
        let moved = self.members.get_mut(b).map(std::mem::take).unwrap_or_default();
        for row in &moved {
            self.of.insert(*row, a);
        }
        if let Some(members) = self.members.get_mut(a) {
            members.extend(moved);
        }
    }
}

fn join(matcher: &Matcher<'_>, pairs: &mut Vec<Pair>) {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let sure = |at: &usize| pairs.get(*at).map_or((0.0, 0, 0), |pair| (pair.probability, pair.a, pair.b));
    order.sort_by(|x, y| {
        let ((p, a, b), (q, c, d)) = (sure(x), sure(y));
        q.total_cmp(&p).then((a, b).cmp(&(c, d)))
    });
    let mut own: HashMap<(u32, u32), usize> =
        pairs.iter().enumerate().map(|(at, pair)| ((pair.a, pair.b), at)).collect();
    let mut clusters = Clusters { of: HashMap::new(), members: Vec::new() };
    for at in order {
        let Some(pair) = pairs.get(at) else { continue };
        let (a, b, probability) = (pair.a, pair.b, pair.probability);
        if matches!(pair.ruling, Some(ruling) if ruling != Ruling::VerifiedNumber) {
            continue;
        }
        let (left, right) = (clusters.of(a), clusters.of(b));
        if left == right {
            continue;
        }
        let cross: Vec<(u32, u32)> = clusters
            .members(left)
            .iter()
            .flat_map(|x| clusters.members(right).iter().map(|y| (*x.min(y), *x.max(y))))
            .collect();
        let alone = cross.len() == 1;
        let looked: Vec<(f64, Option<Pattern>)> = cross
            .iter()
            .take(CROSS_MAX)
            .filter_map(|(x, y)| {
                let pattern = matcher.compare_rows(*x, *y)?;
                let known = own.get(&(*x, *y)).and_then(|at| pairs.get(*at)).map(|pair| pair.probability);
                Some((known.unwrap_or_else(|| matcher.scorer().weigh(&pattern).probability()), Some(pattern)))
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "at most CROSS_MAX")]
        let mean = looked.iter().map(|(probability, _)| bits(*probability)).sum::<f64>() / looked.len().max(1) as f64;
        let together = if probability >= 0.5 {
            if !alone && mean < APART_BITS { None } else { Some(probability) }
        } else if alone {
            None
        } else {
            let patterns: Vec<Pattern> = looked.iter().filter_map(|(_, pattern)| *pattern).collect();
            let whole = matcher.scorer().weigh(&matcher.scorer().best_of(&patterns)).probability();
            (whole >= WHOLE_LEAST && mean > APART_BITS).then_some(whole * 0.9)
        };
        let Some(together) = together else {
            if probability >= 0.5
                && let Some(pair) = pairs.get_mut(at)
            {
                pair.probability = GUARDED_MOST;
            }
            continue;
        };
        clusters.merge(left, right);
        for (x, y) in cross {
            match own.get(&(x, y)).copied() {
                Some(at) => {
                    if let Some(pair) = pairs.get_mut(at) {
                        pair.probability = pair.probability.max(together);
                    }
                }
                None => {
                    own.insert((x, y), pairs.len());
                    pairs.push(Pair { a: x, b: y, probability: together, link: false, ruling: None });
                }
            }
        }
    }
    // What the clusters kept apart is not one person, whatever the pair alone says.
    for pair in pairs.iter_mut() {
        if pair.probability >= 0.5 && clusters.of(pair.a) != clusters.of(pair.b) {
            pair.probability = GUARDED_MOST;
        }
    }
}
