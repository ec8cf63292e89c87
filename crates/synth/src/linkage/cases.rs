//! What happened to a person between two systems' knowing them, and people whom the index does not hold though it holds
//! others like them.

use super::{
    census,
    household::{World, birth_at, household_at, no_younger, twin_name},
    names::Tradition,
    naming,
    number::Numbers,
    person::{Household, Kind, Person, Role},
    place,
    record::View,
};
use crate::{
    dice::Dice,
    when::{age_on, plus_days},
};

/// The kinds of incoming record, as `cases.csv` and `about.json` name them. Those from `Newcomer` on are of people whom
/// the index does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Case {
    Plain,
    Moved,
    NameChanged,
    NameChangedAndMoved,
    KnownAs,
    Adopted,
    GenderRecognised,
    Newborn,
    Twin,
    NamesakeInHousehold,
    Institution,
    Newcomer,
    NewMember,
    UnseenTwin,
    UnseenNamesakeInHousehold,
    NamesakeSamePostcode,
    NamesakeSameBirth,
    SameBirthSamePostcode,
}

use Case::*;

/// All of them, with their names.
pub(super) const CASES: [(Case, &str); 18] = [
    (Plain, "plain"),
    (Moved, "moved"),
    (NameChanged, "name_changed"),
    (NameChangedAndMoved, "name_changed_and_moved"),
    (KnownAs, "known_as"),
    (Adopted, "adopted"),
    (GenderRecognised, "gender_recognised"),
    (Newborn, "newborn"),
    (Twin, "twin"),
    (NamesakeInHousehold, "namesake_in_household"),
    (Institution, "institution"),
    (Newcomer, "newcomer"),
    (NewMember, "new_household_member"),
    (UnseenTwin, "unseen_twin"),
    (UnseenNamesakeInHousehold, "unseen_namesake_in_household"),
    (NamesakeSamePostcode, "namesake_same_postcode"),
    (NamesakeSameBirth, "namesake_same_birth_date"),
    (SameBirthSamePostcode, "same_birth_date_and_postcode"),
];

impl Case {
    /// Its name.
    pub(super) fn name(self) -> &'static str {
        CASES.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }
}

/// Shares of all incoming records that are people whom the index does not hold.
pub(super) const NEW: [(Case, f64); 7] = [
    (Newcomer, 0.09),
    (NewMember, 0.030),
    (UnseenTwin, 0.012),
    (UnseenNamesakeInHousehold, 0.005),
    (NamesakeSamePostcode, 0.005),
    (NamesakeSameBirth, 0.004),
    (SameBirthSamePostcode, 0.004),
];

/// A person before and after what happened to them; the same where nothing did.
pub(super) struct Life {
    pub earlier: View,
    pub later: View,
    pub moved: bool,
    pub renamed: bool,
    pub adopted: bool,
    pub gender: bool,
}

/// What the household knows of one of its people.
pub(super) fn view(person: &Person, household: &Household) -> View {
    View {
        person: person.clone(),
        home: household.home.clone(),
        landline: household.landline.clone(),
        practice: household.practice.clone(),
    }
}

/// What happened to somebody between one system's learning of them and another's. `numbers` gives an NHS number when
/// one is needed.
pub(super) fn life(
    world: &World,
    person: &Person,
    household: &Household,
    numbers: &mut Numbers,
    dice: &mut Dice,
) -> Life {
    let now = view(person, household);
    let mut life =
        Life { earlier: now.clone(), later: now, moved: false, renamed: false, adopted: false, gender: false };
    life.adopted = person.role == Role::Child && person.age < 12.0 && dice.chance(0.003);
    life.gender = !life.adopted && (16.0..60.0).contains(&person.age) && dice.chance(0.001);
    let moves = match (household.kind, person.age) {
        (Kind::CareHome, _) => 0.30,
        (Kind::Prison | Kind::Hostel, _) => 0.50,
        (Kind::Halls | Kind::Shared, _) => 0.40,
        (_, 18.0..35.0) => 0.17,
        (_, ..65.0) => 0.075,
        _ => 0.035,
    };
    life.moved = life.adopted || dice.chance(moves);
    let later = &mut life.later;
    if life.moved {
        // Where somebody is in an institution they came to it; else they went somewhere else.
        let elsewhere = world.somewhere_near(household.postcode, dice);
        let (home, landline) = if household.kind.is_institution() {
            (&mut life.earlier.home, &mut life.earlier.landline)
        } else {
            (&mut later.home, &mut later.landline)
        };
        *home = elsewhere;
        landline.clear();
        if dice.chance(0.6) {
            later.practice = place::practice(household.postcode + 400 + dice.below(2_000), dice);
        }
    }
    let renames = match (person.female, person.age) {
        (_, ..16.0) => 0.006,
        (true, ..24.0) => 0.02,
        (true, ..40.0) => 0.07,
        (true, ..60.0) => 0.03,
        (true, _) => 0.008,
        (false, _) => 0.003,
    };
    let takes = if naming::takes_his(person.tradition) || person.age < 16.0 { 1.0 } else { 0.25 };
    life.renamed = life.adopted || (!life.gender && dice.chance(renames * takes));
    if life.renamed {
        let old = later.person.family.clone();
        let other = naming::his(&world.names.family(person.tradition, dice), person.tradition);
        let other = if person.female { naming::hers(&other, person.tradition) } else { other };
        later.person.family = match dice.unit() {
            // After a divorce, her own again.
            u if u < 0.3 && !person.former.is_empty() => person.former.clone(),
            u if u > 0.9 && !old.contains(['-', ' ']) && !other.contains(['-', ' ']) => format!("{old}-{other}"),
            _ => other,
        };
        later.person.former = if life.adopted { String::new() } else { old };
    }
    if life.adopted || life.gender {
        later.person.number = numbers.another();
    }
    if life.gender {
        later.person.female = !person.female;
        later.person.given = world.names.given(person.tradition, later.person.female, person.birth.year(), dice);
        later.person.middle = String::new();
        later.person.known_as = String::new();
    } else if life.adopted && dice.chance(0.25) {
        later.person.given = world.names.given(person.tradition, person.female, person.birth.year(), dice);
    }
    life
}

/// Somebody of this kind whom the index does not hold, beside those of this household whom it holds, and the household
/// that they live in; or nothing where the household has nobody to stand beside. In a `hurry`, anybody will do.
pub(super) fn stranger(
    world: &World,
    case: Case,
    near: &Household,
    hurry: bool,
    dice: &mut Dice,
) -> Option<(Person, Household)> {
    match case {
        NewMember => new_member(world, near, dice),
        UnseenTwin => unseen_twin(world, near, dice),
        UnseenNamesakeInHousehold => namesake_in_household(world, near, dice),
        NamesakeSamePostcode | NamesakeSameBirth => namesake(world, case, near, hurry, dice),
        SameBirthSamePostcode => {
            let like = anyone(near, dice)?.clone();
            let (mut person, mut household) = newcomer(world, near.postcode, dice)?;
            person.birth = like.birth;
            person.age = like.age;
            household.home = place::home(world.seed, near.postcode, dice.below(place::HOUSEHOLDS_A_POSTCODE));
            Some((person, household))
        }
        _ => newcomer(world, dice.below(world.postcodes.max(1)), dice),
    }
}

fn anyone<'h>(household: &'h Household, dice: &mut Dice) -> Option<&'h Person> {
    (!household.people.is_empty()).then(|| dice.pick(&household.people))
}

fn newcomer(world: &World, postcode: u64, dice: &mut Dice) -> Option<(Person, Household)> {
    let number = (1 << 40) + dice.below(1 << 40);
    for attempt in 0..8 {
        let mut household = household_at(world, number + attempt, postcode, dice.below(place::HOUSEHOLDS_A_POSTCODE));
        if household.kind.is_institution() {
            continue;
        }
        let person = anyone(&household, dice)?.clone();
        // Nobody of them is in the index, so nobody lends a number or telephone.
        household.people.clear();
        return Some((person, household));
    }
    None
}

fn new_member(world: &World, near: &Household, dice: &mut Dice) -> Option<(Person, Household)> {
    if near.kind != Kind::Family {
        return None;
    }
    let like = anyone(near, dice)?;
    let mother = near.mother().filter(|mother| (18.0..45.0).contains(&mother.age));
    let head = near.people.first()?;
    let (age, female, role) = match (dice.below(4), mother) {
        (0 | 1, Some(_)) => {
            // A baby, or a child who came later.
            let age = if dice.chance(0.6) { dice.between(0.003, 0.9) } else { dice.between(0.9, 16.0) };
            (age, dice.chance(0.488), Role::Child)
        }
        (2, _) if near.people.iter().all(|p| p.role != Role::Elder) && head.age < 68.0 => {
            (head.age + dice.between(20.0, 32.0), dice.chance(0.68), Role::Elder)
        }
        _ if near.people.iter().all(|p| p.role != Role::Partner) => {
            (no_younger(18.5, head.age + dice.normal(0.0, 4.0)), !head.female, Role::Partner)
        }
        _ => {
            // A grown child, brother or sister.
            let age = if head.age > 40.0 {
                head.age - dice.between(20.0, 32.0)
            } else {
                no_younger(18.0, head.age + dice.normal(0.0, 5.0))
            };
            (no_younger(0.1, age), dice.chance(0.5), Role::Child)
        }
    };
    let family = if role == Role::Partner && dice.chance(0.35) {
        world.names.family(like.tradition, dice)
    } else {
        naming::his(near.people.iter().find(|p| p.role == role).map_or(&head.family, |p| &p.family), head.tradition)
    };
    let mut person = made(world, head.tradition, head.ethnicity, age, female, role, &family, dice);
    if let Some(mother) = mother
        && role == Role::Child
    {
        person.ethnicity = census::child_of(mother.ethnicity, head.ethnicity);
    }
    if near.people.iter().any(|p| p.given == person.given) {
        person.given = world.names.given(head.tradition, female, person.birth.year(), dice);
    }
    Some((person, near.clone()))
}

#[expect(clippy::too_many_arguments, reason = "all that makes a person")]
fn made(
    world: &World,
    tradition: Tradition,
    ethnicity: char,
    age: f64,
    female: bool,
    role: Role,
    family: &str,
    dice: &mut Dice,
) -> Person {
    let birth = birth_at(age, tradition, dice);
    let called = naming::call(&world.names, tradition, female, birth.year(), family, dice);
    let adult = age >= 16.0;
    let mobile = if adult && dice.chance(0.9) { place::mobile(dice) } else { String::new() };
    let email = if adult && dice.chance(0.7) {
        place::email(&called.given, &called.family, birth.year(), dice)
    } else {
        String::new()
    };
    Person {
        given: called.given,
        middle: called.middle,
        family: called.family,
        former: called.former,
        known_as: called.known_as,
        birth,
        age,
        female,
        ethnicity,
        tradition,
        mobile,
        email,
        number: u64::MAX,
        twins: 0,
        role,
    }
}

fn unseen_twin(world: &World, near: &Household, dice: &mut Dice) -> Option<(Person, Household)> {
    if near.kind.is_institution() {
        return None;
    }
    let children: Vec<&Person> = near.people.iter().filter(|p| p.role == Role::Child && p.twins == 0).collect();
    if children.is_empty() {
        return None;
    }
    let like = *dice.pick(&children);
    let female = if dice.chance(0.64) { like.female } else { !like.female };
    let family = naming::his(&like.family, like.tradition);
    let mut twin = made(world, like.tradition, like.ethnicity, like.age, female, Role::Child, &family, dice);
    twin.birth = like.birth;
    twin.twins = 1;
    if like.tradition == Tradition::Somali || like.tradition == Tradition::Arab {
        twin.middle.clone_from(&like.middle);
    }
    if female == like.female && dice.chance(0.15) {
        twin.given = twin_name(&like.given, dice).unwrap_or(twin.given);
    }
    if twin.given == like.given {
        twin.given = twin_name(&like.given, dice)?;
    }
    Some((twin, near.clone()))
}

/// A father and a son, or a mother and a daughter, of one name.
fn namesake_in_household(world: &World, near: &Household, dice: &mut Dice) -> Option<(Person, Household)> {
    if near.kind != Kind::Family {
        return None;
    }
    let like = anyone(near, dice)?;
    if like.female && !dice.chance(0.12) {
        return None;
    }
    let gap = dice.between(19.0, 36.0);
    let (age, role) = if like.age - gap > 0.5 && like.role != Role::Child {
        (like.age - gap, Role::Child)
    } else if like.role == Role::Child && like.age < 60.0 {
        (like.age + gap, Role::Head)
    } else {
        return None;
    };
    let family = naming::his(&like.family, like.tradition);
    let mut person = made(world, like.tradition, like.ethnicity, age, like.female, role, &family, dice);
    person.given.clone_from(&like.given);
    person.family.clone_from(&like.family);
    if dice.chance(0.3) {
        person.middle.clone_from(&like.middle);
    }
    Some((person, near.clone()))
}

fn namesake(world: &World, case: Case, near: &Household, hurry: bool, dice: &mut Dice) -> Option<(Person, Household)> {
    let like = anyone(near, dice)?;
    let same_birth = case == NamesakeSameBirth;
    // Neighbours have one name as often as their name is met: two people called Smith, seldom two called Micklethwaite.
    // Whoever has a namesake of one birthday was drawn by it.
    if !same_birth && !hurry && !world.names.meets_again(like, dice) {
        return None;
    }
    let age = if same_birth { like.age } else { no_younger(0.5, like.age + dice.normal(0.0, 18.0)).min(98.0) };
    let mut person = made(world, like.tradition, like.ethnicity, age, like.female, Role::Head, &like.family, dice);
    person.given.clone_from(&like.given);
    person.family.clone_from(&like.family);
    if same_birth {
        person.birth = like.birth;
    } else if age_on(person.birth, like.birth).abs() < 1 && person.birth == like.birth {
        person.birth = plus_days(person.birth, -17);
    }
    let postcode = if same_birth { dice.below(world.postcodes.max(1)) } else { near.postcode };
    let mut household = near.clone();
    household.people.clear();
    household.kind = Kind::Family;
    household.landline.clear();
    household.home = place::home(world.seed, postcode, dice.below(place::HOUSEHOLDS_A_POSTCODE));
    household.postcode = postcode;
    household.practice = place::practice(postcode, dice);
    Some((person, household))
}
