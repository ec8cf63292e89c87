//! Comparing two rows: for each comparison the level that was reached, and how usual the value is that they share.

mod address;
mod birth;
mod names;
mod namesakes;
mod numbers;

pub(crate) use address::outward;
pub use birth::{level as birth_level, years_apart};
pub(crate) use namesakes::doubles;
pub(crate) use numbers::verified;

use crate::{
    births::Births,
    packed::Record,
    terms::{Lexicon, NONE},
    together::Together,
};

/// A comparison was not possible: one side says nothing.
pub const MISSING: u8 = u8::MAX;

/// Comparisons of every model; attributes follow.
pub const COMPARISONS: usize = 14;
/// With the most attributes there can be.
pub const COMPARISONS_MAX: usize = COMPARISONS + crate::packed::ATTRIBUTES_MAX;

/// Places of the comparisons in a pattern.
#[allow(missing_docs, reason = "the names are the documentation; levels are documented where they are made")]
pub mod at {
    pub const FORENAME: usize = 0;
    pub const MIDDLE: usize = 1;
    pub const BIRTH: usize = 2;
    pub const SEX: usize = 3;
    pub const NHS: usize = 4;
    pub const IDENTIFIER: usize = 5;
    pub const EMAIL: usize = 6;
    pub const FAMILY: usize = 7;
    pub const POSTCODE: usize = 8;
    pub const STREET: usize = 9;
    pub const PLACE: usize = 10;
    pub const REGION: usize = 11;
    pub const PHONE: usize = 12;
    pub const PRACTICE: usize = 13;
}

/// Levels of the comparisons, by their places. A model's levels stand in the same order.
#[allow(missing_docs, reason = "see `model::builtin`, where each is described")]
pub mod level {
    pub mod forename {
        pub const SAME: u8 = 0;
        pub const VARIANT: u8 = 1;
        pub const SLIP: u8 = 2;
        pub const NEAR: u8 = 3;
        pub const INITIAL: u8 = 4;
        pub const MIDDLE: u8 = 5;
        pub const SWAPPED: u8 = 6;
        pub const DIFFERENT: u8 = 7;
    }
    pub mod middle {
        pub const SAME: u8 = 0;
        pub const INITIAL: u8 = 1;
        pub const DIFFERENT: u8 = 2;
    }
    pub mod birth {
        pub const SAME: u8 = 0;
        pub const SWAPPED: u8 = 1;
        pub const SLIP: u8 = 2;
        pub const PART: u8 = 3;
        pub const FIRST_OF_JANUARY: u8 = 4;
        pub const YEAR: u8 = 5;
        pub const GENERATION: u8 = 6;
        pub const DIFFERENT: u8 = 7;
    }
    pub mod nhs {
        pub const SAME: u8 = 0;
        pub const SLIP: u8 = 1;
        pub const FORMER: u8 = 2;
        pub const DIFFERENT: u8 = 3;
        pub const DIFFERENT_VERIFIED: u8 = 4;
    }
    pub mod family {
        pub const SAME: u8 = 0;
        pub const FORMER: u8 = 1;
        pub const PART: u8 = 2;
        pub const SLIP: u8 = 3;
        pub const NEAR: u8 = 4;
        pub const DIFFERENT: u8 = 5;
    }
    pub mod postcode {
        pub const SAME: u8 = 0;
        pub const SLIP: u8 = 1;
        pub const SECTOR: u8 = 2;
        pub const DISTRICT: u8 = 3;
        pub const DIFFERENT: u8 = 4;
    }
    pub mod street {
        pub const SAME: u8 = 0;
        pub const NO_NUMBER: u8 = 1;
        pub const NEIGHBOUR: u8 = 2;
        pub const NEAR: u8 = 3;
        pub const NUMBER: u8 = 4;
        pub const DIFFERENT: u8 = 5;
    }
    /// Identifier, phone, place, attribute: same, nearly, not.
    pub mod plain {
        pub const SAME: u8 = 0;
        pub const SLIP: u8 = 1;
        pub const DIFFERENT: u8 = 2;
    }
    /// Sex, region, practice: same or not.
    pub mod yes {
        pub const SAME: u8 = 0;
        pub const DIFFERENT: u8 = 1;
    }
}

/// What a comparison needs beside the two rows.
pub struct Context<'t> {
    /// Texts and how often they occur.
    pub lexicon: Lexicon<'t>,
    /// How many patients the frequencies are of.
    pub people: f32,
    /// How many were born on a day.
    pub births: &'t Births,
    /// How many have two names together.
    pub together: &'t Together,
    /// How many have a number (a telephone, an email address, an identifier) of the question: (word, patients).
    pub shared: &'t [(u32, u32)],
}

impl Context<'_> {
    /// How many patients of a million million have it; at least one has.
    fn share(&self, count: u32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a frequency to four digits is more than enough")]
        let count = count.max(1) as f32;
        (count / self.people.max(1.0)).min(1.0)
    }

    fn term(&self, id: u32) -> f32 {
        self.share(self.lexicon.get(id).map_or(1, crate::terms::Term::count))
    }

    fn phone(&self, digits: u32) -> f32 {
        let counted = self.shared.iter().find(|(known, _)| known & crate::packed::PHONE_DIGITS == digits);
        self.share(counted.map_or(1, |(_, count)| *count))
    }

    fn number(&self, word: u32) -> f32 {
        self.share(self.shared.iter().find(|(known, _)| *known == word).map_or(1, |(_, count)| *count))
    }
}

/// Why one person may stand under two forenames that have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BothNames {
    /// One is Chinese and the other is not, beside a Chinese family name: many bear both.
    Adopted,
    /// One is a name of honour alone (Mohammed, Syed): it comes first in many names, and the one after it is used.
    Honour,
    /// One record's further name begins as the other's forename does, and of one of the two no more than the initial is written.
    Initial,
}

/// The outcome of comparing two rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pattern {
    /// The level of each comparison, or [`MISSING`].
    pub levels: [u8; COMPARISONS_MAX],
    /// The share of people who have the value that agreed; 0 where the level's average serves.
    pub shares: [f32; COMPARISONS_MAX],
    /// Of those who have the one name that agrees, how many times as many have the other as among all: names keep company.
    pub company: f32,
    /// How many others of the index there should be, by chance, of these names and this day of birth.
    pub doubles: f32,
    /// Why two different forenames may yet be one person's.
    pub both_names: Option<BothNames>,
    /// Where the family name of one is a further name of the other: how many of the bearers of the forename should have it there by
    /// chance; else 0.
    pub further_family: f32,
    /// Whether both are women, or both are men; nothing where the two differ or one is not stated.
    pub woman: Option<bool>,
    /// Whether the telephone number that they share is a mobile's.
    pub mobile: bool,
    /// Years between the dates of birth, where both are known.
    pub years_apart: u16,
    /// The earlier year of birth, where both are known; else 0.
    pub birth_year: u16,
}

impl Default for Pattern {
    fn default() -> Self {
        Pattern {
            levels: [MISSING; COMPARISONS_MAX],
            shares: [0.0; COMPARISONS_MAX],
            company: 1.0,
            doubles: 0.0,
            both_names: None,
            further_family: 0.0,
            woman: None,
            mobile: false,
            years_apart: 0,
            birth_year: 0,
        }
    }
}

impl Pattern {
    /// The level of a comparison.
    pub fn level(&self, comparison: usize) -> u8 {
        self.levels.get(comparison).copied().unwrap_or(MISSING)
    }

    pub(crate) fn set(&mut self, comparison: usize, level: u8, share: f32) {
        if let (Some(l), Some(s)) = (self.levels.get_mut(comparison), self.shares.get_mut(comparison)) {
            (*l, *s) = (level, share);
        }
    }

    /// Whether what they share says that they live together: one address or telephone.
    pub fn one_household(&self) -> bool {
        self.level(at::POSTCODE) == level::postcode::SAME
            || matches!(self.level(at::STREET), level::street::SAME)
            || self.level(at::PHONE) == level::plain::SAME
    }

    /// Born on one day into one household, and called differently.
    pub fn looks_like_twins(&self) -> bool {
        self.level(at::BIRTH) == level::birth::SAME
            && self.level(at::FORENAME) == level::forename::DIFFERENT
            && (self.one_household() || self.level(at::FAMILY) == level::family::SAME)
    }

    /// One name and one household, a generation apart.
    pub fn looks_like_parent_and_child(&self) -> bool {
        matches!(self.level(at::BIRTH), level::birth::GENERATION | level::birth::DIFFERENT)
            // A son may have his father's name in the middle.
            && matches!(
                self.level(at::FORENAME),
                level::forename::SAME | level::forename::VARIANT | level::forename::MIDDLE
            )
            && matches!(self.level(at::FAMILY), level::family::SAME | level::family::SLIP | level::family::PART)
            && self.one_household()
    }

    /// Names that are one, however written, and one household, a generation apart.
    pub fn a_generation_apart(&self) -> bool {
        self.level(at::BIRTH) == level::birth::GENERATION
            && self.level(at::FORENAME) < level::forename::DIFFERENT
            && self.level(at::FAMILY) < level::family::DIFFERENT
            && self.one_household()
    }

    /// Whether first and family name agree, spelling and usage apart.
    pub fn name_agrees(&self) -> bool {
        use level::{family, forename};
        self.level(at::FORENAME) == forename::SWAPPED
            || matches!(
                self.level(at::FORENAME),
                forename::SAME | forename::VARIANT | forename::SLIP | forename::MIDDLE | forename::INITIAL
            ) && matches!(self.level(at::FAMILY), family::SAME | family::FORMER | family::PART | family::SLIP)
    }
}

/// Compare two rows. The result does not depend on which is which.
pub fn compare(a: &Record<'_>, b: &Record<'_>, context: &Context<'_>) -> Pattern {
    let mut pattern = Pattern::default();
    names::compare(a, b, context, &mut pattern);
    birth::compare(a, b, context, &mut pattern);
    namesakes::compare(a, b, context, &mut pattern);
    if a.sex() != 0 && b.sex() != 0 {
        let level = if a.sex() == b.sex() { level::yes::SAME } else { level::yes::DIFFERENT };
        pattern.set(at::SEX, level, 0.0);
        pattern.woman = match (a.sex(), b.sex()) {
            (2, 2) => Some(true),
            (1, 1) => Some(false),
            _ => None,
        };
    }
    numbers::compare(a, b, context, &mut pattern);
    address::compare(a, b, context, &mut pattern);
    for (place, (x, y)) in a.attributes.iter().zip(b.attributes).enumerate() {
        if *x == NONE || *y == NONE {
            continue;
        }
        if x == y {
            pattern.set(COMPARISONS + place, level::plain::SAME, context.term(*x));
            continue;
        }
        let near = match (context.lexicon.get(*x), context.lexicon.get(*y)) {
            (Some(x), Some(y)) => names::alike(&x.text, &y.text, 4, 0.9),
            _ => false,
        };
        pattern.set(COMPARISONS + place, if near { level::plain::SLIP } else { level::plain::DIFFERENT }, 0.0);
    }
    pattern
}
