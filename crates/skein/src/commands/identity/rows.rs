//! A row of a file as facts about a person.

use super::{
    columns::{Columns, Field},
    dates::{self, date},
};
use identity::{AddressFacts, IdentifierFacts, PatientFacts, ten_digits};

/// How the plain columns take part: some as identifiers, some as attributes.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Folded names of columns whose values are nearly all different.
    pub identifiers: Vec<String>,
    /// Folded names of columns whose values many share.
    pub attributes: Vec<String>,
    /// Folded names of columns that take no part, for people of one household share the value.
    pub of_households: Vec<String>,
    /// Whether every file says whose its local numbers are: then each is of that one, else all are of one kind.
    pub local_sources: bool,
}

/// A row: the values by the places of the columns. Missing ones are empty.
pub type Values = Vec<String>;

/// Read facts from a row.
pub fn facts(columns: &Columns, plain: &[(usize, String)], how: &Plain, values: &[String]) -> PatientFacts {
    let mut facts = PatientFacts::default();
    let mut address = AddressFacts::default();
    let (mut number, mut lines, mut further): (&str, Vec<&str>, Vec<&str>) = ("", Vec::new(), Vec::new());
    let mut status = None;
    let (mut year, mut month, mut day) = ("", "", "");
    let (mut local, mut source) = ("", "");
    for (field, value) in columns.fields.iter().zip(values) {
        let value = value.trim();
        if is_nothing(value) {
            continue;
        }
        match field {
            Field::Name => whole_name(value, &mut facts),
            Field::Given => facts.givens.insert(0, value.to_owned()),
            Field::KnownAs => facts.givens.push(value.to_owned()),
            Field::Middle => facts.middles.push(value.to_owned()),
            Field::Family => facts.families.insert(0, value.to_owned()),
            Field::FormerFamily => facts.families.push(value.to_owned()),
            Field::Birth => facts.birth = date(value, columns.order),
            Field::BirthYear => year = value,
            Field::BirthMonth => month = value,
            Field::BirthDay => day = value,
            Field::Sex => facts.gender = sex(value).map(str::to_owned),
            Field::Nhs => nhs_number(value, &mut facts),
            Field::NhsStatus => status = Some(is_verified(value)),
            Field::LocalNumber => local = value,
            Field::LocalSource => source = value,
            Field::Number => number = value,
            Field::Address => lines.push(value),
            Field::FurtherLine => further.push(value),
            Field::Place => address.places.push(value.to_owned()),
            Field::Region => address.region = Some(value.to_owned()),
            Field::Postcode => address.postcode = Some(value.to_owned()),
            Field::Phone => facts.phones.push(value.to_owned()),
            Field::Email => facts.emails.push(value.to_owned()),
            Field::Practice => facts.practice = Some(value.to_owned()),
            Field::Death => facts.death = date(value, columns.order),
            Field::Id | Field::Ethnicity | Field::Plain | Field::Ignored => {}
        }
    }
    if !year.is_empty() {
        facts.birth = dates::of_parts(year, month, day);
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
    let somebodys = !how.local_sources || !source.is_empty();
    if !local.is_empty() && somebodys {
        let source = if how.local_sources { source } else { "" };
        let system = format!("local number of {}", source.to_lowercase());
        facts.identifiers.push(IdentifierFacts { system, value: local.to_owned() });
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

/// Whether a value says that there is none.
pub fn is_nothing(value: &str) -> bool {
    value.is_empty() || matches!(value, "NULL" | "null" | "NaN" | "nan" | "N/A" | "None" | "\\N")
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

/// Whether a status says that an NHS number was traced: national code 01, "Number present and verified" (NHS Data Dictionary, NHS
/// NUMBER STATUS INDICATOR CODE), or what a file has in its place.
fn is_verified(status: &str) -> bool {
    let status = status.trim_start_matches('0').to_lowercase();
    let words = ["1", "true", "yes", "y", "verified", "traced", "present and verified", "number present and verified"];
    words.contains(&status.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_number_that_was_traced_is_told_from_others() {
        for status in ["01", "1", "TRUE", "Traced", "Verified", "Number present and verified"] {
            assert!(is_verified(status), "{status}");
        }
        for status in ["02", "07", "10", "no", "Not traced", "Unverified", "Number present but not traced"] {
            assert!(!is_verified(status), "{status}");
        }
    }

    #[test]
    fn a_local_number_is_of_whose_it_is_where_all_files_say_so() {
        let names = ["id", "surname", "trust", "pas_no"].map(str::to_owned).to_vec();
        let columns = Columns::recognise(names, &super::super::columns::Said::default(), "people.csv").unwrap();
        let systems = |local_sources: bool, trust: &str| {
            let values = ["1", "Hall", trust, "K1"].map(str::to_owned);
            let found = facts(&columns, &[], &Plain { local_sources, ..Plain::default() }, &values);
            found.identifiers.into_iter().map(|found| found.system).collect::<Vec<_>>()
        };
        assert_eq!(systems(true, "RX1"), systems(true, "rx1"));
        assert_ne!(systems(true, "RX1"), systems(true, "RX2"), "another hospital's number is another number");
        assert_eq!(systems(false, "RX1"), systems(false, "RX2"));
        assert!(systems(true, "").is_empty(), "nobody's number");
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
