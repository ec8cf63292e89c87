//! What identity looks at in a Patient resource.

use fhir::{Resource, Value, nhs::NhsNumber};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

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
    /// Identifiers that a system gives, other than NHS numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<IdentifierFacts>,
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
fn name_rank(name: &Value) -> u8 {
    let ended = name.get("period").and_then(|period| period.get("end")).is_some();
    let rank = match name.get("use").and_then(Value::as_str) {
        Some("usual") => 0,
        Some("official") | None => 1,
        Some("nickname" | "anonymous" | "temp") => 2,
        Some(_) => 3,
    };
    if ended { rank + 4 } else { rank }
}

/// The facts of a Patient resource.
pub fn facts_of(patient: &Resource) -> PatientFacts {
    let mut facts = PatientFacts::default();
    for identifier in patient.list("identifier") {
        let text = |name: &str| identifier.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let (Some(system), Some(value)) = (text("system"), text("value"))
            && system != NHS_NUMBER
        {
            facts.identifiers.push(IdentifierFacts { system: system.to_owned(), value: value.to_owned() });
        }
        if identifier.get("system").and_then(Value::as_str) != Some(NHS_NUMBER) {
            continue;
        }
        let Some(number) = identifier.get("value").and_then(Value::as_str).and_then(|text| NhsNumber::parse(text).ok())
        else {
            continue;
        };
        if identifier.get("use").and_then(Value::as_str) == Some("old") {
            continue;
        }
        let verified = identifier.get("extension").and_then(Value::as_array).is_some_and(|list| {
            list.iter().any(|extension| {
                extension.get("url").and_then(Value::as_str) == Some(VERIFICATION)
                    && extension.pointer("/valueCodeableConcept/coding/0/code").and_then(Value::as_str) == Some("01")
            })
        });
        if facts.nhs_number.is_none() || verified && !facts.verified {
            facts.nhs_number = number.as_str().parse().ok();
            facts.verified = verified;
        }
    }
    let mut names: Vec<&Value> = patient.list("name").iter().collect();
    names.sort_by_key(|name| name_rank(name));
    facts.title = names.first().and_then(|name| name.pointer("/prefix/0")).and_then(Value::as_str).map(str::to_owned);
    for name in names {
        if let Some(family) = name.get("family").and_then(Value::as_str)
            && !facts.families.iter().any(|known| known == family)
        {
            facts.families.push(family.to_owned());
        }
        if let Some(given) = name.pointer("/given/0").and_then(Value::as_str)
            && !facts.givens.iter().any(|known| known == given)
        {
            facts.givens.push(given.to_owned());
        }
    }
    facts.birth = patient.str_at("/birthDate").and_then(|text| text.parse().ok());
    facts.gender = patient.str_at("/gender").map(str::to_owned);
    facts.deceased = match patient.get("deceasedBoolean") {
        Some(value) => value.as_bool() == Some(true),
        None => patient.get("deceasedDateTime").is_some(),
    };
    facts.restricted = is_restricted(patient);
    if !facts.restricted {
        let mut addresses: Vec<&Value> = patient.list("address").iter().collect();
        addresses.sort_by_key(|address| {
            let ended = address.get("period").and_then(|period| period.get("end")).is_some();
            let home = matches!(address.get("use").and_then(Value::as_str), Some("home") | None);
            (ended, !home)
        });
        facts.postcode =
            addresses.iter().find_map(|address| address.get("postalCode").and_then(Value::as_str)).map(str::to_owned);
    }
    facts
}

/// PDS marks restricted (`R`) and very restricted (`V`) people in `meta.security` (v3 Confidentiality).
fn is_restricted(patient: &Resource) -> bool {
    patient.at("/meta/security").and_then(Value::as_array).is_some_and(|labels| {
        labels.iter().any(|label| matches!(label.get("code").and_then(Value::as_str), Some("R" | "V" | "REDACTED")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_name_and_the_verified_number_win() {
        let patient = Resource::from_slice(
            br#"{"resourceType":"Patient","identifier":[
              {"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},
              {"system":"https://fhir.nhs.uk/Id/nhs-number","value":"999 000 0026","extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"code":"01"}]}}]}],
              "name":[{"use":"old","family":"Jones"},{"use":"official","family":"O'Brien-Smythe","given":["Zo\u00eb","Ann"],"prefix":["Dr"]}],
              "birthDate":"1945-07-14","deceasedBoolean":false,"address":[{"postalCode":"ZZ99 3VZ"}]}"#,
        )
        .unwrap();
        let facts = facts_of(&patient);
        assert_eq!(facts.families, ["O'Brien-Smythe", "Jones"]);
        assert_eq!(facts.family_key().as_deref(), Some("obriensmythe"));
        assert_eq!(facts.given_key().as_deref(), Some("zoe"));
        assert_eq!(facts.postcode_key().as_deref(), Some("ZZ993VZ"));
        assert!(facts.verified && !facts.deceased);
        assert_eq!(facts.nhs_number, Some(9_990_000_026));
    }

    #[test]
    fn a_restricted_address_is_not_even_looked_at() {
        let patient = Resource::from_slice(
            br#"{"resourceType":"Patient","meta":{"security":[{"code":"R"}]},"address":[{"postalCode":"ZZ99 3VZ"}]}"#,
        )
        .unwrap();
        let facts = facts_of(&patient);
        assert!(facts.restricted);
        assert_eq!(facts.postcode, None);
    }
}
