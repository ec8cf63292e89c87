//! What identity looks at in a Patient resource.

use crate::{
    fold::{fold_name, fold_words, postcode_key},
    text::within_one,
};
use fhir::{json::Node, nhs::NhsNumber};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The system of NHS numbers (UK Core).
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// UK Core's extension with the trace status of an NHS number.
const VERIFICATION: &str = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

/// The facts that find and link a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PatientFacts {
    /// The NHS number, check digit right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nhs_number: Option<u64>,
    /// Whether the source traced it: status 01 (PID-32 NSTS01, UK Core verification status).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// Family names, the usual one first, as sent.
    pub families: Vec<String>,
    /// First given names, the usual one first, as sent.
    pub givens: Vec<String>,
    /// Date of birth, when known to the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth: Option<Date>,
    /// Administrative gender (FHIR).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gender: Option<String>,
    /// Postcode of the home address, as sent. Absent for restricted people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// The prefix of the usual name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether the person is known to have died.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deceased: bool,
    /// Whether the location is to be hidden (PDS `R`, `V` and their like).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
    /// A ten-digit number sent as an NHS number whose check digit is wrong: never identifies anybody, but is near the
    /// number it was meant to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nhs_number_mistyped: Option<u64>,
    /// NHS numbers the person had before (superseded ones): the same person, no longer the same number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nhs_numbers_old: Vec<u64>,
    /// Further given names, as sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub middles: Vec<String>,
    /// Every address, those in use first. Empty for restricted people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressFacts>,
    /// Telephone numbers, as sent. Empty for restricted people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// Email addresses, as sent. Empty for restricted people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
    /// The general practice: its ODS code. Absent for restricted people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub practice: Option<String>,
    /// Identifiers that a system gives, other than NHS numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<IdentifierFacts>,
    /// Whether the person is one of a multiple birth.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multiple_birth: bool,
    /// Date of death, when known to the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death: Option<Date>,
    /// Whether the given name is a newborn's stand-in ("Baby of …"): no evidence for or against.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub newborn: bool,
    /// Whether the names stand for somebody unknown (trauma names, "Unknown Male"): no evidence for or against.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Anything else that a file says of a person, by the name of its column: compared as it stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
}

/// One address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressFacts {
    /// House and street, flat, name of the house: as sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Village, suburb, town.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// County or state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The postcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
}

/// An identifier that some system gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentifierFacts {
    /// Who gives it: a FHIR identifier system, or the name of a file's column.
    pub system: String,
    /// The identifier.
    pub value: String,
}

impl PatientFacts {
    /// Take out everything that says where the person is: for showing facts of a restricted person.
    pub fn hide_whereabouts(&mut self) {
        self.restricted = true;
        self.postcode = None;
        self.practice = None;
        self.addresses.clear();
        self.phones.clear();
        self.emails.clear();
    }

    /// The usual family name folded for comparing.
    pub fn family_key(&self) -> Option<String> {
        self.families.first().map(|name| fold_name(name)).filter(|name| !name.is_empty())
    }

    /// The usual given name folded for comparing.
    pub fn given_key(&self) -> Option<String> {
        self.givens.first().map(|name| fold_name(name)).filter(|name| !name.is_empty())
    }

    /// The postcode without spaces, in capitals.
    pub fn postcode_key(&self) -> Option<String> {
        self.postcode.as_deref().map(postcode_key).filter(|code| !code.is_empty())
    }
}

/// Names in the order of how usual they are: official and usual first, old last; ended ones after those in use.
fn name_rank(name: Node<'_>) -> u8 {
    let ended = name.at("/period/end").is_some();
    let rank = match text_at(name, "/use").as_deref() {
        Some("usual") => 0,
        Some("official") | None => 1,
        Some("nickname" | "anonymous" | "temp") => 2,
        Some(_) => 3,
    };
    if ended { rank + 4 } else { rank }
}

fn text_at<'d>(node: Node<'d>, pointer: &str) -> Option<Cow<'d, str>> {
    node.at(pointer).and_then(Node::text)
}

/// The facts of a Patient resource, or of its content.
pub fn facts_of(patient: Node<'_>) -> PatientFacts {
    let mut facts = PatientFacts::default();
    for identifier in patient.list("identifier") {
        let system = text_at(identifier, "/system").filter(|system| !system.is_empty());
        if system.as_deref() != Some(NHS_NUMBER) {
            if let (Some(system), Some(value)) =
                (system, text_at(identifier, "/value").filter(|value| !value.is_empty()))
            {
                facts.identifiers.push(IdentifierFacts { system: system.into_owned(), value: value.into_owned() });
            }
            continue;
        }
        let text = text_at(identifier, "/value").unwrap_or_default();
        let number = match NhsNumber::parse(&text) {
            Ok(number) => number,
            Err(_) => {
                facts.nhs_number_mistyped = facts.nhs_number_mistyped.or_else(|| ten_digits(&text));
                continue;
            }
        };
        if text_at(identifier, "/use").as_deref() == Some("old") {
            facts.nhs_numbers_old.extend(number.as_str().parse::<u64>());
            continue;
        }
        let verified = identifier.list("extension").any(|extension| {
            text_at(extension, "/url").as_deref() == Some(VERIFICATION)
                && text_at(extension, "/valueCodeableConcept/coding/0/code").as_deref() == Some("01")
        });
        if facts.nhs_number.is_none() || verified && !facts.verified {
            facts.nhs_number = number.as_str().parse().ok();
            facts.verified = verified;
        }
    }
    let mut names: Vec<Node<'_>> = patient.list("name").collect();
    names.sort_by_key(|name| name_rank(*name));
    facts.title = names.first().and_then(|name| text_at(*name, "/prefix/0")).map(Cow::into_owned);
    for name in names {
        let learn = |known: &mut Vec<String>, text: Option<Cow<'_, str>>| {
            if let Some(text) = text.filter(|text| !known.iter().any(|known| known == text)) {
                known.push(text.into_owned());
            }
        };
        learn(&mut facts.families, text_at(name, "/family"));
        for (place, given) in name.list("given").enumerate() {
            learn(if place == 0 { &mut facts.givens } else { &mut facts.middles }, given.text());
        }
    }
    facts.newborn = facts.givens.first().is_some_and(|given| is_newborn(given));
    facts.unknown = facts.families.first().is_some_and(|family| is_nobody(family))
        && facts.givens.first().is_none_or(|given| is_nobody(given));
    facts.birth = text_at(patient, "/birthDate").and_then(|text| text.parse().ok());
    facts.gender = text_at(patient, "/gender").map(Cow::into_owned);
    facts.multiple_birth =
        patient.get("multipleBirthBoolean").is_some_and(Node::is_true) || patient.get("multipleBirthInteger").is_some();
    facts.death =
        text_at(patient, "/deceasedDateTime").and_then(|text| text.get(..10).and_then(|day| day.parse().ok()));
    facts.deceased = match patient.get("deceasedBoolean") {
        Some(value) => value.is_true(),
        None => patient.get("deceasedDateTime").is_some(),
    };
    facts.restricted = is_restricted(patient);
    if !facts.restricted {
        let mut addresses: Vec<Node<'_>> = patient.list("address").collect();
        addresses.sort_by_key(|address| {
            let ended = address.at("/period/end").is_some();
            let home = matches!(text_at(*address, "/use").as_deref(), Some("home") | None);
            (ended, !home)
        });
        facts.postcode = addresses.iter().find_map(|address| text_at(*address, "/postalCode")).map(Cow::into_owned);
        facts.addresses = addresses.into_iter().map(address_facts).collect();
        for telecom in patient.list("telecom") {
            let Some(value) = text_at(telecom, "/value") else { continue };
            match text_at(telecom, "/system").as_deref() {
                Some("phone" | "sms") => facts.phones.push(value.into_owned()),
                Some("email") => facts.emails.push(value.into_owned()),
                _ => {}
            }
        }
        facts.practice = patient
            .list("generalPractitioner")
            .find_map(|practice| text_at(practice, "/identifier/value"))
            .map(Cow::into_owned);
    }
    facts
}

fn address_facts(address: Node<'_>) -> AddressFacts {
    let text = |pointer: &str| text_at(address, pointer).map(Cow::into_owned);
    AddressFacts {
        lines: address.list("line").filter_map(Node::text).map(Cow::into_owned).collect(),
        places: [text("/city"), text("/district")].into_iter().flatten().collect(),
        region: text("/state"),
        postcode: text("/postalCode"),
    }
}

/// Ten digits, however they are spaced.
pub fn ten_digits(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (digits.len() == 10).then(|| digits.parse().ok()).flatten()
}

/// Whether a given name stands in for one not yet given.
pub fn is_newborn(given: &str) -> bool {
    // "Baby of" is written so as well; without the stroke it may be a name.
    let short = given.trim_start().get(..3).is_some_and(|short| short.eq_ignore_ascii_case("b/o"));
    if short && !given.trim_start().chars().nth(3).is_some_and(char::is_alphanumeric) {
        return true;
    }
    let words = fold_words(given);
    let mut words = words.iter().map(String::as_str);
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    match first {
        "baby" | "infant" | "newborn" | "unnamed" | "babyboy" | "babygirl" | "babyof" => true,
        "male" | "female" => second.is_some_and(|word| matches!(word, "infant" | "baby" | "newborn" | "twin")),
        "twin" | "triplet" => second.is_some_and(|which| {
            matches!(which, "one" | "two" | "three" | "i" | "ii" | "iii" | "a" | "b" | "c" | "1" | "2" | "3")
        }),
        "boy" | "girl" => second.is_none_or(|word| matches!(word, "twin" | "baby")),
        // Mistyped, it would be a name that hardly anybody else has.
        _ => {
            let stands = ["baby", "babie", "infant", "newborn"].iter().any(|word| within_one(word, first));
            stands && second.is_some_and(|word| matches!(word, "boy" | "girl" | "of" | "male" | "female" | "twin"))
        }
    }
}

/// Whether a newborn's stand-in says that others were born with it ("Twin 2", "Baby Twin One").
pub(crate) fn is_of_several(given: &str) -> bool {
    is_newborn(given) && fold_words(given).iter().any(|word| matches!(word.as_str(), "twin" | "triplet"))
}

/// Whether a name stands for nobody: what is typed when a name is not known.
pub fn is_nobody(name: &str) -> bool {
    let folded = fold_name(name);
    matches!(
        folded.as_str(),
        "" | "unknown"
            | "unknownmale"
            | "unknownfemale"
            | "unk"
            | "unkn"
            | "notknown"
            | "nk"
            | "na"
            | "none"
            | "null"
            | "nil"
            | "nofamilyname"
            | "nosurname"
            | "noname"
            | "surname"
            | "forename"
            | "name"
            | "trauma"
            | "traumamale"
            | "traumafemale"
            | "anonymous"
            | "anon"
            | "unidentified"
            | "test"
            | "dummy"
            | "donotuse"
            | "patient"
            | "xx"
            | "xxx"
            | "xxxx"
            | "zz"
            | "zzz"
            | "male"
            | "female"
            | "fnu"
            | "lnu"
            | "tba"
            | "tbc"
            | "undisclosed"
            | "withheld"
    )
}

/// PDS marks restricted (`R`) and very restricted (`V`) people in `meta.security` (v3 Confidentiality).
fn is_restricted(patient: Node<'_>) -> bool {
    let labels = patient.at("/meta/security").into_iter().flat_map(Node::items);
    labels.into_iter().any(|label| matches!(text_at(label, "/code").as_deref(), Some("R" | "V" | "REDACTED")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::json::Document;

    #[test]
    fn a_newborn_without_a_name_is_known_however_it_is_typed() {
        let stand_ins =
            ["Baby", "Baby of Ann", "BABIE BOY", "Bby Girl", "Infant male", "Twin 2", "boy", "B/O Ann", "b/o"];
        for given in stand_ins.into_iter().chain(["MALE INFANT", "Unnamed"]) {
            assert!(is_newborn(given), "{given}");
        }
        for given in ["Abby", "Gaby", "Boyd", "Bobby", "Babs", "Gaby Ann", "Bo", "B/Oduya"] {
            assert!(!is_newborn(given), "{given}");
        }
        for (given, several) in [("Twin 2", true), ("Bby Twin One", true), ("Baby of Ann", false), ("Twinkle", false)] {
            assert_eq!(is_of_several(given), several, "{given}");
        }
    }

    #[test]
    fn the_usual_name_and_the_verified_number_win() {
        let patient = Document::read(
            br#"{"resourceType":"Patient","identifier":[
              {"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},
              {"system":"https://fhir.nhs.uk/Id/nhs-number","value":"999 000 0026","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"code":"01"}]}}]}],
              "name":[{"use":"old","family":"Jones"},{"use":"official","family":"O'Brien-Smythe","given":["Zo\u00eb","Ann"],"prefix":["Dr"]}],
              "birthDate":"1945-07-14","deceasedBoolean":false,"address":[{"postalCode":"ZZ99 3VZ"}]}"#,
        )
        .unwrap();
        let facts = facts_of(patient.root());
        assert_eq!(facts.families, ["O'Brien-Smythe", "Jones"]);
        assert_eq!(facts.family_key().as_deref(), Some("obriensmythe"));
        assert_eq!(facts.given_key().as_deref(), Some("zoe"));
        assert_eq!(facts.postcode_key().as_deref(), Some("ZZ993VZ"));
        assert!(facts.verified && !facts.deceased);
        assert_eq!(facts.nhs_number, Some(9_990_000_026));
    }

    #[test]
    fn a_restricted_address_is_not_even_looked_at() {
        let patient = Document::read(
            br#"{"resourceType":"Patient","meta":{"security":[{"code":"R"}]},"address":[{"postalCode":"ZZ99 3VZ"}]}"#,
        )
        .unwrap();
        let facts = facts_of(patient.root());
        assert!(facts.restricted);
        assert_eq!(facts.postcode, None);
    }
}
