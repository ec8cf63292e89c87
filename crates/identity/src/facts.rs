//! What identity looks at in a Patient resource.

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
}

impl PatientFacts {
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

/// A name for comparing: letters and digits only, lower case, accents taken off.
pub fn fold_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'æ' => folded.push_str("ae"),
            'ç' | 'ć' | 'č' | 'ċ' => folded.push('c'),
            'ď' | 'đ' | 'ð' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => folded.push('e'),
            'ğ' | 'ģ' | 'ġ' => folded.push('g'),
            'ì'..='ï' | 'ī' | 'į' | 'ı' => folded.push('i'),
            'ķ' => folded.push('k'),
            'ł' | 'ļ' | 'ľ' => folded.push('l'),
            'ñ' | 'ń' | 'ň' | 'ņ' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => folded.push('o'),
            'œ' => folded.push_str("oe"),
            'ŕ' | 'ř' => folded.push('r'),
            'ś' | 'š' | 'ş' | 'ș' => folded.push('s'),
            'ß' => folded.push_str("ss"),
            'ť' | 'ţ' | 'ț' => folded.push('t'),
            'þ' => folded.push_str("th"),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => folded.push('u'),
            'ŵ' => folded.push('w'),
            'ý' | 'ÿ' | 'ŷ' => folded.push('y'),
            'ź' | 'ž' | 'ż' => folded.push('z'),
            other if other.is_alphanumeric() => folded.push(other),
            _ => {}
        }
    }
    folded
}

/// A postcode for comparing.
pub fn postcode_key(code: &str) -> String {
    code.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
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
        if text_at(identifier, "/system").as_deref() != Some(NHS_NUMBER) {
            continue;
        }
        let Some(number) = text_at(identifier, "/value").and_then(|text| NhsNumber::parse(&text).ok()) else {
            continue;
        };
        if text_at(identifier, "/use").as_deref() == Some("old") {
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
        let learn = |known: &mut Vec<String>, pointer: &str| {
            if let Some(text) = text_at(name, pointer).filter(|text| !known.iter().any(|known| known == text)) {
                known.push(text.into_owned());
            }
        };
        learn(&mut facts.families, "/family");
        learn(&mut facts.givens, "/given/0");
    }
    facts.birth = text_at(patient, "/birthDate").and_then(|text| text.parse().ok());
    facts.gender = text_at(patient, "/gender").map(Cow::into_owned);
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
    }
    facts
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
