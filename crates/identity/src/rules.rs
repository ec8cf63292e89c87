//! What is so whatever the weights say: which number links, and who is never linked without somebody looking. One place for the
//! guards of families, of names and of numbers.

use crate::{
    compare::{BothNames, COMPARISONS, MISSING, Pattern, at, level},
    model::{Weighed, reasons},
    packed::Record,
};
use serde::Serialize;

/// A guarded pair is never more likely than this: a person decides.
pub const GUARDED_MOST: f64 = 0.49;
/// Twins, and parent and child of one name, are guarded where they are at least so likely against one person.
const GUARD_SHARE: f64 = 0.7;
/// Between parent and child there are so many years at least.
const GENERATION_YEARS: u16 = 15;
/// What a deterministic rule makes of a pair, at least.
const RULED_LEAST: f64 = 0.9999;

/// What a rule says of a pair, whatever its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// One verified NHS number, and name or date of birth agrees: linked.
    VerifiedNumber,
    /// One NHS number, and neither name nor date of birth agrees: never linked, somebody looks.
    NumberAlone,
    /// Two different verified NHS numbers: never linked by itself.
    TwoNumbers,
    /// One household and date of birth, and the forenames differ, or do not tell of which of several: twins, or one person; never
    /// linked by itself.
    Twins,
    /// One name and household, a generation apart: never linked by itself.
    ParentAndChild,
    /// A newborn without a name, and somebody born in another year, or nothing says when: never linked by itself.
    Newborn,
    /// Nothing agrees but names (and the neighbourhood or practice), and the dates of birth are unlike; or nothing but names, and one
    /// date is missing; or a family name and a birthday alone: never linked by itself.
    NamesAlone,
    /// Another person fits nearly as well, whatever number this one has: somebody chooses.
    NoLead,
}

/// A probability after the rules.
pub(crate) fn ruled(probability: f64, ruling: Option<Ruling>) -> f64 {
    match ruling {
        Some(Ruling::VerifiedNumber) => probability.max(RULED_LEAST),
        Some(_) => probability.min(GUARDED_MOST),
        None => probability,
    }
}

/// What the rules say of a pair, before any weighing.
pub(crate) fn ruling(a: &Record<'_>, b: &Record<'_>, pattern: &Pattern, weighed: &Weighed) -> Option<Ruling> {
    use level::{birth, nhs};
    let number = pattern.level(at::NHS);
    let birth_level = pattern.level(at::BIRTH);
    let name = pattern.name_agrees();
    if number == nhs::DIFFERENT_VERIFIED {
        return Some(Ruling::TwoNumbers);
    }
    if number == nhs::SAME {
        if crate::compare::verified(a, b) == Some(true) && (name || birth_level == birth::SAME) {
            return Some(Ruling::VerifiedNumber);
        }
        let name_known = pattern.level(at::FORENAME) != MISSING && pattern.level(at::FAMILY) != MISSING;
        // One forename, and family names that are nearly one: the number does not stand alone.
        let nearly = matches!(
            pattern.level(at::FORENAME),
            level::forename::SAME | level::forename::VARIANT | level::forename::SLIP
        ) && pattern.level(at::FAMILY) < level::family::DIFFERENT;
        let named_otherwise = name_known && !name && !nearly && birth_level != MISSING && birth_level > birth::PART;
        if named_otherwise || baby_of_another(a, b, pattern) {
            return Some(Ruling::NumberAlone);
        }
    }
    // Individual evidence wins over the guards of families: a number of one's own.
    let own = number == nhs::SAME
        || number == nhs::SLIP
        || pattern.level(at::IDENTIFIER) == level::plain::SAME
        || pattern.level(at::IDENTIFIER) == level::plain::SLIP;
    // A region whose own records show that forenames are often mistyped and twins hardly ever seen needs no guard.
    let [one_a, one_b, one_c, one_d, _, _, twins, namesakes, _, _, twins_apart] = weighed.classes;
    let (one, twins) = (one_a + one_b + one_c + one_d, twins + twins_apart);
    // That a name of honour stands alone, or an initial fits, is no reason to think that two children of one day are one. Nor, of
    // children, that one name is Chinese and the other English: twins have both kinds.
    let twins = match pattern.both_names {
        Some(both) if both != BothNames::Adopted || !weighed.grown_up => {
            let (for_one, for_two) = reasons(both);
            twins * for_one / for_two
        }
        _ => twins,
    };
    // Nor is a further name that both have: it is often the family's, or their father's.
    let twins = twins * weighed.further.max(1.0);
    // Two numbers in one household, and more than a slip between the forenames: that a number is another's by mistake is rarer than
    // twins, or a parent and child, of a like name.
    let two = number == nhs::DIFFERENT && pattern.one_household();
    let unlike = {
        use level::forename::{DIFFERENT, NEAR, VARIANT};
        matches!(pattern.level(at::FORENAME), VARIANT | NEAR | DIFFERENT)
    };
    let like_twins = pattern.looks_like_twins() && twins > one * GUARD_SHARE;
    if !own && (like_twins || two && birth_level == birth::SAME && unlike || one_of_several(a, b, pattern)) {
        return Some(Ruling::Twins);
    }
    // Born on one day of the year they look like one birthday with a year mistyped.
    let apart = pattern.looks_like_parent_and_child() || name && pattern.years_apart >= GENERATION_YEARS;
    // One person's two names and another year of birth at once are rarer than a son with his father's name in the middle.
    let in_the_middle = pattern.level(at::FORENAME) == level::forename::MIDDLE;
    // What a family shares (further names, a telephone, a home) does not outweigh a generation between two dates of birth.
    let a_generation = weighed.families && pattern.a_generation_apart();
    let like_parent =
        pattern.looks_like_parent_and_child() && (in_the_middle || namesakes > one * GUARD_SHARE) || a_generation;
    if !own && (like_parent || two && apart) {
        return Some(Ruling::ParentAndChild);
    }
    if baby_of_another(a, b, pattern) {
        return Some(Ruling::Newborn);
    }
    names_alone(pattern).then_some(Ruling::NamesAlone)
}

/// Whether one is a newborn without a name and the other was born in quite another year, or nothing says when: its mother lives where
/// it does, and her number is the one at hand.
fn baby_of_another(a: &Record<'_>, b: &Record<'_>, pattern: &Pattern) -> bool {
    (a.newborn() || b.newborn()) && (pattern.level(at::BIRTH) == MISSING || pattern.years_apart > 1)
}

/// Whether nothing but names speaks for one person, or a family name and a birthday: how rare a name is in a community is never known
/// well enough to link by it.
fn names_alone(pattern: &Pattern) -> bool {
    use level::{birth, nhs, plain, postcode, street, yes};
    let birth = pattern.level(at::BIRTH);
    let at_most = |comparison: usize, level: u8| pattern.level(comparison) <= level;
    let unlike = matches!(birth, birth::GENERATION | birth::DIFFERENT);
    // Where 1 January stands for a day that was not known, the years that are left are no birthday.
    let untold = matches!(birth, MISSING | birth::FIRST_OF_JANUARY) || pattern.level(at::FORENAME) == MISSING;
    let own = at_most(at::NHS, nhs::FORMER)
        || at_most(at::IDENTIFIER, plain::SLIP)
        || at_most(at::PHONE, plain::SLIP)
        // An address that a name makes is no more than the name, against another date of birth.
        || !unlike && at_most(at::EMAIL, plain::SLIP);
    // Relations of one name live near each other, and have one practice: against another date of birth that is no more than the name.
    let area = if unlike { postcode::SLIP } else { postcode::SECTOR };
    let there =
        at_most(at::POSTCODE, area) || at_most(at::STREET, street::NEAR) || !unlike && at_most(at::PRACTICE, yes::SAME);
    // What a file says besides may be anything: it counts.
    let besides = pattern.levels.iter().skip(COMPARISONS).any(|level| *level <= plain::SLIP);
    (unlike || untold) && !own && !there && !besides
}

/// Whether one is known to be of several born that day, and the forenames do not tell which: one is missing (a newborn's stand-in),
/// or they are only alike, as twins' are.
fn one_of_several(a: &Record<'_>, b: &Record<'_>, pattern: &Pattern) -> bool {
    use level::{birth, family, forename};
    (a.multiple() || b.multiple())
        && pattern.level(at::BIRTH) <= birth::PART
        && !matches!(pattern.level(at::FORENAME), forename::SAME | forename::VARIANT | forename::SWAPPED)
        && (pattern.one_household() || pattern.level(at::FAMILY) == family::SAME)
}
