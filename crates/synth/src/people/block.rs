//! A block of neighbours: ages drawn evenly from the census, then put together into households.

use super::{
    Address, Contact, Kin, Person, Sex,
    census::{age_at, died_lately, ethnicity, language, partnered},
    names::{self, Naming},
    places,
};
use crate::{
    dice::{Dice, floor, real, round},
    when::{age_on, plus_days},
};
use fhir::NhsNumber;
use jiff::civil::Date;

/// People in a block.
pub(crate) const BLOCK: u64 = 256;

/// Somebody before they have a name.
#[derive(Clone)]
struct Draft {
    age: f64,
    sex: Sex,
    partner: Option<usize>,
    mother: Option<usize>,
    father: Option<usize>,
    children: Vec<usize>,
    at_home: bool,
    ethnicity: Option<&'static str>,
    naming: Naming,
    household: Option<usize>,
    twin_of: Option<usize>,
}

/// The neighbours of block `number`, as they are on `start`. Always [`BLOCK`] of them; the caller drops those past the
/// end of the region.
pub(crate) fn block(seed: u64, start: Date, people: u64, number: u64) -> Vec<Person> {
    let mut dice = Dice::new(seed, &[1, number]);
    let mut drafts = draw(&mut dice);
    couple(&mut drafts, &mut dice);
    give_parents(&mut drafts, &mut dice);
    give_origins(&mut drafts, &mut dice);
    let homes = house(&mut drafts, number * BLOCK, &mut dice);
    name(&drafts, &homes, seed, start, people, number, &mut dice)
}

/// Ages spread evenly over the census (so that even a small region has its shape), in random order.
fn draw(dice: &mut Dice) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = (0..BLOCK)
        .map(|i| {
            let (age, female) = age_at((real(i) + dice.unit()) / real(BLOCK));
            let sex = if dice.chance(female) { Sex::Female } else { Sex::Male };
            Draft {
                age,
                sex,
                partner: None,
                mother: None,
                father: None,
                children: Vec::new(),
                at_home: false,
                ethnicity: None,
                naming: Naming::British,
                household: None,
                twin_of: None,
            }
        })
        .collect();
    dice.shuffle(&mut drafts);
    drafts
}

fn couple(drafts: &mut [Draft], dice: &mut Dice) {
    for me in 0..drafts.len() {
        let Some(mine) = drafts.get(me) else { continue };
        if mine.partner.is_some() || mine.sex == Sex::Male || !dice.chance(partnered(mine.age, mine.sex)) {
            continue;
        }
        let same_sex = dice.chance(0.015);
        let wanted_age = mine.age + if same_sex { 0.0 } else { dice.normal(2.2, 3.5) };
        let wanted_sex = if same_sex { Sex::Female } else { Sex::Male };
        let best = drafts
            .iter()
            .enumerate()
            .filter(|(i, d)| *i != me && d.partner.is_none() && d.sex == wanted_sex && d.age >= 20.0)
            .map(|(i, d)| (i, (d.age - wanted_age).abs()))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((other, gap)) = best
            && gap < 6.0
        {
            if let Some(d) = drafts.get_mut(me) {
                d.partner = Some(other);
            }
            if let Some(d) = drafts.get_mut(other) {
                d.partner = Some(me);
            }
        }
    }
}

fn give_parents(drafts: &mut [Draft], dice: &mut Dice) {
    for child in 0..drafts.len() {
        let Some(age) = drafts.get(child).map(|d| d.age) else { continue };
        // Nearly all under 18 live with a mother here; half of the young adults still do; the rest may have a mother in
        // the block who lives elsewhere, which gives elderly people their daughters and sons.
        let wants = if age < 18.0 {
            1.0
        } else if age < 26.0 {
            0.75
        } else if age < 68.0 {
            0.45
        } else {
            0.0
        };
        if !dice.chance(wants) {
            continue;
        }
        let ideal = dice.normal(30.0, 5.0);
        let best = drafts
            .iter()
            .enumerate()
            .filter(|(_, d)| d.sex == Sex::Female && d.age - age > 17.0 && d.age - age < 44.0 && d.children.len() < 5)
            .map(|(i, d)| {
                let single = if d.partner.is_some() { 0.0 } else { 3.0 };
                (i, (d.age - age - ideal).abs() + single + real(d.children.len() as u64) * 2.0)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((mother, _)) = best else { continue };
        let at_home = age < 18.0 || age < 26.0 && dice.chance(0.55) || age < 40.0 && dice.chance(0.06);
        let Some(parent) = drafts.get_mut(mother) else { continue };
        let father = parent.partner;
        parent.children.push(child);
        let twin_of = parent.children.first().copied().filter(|first| *first != child && dice.chance(0.035));
        if let Some(father) = father.and_then(|f| drafts.get_mut(f)) {
            father.children.push(child);
        }
        let twin_age = twin_of.and_then(|t| drafts.get(t)).filter(|t| (t.age - age).abs() < 6.0).map(|t| t.age);
        if let Some(d) = drafts.get_mut(child) {
            d.mother = Some(mother);
            d.father = father;
            d.at_home = at_home && d.partner.is_none();
            if let Some(age) = twin_age {
                d.age = age;
                d.twin_of = twin_of;
            }
        }
    }
}

fn give_origins(drafts: &mut [Draft], dice: &mut Dice) {
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by(|a, b| {
        let age = |i: &usize| drafts.get(*i).map_or(0.0, |d| d.age);
        age(b).total_cmp(&age(a))
    });
    for me in order {
        let Some(mine) = drafts.get(me) else { continue };
        let inherited = mine.mother.and_then(|m| drafts.get(m)).and_then(|m| m.ethnicity.map(|e| (e, m.naming)));
        let father = mine.father.and_then(|f| drafts.get(f)).and_then(|f| f.ethnicity);
        let shared = mine.partner.and_then(|p| drafts.get(p)).and_then(|p| p.ethnicity.map(|e| (e, p.naming)));
        let (category, naming) = match (inherited, shared) {
            (Some((mother, naming)), _) => (mixed(mother, father), naming),
            (None, Some(partner)) if dice.chance(0.9) => partner,
            _ => {
                let category = ethnicity(mine.age, dice);
                (category, names::naming(category.chars().next().unwrap_or('A'), dice))
            }
        };
        if let Some(d) = drafts.get_mut(me) {
            d.ethnicity = Some(category);
            d.naming = naming;
        }
    }
}

/// A child's category from its parents'.
fn mixed(mother: &'static str, father: Option<&'static str>) -> &'static str {
    let Some(father) = father.filter(|f| *f != mother) else { return mother };
    let white = |c: &str| matches!(c, "A" | "B" | "C");
    let asian = |c: &str| matches!(c, "H" | "J" | "K" | "L");
    let other = if white(mother) { father } else { mother };
    match (white(mother) || white(father), other) {
        (true, "M") => "D",
        (true, "N") => "E",
        (true, c) if asian(c) => "F",
        (true, c) if white(c) => "A",
        _ => "G",
    }
}

fn house(drafts: &mut [Draft], neighbour: u64, dice: &mut Dice) -> Vec<Address> {
    let mut homes: Vec<Address> = Vec::new();
    for me in 0..drafts.len() {
        let Some(mine) = drafts.get(me) else { continue };
        if mine.household.is_some() || mine.at_home {
            continue;
        }
        let partner = mine.partner;
        let place = places::place(neighbour, dice);
        let frail = match mine.age {
            ..75.0 => 0.002,
            ..85.0 => 0.03,
            ..90.0 => 0.10,
            _ => 0.22,
        };
        let care_home = partner.is_none() && dice.chance(frail);
        let shared = mine.age < 35.0 && partner.is_none() && mine.children.is_empty() && dice.chance(0.45);
        let home = if shared && !homes.is_empty() && dice.chance(0.5) {
            // A house shared by unrelated young adults: whoever moved in last.
            homes.len() - 1
        } else {
            homes.push(if care_home { places::care_home(place, dice) } else { places::house(place, dice) });
            homes.len() - 1
        };
        if let Some(d) = drafts.get_mut(me) {
            d.household = Some(home);
        }
        if let Some(d) = partner.and_then(|p| drafts.get_mut(p)) {
            d.household = Some(home);
        }
    }
    // Children live where their mother does.
    for me in 0..drafts.len() {
        let home = drafts
            .get(me)
            .filter(|d| d.household.is_none())
            .and_then(|d| d.mother)
            .and_then(|m| drafts.get(m))
            .and_then(|m| m.household);
        if let (Some(home), Some(d)) = (home, drafts.get_mut(me)) {
            d.household = Some(home);
        }
    }
    for draft in drafts.iter_mut().filter(|d| d.household.is_none()) {
        homes.push(places::house(places::place(neighbour, dice), dice));
        draft.household = Some(homes.len() - 1);
    }
    homes
}

/// The landline of a home. Each has its own, as in life: a number that thousands shared would tie strangers together.
fn phone_home(index: u64) -> String {
    // 0110 to 0112 and 0119 are no area's code.
    const CODES: [&str; 4] = ["0110", "0111", "0112", "0119"];
    if let Some(rest) = index.checked_sub(8_000) {
        let code = CODES.get(usize::try_from(rest % 4).unwrap_or(0)).copied().unwrap_or("0110");
        // Neighbours' numbers are not one after the other.
        let number = 2_000_000 + rest / 4 % 7_900_000 * 7_919 % 7_900_000;
        return format!("{code} {:03} {:04}", number / 10_000, number % 10_000);
    }
    // Ofcom's numbers for drama: 01632 960xxx and the like, never given to anyone.
    const STEMS: [&str; 8] =
        ["01632 960", "0113 496 0", "0114 496 0", "0115 496 0", "0116 496 0", "0117 496 0", "0118 496 0", "0191 498 0"];
    let stem = STEMS.get(usize::try_from(index / 1_000 % 8).unwrap_or(0)).copied().unwrap_or("01632 960");
    format!("{stem}{:03}", index % 1_000)
}

/// Somebody's own mobile.
fn phone_mobile(index: u64) -> String {
    if let Some(rest) = index.checked_sub(1_000) {
        // 076 was for pagers: no number here rings in anyone's pocket.
        let number = rest % 100_000_000 * 48_271 % 100_000_000;
        return format!("076{:02} {:06}", number / 1_000_000, number % 1_000_000);
    }
    // Ofcom's for drama as well.
    format!("07700 900{:03}", index % 1_000)
}

/// The NHS number of person `index` in a region of `people`. A stem of eight digits has at least nine valid endings, so
/// nine people share one; the order is scattered by a multiplication.
#[expect(
    clippy::expect_used,
    reason = "the ninth digit has weight 2, which has an inverse modulo 11, so at most one ending of ten is without a check digit"
)]
fn nhs_number(index: u64, people: u64) -> NhsNumber {
    const STEMS_TEST: u64 = 100_000;
    const STEMS_ALL: u64 = 10_000_000;
    let (stems, first) = if people <= 800_000 { (STEMS_TEST, 99_900_000) } else { (STEMS_ALL, 90_000_000) };
    let slots = stems * 9;
    // 7,368,787 is a prime and so shares no factor with the slots: the mapping is one to one.
    let slot = (index % slots).wrapping_mul(7_368_787) % slots;
    let stem = first + slot / 9;
    let nth = usize::try_from(slot % 9).unwrap_or(0);
    (0..10)
        .filter_map(|last| u32::try_from(stem * 10 + last).ok().and_then(NhsNumber::from_stem))
        .nth(nth)
        .expect("nine endings of ten have a check digit")
}

fn name(
    drafts: &[Draft],
    homes: &[Address],
    seed: u64,
    start: Date,
    people: u64,
    number: u64,
    dice: &mut Dice,
) -> Vec<Person> {
    let births = births(drafts, start, dice);
    let families = family_names(drafts, dice);
    let givens = given_names(drafts, &births, &families, dice);
    let fallback = places::house(0, &mut Dice::new(seed, &[2]));
    let home_of = |d: &Draft| d.household.and_then(|h| homes.get(h)).unwrap_or(&fallback).clone();
    let mut sizes = vec![0_u32; homes.len()];
    for draft in drafts {
        if let Some(size) = draft.household.and_then(|h| sizes.get_mut(h)) {
            *size += 1;
        }
    }

    let mut made: Vec<Person> = Vec::with_capacity(drafts.len());
    for (i, draft) in drafts.iter().enumerate() {
        let index = number * BLOCK + i as u64;
        let mut own = Dice::new(seed, &[3, index]);
        let birth = births.get(i).copied().unwrap_or(start);
        let age = age_on(birth, start);
        let address = home_of(draft);
        let (family, maiden) = families.get(i).cloned().unwrap_or_default();
        let given = givens.get(i).cloned().unwrap_or_default();
        let middle = own
            .chance(0.72)
            .then(|| names::given(draft.naming, draft.sex == Sex::Female, birth.year() - 25, &mut own).to_owned());
        let middle = middle.filter(|m| *m != given);
        let death = own
            .chance(died_lately(draft.age))
            .then(|| plus_days(start, -own.range(3, 720)))
            .filter(|d| *d > plus_days(birth, 30));
        let marital = match draft.partner {
            Some(_) if own.chance(0.82) => 'M',
            Some(_) => 'S',
            None if age >= 75 && own.chance(0.75) => 'W',
            None if age >= 40 && own.chance(0.35) => 'D',
            None => 'S',
        };
        let title = match (draft.sex, age, marital) {
            (_, 30.., _) if own.chance(0.015) => "Dr",
            (Sex::Male, ..16, _) => "Master",
            (Sex::Male, _, _) => "Mr",
            (Sex::Female, 18.., 'M' | 'W') => "Mrs",
            (Sex::Female, 18.., _) if own.chance(0.5) => "Ms",
            (Sex::Female, _, _) => "Miss",
        };
        let household = number * BLOCK + draft.household.unwrap_or(0) as u64;
        let home_phone =
            (!address.care_home && dice_for_house(seed, household).chance(0.62)).then(|| phone_home(household));
        let mobile_share = match age {
            ..=11 => 0.0,
            12..=15 => 0.6,
            16..=64 => 0.96,
            65..=79 => 0.75,
            _ => 0.35,
        };
        let mobile = own.chance(mobile_share).then(|| phone_mobile(index));
        let email = (mobile.is_some() && age >= 16 && own.chance(0.7)).then(|| email(&given, &family, index));
        let practices = places::place_at(address.place).practices;
        let practice = if own.chance(0.05) {
            u8::try_from(own.below(8)).unwrap_or(0)
        } else {
            // A household goes to one practice.
            let which = usize::from(dice_for_house(seed, household).next() & 1 == 1);
            practices.get(which).copied().unwrap_or(0)
        };
        let ethnicity =
            if own.chance(0.035) { if own.chance(0.6) { "Z" } else { "99" } } else { draft.ethnicity.unwrap_or("A") };
        made.push(Person {
            index,
            sex: draft.sex,
            birth,
            death,
            known_as: names::short_form(&given).filter(|_| own.chance(0.35)),
            family,
            given,
            middle,
            nhs: nhs_number(index, people),
            ethnicity,
            restricted: own.chance(0.004),
            household,
            title,
            maiden,
            marital,
            language: if age >= 5 { language(draft.ethnicity.unwrap_or("A"), &mut own) } else { None },
            lives_alone: !address.care_home && draft.household.and_then(|h| sizes.get(h)) == Some(&1),
            address,
            home_phone,
            mobile,
            email,
            practice,
            contacts: Vec::new(),
            confinements: Vec::new(),
        });
    }
    let contacts: Vec<Vec<Contact>> =
        drafts.iter().enumerate().map(|(i, d)| contacts(i, d, drafts, &made, seed)).collect();
    for ((person, contacts), draft) in made.iter_mut().zip(contacts).zip(drafts) {
        person.contacts = contacts;
        if draft.sex == Sex::Female {
            person.confinements = draft.children.iter().filter_map(|c| births.get(*c).copied()).collect();
            person.confinements.sort_unstable();
            person.confinements.dedup();
        }
    }
    made
}

fn dice_for_house(seed: u64, household: u64) -> Dice {
    Dice::new(seed, &[4, household])
}

fn births(drafts: &[Draft], start: Date, dice: &mut Dice) -> Vec<Date> {
    let mut births: Vec<Date> = drafts.iter().map(|d| plus_days(start, -floor(d.age * 365.25) - 1)).collect();
    for (i, draft) in drafts.iter().enumerate() {
        if let Some(first) = draft.twin_of.and_then(|t| births.get(t).copied())
            && let Some(birth) = births.get_mut(i)
        {
            *birth = first;
        }
    }
    // Brothers and sisters are twins or at least ten months apart.
    for (i, draft) in drafts.iter().enumerate() {
        if draft.twin_of.is_some() {
            continue;
        }
        let Some(mother) = draft.mother.and_then(|m| drafts.get(m)) else { continue };
        let others: Vec<Date> =
            mother.children.iter().filter(|c| **c < i).filter_map(|c| births.get(*c).copied()).collect();
        if let Some(birth) = births.get_mut(i) {
            for _ in 0..8 {
                let clash = others.iter().any(|o| crate::when::days_between(*o, *birth).abs() < 300);
                if !clash {
                    break;
                }
                *birth = plus_days(*birth, 240 + round(dice.between(0.0, 60.0)));
            }
            if *birth >= start {
                *birth = plus_days(start, -3 - dice.range(0, 20));
            }
        }
    }
    births
}

/// Family names, and the name before marriage where it changed.
fn family_names(drafts: &[Draft], dice: &mut Dice) -> Vec<(String, Option<String>)> {
    let mut names: Vec<Option<(String, Option<String>)>> = vec![None; drafts.len()];
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by(|a, b| {
        let age = |i: &usize| drafts.get(*i).map_or(0.0, |d| d.age);
        age(b).total_cmp(&age(a))
    });
    for i in order {
        let Some(draft) = drafts.get(i) else { continue };
        let known = |who: Option<usize>| who.and_then(|w| names.get(w)).cloned().flatten();
        let father = known(draft.father).map(|n| n.0);
        let mother = known(draft.mother);
        let born = match (father, mother) {
            (Some(father), Some(mother)) if father != mother.0 && dice.chance(0.12) => format!("{father}-{}", mother.0),
            (Some(father), _) => father,
            (None, Some(mother)) => mother.1.filter(|_| dice.chance(0.5)).unwrap_or(mother.0),
            (None, None) => {
                let one = names::family(draft.naming, dice).to_owned();
                if draft.naming == Naming::British && dice.chance(0.018) {
                    format!("{one}-{}", names::family(draft.naming, dice))
                } else {
                    one
                }
            }
        };
        // Long chains of hyphens do not happen: two names at most.
        let born = born.split('-').take(2).collect::<Vec<_>>().join("-");
        let partner = known(draft.partner);
        let takes = match draft.naming {
            Naming::SouthAsianMuslim | Naming::Chinese | Naming::Arab => 0.3,
            _ => 0.80,
        };
        let value = match partner {
            // Whoever is named second is the younger of the two; it is mostly the wife who changes.
            Some((theirs, _)) if draft.sex == Sex::Female && dice.chance(takes) => (theirs, Some(born)),
            _ => (born, None),
        };
        // A husband younger than his wife: she takes his name, so hers is changed after the fact.
        if draft.sex == Sex::Male
            && let Some(wife) = draft.partner.and_then(|p| names.get_mut(p))
            && let Some((family, maiden)) = wife
            && maiden.is_none()
            && dice.chance(takes)
        {
            *maiden = Some(std::mem::replace(family, value.0.clone()));
        }
        if let Some(slot) = names.get_mut(i) {
            *slot = Some(value);
        }
    }
    names.into_iter().map(Option::unwrap_or_default).collect()
}

fn given_names(
    drafts: &[Draft],
    births: &[Date],
    families: &[(String, Option<String>)],
    dice: &mut Dice,
) -> Vec<String> {
    let mut givens = vec![String::new(); drafts.len()];
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|i| births.get(*i).copied());
    for i in order {
        let Some(draft) = drafts.get(i) else { continue };
        let female = draft.sex == Sex::Female;
        let year = births.get(i).map_or(1980, |b| b.year());
        let parent = if female { draft.mother } else { draft.father };
        let after_parent = parent
            .filter(|p| {
                families.get(*p).map(|f| &f.0) == families.get(i).map(|f| &f.0)
                    && dice.chance(if female { 0.01 } else { 0.05 })
            })
            .and_then(|p| givens.get(p).cloned());
        let siblings: Vec<usize> =
            draft.mother.and_then(|m| drafts.get(m)).map(|m| m.children.clone()).unwrap_or_default();
        let mut name = after_parent.unwrap_or_else(|| names::given(draft.naming, female, year, dice).to_owned());
        for _ in 0..6 {
            let taken = siblings.iter().any(|s| *s != i && givens.get(*s) == Some(&name));
            if !taken {
                break;
            }
            names::given(draft.naming, female, year, dice).clone_into(&mut name);
        }
        if let Some(slot) = givens.get_mut(i) {
            *slot = name;
        }
    }
    givens
}

/// An address in example.com, which is nobody's (RFC 2606).
fn email(given: &str, family: &str, index: u64) -> String {
    let plain = |text: &str| -> String {
        crate::wire::to_latin(text).chars().filter(char::is_ascii_alphanumeric).flat_map(char::to_lowercase).collect()
    };
    format!("{}.{}{}@example.com", plain(given), plain(family), index % 97)
}

fn contacts(me: usize, draft: &Draft, drafts: &[Draft], made: &[Person], seed: u64) -> Vec<Contact> {
    let Some(person) = made.get(me) else { return Vec::new() };
    let mut own = Dice::new(seed, &[5, person.index]);
    let mut list: Vec<Contact> = Vec::new();
    let mut add = |who: usize, kin: Kin, carer: bool| {
        let Some(other) = made.get(who).filter(|o| o.death.is_none()) else { return };
        list.push(Contact {
            kin,
            title: other.title,
            given: other.given.clone(),
            family: other.family.clone(),
            phone: other
                .mobile
                .clone()
                .or_else(|| other.home_phone.clone())
                .unwrap_or_else(|| phone_home(other.household)),
            same_address: other.household == person.household,
            carer,
        });
    };
    let old = draft.age >= 78.0;
    if let Some(partner) = draft.partner {
        add(partner, Kin::Partner, old && own.chance(0.4));
    }
    if draft.age < 30.0 {
        if let Some(mother) = draft.mother {
            add(mother, Kin::Mother, false);
        }
        if let Some(father) = draft.father {
            add(father, Kin::Father, false);
        }
    }
    for child in draft.children.iter().take(3) {
        let Some(theirs) = drafts.get(*child) else { continue };
        if theirs.age >= 18.0 && draft.age >= 55.0 {
            let kin = if theirs.sex == Sex::Female { Kin::Daughter } else { Kin::Son };
            add(*child, kin, old && own.chance(0.35));
        }
    }
    if list.is_empty() && draft.age >= 18.0 && own.chance(0.75) {
        // Somebody outside the block: a friend, a sister, a daughter who lives far away.
        let female = own.chance(0.6);
        let born = person.birth.year() + if old { 28 } else { 0 };
        let kin = match (old, female, own.chance(0.5)) {
            (true, true, true) => Kin::Daughter,
            (true, false, true) => Kin::Son,
            (false, true, true) => Kin::Sister,
            (false, false, true) => Kin::Brother,
            _ => Kin::Friend,
        };
        let family = match kin {
            Kin::Friend => names::family(draft.naming, &mut own).to_owned(),
            _ if own.chance(0.5) => person.maiden.clone().unwrap_or_else(|| person.family.clone()),
            _ => names::family(draft.naming, &mut own).to_owned(),
        };
        list.push(Contact {
            kin,
            title: if female { "Mrs" } else { "Mr" },
            given: names::given(draft.naming, female, born, &mut own).to_owned(),
            family,
            phone: phone_home(own.below(8_000)),
            same_address: false,
            carer: old && own.chance(0.2),
        });
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// A thousand numbers for everybody made strangers of one telephone, and whoever compared people compared those first.
    #[test]
    fn everybody_has_a_telephone_of_their_own_that_nobody_really_holds() {
        let indexes = || (0..100_000).chain(13_900_000..14_000_000);
        for phone in [phone_home, phone_mobile] {
            let numbers: HashSet<String> = indexes().map(phone).collect();
            assert_eq!(numbers.len(), 200_000);
        }
        for number in indexes().map(phone_mobile) {
            assert!(number.starts_with("07700 900") || number.starts_with("076"), "{number}");
            assert_eq!(number.chars().filter(char::is_ascii_digit).count(), 11, "{number}");
        }
        for number in indexes().map(phone_home) {
            let unused = ["0110", "0111", "0112", "0119"].iter().any(|code| number.starts_with(code));
            assert!(
                unused || number.contains(" 496 0") || number.contains(" 498 0") || number.starts_with("01632 960")
            );
            assert_eq!(number.chars().filter(char::is_ascii_digit).count(), 11, "{number}");
        }
    }
}
