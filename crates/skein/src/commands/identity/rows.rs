//! A row of a file as facts about a person.

use super::columns::{Columns, Field};
use identity::{AddressFacts, IdentifierFacts, PatientFacts, ten_digits};
use jiff::civil::Date;

/// How the plain columns take part: some as identifiers, some as attributes.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Folded names of columns whose values are nearly all different.
    pub identifiers: Vec<String>,
    /// Folded names of columns whose values many share.
    pub attributes: Vec<String>,
    /// Folded names of columns that take no part, for people of one household share the value.
    pub of_households: Vec<String>,
}

/// A row: the values by the places of the columns. Missing ones are empty.
pub type Values = Vec<String>;

/// Read facts from a row.
pub fn facts(columns: &Columns, plain: &[(usize, String)], how: &Plain, values: &[String]) -> PatientFacts {
    let mut facts = PatientFacts::default();
    let mut address = AddressFacts::default();
    let (mut number, mut lines, mut further): (&str, Vec<&str>, Vec<&str>) = ("", Vec::new(), Vec::new());
    let mut status = None;
    for (field, value) in columns.fields.iter().zip(values) {
        let value = value.trim();
        if value.is_empty() || matches!(value, "NULL" | "null" | "NaN" | "nan" | "N/A" | "None" | "\\N") {
            continue;
        }
        match field {
            Field::Name => whole_name(value, &mut facts),
            Field::Given => facts.givens.insert(0, value.to_owned()),
            Field::KnownAs => facts.givens.push(value.to_owned()),
            Field::Middle => facts.middles.push(value.to_owned()),
            Field::Family => facts.families.insert(0, value.to_owned()),
            Field::FormerFamily => facts.families.push(value.to_owned()),
            Field::Birth => facts.birth = date(value),
            Field::Sex => facts.gender = sex(value).map(str::to_owned),
            Field::Nhs => nhs_number(value, &mut facts),
            Field::NhsStatus => {
                status = Some(matches!(value.trim_start_matches('0'), "1" | "true" | "TRUE" | "yes" | "verified"))
            }
            Field::Number => number = value,
            Field::Address => lines.push(value),
            Field::FurtherLine => further.push(value),
            Field::Place => address.places.push(value.to_owned()),
            Field::Region => address.region = Some(value.to_owned()),
            Field::Postcode => address.postcode = Some(value.to_owned()),
            Field::Phone => facts.phones.push(value.to_owned()),
            Field::Email => facts.emails.push(value.to_owned()),
            Field::Practice => facts.practice = Some(value.to_owned()),
            Field::Death => facts.death = date(value),
            Field::Id | Field::Ethnicity | Field::Plain | Field::Ignored => {}
        }
    }
    let numbered = columns.fields.contains(&Field::Number);
    if numbered {
        let street = lines.join(" ");
        let line = format!("{number} {street}");
        address.lines.extend(Some(line.trim().to_owned()).filter(|line| !line.is_empty()));
        let mut places: Vec<String> = further.iter().map(|line| (*line).to_owned()).collect();
        places.append(&mut address.places);
        address.places = places;
    } else {
        address.lines.extend(lines.iter().chain(&further).map(|line| (*line).to_owned()));
    }
    facts.verified = status == Some(true) && facts.nhs_number.is_some();
    if address != AddressFacts::default() {
        facts.addresses.push(address);
    }
    for (place, name) in plain {
        let Some(value) = values.get(*place).map(|value| value.trim()).filter(|value| !value.is_empty()) else {
            continue;
        };
        if how.identifiers.contains(name) {
            facts.identifiers.push(IdentifierFacts { system: name.clone(), value: value.to_owned() });
        } else if how.attributes.contains(name) {
            facts.attributes.push((name.clone(), value.to_owned()));
        }
    }
    facts.newborn = facts.givens.first().is_some_and(|given| identity::is_newborn(given));
    facts
}

/// `Ann Mary Smith`, or `Smith, Ann Mary`.
fn whole_name(value: &str, facts: &mut PatientFacts) {
    let (family, given) = match value.split_once(',') {
        Some((family, given)) => (family.trim(), given.trim()),
        None => value.rsplit_once(' ').map_or((value, ""), |(given, family)| (family, given)),
    };
    facts.families.insert(0, family.to_owned());
    if !given.is_empty() {
        facts.givens.insert(0, given.to_owned());
    }
}

fn nhs_number(value: &str, facts: &mut PatientFacts) {
    match fhir::NhsNumber::parse(value) {
        Ok(number) => facts.nhs_number = number.as_str().parse().ok(),
        Err(_) => facts.nhs_number_mistyped = ten_digits(value),
    }
}

fn sex(value: &str) -> Option<&'static str> {
    match value.to_lowercase().as_str() {
        "m" | "male" | "1" | "man" | "boy" => Some("male"),
        "f" | "female" | "2" | "woman" | "girl" => Some("female"),
        // 9 is "not specified" in one of the NHS's lists and "indeterminate" in another (NHS Data Dictionary, PERSON GENDER CODE and
        // PERSON STATED GENDER CODE): it says nothing that another record could contradict.
        "o" | "other" | "indeterminate" => Some("other"),
        _ => None,
    }
}

/// A date as files write it: 19650412, 1965-04-12, 12/04/1965, 12.4.1965, 12-Apr-1965. Day before month, unless that
/// cannot be.
pub fn date(text: &str) -> Option<Date> {
    let text = text
        .split(['T', 't'])
        .next()
        .filter(|date| date.len() >= 6 && !date.contains(char::is_alphabetic))
        .unwrap_or(text);
    let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let number = |part: &str| part.parse::<i16>().ok();
    let (year, month, day) = match parts.as_slice() {
        [digits] if digits.len() == 8 && digits.is_ascii() => {
            let whole = (number(digits.get(..4)?)?, number(digits.get(4..6)?)?, number(digits.get(6..)?)?);
            if (1850..=2100).contains(&whole.0) {
                whole
            } else {
                (number(digits.get(4..)?)?, number(digits.get(2..4)?)?, number(digits.get(..2)?)?)
            }
        }
        [year, month, day, ..] if year.len() == 4 => (number(year)?, month_of(month)?, number(day)?),
        [day, month, year, ..] if year.len() == 4 => (number(year)?, month_of(month)?, number(day)?),
        [day, month, year] if year.len() == 2 => {
            let year = number(year)?;
            (if year > 30 { 1900 + year } else { 2000 + year }, month_of(month)?, number(day)?)
        }
        _ => return None,
    };
    let (month, day) = if month > 12 && day <= 12 { (day, month) } else { (month, day) };
    let made = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
    // The 31st of a month of thirty days: the day is wrong, the rest is not.
    made.or_else(|| Date::new(year, i8::try_from(month).ok()?, 28).ok().filter(|_| (29..=31).contains(&day)))
        .filter(|date| (1850..=2100).contains(&date.year()))
}

fn month_of(text: &str) -> Option<i16> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let short: String = text.chars().take(3).flat_map(char::to_lowercase).collect();
    NAMES.iter().position(|name| *name == short).and_then(|at| i16::try_from(at + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_files_write_them() {
        let born = jiff::civil::date(1965, 4, 12);
        for text in [
            "19650412",
            "1965-04-12",
            "1965-04-12T00:00:00Z",
            "12/04/1965",
            "12.4.1965",
            "12-Apr-1965",
            "1965/4/12",
            "12/04/65",
            "12041965",
        ] {
            assert_eq!(date(text), Some(born), "{text}");
        }
        assert_eq!(date("04/13/1965"), Some(jiff::civil::date(1965, 4, 13)));
        for text in ["", "unknown", "99999999", "1965", "0/0/0000"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_sex_that_is_not_told_is_not_another() {
        for (text, said) in [("F", Some("female")), ("1", Some("male")), ("Indeterminate", Some("other"))] {
            assert_eq!(sex(text), said, "{text}");
        }
        for text in ["9", "0", "X", "Not known", "not specified"] {
            assert_eq!(sex(text), None, "{text}");
        }
    }

    #[test]
    fn whole_names_come_apart() {
        let mut facts = PatientFacts::default();
        whole_name("Ann Mary Smith", &mut facts);
        assert_eq!(
            (facts.families.as_slice(), facts.givens.as_slice()),
            (&["Smith".to_owned()][..], &["Ann Mary".to_owned()][..])
        );
        let mut facts = PatientFacts::default();
        whole_name("Smith, Ann", &mut facts);
        assert_eq!(facts.families, ["Smith"]);
    }
}
