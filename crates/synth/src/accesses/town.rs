//! Who lives in the town: households in streets, families with several households, the dead and the well-known.

use super::DAY;
use crate::dice::{Dice, floor, real};

/// Practices in the town; their organisations are `GP0` …
pub(super) const PRACTICES: usize = 5;
const HOUSEHOLDS: u64 = 12_500;
const HOUSEHOLDS_A_STREET: u64 = 28;
const FAMILIES: u64 = 1800;

/// Somebody who lives in the town.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Which family name.
    pub family: u64,
    /// Which street.
    pub street: u64,
    /// Which household.
    pub household: u64,
    /// Age in years.
    pub age: u64,
    /// When the person died, in minutes since the first day; negative: before.
    pub died: Option<i64>,
    /// Where the person works, if in health or care here: a place among the staff.
    pub works_as: Option<usize>,
    /// The practice.
    pub practice: usize,
}

/// What links an organisation with a person, from when to when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tie {
    pub org: &'static str,
    pub kind: &'static str,
    pub from: i64,
    pub until: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Town {
    pub residents: Vec<Resident>,
    pub well_known: Vec<usize>,
    pub ties: Vec<Vec<Tie>>,
    /// Who is on which ward's bed, by day: `(resident, ward, first day, last day)`.
    pub stays: Vec<(usize, usize, i64, i64)>,
}

/// Names are as unequal as in England: the commonest of these has about one person in ninety.
fn family(dice: &mut Dice) -> u64 {
    let u = dice.unit();
    u64::try_from(floor(u.powf(2.2) * real(FAMILIES))).unwrap_or(0)
}

impl Town {
    pub(super) fn new(dice: &mut Dice, days: i64) -> Self {
        let mut residents: Vec<Resident> = Vec::new();
        let mut before = (0, 0);
        for household in 0..HOUSEHOLDS {
            let street = household / HOUSEHOLDS_A_STREET;
            // Parents, brothers and sisters down the street.
            let name = if before.1 == street && dice.chance(0.02) { before.0 } else { family(dice) };
            before = (name, street);
            let old = dice.chance(0.3);
            let size = dice.weighted([0.3, 0.35, 0.15, 0.2].into_iter()) + 1;
            for nth in 0..size {
                let age = match (nth, old) {
                    (0 | 1, true) => dice.range(66, 98),
                    (0 | 1, false) => dice.range(22, 65),
                    _ => dice.range(0, 20),
                };
                // A third of couples keep their own names.
                let own_name = nth == 1 && dice.chance(0.35);
                let long_dead = dice.chance(0.012);
                let dies = dice.chance(if age > 75 { 0.015 } else { 0.0004 });
                let died = match (long_dead, dies) {
                    (true, _) => Some(-dice.range(60 * DAY, 900 * DAY)),
                    (_, true) => Some(dice.range(0, days * DAY)),
                    _ => None,
                };
                residents.push(Resident {
                    family: if own_name { family(dice) } else { name },
                    street,
                    household,
                    age: age.unsigned_abs(),
                    died,
                    works_as: None,
                    // Streets belong together; one in seven chose another practice.
                    practice: match dice.chance(0.14) {
                        true => usize::try_from(dice.below(PRACTICES as u64)).unwrap_or(0),
                        false => usize::try_from(
                            street * PRACTICES as u64 * HOUSEHOLDS_A_STREET / (HOUSEHOLDS + HOUSEHOLDS_A_STREET),
                        )
                        .unwrap_or(0),
                    },
                });
            }
        }
        let ties = vec![Vec::new(); residents.len()];
        let mut town = Town { residents, well_known: Vec::new(), ties, stays: Vec::new() };
        while town.well_known.len() < 14 {
            let one = town.living(dice, 0, |resident| resident.age > 20);
            if !town.well_known.contains(&one) {
                town.well_known.push(one);
            }
        }
        town
    }

    /// Somebody who is alive at a minute and of whom a thing is true.
    pub(super) fn living(&self, dice: &mut Dice, minute: i64, is: impl Fn(&Resident) -> bool) -> usize {
        let mut one = 0;
        for _ in 0..5000 {
            one = usize::try_from(dice.below(self.residents.len() as u64)).unwrap_or(0);
            if self.residents.get(one).is_some_and(|found| found.died.is_none_or(|died| died > minute) && is(found)) {
                return one;
            }
        }
        one
    }

    /// Somebody as ill people are: older ones more often.
    pub(super) fn ill(&self, dice: &mut Dice, minute: i64) -> usize {
        let least = if dice.chance(0.6) { 60 } else { 0 };
        self.living(dice, minute, |resident| resident.age >= least)
    }

    pub(super) fn alive(&self, resident: usize, minute: i64) -> bool {
        self.residents.get(resident).is_some_and(|found| found.died.is_none_or(|died| died > minute))
    }

    pub(super) fn tie(&mut self, resident: usize, org: &'static str, kind: &'static str, from: i64, until: i64) {
        if let Some(ties) = self.ties.get_mut(resident) {
            ties.push(Tie { org, kind, from, until });
        }
    }

    /// What the data say at a minute.
    pub(super) fn relations(&self, org: &str, resident: usize, minute: i64) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        let practice = self.residents.get(resident).map_or(0, |found| found.practice);
        let alive = self.alive(resident, minute - 10 * DAY);
        if alive && org.strip_prefix("GP").is_some_and(|n| n.parse() == Ok(practice)) {
            kinds.push("registered");
        }
        for tie in self.ties.get(resident).into_iter().flatten() {
            if tie.org == org && tie.from <= minute && minute <= tie.until && !kinds.contains(&tie.kind) {
                kinds.push(tie.kind);
            }
        }
        kinds
    }

    /// Whether one is the other, or lives with them.
    pub(super) fn close(&self, one: Option<usize>, other: usize) -> bool {
        let home = |who: usize| self.residents.get(who).map(|found| found.household);
        one.is_some_and(|one| one == other || home(one) == home(other))
    }
}
