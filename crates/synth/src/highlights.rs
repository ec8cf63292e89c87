//! People worth pointing at: a few whose stories are written, so that documents and demonstrations can rely on them.

use crate::{
    life::{Role, World},
    people::{Person, Sex, names, places},
    region::Region,
    when::nhs_date,
};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// A person to look at and what to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// A short title.
    pub title: &'static str,
    /// What the record shows.
    pub what_to_look_at: &'static str,
    /// Ten digits.
    pub nhs_number: String,
    /// `FAMILY, Given`.
    pub name: String,
    /// Day of birth.
    pub birth_date: Date,
    /// Position in the region.
    pub person: u64,
}

const STORIES: &[(Role, &str, &str)] = &[
    (
        Role::Fallen,
        "96 years old and has fallen",
        "Eleven conditions, ReSPECT and emergency plans, key safe and next of kin, package of care, district nurses, and the ambulance crew's visit two evenings ago.",
    ),
    (
        Role::KidneysFailing,
        "Diabetes with failing kidneys",
        "eGFR falling year by year across two laboratories with different codes and units; HbA1c in mmol/mol and in %; metformin stopped when the eGFR passed 30.",
    ),
    (
        Role::InHospital,
        "In hospital now",
        "Admitted three days ago with a flare of COPD; ward and bed, NEWS2 chart, blood results, a practice that is told.",
    ),
    (
        Role::Restricted,
        "Restricted",
        "Address, telephone, next of kin and practice must appear nowhere; everything clinical is there.",
    ),
    (
        Role::AllergyConflict,
        "Allergy in conflict",
        "The practice says penicillin, the hospital says no known allergies: both shown, neither lost.",
    ),
    (
        Role::Duplicate,
        "Registered twice, then merged",
        "The hospital registered a second time without NHS number; an A40 merged the two and the attendance moved over.",
    ),
    (
        Role::Crisis,
        "Crisis plan",
        "Bipolar disorder: mental health crisis plan, early signs, what helps, whom to ring.",
    ),
    (
        Role::Married,
        "Known by two names",
        "The hospital still has the name from before the marriage; one person all the same.",
    ),
];

/// Who plays which part: the first fitting people of the region.
pub(crate) fn cast(region: &Region) -> BTreeMap<u64, Role> {
    let mut cast = BTreeMap::new();
    let blocks = region.people().div_ceil(crate::people::BLOCK).min(8);
    for (role, ..) in STORIES {
        for number in 0..blocks {
            let block = region.block(number);
            let found = block
                .iter()
                .find(|p| !cast.contains_key(&p.index) && p.death.is_none() && suits(*role, p, region.world.start));
            if let Some(person) = found {
                cast.insert(person.index, *role);
                break;
            }
        }
    }
    cast
}

fn suits(role: Role, person: &Person, day: Date) -> bool {
    let age = person.age(day);
    let near = places::place_at(person.address.place).hospital;
    if person.restricted {
        return false;
    }
    match role {
        Role::Fallen => {
            person.female()
                && age >= 86
                && person.lives_alone
                && !person.address.care_home
                && !person.contacts.is_empty()
                && near == 0
        }
        Role::KidneysFailing => !person.female() && (60..75).contains(&age) && near == 0,
        Role::InHospital => (68..84).contains(&age) && near == 0,
        Role::Restricted => person.female() && (28..42).contains(&age) && person.mobile.is_some(),
        Role::AllergyConflict => (30..60).contains(&age) && near == 0,
        Role::Duplicate => (35..70).contains(&age),
        Role::Crisis => (25..50).contains(&age),
        Role::Married => person.maiden.is_some() && (28..60).contains(&age),
    }
}

/// What the part asks of the person.
pub(crate) fn dress(world: &World, person: &mut Person, role: Role) {
    match role {
        Role::Fallen => {
            // Ninety-six, whenever the region starts.
            let year = world.start.year() - 96;
            person.birth = Date::new(year, 3, 9).unwrap_or(person.birth);
            if person.age(world.start) < 96 {
                person.birth = Date::new(year - 1, 3, 9).unwrap_or(person.birth);
            }
            person.sex = Sex::Female;
        }
        Role::Restricted => person.restricted = true,
        Role::Married => person.known_as = person.known_as.or_else(|| names::short_form(&person.given)),
        _ => {}
    }
}

impl Region {
    /// The people whose stories are written, each with what to look at. A very small region may lack some.
    pub fn highlights(&self) -> Vec<Highlight> {
        let mut list = Vec::new();
        for (role, title, what) in STORIES {
            let found = self.cast.iter().find(|(_, r)| *r == role).and_then(|(index, _)| self.person(*index));
            if let Some(person) = found {
                list.push(Highlight {
                    title,
                    what_to_look_at: what,
                    nhs_number: person.nhs.as_str().to_owned(),
                    name: format!("{}, {}", person.family.to_uppercase(), person.given),
                    birth_date: person.birth,
                    person: person.index,
                });
            }
        }
        list
    }
}

impl Highlight {
    /// `Born 14-Jul-1945`, as banners write it.
    pub fn born(&self) -> String {
        nhs_date(self.birth_date)
    }
}
