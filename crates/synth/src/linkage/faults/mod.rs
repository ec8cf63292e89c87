//! Faults: what clerks, forms, scanners and telephones do to a record. Each is one change to one field (a few to two),
//! drawn by how often it happens, and named in `cases.csv`.

mod dates;
mod numbers;
mod text;

pub(super) use text::{plain, plain_letter};

use super::{
    household::{TODAY, World},
    names::variants,
    person::{Household, Person},
    record::Record,
};
use crate::dice::Dice;
use jiff::civil::Date;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    GivenTyped,
    GivenHeard,
    GivenScanned,
    GivenCut,
    GivenShort,
    GivenSpelt,
    GivenInitial,
    GivenTitle,
    GivenPunctuated,
    MiddleFirst,
    MiddleJoined,
    NamesExchanged,
    FamilyTyped,
    FamilyHeard,
    FamilyScanned,
    FamilyCut,
    FamilySpelt,
    FamilyPunctuated,
    FamilyHalved,
    FamilySuffix,
    FamilyIsMiddle,
    BirthSwapped,
    BirthTyped,
    BirthTransposed,
    BirthYearOff,
    BirthCentury,
    BirthFirst,
    BirthDefault,
    SexWrong,
    PostcodeTyped,
    PostcodeMissing,
    AddressTyped,
    AddressOfAnother,
    PhoneTyped,
    PhoneOld,
    PhoneOfAnother,
    PhonePlaceholder,
    EmailTyped,
    EmailOfAnother,
    NumberTyped,
    NumberTypedPassing,
    NumberOfAnother,
}

use Fault::*;

/// Every fault: its name, and how often it is drawn among the others (those with no hold on a record are drawn again).
pub(super) const FAULTS: [(Fault, &str, f64); 42] = [
    (GivenTyped, "given_name_typing", 5.0),
    (GivenHeard, "given_name_phonetic", 4.0),
    (GivenScanned, "given_name_ocr", 0.7),
    (GivenCut, "given_name_truncated", 0.7),
    (GivenShort, "given_name_nickname", 7.0),
    (GivenSpelt, "given_name_spelling", 4.0),
    (GivenInitial, "given_name_initial", 1.6),
    (GivenTitle, "given_name_title", 1.2),
    (GivenPunctuated, "given_name_punctuation", 1.0),
    (MiddleFirst, "given_name_is_middle_name", 2.5),
    (MiddleJoined, "given_name_with_middle_name", 2.0),
    (NamesExchanged, "names_exchanged", 1.8),
    (FamilyTyped, "family_name_typing", 6.0),
    (FamilyHeard, "family_name_phonetic", 5.0),
    (FamilyScanned, "family_name_ocr", 1.0),
    (FamilyCut, "family_name_truncated", 0.8),
    (FamilySpelt, "family_name_spelling", 3.0),
    (FamilyPunctuated, "family_name_punctuation", 4.0),
    (FamilyHalved, "family_name_half", 3.0),
    (FamilySuffix, "family_name_suffix", 0.5),
    (FamilyIsMiddle, "family_name_is_middle_name", 7.0),
    (BirthSwapped, "birth_date_day_month", 1.2),
    (BirthTyped, "birth_date_typing", 1.1),
    (BirthTransposed, "birth_date_transposed", 0.4),
    (BirthYearOff, "birth_date_year_off", 0.5),
    (BirthCentury, "birth_date_century", 0.25),
    (BirthFirst, "birth_date_first_of", 0.4),
    (BirthDefault, "birth_date_default", 0.2),
    (SexWrong, "sex_wrong", 0.9),
    (PostcodeTyped, "postcode_typing", 4.5),
    (PostcodeMissing, "postcode_missing", 2.0),
    (AddressTyped, "address_typing", 8.0),
    (AddressOfAnother, "address_of_relative", 1.2),
    (PhoneTyped, "phone_typing", 2.0),
    (PhoneOld, "phone_old", 11.0),
    (PhoneOfAnother, "phone_of_relative", 4.0),
    (PhonePlaceholder, "phone_placeholder", 1.5),
    (EmailTyped, "email_typing", 1.5),
    (EmailOfAnother, "email_of_relative", 1.5),
    (NumberTyped, "nhs_number_typing", 1.1),
    (NumberTypedPassing, "nhs_number_typing_passes", 0.02),
    (NumberOfAnother, "nhs_number_of_relative", 0.25),
];

impl Fault {
    /// Its name in `cases.csv`.
    pub(super) fn name(self) -> &'static str {
        FAULTS.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The field it is about: two faults of one record are never in one field.
    fn field(self) -> u8 {
        match self {
            GivenTyped | GivenHeard | GivenScanned | GivenCut | GivenShort | GivenSpelt | GivenInitial | GivenTitle
            | GivenPunctuated | MiddleFirst | MiddleJoined => 0,
            NamesExchanged | FamilyTyped | FamilyHeard | FamilyScanned | FamilyCut | FamilySpelt | FamilyPunctuated
            | FamilyHalved | FamilySuffix | FamilyIsMiddle => 1,
            BirthSwapped | BirthTyped | BirthTransposed | BirthYearOff | BirthCentury | BirthFirst | BirthDefault => 2,
            SexWrong => 3,
            PostcodeTyped | PostcodeMissing => 4,
            AddressTyped | AddressOfAnother => 5,
            PhoneTyped | PhoneOld | PhoneOfAnother | PhonePlaceholder => 6,
            EmailTyped | EmailOfAnother => 7,
            NumberTyped | NumberTypedPassing | NumberOfAnother => 8,
        }
    }
}

/// Faults drawn by their weights. Made once.
pub(super) struct Faults {
    totals: Vec<f64>,
}

impl Faults {
    /// Make the table.
    pub(super) fn new() -> Self {
        let mut total = 0.0;
        let totals = FAULTS.iter().map(|row| {
            total += row.2;
            total
        });
        Faults { totals: totals.collect() }
    }

    fn draw(&self, dice: &mut Dice) -> Fault {
        let wanted = dice.unit() * self.totals.last().copied().unwrap_or(0.0);
        let index = self.totals.partition_point(|total| *total <= wanted);
        FAULTS.get(index).map_or(FamilyTyped, |row| row.0)
    }

    #[expect(clippy::too_many_arguments, reason = "a record, and all that its errors may borrow from")]
    /// Do `count` faults to a record, in different fields; those done are added to `done`.
    pub(super) fn apply(
        &self,
        count: usize,
        world: &World,
        record: &mut Record,
        person: &Person,
        household: &Household,
        done: &mut Vec<Fault>,
        dice: &mut Dice,
    ) {
        let mut fields = 0_u16;
        let mut left = count;
        for _ in 0..count * 12 {
            if left == 0 {
                break;
            }
            let fault = self.draw(dice);
            let bit = 1_u16 << fault.field();
            if fields & bit == 0 && one(fault, world, record, person, household, dice).is_some() {
                fields |= bit;
                done.push(fault);
                left -= 1;
            }
        }
    }
}

/// Do one fault, or say that it has no hold on this record.
fn one(
    fault: Fault,
    world: &World,
    record: &mut Record,
    person: &Person,
    household: &Household,
    dice: &mut Dice,
) -> Option<()> {
    let relative = |dice: &mut Dice| -> Option<Person> {
        let others: Vec<&Person> = household.people.iter().filter(|p| p.number != person.number).collect();
        (!others.is_empty() && !household.kind.is_institution()).then(|| (*dice.pick(&others)).clone())
    };
    match fault {
        GivenTyped => record.given = text::slip(some(&record.given)?, dice)?,
        GivenHeard => record.given = text::misheard(some(&record.given)?, dice)?,
        GivenScanned => record.given = text::misread(some(&record.given)?, dice)?,
        GivenCut => record.given = text::cut(some(&record.given)?, dice)?,
        GivenShort => record.given = text::changed(&record.given, plain(&variants::everyday(&person.given, dice)?))?,
        GivenSpelt => {
            record.given = text::changed(&record.given, plain(&variants::transliterated(&person.given, dice)?))?
        }
        GivenInitial => {
            let initial = record.given.chars().next()?.to_string();
            record.given = text::changed(&record.given, initial)?;
            record.middle = record.middle.chars().take(1).collect();
        }
        GivenTitle => {
            let title = match (person.female, person.age) {
                (_, ..16.0) => "Master",
                (true, _) => *dice.pick(&["Mrs", "Miss", "Ms"]),
                (false, _) => *dice.pick(&["Mr", "Mr", "Dr"]),
            };
            record.given = if dice.chance(0.7) {
                format!("{title} {}", some(&record.given)?)
            } else {
                format!("{} ({title})", some(&record.given)?)
            };
        }
        GivenPunctuated => record.given = text::repunctuated(some(&record.given)?, dice)?,
        MiddleFirst => {
            let middle = some(&person.middle)?.split(' ').next()?.to_owned();
            record.given = text::changed(&record.given, plain(&middle))?;
            record.middle = if dice.chance(0.5) { plain(&person.given) } else { String::new() };
        }
        MiddleJoined => {
            record.given = format!("{} {}", some(&record.given)?, plain(some(&person.middle)?));
            record.middle.clear();
        }
        NamesExchanged => {
            let foreign = !matches!(person.ethnicity, 'A' | 'B' | 'M');
            if !foreign && dice.chance(0.88) {
                return None;
            }
            some(&record.given)?;
            some(&record.family)?;
            if record.given == record.family {
                return None;
            }
            std::mem::swap(&mut record.given, &mut record.family);
        }
        FamilyTyped => record.family = text::slip(some(&record.family)?, dice)?,
        FamilyHeard => record.family = text::misheard(some(&record.family)?, dice)?,
        FamilyScanned => record.family = text::misread(some(&record.family)?, dice)?,
        FamilyCut => record.family = text::cut(some(&record.family)?, dice)?,
        FamilySpelt => {
            // Also the form that men bear, for a woman: Kowalski for Kowalska.
            let other = match super::naming::his(&person.family, person.tradition) {
                his if person.female && his != person.family => his,
                _ => variants::transliterated(&person.family, dice)?,
            };
            record.family = text::changed(&record.family, plain(&other))?;
        }
        FamilyPunctuated => record.family = text::repunctuated(some(&record.family)?, dice)?,
        FamilyHalved => record.family = text::half(some(&record.family)?, dice)?,
        FamilySuffix => {
            let suffix = if person.female { "(nee)" } else { *dice.pick(&["Jr", "Snr", "Jnr"]) };
            record.family = format!("{} {suffix}", some(&record.family)?);
        }
        FamilyIsMiddle => {
            // Clerks look for a family name where there is none: Kulwinder Kaur Gill is filed under Kaur, a Somali under
            // her father's name.
            use super::names::Tradition::{Arab, Filipino, Iberian, Pakistani, Sikh, Somali, SouthIndian, Vietnamese};
            let second = some(&person.middle)?.split(' ').next_back()?.to_owned();
            match person.tradition {
                Iberian | Filipino if dice.chance(0.3) => {}
                Arab | Pakistani | Sikh | Somali | SouthIndian | Vietnamese => {}
                _ => return None,
            }
            record.family = text::changed(&record.family, plain(&second))?;
            record.middle.clear();
        }
        BirthSwapped => record.set_birth(dates::swapped(birth(record)?)?),
        BirthTyped => record.set_birth(dates::mistyped(birth(record)?, TODAY, dice)?),
        BirthTransposed => record.set_birth(dates::transposed(birth(record)?, TODAY, dice)?),
        BirthYearOff => record.set_birth(dates::year_off(birth(record)?, TODAY, dice)?),
        BirthCentury => record.set_birth(dates::century(birth(record)?, TODAY)?),
        BirthFirst => record.set_birth(dates::first_of(birth(record)?, dice)?),
        BirthDefault => {
            some(&record.birth_date)?;
            let default = *dice.pick_early(&["1900-01-01", "1900-01-01", "1901-01-01", "1970-01-01", "1800-01-01"]);
            record.birth_date = text::changed(&record.birth_date, default.to_owned())?;
        }
        SexWrong => {
            record.sex = match some(&record.sex)? {
                "female" => "male",
                "male" => "female",
                _ => return None,
            }
            .to_owned();
        }
        PostcodeTyped => record.postcode = numbers::postcode(some(&record.postcode)?, dice)?,
        PostcodeMissing => {
            some(&record.postcode)?;
            record.postcode.clear();
        }
        AddressTyped => {
            let (number, rest) = some(&record.address)?.split_once(' ')?;
            record.address = if dice.chance(0.3) && number.chars().all(|c| c.is_ascii_digit()) {
                format!("{} {rest}", numbers_beside(number, dice)?)
            } else if dice.chance(0.6) {
                format!("{number} {}", text::slip(rest, dice)?)
            } else {
                format!("{number} {}", text::misheard(rest, dice)?)
            };
        }
        AddressOfAnother => {
            // Staying with family, or a form filled in by them.
            some(&record.address)?;
            let home = world.somewhere_near(household.postcode, dice);
            if home.postcode == household.home.postcode {
                return None;
            }
            record.address = home.plain();
            record.postcode = home.postcode;
        }
        PhoneTyped => record.phone = numbers::telephone(some(&record.phone)?, dice)?,
        PhoneOld => {
            some(&record.phone)?;
            record.phone = super::place::mobile(dice);
        }
        PhoneOfAnother => record.phone = text::changed(&record.phone, some(&relative(dice)?.mobile)?.to_owned())?,
        PhonePlaceholder => record.phone = text::changed(&record.phone, numbers::no_telephone(dice))?,
        EmailTyped => record.email = text::slip(some(&record.email)?, dice)?,
        EmailOfAnother => record.email = text::changed(&record.email, some(&relative(dice)?.email)?.to_owned())?,
        NumberTyped => record.nhs_number = numbers::nhs_number(some(&record.nhs_number)?, false, dice)?,
        NumberTypedPassing => record.nhs_number = numbers::nhs_number(some(&record.nhs_number)?, true, dice)?,
        NumberOfAnother => {
            some(&record.nhs_number)?;
            record.nhs_number = super::number::nhs_number(relative(dice)?.number);
        }
    }
    Some(())
}

fn numbers_beside(number: &str, dice: &mut Dice) -> Option<String> {
    let number: i64 = number.parse().ok()?;
    let other = number + *dice.pick(&[1, -1, 2, -2, 10, 100]);
    (other > 0).then(|| other.to_string())
}

fn birth(record: &Record) -> Option<Date> {
    record.birth_date.parse().ok()
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linkage::{cases, household, names::Names, record};
    use std::collections::BTreeMap;

    #[test]
    fn a_fault_changes_a_record_or_leaves_it_as_it_is_and_every_fault_finds_a_hold() {
        let world = World { seed: 1, names: Names::new(), postcodes: 500 };
        let dice = &mut Dice::new(1, &[]);
        let mut held: BTreeMap<Fault, u32> = BTreeMap::new();
        for number in 0..1_500 {
            let mut home = household::household(&world, number);
            for (person, number) in home.people.iter_mut().zip(0..) {
                person.number = number;
            }
            for person in &home.people {
                let view = cases::view(person, &home);
                let (before, _) = record::record(&view, &home, &record::INDEX, true, dice);
                for (fault, name, _) in FAULTS {
                    let mut after = before.clone();
                    match one(fault, &world, &mut after, person, &home, dice) {
                        Some(()) => {
                            *held.entry(fault).or_default() += 1;
                            assert_ne!(before.values(), after.values(), "{name}");
                        }
                        None => assert_eq!(before.values(), after.values(), "{name}"),
                    }
                }
            }
        }
        for (fault, name, _) in FAULTS {
            assert!(held.contains_key(&fault), "{name} never had a hold");
        }
    }

    #[test]
    fn faults_of_one_record_are_in_different_fields() {
        let world = World { seed: 2, names: Names::new(), postcodes: 500 };
        let (faults, dice) = (Faults::new(), &mut Dice::new(2, &[]));
        for number in 0..300 {
            let home = household::household(&world, number);
            for person in &home.people {
                let (mut record, _) = record::record(&cases::view(person, &home), &home, &record::INDEX, true, dice);
                let mut done = Vec::new();
                faults.apply(4, &world, &mut record, person, &home, &mut done, dice);
                let mut fields: Vec<u8> = done.iter().map(|fault| fault.field()).collect();
                fields.sort_unstable();
                fields.dedup();
                assert_eq!(fields.len(), done.len(), "{done:?}");
            }
        }
    }
}
