//! One person's life with illness: what they have, take, are allergic to, and what was done about it. Everything follows
//! from the seed and the person's number, so a life can be had alone and twice the same.

pub(crate) mod body;
pub(crate) mod clinic;
pub(crate) mod hospital;
pub(crate) mod medicines;
pub(crate) mod plans;
pub(crate) mod practice;
pub(crate) mod timeline;
pub(crate) mod today;

use crate::{
    clinical::{
        acute::{ALLERGENS, Allergen, PENICILLIN},
        drugs::Drug,
        illness::{self, Ill, Weight},
    },
    dice::{Dice, real},
    people::{Person, places},
    when::{age_on, at_age, days_between, plus_days, years_between},
};
use body::Body;
use jiff::civil::Date;

/// What decides everything: the seed, how many people, and the day the region starts to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub seed: u64,
    pub people: u64,
    pub start: Date,
}

impl World {
    /// The dice of one person for one purpose.
    pub(crate) fn dice(&self, purpose: u64, person: u64) -> Dice {
        Dice::new(self.seed, &[16 + purpose, person])
    }

    /// The day from which hospitals and laboratories have records.
    pub(crate) fn records_from(&self) -> Date {
        plus_days(self.start, -6 * 365)
    }
}

/// A part in one of the stories that documents and helpers point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Fallen,
    KidneysFailing,
    InHospital,
    Restricted,
    AllergyConflict,
    Duplicate,
    Crisis,
    Married,
}

/// A lasting condition of this person.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    pub ill: Ill,
    pub onset: Date,
}

/// A course of a medicine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub drug: Drug,
    pub from: Date,
    pub to: Option<Date>,
    pub repeat: bool,
    pub reason: Option<Ill>,
}

/// An allergy, and who has written it down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allergy {
    pub allergen: &'static Allergen,
    pub since: Date,
    pub severe: bool,
}

/// Everything about one person's health.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub role: Option<Role>,
    pub problems: Vec<Problem>,
    pub courses: Vec<Course>,
    pub allergies: Vec<Allergy>,
    pub body: Body,
    pub smoker: Smoking,
    /// Long-term conditions, as multimorbidity is counted.
    pub long_term: usize,
    /// Electronic frailty index, 0 to 1.
    pub frailty: f64,
    /// The day up to which there is a life to tell: the start of the region, or death.
    pub until: Date,
}

/// Smoking, as practices record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Smoking {
    Never,
    Former,
    Current,
}

impl Life {
    /// Since when this person has had a condition, if by `day` they do.
    pub(crate) fn since(&self, ill: Ill, day: Date) -> Option<Date> {
        self.problems.iter().find(|p| p.ill == ill && p.onset <= day).map(|p| p.onset)
    }

    /// Has this condition on this day.
    pub(crate) fn has(&self, ill: Ill, day: Date) -> bool {
        self.since(ill, day).is_some()
    }

    /// Takes this medicine on this day.
    pub(crate) fn takes(&self, drug: Drug, day: Date) -> bool {
        self.courses.iter().any(|c| c.drug == drug && c.from <= day && c.to.is_none_or(|to| to > day))
    }

    /// May not have penicillin.
    pub(crate) fn penicillin_allergic(&self) -> bool {
        self.allergies.iter().any(|a| matches!(a.allergen.term.sct, "91936005" | "294505008"))
    }

    /// Is allergic to this medicine.
    pub(crate) fn allergic_to(&self, drug: Drug) -> bool {
        let codeine = || self.allergies.iter().any(|a| a.allergen.term.sct == "293610009");
        drug.penicillin() && self.penicillin_allergic() || drug == Drug::Codeine && codeine()
    }

    /// The medicines of a day.
    pub(crate) fn current(&self, day: Date) -> impl Iterator<Item = &Course> {
        self.courses.iter().filter(move |c| c.repeat && c.from <= day && c.to.is_none_or(|to| to > day))
    }
}

/// The life of a person.
pub(crate) fn life(world: &World, person: &Person, role: Option<Role>) -> Life {
    let mut dice = world.dice(1, person.index);
    let until = person.death.filter(|d| *d < world.start).unwrap_or(world.start);
    let age = years_between(person.birth, until);
    let deprivation = places::place_at(person.address.place).deprivation;
    let smoker = smoking(age, deprivation, &mut dice);
    let mut problems = problems(person, age, deprivation, smoker, role, &mut dice);
    let body = Body::new(world, person, &problems, role);
    body.stages(person, until, &mut problems);
    let long_term = problems.iter().filter(|p| p.ill.row().weight == Weight::LongTerm && p.onset <= until).count();
    let frailty = frailty(age, &problems);
    add_frailty(&mut problems, frailty, until, &mut dice);
    problems.sort_by_key(|p| (p.onset, p.ill));
    let allergies = allergies(person, age, role, &mut dice);
    let mut life = Life { role, problems, courses: Vec::new(), allergies, body, smoker, long_term, frailty, until };
    life.courses = medicines::courses(person, &life, &mut dice);
    life
}

fn smoking(age: f64, deprivation: f64, dice: &mut Dice) -> Smoking {
    if age < 15.0 {
        return Smoking::Never;
    }
    let now = if age < 75.0 { 0.09 + 0.10 * deprivation } else { 0.06 };
    let before = (0.10 + age * 0.005).min(0.42);
    let throw = dice.unit();
    if throw < now {
        Smoking::Current
    } else if throw < now + before {
        Smoking::Former
    } else {
        Smoking::Never
    }
}

/// Illness keeps company: one frailty factor for all, and each illness raises the chance of its followers.
fn problems(
    person: &Person,
    age: f64,
    deprivation: f64,
    smoker: Smoking,
    role: Option<Role>,
    dice: &mut Dice,
) -> Vec<Problem> {
    let factor = dice.normal(0.0, 0.55).exp() / 1.17 * (0.78 + 0.44 * deprivation);
    let mut list: Vec<Problem> = Vec::new();
    for row in illness::TABLE {
        let has = |ill: Ill| list.iter().any(|p| p.ill == ill);
        let mut raised = factor;
        match row.ill {
            Ill::Type2Diabetes if matches!(person.ethnicity, "H" | "J" | "K" | "L" | "M" | "N") => raised *= 1.9,
            Ill::Copd if smoker == Smoking::Never => raised *= 0.25,
            Ill::Copd | Ill::LungCancer if smoker == Smoking::Current => raised *= 2.2,
            Ill::Ckd3 if has(Ill::Type2Diabetes) => raised *= 2.2,
            Ill::Ckd3 if has(Ill::Hypertension) => raised *= 1.35,
            Ill::AtrialFibrillation if has(Ill::Hypertension) => raised *= 1.3,
            Ill::IschaemicHeart if has(Ill::Type2Diabetes) || smoker == Smoking::Current => raised *= 1.6,
            Ill::HeartFailure if has(Ill::AtrialFibrillation) => raised *= 2.2,
            Ill::Stroke if has(Ill::AtrialFibrillation) => raised *= 1.9,
            Ill::Hypercholesterolaemia if has(Ill::IschaemicHeart) || has(Ill::Type2Diabetes) => raised *= 2.0,
            Ill::MyocardialInfarction => raised = if has(Ill::IschaemicHeart) { raised * 4.0 } else { 0.0 },
            Ill::Obesity if has(Ill::Type2Diabetes) => raised *= 1.9,
            Ill::Anxiety if has(Ill::Depression) => raised *= 2.2,
            Ill::HipFractureHistory if has(Ill::Osteoporosis) => raised *= 2.5,
            Ill::Falls if has(Ill::Dementia) || has(Ill::Parkinson) => raised *= 1.8,
            Ill::Gout if has(Ill::Ckd3) => raised *= 1.6,
            Ill::Type1Diabetes if has(Ill::Type2Diabetes) => raised = 0.0,
            Ill::Bipolar if has(Ill::Schizophrenia) => raised = 0.0,
            _ => {}
        }
        let rank = dice.unit() * 1_000.0 / raised.max(0.000_1);
        if let Some(onset) = row.onset_age(person.female(), rank, age) {
            let onset = if matches!(row.ill, Ill::LearningDisability | Ill::Autism) { onset.min(4.0) } else { onset };
            list.push(Problem { ill: row.ill, onset: at_age(person.birth, onset) });
        }
    }
    if matches!(person.ethnicity, "M" | "N" | "P") && dice.chance(0.007) {
        list.push(Problem { ill: Ill::SickleCell, onset: plus_days(person.birth, 21) });
    }
    if let Some(diabetes) = list.iter().find(|p| matches!(p.ill, Ill::Type2Diabetes | Ill::Type1Diabetes)).copied()
        && dice.chance(0.28)
    {
        let onset = plus_days(diabetes.onset, dice.range(1_500, 6_000));
        if days_between(onset, at_age(person.birth, age)) > 0 {
            list.push(Problem { ill: Ill::Retinopathy, onset });
        }
    }
    script(person, role, age, &mut list);
    list
}

/// The conditions a story needs.
fn script(person: &Person, role: Option<Role>, age: f64, list: &mut Vec<Problem>) {
    let wanted: &[(Ill, f64)] = match role {
        Some(Role::Fallen) => &[
            (Ill::Hypertension, 31.0),
            (Ill::Osteoarthritis, 24.0),
            (Ill::AtrialFibrillation, 12.0),
            (Ill::HeartFailure, 5.0),
            (Ill::Ckd3, 9.0),
            (Ill::Osteoporosis, 14.0),
            (Ill::HipFractureHistory, 6.0),
            (Ill::Falls, 4.0),
            (Ill::HearingLoss, 15.0),
            (Ill::MacularDegeneration, 8.0),
            (Ill::Hypothyroidism, 22.0),
        ],
        Some(Role::KidneysFailing) => &[
            (Ill::Type2Diabetes, 16.0),
            (Ill::Hypertension, 18.0),
            (Ill::Ckd3, 9.0),
            (Ill::Hypercholesterolaemia, 15.0),
            (Ill::Obesity, 17.0),
            (Ill::Retinopathy, 4.0),
            (Ill::Gout, 3.0),
        ],
        Some(Role::InHospital) => &[
            (Ill::Copd, 12.0),
            (Ill::IschaemicHeart, 8.0),
            (Ill::Hypertension, 20.0),
            (Ill::Depression, 11.0),
            (Ill::Osteoarthritis, 9.0),
        ],
        Some(Role::Crisis) => &[(Ill::Bipolar, 14.0), (Ill::Hypothyroidism, 5.0), (Ill::Anxiety, 15.0)],
        Some(Role::AllergyConflict) => &[(Ill::Asthma, 20.0), (Ill::Reflux, 6.0)],
        _ => &[],
    };
    for (ill, years) in wanted {
        list.retain(|p| p.ill != *ill);
        list.push(Problem { ill: *ill, onset: at_age(person.birth, (age - years).max(1.0)) });
    }
    if matches!(role, Some(Role::Fallen)) {
        list.retain(|p| {
            !matches!(
                p.ill,
                Ill::Dementia | Ill::Type2Diabetes | Ill::Type1Diabetes | Ill::Schizophrenia | Ill::Bipolar
            )
        });
    }
}

/// Deficits over 36, as the electronic frailty index counts; age stands in for what is not modelled.
fn frailty(age: f64, problems: &[Problem]) -> f64 {
    if age < 65.0 {
        return 0.0;
    }
    let deficits = real(problems.len() as u64) * 0.85 + (age - 65.0) * 0.06;
    (deficits / 36.0).clamp(0.0, 0.7)
}

fn add_frailty(problems: &mut Vec<Problem>, index: f64, until: Date, dice: &mut Dice) {
    let ill = match index {
        ..=0.12 => return,
        ..=0.24 => Ill::FrailtyMild,
        ..=0.36 => Ill::FrailtyModerate,
        _ => Ill::FrailtySevere,
    };
    problems.push(Problem { ill, onset: plus_days(until, -dice.range(60, 700)) });
}

fn allergies(person: &Person, age: f64, role: Option<Role>, dice: &mut Dice) -> Vec<Allergy> {
    let mut list = Vec::new();
    for (position, allergen) in ALLERGENS.iter().enumerate() {
        let scripted = match role {
            Some(Role::AllergyConflict) => Some(position == PENICILLIN),
            Some(Role::Fallen) => Some(allergen.term.sct == "293610009"),
            _ => None,
        };
        let grown = (age / 30.0).clamp(0.15, 1.3);
        let by_chance = dice.chance(allergen.per_thousand / 1_000.0 * if allergen.kind == "DA" { grown } else { 1.0 });
        let throw = (dice.chance(allergen.severe), dice.unit());
        if scripted.unwrap_or(by_chance) {
            list.push(Allergy {
                allergen,
                since: at_age(person.birth, (age * (0.2 + 0.6 * throw.1)).max(0.4)),
                severe: throw.0,
            });
        }
    }
    list.sort_by_key(|a| a.since);
    list
}

/// Age of a person in years on a day, as a float for rates.
pub(crate) fn age_years(person: &Person, day: Date) -> f64 {
    years_between(person.birth, day)
}

/// Is the person a child on that day?
pub(crate) fn child(person: &Person, day: Date) -> bool {
    age_on(person.birth, day) < 16
}
