//! Households: who lives together, how old, of what origin, and called what.

use super::{
    census::{self, Form},
    names::{Names, Tradition, variants},
    naming::{self, Called},
    person::{Household, Kind, Person, Role},
    place::{self, Address},
};
use crate::dice::{Dice, floor, round};
use crate::when::plus_days;
use jiff::civil::{Date, date};

/// The day on which everything is as it is written: fixed, so that a seed alone gives the same bytes.
pub(super) const TODAY: Date = date(2026, 3, 2);

/// What everything is made from.
pub(super) struct World {
    pub seed: u64,
    pub names: Names,
    /// Postcodes that people may move to.
    pub postcodes: u64,
}

impl World {
    /// A home within a few districts, or one time in five anywhere.
    pub(super) fn somewhere_near(&self, postcode: u64, dice: &mut Dice) -> Address {
        place::home(self.seed, self.postcode_near(postcode, dice), dice.below(place::HOUSEHOLDS_A_POSTCODE))
    }

    fn postcode_near(&self, postcode: u64, dice: &mut Dice) -> u64 {
        let all = self.postcodes.max(1);
        if dice.chance(0.2) {
            dice.below(all)
        } else {
            (postcode + all + dice.below(3_000).min(all) - 1_500_u64.min(all)) % all
        }
    }
}

/// An age, or as far above the least as it is below: at the least itself would be thousands of one birthday.
pub(super) fn no_younger(least: f64, age: f64) -> f64 {
    least + (age - least).abs()
}

/// The household with this running number.
pub(super) fn household(world: &World, number: u64) -> Household {
    household_at(world, number, number / place::HOUSEHOLDS_A_POSTCODE, number % place::HOUSEHOLDS_A_POSTCODE)
}

/// A household of its own in a home: the one that lives there, or, under another `number`, whoever moves in.
pub(super) fn household_at(world: &World, number: u64, postcode: u64, slot: u64) -> Household {
    let mut dice = Dice::new(world.seed, &[11, number]);
    let quarter = place::quarter(world.seed, postcode);
    let form = census::form(&mut dice);
    let kind = match form {
        Form::CareHome => Kind::CareHome,
        Form::Prison => Kind::Prison,
        Form::Hostel => Kind::Hostel,
        Form::Halls => Kind::Halls,
        Form::Sharers => Kind::Shared,
        _ => Kind::Family,
    };
    let home = match kind {
        Kind::Family | Kind::Shared => place::home(world.seed, postcode, slot),
        Kind::CareHome => {
            let name = format!("{} {}", dice.pick(&CARE_HOMES), dice.pick(&["Care Home", "Nursing Home", "House"]));
            place::institution(world.seed, postcode, name)
        }
        Kind::Prison => place::institution(world.seed, postcode, format!("HMP {}", dice.pick(&PRISONS))),
        Kind::Hostel => place::institution(world.seed, postcode, format!("{} Hostel", dice.pick(&CARE_HOMES))),
        Kind::Halls => place::institution(world.seed, postcode, format!("{} Hall", dice.pick(&CARE_HOMES))),
    };
    let old = matches!(form, Form::AloneOld | Form::CoupleOld | Form::LoneGrown);
    let with_landline = !kind.is_institution() && dice.chance(if old { 0.85 } else { 0.42 });
    let landline = if with_landline { place::landline(&mut dice) } else { String::new() };
    let practice = place::practice(postcode, &mut dice);
    let mut maker = Maker { world, dice, people: Vec::with_capacity(4) };
    let age = census::head_age(form, &mut maker.dice);
    let category = census::ethnicity(quarter, age, &mut maker.dice);
    let tradition = census::tradition(category, &mut maker.dice);
    match form {
        Form::AloneOld | Form::AloneYoung => {
            let female = maker.dice.chance(if old { 0.62 } else { 0.42 });
            maker.single(age, category, tradition, female, Role::Head);
        }
        Form::CoupleOld | Form::Couple => {
            maker.couple(age, category, tradition);
        }
        Form::CoupleChildren => {
            maker.couple(age, category, tradition);
            maker.children(0.0, 18.9);
        }
        Form::CoupleGrown => {
            maker.couple(age, category, tradition);
            maker.children(18.0, 34.0);
        }
        Form::LoneParent | Form::LoneGrown => {
            let female = maker.dice.chance(0.86);
            maker.single(age, category, tradition, female, Role::Head);
            let (from, to) = if form == Form::LoneParent { (0.0, 18.9) } else { (18.0, 60.0) };
            maker.children(from, to);
        }
        Form::ThreeGenerations => {
            maker.couple(age, category, tradition);
            maker.children(0.0, 20.0);
            maker.elders();
        }
        Form::Sharers | Form::CareHome | Form::Prison | Form::Hostel | Form::Halls => {
            for _ in 0..census::residents(form, &mut maker.dice) {
                let age = census::head_age(form, &mut maker.dice);
                let category = census::ethnicity(quarter, age, &mut maker.dice);
                let tradition = census::tradition(category, &mut maker.dice);
                let female = maker.dice.chance(match kind {
                    Kind::CareHome => 0.68,
                    Kind::Prison => 0.0,
                    Kind::Hostel => 0.3,
                    _ => 0.51,
                });
                maker.single(age, category, tradition, female, Role::Resident);
            }
        }
    }
    Household { kind, postcode, home, landline, practice, people: maker.people }
}

const CARE_HOMES: [&str; 16] = [
    "The Limes",
    "Beechcroft",
    "Moorland View",
    "St Anne's",
    "Alder Court",
    "Rosemount",
    "The Old Vicarage",
    "Oakfield",
    "Ashgrove",
    "Elm Bank",
    "Fairhaven",
    "Park Lodge",
    "The Willows",
    "Hillcrest",
    "Sycamore",
    "Holly Bank",
];
const PRISONS: [&str; 6] = ["Armthorpe", "Wakeley", "Holmfield", "Stoke Moor", "Ranby Heath", "Low Newby"];

struct Maker<'w> {
    world: &'w World,
    dice: Dice,
    people: Vec<Person>,
}

impl Maker<'_> {
    fn single(&mut self, age: f64, category: char, tradition: Tradition, female: bool, role: Role) {
        let birth = birth_at(age, tradition, &mut self.dice);
        let family = self.world.names.family(tradition, &mut self.dice);
        let mut called = naming::call(&self.world.names, tradition, female, birth.year(), &family, &mut self.dice);
        // Women who were married keep, mostly, the name of that time.
        let was_married = match age {
            ..30.0 => 0.02,
            ..45.0 => 0.18,
            ..66.0 => 0.45,
            _ => 0.80,
        };
        if female && naming::takes_his(tradition) && self.dice.chance(was_married) {
            let his = naming::hers(&self.world.names.family(tradition, &mut self.dice), tradition);
            if his != called.family {
                called.former = std::mem::replace(&mut called.family, his);
            }
        }
        self.push(called, birth, age, female, category, tradition, role);
    }

    fn couple(&mut self, age: f64, category: char, tradition: Tradition) {
        let same_sex = self.dice.chance(0.015);
        let head_female = if same_sex { self.dice.chance(0.5) } else { false };
        let head_birth = birth_at(age, tradition, &mut self.dice);
        let family = self.world.names.family(tradition, &mut self.dice);
        let head = naming::call(&self.world.names, tradition, head_female, head_birth.year(), &family, &mut self.dice);
        let head_family = head.family.clone();
        self.push(head, head_birth, age, head_female, category, tradition, Role::Head);

        let (other_category, other_tradition) = if self.dice.chance(0.9) {
            (category, tradition)
        } else {
            let quarter = place::Quarter::Town;
            let category = census::ethnicity(quarter, age, &mut self.dice);
            (category, census::tradition(category, &mut self.dice))
        };
        let female = if same_sex { head_female } else { true };
        let age = no_younger(18.5, age - self.dice.normal(2.2, 3.5));
        let birth = birth_at(age, other_tradition, &mut self.dice);
        let own = self.world.names.family(other_tradition, &mut self.dice);
        let mut called = naming::call(&self.world.names, other_tradition, female, birth.year(), &own, &mut self.dice);
        let takes = match age {
            _ if !naming::takes_his(tradition) => 0.0,
            ..28.0 => 0.25,
            ..40.0 => 0.55,
            ..60.0 => 0.74,
            _ => 0.92,
        };
        if !same_sex && self.dice.chance(takes) {
            let his = naming::hers(&head_family, tradition);
            let both = self.dice.chance(0.06) && !called.family.contains(['-', ' ']) && !his.contains(['-', ' ']);
            let new = if both { format!("{}-{his}", called.family) } else { his };
            if new != called.family {
                called.former = std::mem::replace(&mut called.family, new);
            }
        }
        self.push(called, birth, age, female, other_category, other_tradition, Role::Partner);
    }

    /// Children of those who are there: ages between `from` and `to`.
    fn children(&mut self, from: f64, to: f64) {
        let Some(parent) = self.people.iter().find(|p| p.female).or(self.people.first()).cloned() else { return };
        let father = self.people.iter().find(|p| !p.female && p.role != Role::Child).cloned();
        let mother = Some(&parent).filter(|p| p.female);
        let fertile = f64::max(from, parent.age - 44.0);
        let latest = f64::min(to, parent.age - 17.0);
        if latest <= fertile {
            return;
        }
        let more = matches!(parent.tradition, Tradition::Pakistani | Tradition::Bangladeshi | Tradition::Somali);
        let weights: [f64; 5] = if more { [22.0, 30.0, 25.0, 14.0, 9.0] } else { [41.0, 43.0, 12.0, 3.0, 1.0] };
        let count = if from > 10.0 {
            1 + u64::from(self.dice.chance(0.28))
        } else {
            1 + self.dice.weighted(weights.iter().copied()) as u64
        };
        // A family's children come within a few years of one another.
        let mut age = self.dice.between(fertile, latest);
        let category = match (&father, mother) {
            (Some(father), Some(mother)) => census::child_of(mother.ethnicity, father.ethnicity),
            _ => parent.ethnicity,
        };
        let named_after = father.as_ref().or(Some(&parent)).map_or(parent.tradition, |p| p.tradition);
        let family = self.family_of_children(father.as_ref(), mother, named_after);
        let mut made = 0;
        while made < count {
            let twins = match self.dice.unit() {
                u if u < 0.0003 => 3,
                u if u < 0.0155 => 2,
                _ => 1,
            };
            let birth = birth_at(age, Tradition::British, &mut self.dice);
            let mut first: Option<(String, bool)> = None;
            for nth in 0..twins {
                let alike = nth > 0 && self.dice.chance(0.64);
                let female = match &first {
                    Some((_, sex)) if alike => *sex,
                    _ => self.dice.chance(0.488),
                };
                let mut called =
                    naming::call(&self.world.names, named_after, female, birth.year(), &family, &mut self.dice);
                naming::after_parents(&mut called, female, named_after, father.as_ref(), mother, &mut self.dice);
                let set: Vec<_> =
                    self.people.iter().filter(|p| p.role == Role::Child).map(|p| p.given.clone()).collect();
                if nth > 0
                    && let Some((name, sex)) = first.clone()
                    && sex == female
                    && self.dice.chance(0.12)
                {
                    if let Some(pair) = twin_name(&name, &mut self.dice) {
                        called.given = pair;
                    }
                } else {
                    // Brothers and sisters are not called alike.
                    for _ in 0..4 {
                        if !set.contains(&called.given) {
                            break;
                        }
                        called.given = self.world.names.given(named_after, female, birth.year(), &mut self.dice);
                    }
                }
                first.get_or_insert((called.given.clone(), female));
                self.push(called, birth, age, female, category, named_after, Role::Child);
                if let Some(last) = self.people.last_mut() {
                    last.twins = u8::try_from(twins - 1).unwrap_or(0);
                }
            }
            made += twins;
            age += self.dice.between(1.2, 4.5) * if self.dice.chance(0.5) { 1.0 } else { -1.0 };
            if !(fertile..=latest).contains(&age) {
                age = self.dice.between(fertile, latest);
            }
            // Never two births within ten months in one family.
            for _ in 0..6 {
                if !self.people.iter().any(|p| p.role == Role::Child && (p.age - age).abs() < 0.85) {
                    break;
                }
                age = self.dice.between(fertile, latest);
            }
            if self.people.iter().any(|p| p.role == Role::Child && (p.age - age).abs() < 0.85) {
                break;
            }
        }
    }

    fn family_of_children(&mut self, father: Option<&Person>, mother: Option<&Person>, tradition: Tradition) -> String {
        let name = match (father, mother) {
            (Some(father), Some(mother)) => {
                if tradition == Tradition::Iberian {
                    let first = |name: &str| name.split(' ').next().unwrap_or("").to_owned();
                    format!("{} {}", first(&father.family), first(&mother.family))
                } else if father.family != mother.family && naming::takes_his(tradition) && self.dice.chance(0.16) {
                    match self.dice.unit() {
                        u if u < 0.35 => mother.family.clone(),
                        _ if father.family.contains(['-', ' ']) || mother.family.contains(['-', ' ']) => {
                            father.family.clone()
                        }
                        _ => format!("{}-{}", mother.family, father.family),
                    }
                } else {
                    father.family.clone()
                }
            }
            // A lone mother's children bear her name or their father's.
            (None, Some(mother)) if self.dice.chance(0.55) => mother.family.clone(),
            (None, Some(_)) => self.world.names.family(tradition, &mut self.dice),
            (Some(father), None) => father.family.clone(),
            (None, None) => self.world.names.family(tradition, &mut self.dice),
        };
        naming::his(&name, tradition)
    }

    /// Grandparents of one side.
    fn elders(&mut self) {
        let Some(head) = self.people.first().cloned() else { return };
        let age = head.age + self.dice.between(20.0, 34.0);
        let count = if self.dice.chance(0.4) { 2 } else { 1 };
        for nth in 0..count {
            let female = if count == 2 { nth == 0 } else { self.dice.chance(0.72) };
            let age = age + self.dice.normal(0.0, 3.0);
            let birth = birth_at(age, head.tradition, &mut self.dice);
            let mut called = naming::call(
                &self.world.names,
                head.tradition,
                female,
                birth.year(),
                &naming::his(&head.family, head.tradition),
                &mut self.dice,
            );
            if female && naming::takes_his(head.tradition) {
                called.former = self.world.names.family(head.tradition, &mut self.dice);
            }
            self.push(called, birth, age, female, head.ethnicity, head.tradition, Role::Elder);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what is known about a person when they come into the household")]
    fn push(
        &mut self,
        called: Called,
        birth: Date,
        age: f64,
        female: bool,
        ethnicity: char,
        tradition: Tradition,
        role: Role,
    ) {
        let dice = &mut self.dice;
        let mobile = dice.chance(match age {
            ..11.0 => 0.0,
            ..16.0 => 0.45,
            ..65.0 => 0.96,
            ..80.0 => 0.80,
            _ => 0.40,
        });
        let mobile = if mobile { place::mobile(dice) } else { String::new() };
        let email = dice.chance(match age {
            ..16.0 => 0.0,
            ..65.0 => 0.80,
            ..80.0 => 0.55,
            _ => 0.18,
        });
        let email = if email {
            // Old addresses keep old names.
            let family = if called.former.is_empty() || dice.chance(0.6) { &called.family } else { &called.former };
            place::email(&called.given, family, birth.year(), dice)
        } else {
            String::new()
        };
        let everyday = dice.chance(if tradition == Tradition::British { 0.42 } else { 0.22 });
        let mut known_as = called.known_as;
        if known_as.is_empty() && everyday {
            known_as = variants::everyday(&called.given, dice).unwrap_or_default();
        }
        self.people.push(Person {
            given: called.given,
            middle: called.middle,
            family: called.family,
            former: called.former,
            known_as,
            birth,
            age,
            female,
            ethnicity,
            tradition,
            mobile,
            email,
            number: 0,
            twins: 0,
            role,
        });
    }
}

/// A name that goes with a twin's.
pub(super) fn twin_name(name: &str, dice: &mut Dice) -> Option<String> {
    let pairs: Vec<&str> = variants::TWINS
        .iter()
        .filter_map(|(a, b, _, _)| {
            if *a == name {
                Some(*b)
            } else if *b == name {
                Some(*a)
            } else {
                None
            }
        })
        .collect();
    if !pairs.is_empty() {
        return Some((*dice.pick(&pairs)).to_owned());
    }
    // Same beginning, another end.
    let stem: String = name.chars().take(usize::max(2, name.chars().count().saturating_sub(2))).collect();
    let ends: &[&str] = if name.ends_with('a') { &["ie", "ya", "lyn", "anna"] } else { &["on", "en", "ie", "an"] };
    let other = format!("{stem}{}", dice.pick(ends));
    (other != name).then_some(other)
}

/// The day of birth of somebody of this age.
pub(super) fn birth_at(age: f64, tradition: Tradition, dice: &mut Dice) -> Date {
    let birth = plus_days(TODAY, -round(age * 365.25).max(1));
    // Where births were not registered, papers say the first of January.
    let unregistered = match tradition {
        Tradition::Somali | Tradition::Arab if age > 20.0 => 0.14,
        Tradition::Pakistani | Tradition::Bangladeshi if age > 50.0 => 0.12,
        Tradition::African if age > 25.0 => 0.04,
        _ => 0.0,
    };
    if dice.chance(unregistered) { Date::new(birth.year(), 1, 1).unwrap_or(birth) } else { birth }
}

/// Whole days since a birth.
pub(super) fn days_old(birth: Date) -> i64 {
    floor(crate::when::years_between(birth, TODAY) * 365.25)
}
