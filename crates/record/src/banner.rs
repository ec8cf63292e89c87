//! The patient banner of every record page, after the NHS Common User Interface: **FAMILY, Given (Title)** unlabelled,
//! Born with age, Gender, NHS No., the allergy area; another look for the dead; less for the restricted.

use crate::{
    explain::Explanation,
    item::{Origin, ParsedItem, SourceKind, of},
    sections::allergies::{Area, area},
    text::{self, Concept, Name, Telecom, best_name, list, telecoms},
    when::{self, When},
};
use fhir::{Resource, ResourceType, Value};
use jiff::Timestamp;

/// PDS confidentiality codes by which a person's whereabouts must not be shown (v3 Confidentiality).
const RESTRICTED: [&str; 3] = ["R", "V", "REDACTED"];

/// An NHS number as held by a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NhsNumber {
    /// In the form 129 728 7652; as sent when it is not ten digits.
    pub text: String,
    /// Whether a tracing service verified it (status 01).
    pub verified: bool,
    /// Whether its check digit is wrong.
    pub invalid: bool,
}

impl NhsNumber {
    /// With its standing in words, when it is not verified.
    pub fn long(&self) -> String {
        match (self.invalid, self.verified) {
            (true, _) => format!("{} (not a valid number)", self.text),
            (false, false) => format!("{} (not verified)", self.text),
            (false, true) => self.text.clone(),
        }
    }
}

/// How someone died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Died {
    /// The date, if known.
    pub date: Option<String>,
    /// The age at death, if known.
    pub age: Option<String>,
}

/// The banner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// `FAMILY, Given (Title)`.
    pub name: String,
    /// The name they like to be called by, if a source says so and it differs.
    pub preferred: Option<String>,
    /// `14-Jul-1945`, or `Not Known`.
    pub born: String,
    /// `81y`; None for the dead (see `died`) and when the date of birth is not known.
    pub age: Option<String>,
    /// `Male`, `Female`, `Other`, `Not Known`.
    pub gender: String,
    /// The number, or None when no source has one.
    pub nhs: Option<NhsNumber>,
    /// Set when a source says the person has died.
    pub died: Option<Died>,
    /// Whether the person's whereabouts are restricted.
    pub restricted: bool,
    /// Where they live; never for the restricted.
    pub address: Option<String>,
    /// How to reach them; never for the restricted.
    pub telecoms: Vec<Telecom>,
    /// The registered practice; never for the restricted.
    pub practice: Option<String>,
    /// What their sources disagree on: `date of birth`, `name` …
    pub differs: Vec<&'static str>,
    /// The allergy area.
    pub allergies: Area,
    /// Which patient the banner's name comes from.
    pub origin: Option<Origin>,
}

/// Whether any source marks the person's whereabouts as restricted. One is enough.
pub fn restricted(items: &[ParsedItem]) -> bool {
    of(items, ResourceType::Patient).any(|item| is_restricted(&item.resource))
}

/// Whether this Patient is marked restricted.
pub fn is_restricted(patient: &Resource) -> bool {
    let labels = patient.get("meta").map(|meta| list(meta, "security")).unwrap_or_default();
    labels.iter().filter_map(|label| text::text(label, "code")).any(|code| RESTRICTED.contains(&code))
}

/// Make the banner. `allergies_missing` explains which sources add no allergies and why.
pub fn banner(items: &[ParsedItem], allergies_missing: &Explanation, now: Timestamp) -> Banner {
    let restricted = restricted(items);
    let mut patients: Vec<&ParsedItem> = of(items, ResourceType::Patient).collect();
    patients.sort_by_key(|item| standing(item));
    let first = |read: &dyn Fn(&Resource) -> Option<String>| patients.iter().find_map(|item| read(&item.resource));
    let named = patients.iter().find_map(|item| Some((item, best_name(item.resource.list("name"))?)));
    let name = named.as_ref().map(|(_, name)| name.banner());
    let born = patients.iter().find_map(|item| item.resource.str_at("/birthDate").and_then(When::parse));
    let died = died(&patients, born.as_ref());
    let open: Vec<&&ParsedItem> = if restricted { Vec::new() } else { patients.iter().collect() };
    Banner {
        name: name.unwrap_or_else(|| "NAME NOT KNOWN".into()),
        preferred: first(&|resource| preferred(resource.list("name"))),
        age: match (&died, &born) {
            (None, Some(born)) => when::age(born, when::today(now)),
            _ => None,
        },
        born: born.map_or_else(|| "Not Known".into(), |born| born.text),
        gender: first(&|resource| resource.str_at("/gender").filter(|code| *code != "unknown").map(gender))
            .unwrap_or_else(|| "Not Known".into()),
        nhs: number(&patients),
        died,
        restricted,
        address: open.iter().find_map(|item| {
            item.resource.list("address").iter().filter(|a| text::text(a, "use") != Some("old")).find_map(text::address)
        }),
        telecoms: open
            .iter()
            .map(|item| telecoms(item.resource.list("telecom")))
            .find(|found| !found.is_empty())
            .unwrap_or_default(),
        practice: open
            .iter()
            .find_map(|item| text::references(&item.resource, "generalPractitioner").into_iter().next()),
        differs: differs(&patients),
        allergies: area(items, allergies_missing),
        origin: named.map(|(item, _)| item.origin()),
    }
}

/// Whose demographics come first: a live patient before a replaced one, a verified number before none, the practice
/// before others (people tell their practice first), then the newest.
pub(crate) fn standing(item: &ParsedItem) -> (bool, bool, bool, std::cmp::Reverse<Timestamp>) {
    let resource = &item.resource;
    let replaced = resource.get("active") == Some(&Value::Bool(false));
    let verified = nhs_of(resource).is_some_and(|nhs| nhs.verified);
    (replaced, !verified, item.source.kind != SourceKind::Gp, std::cmp::Reverse(item.recorded))
}

/// The number to show: verified first, then a valid one, then whatever is there.
fn number(patients: &[&ParsedItem]) -> Option<NhsNumber> {
    let mut held: Vec<NhsNumber> = patients.iter().filter_map(|item| nhs_of(&item.resource)).collect();
    held.sort_by_key(|nhs| (!nhs.verified, nhs.invalid));
    held.into_iter().next()
}

/// A Patient's NHS number with its standing.
pub fn nhs_of(resource: &Resource) -> Option<NhsNumber> {
    let mut held: Vec<NhsNumber> = resource
        .list("identifier")
        .iter()
        .filter(|identifier| text::text(identifier, "system") == Some(fhir::nhs::SYSTEM))
        .filter_map(|identifier| {
            let value = text::text(identifier, "value")?;
            let status = list(identifier, "extension")
                .iter()
                .find(|e| text::text(e, "url").is_some_and(|url| url.contains("NHSNumberVerificationStatus")));
            let status = status.and_then(|e| e.get("valueCodeableConcept")).and_then(Concept::of);
            let parsed = fhir::nhs::NhsNumber::parse(value);
            Some(NhsNumber {
                text: parsed.as_ref().map_or_else(|_| fhir::nhs::format_spaced(value), fhir::nhs::NhsNumber::spaced),
                verified: parsed.is_ok()
                    && status.is_some_and(|status| status.has("01") || status.has("number-present-and-verified")),
                invalid: parsed.is_err(),
            })
        })
        .collect();
    held.sort_by_key(|nhs| (!nhs.verified, nhs.invalid));
    held.into_iter().next()
}

/// Administrative gender in the banner's words.
pub fn gender(code: &str) -> String {
    match code {
        "male" => "Male".into(),
        "female" => "Female".into(),
        "other" => "Other".into(),
        "unknown" => "Not Known".into(),
        other => text::words(other),
    }
}

/// The name a person likes to be called by: a `nickname`, or a `usual` name whose given name differs from the official.
pub fn preferred(names: &[Value]) -> Option<String> {
    let official = best_name(names)?;
    let other = |wanted: &str| names.iter().filter(|name| text::text(name, "use") == Some(wanted)).find_map(Name::of);
    let liked = other("nickname").or_else(|| other("usual"))?;
    let given = liked.given.first().cloned().unwrap_or_else(|| liked.family.clone());
    if official.given.first() == Some(&given) || given.is_empty() { None } else { Some(given) }
}

fn died(patients: &[&ParsedItem], born: Option<&When>) -> Option<Died> {
    let dated = patients.iter().find_map(|item| item.resource.str_at("/deceasedDateTime").and_then(When::parse));
    if let Some(date) = dated {
        let age = born.and_then(|born| when::age(born, date.date));
        return Some(Died { date: Some(date.day_text()), age });
    }
    let said = patients.iter().any(|item| {
        item.resource.get("deceasedBoolean") == Some(&Value::Bool(true))
            || item.resource.get("deceasedDateTime").is_some()
    });
    said.then_some(Died { date: None, age: None })
}

fn differs(patients: &[&ParsedItem]) -> Vec<&'static str> {
    let mut differing = Vec::new();
    let live: Vec<&Resource> = patients
        .iter()
        .map(|item| &item.resource)
        .filter(|resource| resource.get("active") != Some(&Value::Bool(false)))
        .collect();
    let several = |read: &dyn Fn(&Resource) -> Option<String>| {
        let values: Vec<String> = live.iter().filter_map(|resource| read(resource)).collect();
        values.iter().any(|value| Some(value) != values.first())
    };
    if several(&|resource| best_name(resource.list("name")).map(|name| format!("{:?}", name.folded()))) {
        differing.push("name");
    }
    if several(&|resource| resource.str_at("/birthDate").map(str::to_owned)) {
        differing.push("date of birth");
    }
    if several(&|resource| resource.str_at("/gender").filter(|gender| *gender != "unknown").map(str::to_owned)) {
        differing.push("gender");
    }
    if several(&|resource| nhs_of(resource).filter(|nhs| !nhs.invalid).map(|nhs| nhs.text)) {
        differing.push("NHS number");
    }
    let dead = |resource: &Resource| {
        resource.get("deceasedDateTime").is_some() || resource.get("deceasedBoolean") == Some(&Value::Bool(true))
    };
    if live.iter().any(|resource| dead(resource))
        && live.iter().any(|resource| resource.get("deceasedBoolean") == Some(&Value::Bool(false)))
    {
        differing.push("whether the person has died");
    }
    differing
}
