//! Who in the index has a namesake of about the same age: as many of each community, and of each name, as there are.

use super::household::{World, household};
use crate::dice::Dice;
use std::{cmp::Reverse, collections::HashSet};

/// So many people are looked at, of a larger index evenly over it: memory is bounded, and enough pairs are among them for
/// 100,000 incoming records.
const LOOKED_AT: u64 = 200_000;

/// One of the index: the household's number, and the place in it.
pub(super) type Place = (u64, usize);

/// Up to `wanted` people of the first `households`, each of whom shares both names and the decade of birth with another one.
/// A name that ten bear has ninety chances where one that two bear has two: so often are two strangers of one name met.
pub(super) fn namesakes(world: &World, people: u64, households: u64, wanted: u64, dice: &mut Dice) -> Vec<Place> {
    let step = usize::try_from((people / LOOKED_AT).max(1)).unwrap_or(1);
    let mut named: Vec<(u64, Place)> = Vec::new();
    for number in (0..households).step_by(step) {
        for (nth, person) in household(world, number).people.iter().enumerate() {
            let decade = person.birth.year() / 10;
            named.push((hash(&format!("{} {} {decade}", person.given, person.family)), (number, nth)));
        }
    }
    named.sort_unstable();
    let mut drawn: Vec<(u64, Place)> = Vec::new();
    for alike in named.chunk_by(|a, b| a.0 == b.0) {
        for (_, place) in alike {
            // Of so many tickets the best: whoever has more of them is drawn sooner.
            if let Some(best) = (1..alike.len()).map(|_| dice.next()).max() {
                drawn.push((best, *place));
            }
        }
    }
    drawn.sort_unstable_by_key(|ticket| Reverse(*ticket));
    let mut homes = HashSet::new();
    let apart = drawn.into_iter().filter(|(_, (number, _))| homes.insert(*number));
    apart.map(|(_, place)| place).take(usize::try_from(wanted).unwrap_or(usize::MAX)).collect()
}

/// FNV-1a (Fowler, Noll, Vo 1991): the same on any machine and of any version of the library.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
