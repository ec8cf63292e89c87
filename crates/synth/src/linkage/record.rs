//! What a system holds of a person: which fields it asks for, how it writes them, and what is missing.

use super::{
    faults::plain,
    household::days_old,
    person::{Household, Person},
    place::Address,
};
use crate::dice::Dice;
use jiff::civil::Date;

/// The columns of `index.csv` and `incoming.csv`, after `id`.
pub(super) const COLUMNS: [&str; 13] = [
    "nhs_number",
    "given_name",
    "middle_name",
    "family_name",
    "former_family_name",
    "birth_date",
    "sex",
    "ethnicity",
    "address",
    "postcode",
    "phone",
    "email",
    "practice",
];

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub nhs_number: String,
    pub given: String,
    pub middle: String,
    pub family: String,
    pub former: String,
    pub birth_date: String,
    pub sex: String,
    pub ethnicity: String,
    pub address: String,
    pub postcode: String,
    pub phone: String,
    pub email: String,
    pub practice: String,
}

impl Record {
    /// The values in the order of [`COLUMNS`].
    pub(super) fn values(&self) -> [&str; 13] {
        [
            &self.nhs_number,
            &self.given,
            &self.middle,
            &self.family,
            &self.former,
            &self.birth_date,
            &self.sex,
            &self.ethnicity,
            &self.address,
            &self.postcode,
            &self.phone,
            &self.email,
            &self.practice,
        ]
    }

    pub(super) fn set_birth(&mut self, date: Date) {
        self.birth_date = crate::when::iso_date(date);
    }
}

/// A kind of system, and how often it lacks a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    /// Its name in `cases.csv`.
    pub name: &'static str,
    /// Its share of the incoming records.
    pub share: f64,
    /// Weights of no, one, two, three and four faults.
    pub faults: [f64; 5],
    /// How often each is missing.
    pub no_number: f64,
    pub no_middle: f64,
    pub no_birth: f64,
    pub no_sex: f64,
    pub no_ethnicity: f64,
    pub no_address: f64,
    pub no_postcode: f64,
    pub no_phone: f64,
    pub no_email: f64,
    pub no_practice: f64,
    /// How often only the initial of a middle name is kept.
    pub initial: f64,
    /// How often somebody is on file under the name they are called every day.
    pub everyday: f64,
    /// How often a former family name is asked for.
    pub former: f64,
    /// How often all is in capitals.
    pub capitals: f64,
    /// How often the landline is given rather than the mobile.
    pub landline: f64,
}

/// The index itself: a national register that practices keep, not clean truth.
pub(super) const INDEX: Source = Source {
    name: "index",
    share: 1.0,
    faults: [0.935, 0.058, 0.006, 0.001, 0.0],
    no_number: 0.008,
    no_middle: 0.15,
    no_birth: 0.0005,
    no_sex: 0.001,
    no_ethnicity: 0.09,
    no_address: 0.004,
    no_postcode: 0.003,
    no_phone: 0.12,
    no_email: 0.42,
    no_practice: 0.01,
    initial: 0.03,
    everyday: 0.05,
    former: 0.45,
    capitals: 0.0,
    landline: 0.25,
};

/// The systems that send.
pub(super) const SOURCES: [Source; 6] = [
    Source {
        name: "hospital",
        share: 0.40,
        faults: [0.55, 0.30, 0.11, 0.032, 0.008],
        no_number: 0.27,
        no_middle: 0.45,
        no_birth: 0.001,
        no_sex: 0.001,
        no_ethnicity: 0.16,
        no_address: 0.008,
        no_postcode: 0.012,
        no_phone: 0.20,
        no_email: 0.60,
        no_practice: 0.05,
        initial: 0.15,
        everyday: 0.16,
        former: 0.10,
        capitals: 0.35,
        landline: 0.30,
    },
    Source {
        name: "practice",
        share: 0.18,
        faults: [0.80, 0.16, 0.035, 0.004, 0.001],
        no_number: 0.045,
        no_middle: 0.18,
        no_birth: 0.0002,
        no_sex: 0.0,
        no_ethnicity: 0.10,
        no_address: 0.002,
        no_postcode: 0.002,
        no_phone: 0.08,
        no_email: 0.35,
        no_practice: 0.0,
        initial: 0.05,
        everyday: 0.07,
        former: 0.35,
        capitals: 0.05,
        landline: 0.25,
    },
    Source {
        name: "community",
        share: 0.14,
        faults: [0.54, 0.30, 0.12, 0.033, 0.007],
        no_number: 0.30,
        no_middle: 0.60,
        no_birth: 0.002,
        no_sex: 0.008,
        no_ethnicity: 0.28,
        no_address: 0.015,
        no_postcode: 0.02,
        no_phone: 0.22,
        no_email: 0.65,
        no_practice: 0.10,
        initial: 0.10,
        everyday: 0.22,
        former: 0.05,
        capitals: 0.10,
        landline: 0.35,
    },
    Source {
        name: "laboratory",
        share: 0.12,
        faults: [0.60, 0.28, 0.09, 0.024, 0.006],
        no_number: 0.33,
        no_middle: 0.82,
        no_birth: 0.003,
        no_sex: 0.012,
        no_ethnicity: 1.0,
        no_address: 0.30,
        no_postcode: 0.10,
        no_phone: 0.85,
        no_email: 1.0,
        no_practice: 0.30,
        initial: 0.10,
        everyday: 0.10,
        former: 0.0,
        capitals: 0.85,
        landline: 0.4,
    },
    Source {
        name: "ambulance",
        share: 0.06,
        faults: [0.38, 0.35, 0.18, 0.07, 0.02],
        no_number: 0.72,
        no_middle: 0.92,
        no_birth: 0.015,
        no_sex: 0.02,
        no_ethnicity: 0.60,
        no_address: 0.05,
        no_postcode: 0.06,
        no_phone: 0.50,
        no_email: 0.98,
        no_practice: 0.80,
        initial: 0.03,
        everyday: 0.35,
        former: 0.0,
        capitals: 0.30,
        landline: 0.35,
    },
    Source {
        name: "council",
        share: 0.10,
        faults: [0.50, 0.32, 0.13, 0.04, 0.01],
        no_number: 0.93,
        no_middle: 0.55,
        no_birth: 0.008,
        no_sex: 0.01,
        no_ethnicity: 0.30,
        no_address: 0.015,
        no_postcode: 0.015,
        no_phone: 0.28,
        no_email: 0.60,
        no_practice: 0.55,
        initial: 0.10,
        everyday: 0.22,
        former: 0.08,
        capitals: 0.10,
        landline: 0.40,
    },
];

/// How much likelier fields are to be missing or wrong for somebody: the very young and very old, people whose names the
/// clerk does not know, prisoners and the homeless (see docs/identity-test-data.md for the studies).
pub(super) fn burden(person: &Person, household: &Household) -> f64 {
    use super::person::Kind;
    let age = match person.age {
        ..1.0 => 1.6,
        ..5.0 => 1.15,
        85.0.. => 1.25,
        _ => 1.0,
    };
    let origin = if matches!(person.ethnicity, 'A' | 'B') { 1.0 } else { 1.35 };
    let place = match household.kind {
        Kind::Hostel => 2.0,
        Kind::Prison => 1.7,
        Kind::CareHome => 1.1,
        _ => 1.0,
    };
    age * origin * place
}

/// What can be told about somebody at one time.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub person: Person,
    pub home: Address,
    pub landline: String,
    pub practice: String,
}

/// How a record came out, beside its values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// Under the everyday name.
    pub everyday: bool,
    /// A newborn without a name yet.
    pub unnamed: bool,
}

/// The record that a system makes of what it is told, before anything goes wrong.
pub(super) fn record(
    view: &View,
    household: &Household,
    source: &Source,
    index: bool,
    dice: &mut Dice,
) -> (Record, Manner) {
    let person = &view.person;
    let burden = burden(person, household);
    let mut manner = Manner::default();
    let missing = |share: f64, dice: &mut Dice| {
        // What is always missing is missing for everyone; else the odds are multiplied.
        let odds = share / (1.0 - share).max(1e-9) * burden;
        share >= 1.0 || dice.chance(odds / (1.0 + odds))
    };
    let mut out = Record::default();
    // Most systems keep no marks on letters.
    let marks = !index && dice.chance(0.1);
    let letters = |text: &str| if marks { text.to_owned() } else { plain(text) };
    if !missing(source.no_number, dice) {
        out.nhs_number = super::number::nhs_number(person.number);
    }
    let given = if !person.known_as.is_empty() && dice.chance(source.everyday) {
        manner.everyday = true;
        &person.known_as
    } else {
        &person.given
    };
    out.given = letters(given);
    let middle_is_given = manner.everyday && person.known_as == person.middle;
    if !person.middle.is_empty() && !middle_is_given && !missing(source.no_middle, dice) {
        out.middle =
            if dice.chance(source.initial) { person.middle.chars().take(1).collect() } else { plain(&person.middle) };
    }
    out.family = letters(&person.family);
    if person.family == person.given && dice.chance(0.5) {
        // One name only: the other field stays empty, or has it again.
        out.family.clear();
    }
    if !person.former.is_empty() && dice.chance(source.former) {
        out.former = plain(&person.former);
    }
    if !missing(source.no_birth, dice) {
        out.set_birth(person.birth);
    }
    if !missing(source.no_sex, dice) {
        out.sex = (if person.female { "female" } else { "male" }).to_owned();
    }
    if !missing(source.no_ethnicity, dice) {
        out.ethnicity = match dice.unit() {
            u if u < 0.02 => "Z".to_owned(),
            u if u < 0.035 => (*dice.pick(&["A", "C", "G", "L", "P", "S"])).to_owned(),
            _ => person.ethnicity.to_string(),
        };
    }
    if !missing(source.no_address, dice) {
        out.address = if index && dice.chance(0.85) { view.home.plain() } else { view.home.written(dice.below(6)) };
    }
    if !missing(source.no_postcode, dice) {
        out.postcode = view.home.postcode.clone();
    }
    if !missing(source.no_phone, dice) {
        out.phone = phone(view, household, source, dice);
    }
    if !missing(source.no_email, dice) {
        out.email.clone_from(&person.email);
    }
    if !missing(source.no_practice, dice) {
        out.practice.clone_from(&view.practice);
    }
    name_newborn(&mut out, &mut manner, person, household, index, dice);
    (out, manner)
}

/// Somebody's own mobile, or the household's landline; a child's mother's mobile.
fn phone(view: &View, household: &Household, source: &Source, dice: &mut Dice) -> String {
    let person = &view.person;
    if !view.landline.is_empty() && dice.chance(source.landline) {
        return view.landline.clone();
    }
    if !person.mobile.is_empty() {
        return person.mobile.clone();
    }
    if person.age < 16.0 {
        return household.mother().map_or_else(|| view.landline.clone(), |mother| mother.mobile.clone());
    }
    view.landline.clone()
}

/// A baby's first record has no forename, and often its mother's family name.
fn name_newborn(
    out: &mut Record,
    manner: &mut Manner,
    person: &Person,
    household: &Household,
    index: bool,
    dice: &mut Dice,
) {
    let unnamed = match days_old(person.birth) {
        ..42 => 0.5,
        ..365 if !index => 0.07,
        _ => 0.0,
    };
    if unnamed == 0.0 || !dice.chance(unnamed) {
        return;
    }
    manner.unnamed = true;
    let mother = household.mother().filter(|mother| mother.number != person.number);
    let nth = household
        .people
        .iter()
        .filter(|p| p.birth == person.birth && p.twins > 0)
        .position(|p| p.number == person.number);
    out.middle.clear();
    out.given = match (nth.filter(|_| person.twins > 0), mother) {
        (Some(nth), _) if dice.chance(0.7) => {
            let word = if person.twins > 1 { "Triplet" } else { "Twin" };
            match dice.below(3) {
                0 => format!("{word} {}", nth + 1),
                1 => format!("{word} {}", ["One", "Two", "Three"].get(nth).unwrap_or(&"One")),
                _ => format!("Baby {word} {}", nth + 1),
            }
        }
        (_, Some(mother)) if dice.chance(0.4) => {
            let mother = plain(&mother.given);
            if dice.chance(0.7) { format!("Baby of {mother}") } else { format!("B/O {mother}") }
        }
        _ if dice.chance(0.4) => (if person.female { "Baby Girl" } else { "Baby Boy" }).to_owned(),
        _ => (*dice.pick_early(&["Baby", "Baby", "Infant", "Unnamed"])).to_owned(),
    };
    if let Some(mother) = mother
        && dice.chance(0.7)
    {
        out.family = plain(&mother.family);
    }
}

/// As a system writes things: capitals, spaces in numbers, postcodes without one.
pub(super) fn in_its_own_way(record: &mut Record, source: &Source, dice: &mut Dice) {
    if dice.chance(source.capitals) {
        for field in
            [&mut record.given, &mut record.middle, &mut record.family, &mut record.former, &mut record.address]
        {
            *field = field.to_uppercase();
        }
    }
    if dice.chance(0.06) {
        record.postcode = record.postcode.replace(' ', "");
    }
    if dice.chance(0.05) {
        record.nhs_number = fhir::nhs::format_spaced(&record.nhs_number);
    }
    if record.phone.len() == 11 && record.phone.is_ascii() {
        let (area, rest) = record.phone.split_at(5);
        match dice.below(20) {
            0..=2 => record.phone = format!("{area} {rest}"),
            3 => record.phone = format!("+44{}{rest}", area.trim_start_matches('0')),
            _ => {}
        }
    }
}
