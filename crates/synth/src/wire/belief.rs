//! What a source believes about a person: its own number for them, and the small errors every register has.

use crate::{
    dice::Dice,
    life::{Role, World},
    people::{Address, Person, Sex, names, places},
    sources::{self, Kind},
    when::plus_days,
};
use jiff::civil::{Date, date};

/// How sure a source is of the NHS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traced {
    /// Traced on the national register.
    Verified,
    /// Present, not traced.
    Untraced,
}

/// A person as one source has them.
#[derive(Clone, Debug)]
pub(crate) struct Belief {
    pub local: String,
    pub nhs: Option<(String, Traced)>,
    pub family: String,
    pub given: String,
    pub middle: Option<String>,
    pub title: &'static str,
    pub birth: Date,
    pub sex: Sex,
    pub address: Address,
    /// The address before a move the source has not heard of, or had not at first.
    pub old_address: Option<Address>,
    pub phone: Option<String>,
    pub mobile: Option<String>,
    pub practice: u8,
}

/// The number by which a source knows a person. `second` is the number of a duplicate registration.
pub(crate) fn local_id(source: u8, person: u64, second: bool) -> String {
    let slot = (person * 2 + u64::from(second)).wrapping_mul(73_687_871) % 1_000_000_000;
    match source {
        sources::id::ALDERMERE => format!("A{slot:09}"),
        sources::id::THORNHAVEN => format!("{slot:09}"),
        sources::id::LABORATORY => format!("P{slot:09}"),
        _ => format!("{slot:09}"),
    }
}

/// What `source` believes of this person. `second` asks for its careless duplicate registration.
pub(crate) fn belief(world: &World, person: &Person, role: Option<Role>, source: u8, second: bool) -> Belief {
    let mut dice = Dice::new(world.seed, &[32, u64::from(source), person.index, u64::from(second)]);
    let kind = sources::at(source).kind;
    // How careful this kind of register is: missing NHS number, untraced, misspelt, wrong date of birth, old address.
    let (missing, untraced, misspelt, misdated, moved) = match kind {
        Kind::Practice => (0.0, 0.0, 0.0, 0.0, 0.0),
        Kind::Hospital => (0.035, 0.05, 0.03, 0.006, 0.05),
        Kind::Laboratory => (0.05, 0.04, 0.03, 0.006, 0.04),
        Kind::Community | Kind::MentalHealth => (0.02, 0.03, 0.03, 0.005, 0.05),
        Kind::Ambulance => (0.22, 0.35, 0.09, 0.03, 0.04),
        Kind::Council => (0.15, 0.30, 0.05, 0.01, 0.04),
    };
    let plain = role.is_some() && !second;
    let mut throws = || if plain { 1.0 } else { dice.unit() };
    let (missing, untraced, misspelt, misdated, moved) =
        (throws() < missing, throws() < untraced, throws() < misspelt, throws() < misdated, throws() < moved);
    let digit_wrong = throws() < 0.003 && kind != Kind::Practice;
    let short = throws() < 0.2 && matches!(kind, Kind::Ambulance | Kind::Council);
    let still_maiden = throws() < 0.05 && kind == Kind::Hospital;

    let mut family = person.family.clone();
    let mut given = person.given.clone();
    if misspelt || second {
        respell(&mut family, &mut given, &mut dice);
    }
    if still_maiden && let Some(maiden) = &person.maiden {
        family.clone_from(maiden);
    }
    if short && let Some(known_as) = person.known_as {
        given = known_as.to_owned();
    }
    let birth = if misdated { wrong_date(person.birth, &mut dice) } else { person.birth };
    let nhs = (!missing && !second).then(|| {
        let mut digits = person.nhs.as_str().to_owned();
        if digit_wrong {
            // Two digits exchanged: the check digit catches it.
            let swapped: String = digits
                .chars()
                .take(5)
                .chain(digits.chars().skip(6).take(1))
                .chain(digits.chars().skip(5).take(1))
                .chain(digits.chars().skip(7))
                .collect();
            digits = swapped;
        }
        (digits, if untraced || digit_wrong { Traced::Untraced } else { Traced::Verified })
    });
    let old_address = moved.then(|| places::house(person.address.place, &mut dice));
    Belief {
        local: local_id(source, person.index, second),
        nhs,
        family,
        given,
        middle: person.middle.clone().filter(|_| !second),
        title: person.title,
        birth,
        sex: person.sex,
        address: person.address.clone(),
        old_address,
        phone: person.home_phone.clone(),
        mobile: person.mobile.clone(),
        practice: person.practice,
    }
}

fn respell(family: &mut String, given: &mut String, dice: &mut Dice) {
    if let Some(other) = names::variant(given).filter(|_| dice.chance(0.5)) {
        other.clone_into(given);
        return;
    }
    if let Some(other) = names::variant(family) {
        other.clone_into(family);
        return;
    }
    let letters: Vec<char> = family.chars().collect();
    if letters.len() < 4 {
        return;
    }
    let place = usize::try_from(1 + dice.below(letters.len() as u64 - 2)).unwrap_or(1);
    *family = match dice.below(3) {
        // A letter typed twice, a letter left out, two letters exchanged.
        0 => letters
            .iter()
            .enumerate()
            .flat_map(|(i, c)| std::iter::repeat_n(*c, if i == place { 2 } else { 1 }))
            .collect(),
        1 => letters.iter().enumerate().filter(|(i, _)| *i != place).map(|(_, c)| *c).collect(),
        _ => {
            let mut letters = letters;
            letters.swap(place, place.saturating_sub(1).max(1));
            letters.iter().collect()
        }
    };
}

fn wrong_date(birth: Date, dice: &mut Dice) -> Date {
    match dice.below(3) {
        // Day and month exchanged where that is a date, else a year or a day out.
        0 if birth.day() <= 12 && birth.day() != birth.month() => {
            Date::new(birth.year(), birth.day(), birth.month()).unwrap_or(birth)
        }
        1 => Date::new(birth.year() - 1, birth.month(), birth.day()).unwrap_or(birth).max(date(1900, 1, 1)),
        _ => plus_days(birth, 1),
    }
}
