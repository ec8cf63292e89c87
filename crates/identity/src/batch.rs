//! Linking one file's people to another's.

use crate::{
    facts::PatientFacts,
    index::Question,
    matching::{Matcher, Outcome, Scored, Scratch},
    rules::{GUARDED_MOST, Ruling},
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A pair of records and what was decided about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Place in the index (its row, where it was made in one go).
    pub a: u32,
    /// Place among those asked about; of one file, its later row.
    pub b: u32,
    /// The probability that both are one person.
    pub probability: f64,
    /// Whether it is linked without anybody looking.
    pub link: bool,
    /// The rule that had a say.
    pub ruling: Option<Ruling>,
}

/// Pairs less likely are not reported.
pub(crate) const REPORTED_LEAST: f64 = 0.01;
/// An index is rather without duplicates: two of its own count as one person only when this sure.
const DUPLICATE_LEAST: f64 = 0.9999;
/// Work is handed to threads in pieces of this many.
const PIECE: usize = 256;

/// Decide about everybody of `incoming`, on so many threads. `facts` are theirs, in the same order, for telling apart two
/// of them that claim one of the index. Pairs come in the order of incoming; the result does not depend on the threads.
pub fn link_all(
    matcher: &Matcher<'_>,
    incoming: &[Question],
    facts: &(dyn Fn(usize) -> PatientFacts + Sync),
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Pair> {
    let pieces = in_pieces(incoming.len(), threads, progress, |range, scratch| {
        let mut found = Vec::new();
        for (number, question) in incoming.iter().enumerate().skip(range.start).take(range.len()) {
            let answer = matcher.decide_joined(question, scratch, |candidates| one_person(matcher, candidates));
            let linked = match answer.outcome {
                Outcome::Link(_) => answer.candidates.first().map(|best| best.person),
                _ => None,
            };
            for candidate in answer.candidates.into_iter().filter(|found| found.probability >= REPORTED_LEAST) {
                found.push(Pair {
                    a: candidate.row,
                    b: u32::try_from(number).unwrap_or(u32::MAX),
                    probability: candidate.probability,
                    link: linked == Some(candidate.person),
                    ruling: candidate.ruling,
                });
            }
        }
        found
    });
    let mut pairs: Vec<Pair> = pieces.into_iter().flatten().collect();
    contest(matcher, &mut pairs, facts);
    let link = matcher.model().thresholds.link;
    for pair in &mut pairs {
        pair.link =
            pair.probability >= link && !matches!(pair.ruling, Some(ruling) if ruling != Ruling::VerifiedNumber);
    }
    pairs.retain(|pair| pair.probability >= REPORTED_LEAST);
    pairs
}

/// Candidates that are one person among themselves (duplicates in the index) do not compete.
fn one_person(matcher: &Matcher<'_>, candidates: &mut [Scored]) {
    let strong = |candidate: &Scored| candidate.weighed.probability() >= 0.2;
    if candidates.iter().filter(|candidate| strong(candidate)).count() < 2 {
        return;
    }
    let mut changed = false;
    for at in 1..candidates.len() {
        let (before, rest) = candidates.split_at_mut(at);
        let Some(own) = rest.first_mut().filter(|own| strong(own)) else { continue };
        for other in before.iter().filter(|other| strong(other)) {
            let pattern = matcher.compare_rows(own.row, other.row);
            if pattern.is_some_and(|pattern| matcher.scorer().weigh(&pattern).probability() >= DUPLICATE_LEAST) {
                changed |= own.person != other.person;
                own.person = other.person;
                break;
            }
        }
    }
    if changed {
        matcher.settle(candidates);
    }
}

/// Several incoming that claim one of the index compete for it, unless they are one person themselves.
fn contest(matcher: &Matcher<'_>, pairs: &mut [Pair], facts: &(dyn Fn(usize) -> PatientFacts + Sync)) {
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let of = |at: &usize| pairs.get(*at).map_or((u32::MAX, u32::MAX), |pair| (pair.a, pair.b));
    order.sort_by_key(of);
    let mut changes: Vec<(usize, f64)> = Vec::new();
    for claims in order.chunk_by(|x, y| of(x).0 == of(y).0) {
        let claims: Vec<(usize, &Pair)> = claims.iter().filter_map(|at| Some((*at, pairs.get(*at)?))).collect();
        let best = claims.iter().map(|(_, pair)| pair.probability).fold(0.0, f64::max);
        if claims.len() < 2 || best < 0.05 {
            continue;
        }
        let odds = |pair: &Pair| {
            let probability = pair.probability.min(1.0 - 1e-12);
            probability / (1.0 - probability)
        };
        for (at, pair) in &claims {
            let rivals: f64 = claims
                .iter()
                .filter(|(other, rival)| {
                    other != at && rival.probability >= 0.05 && !same_incoming(matcher, facts, pair.b, rival.b)
                })
                .map(|(_, rival)| odds(rival))
                .sum();
            let own = odds(pair);
            changes.push((*at, own / (1.0 + own + rivals)));
        }
    }
    for (at, probability) in changes {
        if let Some(pair) = pairs.get_mut(at) {
            pair.probability = probability;
        }
    }
}

fn same_incoming(matcher: &Matcher<'_>, facts: &(dyn Fn(usize) -> PatientFacts + Sync), a: u32, b: u32) -> bool {
    let (a, b) = (facts(a as usize), facts(b as usize));
    matcher.compare_facts(&a, &b).0.probability > GUARDED_MOST
}

/// Do a range in pieces on several threads; results in order.
pub(crate) fn in_pieces<T: Send>(
    count: usize,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
    work: impl Fn(std::ops::Range<usize>, &mut Scratch) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let run = || {
        let mut scratch = Scratch::default();
        let mut made = Vec::new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            let start = piece * PIECE;
            if start >= count {
                return made;
            }
            let range = start..(start + PIECE).min(count);
            let size = range.len();
            made.push((piece, work(range, &mut scratch)));
            progress(done.fetch_add(size, Ordering::Relaxed) + size);
        }
    };
    let mut all: Vec<(usize, T)> = if threads <= 1 {
        run()
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        })
    };
    all.sort_by_key(|(piece, _)| *piece);
    all.into_iter().map(|(_, made)| made).collect()
}
