//! People whose whereabouts must not be shown (PDS `meta.security` R, V): address, telephone, next of kin and practice
//! leave through no output at all (design §6). What one source restricts is restricted in what all sources say, and in
//! earlier versions too. This runs inside the read side, before anything is handed out; what it takes away never reaches
//! a page or the API.
//!
//! Structured elements are removed. In all other texts the person's own address lines, postcodes, telephone numbers,
//! contacts' names and practice are replaced by a word. Files (PDF letters) are held back whole, for they cannot be
//! searched here.

use crate::text::{self, Name};
use fhir::{Map, PatientKey, PersonKey, Resource, ResourceId, ResourceType, Value};
use serde::Deserialize;
use store::{Snapshot, StoreError};

/// What stands where something was taken away, and the id of a source whose name may not be told.
pub const WITHHELD: &str = "withheld";

/// Elements that say where a person is or how to reach them, by type. A type not named here has none.
fn elements(kind: ResourceType) -> &'static [&'static str] {
    use ResourceType as T;
    match kind {
        T::Patient => {
            &["address", "telecom", "contact", "generalPractitioner", "managingOrganization", "photo", "text"]
        }
        T::Encounter => &["location", "serviceProvider", "hospitalization", "text"],
        T::Appointment => &["participant", "supportingInformation", "text"],
        T::EpisodeOfCare => &["managingOrganization", "text"],
        T::ServiceRequest => &["locationCode", "locationReference", "text"],
        T::Procedure | T::Immunization | T::ChargeItem | T::Media | T::DiagnosticReport => &["location", "text"],
        T::CareTeam => &["participant", "telecom", "managingOrganization", "text"],
        _ => &["text"],
    }
}

/// The label of something withheld in part (FHIR v3-ObservationValue).
const REDACTED: &str = "REDACTED";

/// Whether any source marks the person behind these patients as restricted. One is enough.
fn any_restricted(snapshot: &Snapshot, patients: &[PatientKey]) -> Result<bool, StoreError> {
    for patient in patients {
        if snapshot.restricted(*patient)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What may not leave of the person behind these patients; None for everybody who is not restricted.
pub(crate) fn secrets(snapshot: &Snapshot, patients: &[PatientKey]) -> Result<Option<Secrets>, StoreError> {
    if any_restricted(snapshot, patients)? { Ok(Some(secrets_learnt(snapshot, patients)?)) } else { Ok(None) }
}

/// What may not leave of the person behind these patients, who is restricted.
pub(crate) fn secrets_learnt(snapshot: &Snapshot, patients: &[PatientKey]) -> Result<Secrets, StoreError> {
    let sources = snapshot.sources()?;
    let mut secrets = Secrets::default();
    for patient in patients {
        // Every version: an earlier address is no less secret.
        let mut rows = snapshot.versions(ResourceId::of_patient(*patient), ResourceType::Patient)?;
        snapshot.each_row(*patient, &[ResourceType::RelatedPerson], snapshot.seq(), |row| {
            rows.push(row);
            Ok::<_, StoreError>(())
        })?;
        for row in rows {
            let mut json = Vec::new();
            snapshot.render(&mut json, &row, "", "")?;
            let said =
                Resource::from_slice(&json).map_err(|e| StoreError::Corrupt(format!("a stored resource: {e}")))?;
            secrets.learn_from(&said);
        }
        if let Some(known) = snapshot.patient(*patient)? {
            let profile = sources.iter().find(|source| source.name == known.source);
            secrets.source(&known.source, profile.and_then(|source| source.profile.as_deref()));
        }
    }
    Ok(secrets)
}

/// As [`secrets`], of the person a patient is at `at`.
pub(crate) fn secrets_of(snapshot: &Snapshot, patient: PatientKey, at: u64) -> Result<Option<Secrets>, StoreError> {
    match snapshot.person_of(patient, at)? {
        Some(person) => secrets_of_person(snapshot, person, at),
        None => secrets(snapshot, &[patient]),
    }
}

/// As [`secrets`], of a person.
pub(crate) fn secrets_of_person(
    snapshot: &Snapshot,
    person: PersonKey,
    at: u64,
) -> Result<Option<Secrets>, StoreError> {
    match snapshot.restricted_person(person, at)? {
        true => secrets_learnt(snapshot, &snapshot.patients_of(person, at)?).map(Some),
        false => Ok(None),
    }
}

/// Texts shorter than this are too common to be replaced wherever they stand.
const WORD_CHARS_MIN: usize = 5;
/// A telephone number has at least so many digits.
const NUMBER_DIGITS_MIN: usize = 9;

/// What may not leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Texts, in lower case: address lines, postcodes, e-mail addresses, names of contacts, practice names and codes.
    words: Vec<String>,
    /// Telephone numbers, digits only.
    numbers: Vec<String>,
    /// Ids of the sources that are practices.
    practices: Vec<String>,
}

/// As much of a source's profile as is needed here.
#[derive(Deserialize, Default)]
struct Profile {
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    ods: Option<String>,
}

impl Secrets {
    /// Learn from what a source says of the person, or of their next of kin.
    fn learn_from(&mut self, patient: &Resource) {
        for address in patient.list("address") {
            for line in text::list(address, "line").iter().filter_map(Value::as_str) {
                self.word(line);
            }
            for member in ["text", "postalCode"] {
                self.word(text::text(address, member).unwrap_or_default());
            }
        }
        self.reachable(patient.list("telecom"));
        for contact in patient.list("contact") {
            self.person(contact.get("name"));
            self.reachable(text::list(contact, "telecom"));
        }
        let practices = patient.list("generalPractitioner").iter().chain(patient.get("managingOrganization"));
        for practice in practices {
            self.word(text::text(practice, "display").unwrap_or_default());
            let code = practice.get("identifier").and_then(|identifier| text::text(identifier, "value"));
            self.word(code.unwrap_or_default());
        }
        if patient.kind() == ResourceType::RelatedPerson {
            patient.list("name").iter().for_each(|name| self.person(Some(name)));
        }
    }

    /// A source that holds a patient of the person: when it is a practice, its very name tells the practice.
    fn source(&mut self, id: &str, profile: Option<&str>) {
        let profile: Profile = profile.and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
        if profile.kind == "gp" {
            self.practices.push(id.to_owned());
            self.word(id);
            self.word(&profile.name);
            self.word(profile.ods.as_deref().unwrap_or_default());
        }
    }

    fn person(&mut self, name: Option<&Value>) {
        if let Some(name) = name.and_then(Name::of) {
            let given = name.given.first().cloned().unwrap_or_default();
            self.word(&format!("{given} {}", name.family));
            self.word(&name.banner());
        }
    }

    fn reachable(&mut self, telecoms: &[Value]) {
        for value in telecoms.iter().filter_map(|telecom| text::text(telecom, "value")) {
            let digits: String = value.chars().filter(char::is_ascii_digit).collect();
            if value.contains('@') {
                self.word(value);
            } else if digits.len() >= NUMBER_DIGITS_MIN && !self.numbers.contains(&digits) {
                self.numbers.push(digits);
            }
        }
    }

    fn word(&mut self, word: &str) {
        let word = word.trim().to_lowercase();
        if word.chars().count() >= WORD_CHARS_MIN && !self.words.contains(&word) {
            self.words.push(word);
            // Longest first, so that a name within a longer one leaves no rest.
            self.words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        }
    }

    /// Whether this source's name may not be told.
    pub fn hides(&self, source: &str) -> bool {
        self.practices.iter().any(|practice| practice == source)
    }

    /// The JSON of a resource without what may not leave; None when nothing of it may.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when what is stored is not a resource.
    pub(crate) fn withhold_json(&self, kind: ResourceType, json: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if kind == ResourceType::RelatedPerson {
            return Ok(None);
        }
        let mut resource =
            Resource::from_slice(json).map_err(|e| StoreError::Corrupt(format!("a stored resource: {e}")))?;
        let before = resource.clone();
        if !self.withhold(&mut resource) {
            return Ok(None);
        }
        if resource == before {
            return Ok(Some(json.to_vec()));
        }
        label(&mut resource);
        Ok(Some(resource.to_json().into_bytes()))
    }

    /// Take everything away that may not leave. False: nothing of this resource may.
    #[must_use]
    fn withhold(&self, resource: &mut Resource) -> bool {
        let kind = resource.kind();
        if kind == ResourceType::RelatedPerson {
            return false;
        }
        let body = resource.body_mut();
        for element in elements(kind) {
            body.shift_remove(*element);
        }
        if kind == ResourceType::Binary && body.shift_remove("data").is_some() {
            body.insert("extension".into(), masked());
        }
        self.clean(body);
        true
    }

    fn clean(&self, body: &mut Map<String, Value>) {
        for element in ["address", "telecom", "valueAddress", "valueContactPoint"] {
            body.shift_remove(element);
        }
        let file = body.contains_key("data") || (body.contains_key("contentType") && body.contains_key("url"));
        if file {
            body.shift_remove("data");
            body.shift_remove("url");
            body.insert("extension".into(), masked());
        }
        for (name, value) in body.iter_mut() {
            // References keep the record together and name nothing.
            if name != "reference" || value.as_str().is_some_and(|text| text.contains('?')) {
                self.clean_value(value);
            }
        }
        // An extension whose value was taken away says nothing.
        if let Some(Value::Array(extensions)) = body.get_mut("extension") {
            extensions.retain(|extension| extension.as_object().is_none_or(|extension| extension.len() > 1));
        }
    }

    fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(cleaned) = self.cleaned(text) {
                    *text = cleaned;
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|inner| self.clean_value(inner)),
            Value::Object(map) => self.clean(map),
            _ => {}
        }
    }

    /// The text without what may not leave; None when there was nothing.
    fn cleaned(&self, text: &str) -> Option<String> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if self.numbers.iter().any(|number| digits.contains(number)) {
            return Some(WITHHELD.to_owned());
        }
        let mut cleaned = text.to_owned();
        let mut changed = false;
        for word in &self.words {
            // Lower-casing may change lengths outside ASCII: then the whole text goes.
            let lower = cleaned.to_lowercase();
            if !lower.contains(word.as_str()) {
                continue;
            }
            changed = true;
            if lower.len() != cleaned.len() {
                return Some(WITHHELD.to_owned());
            }
            let mut rest = String::with_capacity(cleaned.len());
            let mut at = 0;
            while let Some(found) = lower.get(at..).and_then(|after| after.find(word.as_str())) {
                rest.push_str(cleaned.get(at..at + found).unwrap_or_default());
                rest.push_str(WITHHELD);
                at += found + word.len();
            }
            rest.push_str(cleaned.get(at..).unwrap_or_default());
            cleaned = rest;
        }
        changed.then_some(cleaned)
    }
}

/// Say in `meta.security` that something was taken away.
fn label(resource: &mut Resource) {
    let label = serde_json::json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": REDACTED
    });
    let mut meta = resource.get("meta").cloned().unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(meta) = meta.as_object_mut() {
        match meta.get_mut("security").and_then(Value::as_array_mut) {
            Some(labels) => labels.push(label),
            None => {
                meta.insert("security".into(), Value::Array(vec![label]));
            }
        }
    }
    resource.set("meta", meta);
}

/// FHIR's word for it: the value exists and is masked (data-absent-reason).
fn masked() -> Value {
    serde_json::json!([{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}])
}

/// Whether an attachment was held back.
pub fn is_masked(attachment: &Value) -> bool {
    text::list(attachment, "extension").iter().any(|extension| text::text(extension, "valueCode") == Some("masked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resource(json: Value) -> Resource {
        Resource::from_slice(json.to_string().as_bytes()).expect("a resource")
    }

    fn patient() -> Resource {
        resource(json!({
            "resourceType": "Patient", "name": [{"family": "Hall", "given": ["Lucy"]}], "birthDate": "1993-01-02",
            "address": [{"line": ["7 Quay Street"], "city": "Thornhaven", "postalCode": "WX11 2RT"}],
            "telecom": [{"system": "phone", "value": "07700 900123"}, {"system": "email", "value": "lucy@example.org"}],
            "generalPractitioner": [{"display": "Harbour Street Surgery", "identifier": {"value": "X81005"}}],
            "contact": [{"name": {"family": "Hall", "given": ["Peter"]}, "telecom": [{"value": "07700 900456"}]}]
        }))
    }

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.learn_from(&patient());
        secrets.source(
            "gp-harbour",
            Some("source = \"gp-harbour\"\nname = \"Harbour Street Surgery\"\nkind = \"gp\"\nods = \"X81005\""),
        );
        secrets.source(
            "thornhaven",
            Some("source = \"thornhaven\"\nname = \"Thornhaven Royal Infirmary\"\nkind = \"hospital\""),
        );
        secrets
    }

    #[test]
    fn nothing_of_a_restricted_persons_whereabouts_is_left_in_any_resource() {
        let mut all = [
            patient(),
            resource(json!({"resourceType": "Encounter", "meta": {"source": "urn:skein:source:gp-harbour#7"},
                "serviceProvider": {"display": "HARBOUR STREET SURGERY", "identifier": {"value": "X81005"}},
                "location": [{"location": {"display": "Home: 7 Quay Street, WX11 2RT"}}]})),
            resource(json!({"resourceType": "CareTeam", "telecom": [{"value": "01632 960200"}],
                "note": [{"text": "Ring 07700-900-123 or Peter Hall"}]})),
            resource(
                json!({"resourceType": "DocumentReference", "content": [{"attachment": {"contentType": "application/pdf", "data": "QUJD"}}]}),
            ),
            resource(json!({"resourceType": "Binary", "contentType": "application/pdf", "data": "QUJD"})),
        ];
        let secrets = secrets();
        for resource in &mut all {
            assert!(secrets.withhold(resource));
            let left = resource.to_json().to_lowercase();
            for secret in [
                "quay",
                "wx11",
                "07700",
                "01632",
                "900-123",
                "lucy@",
                "peter hall",
                "harbour",
                "x81005",
                "gp-harbour",
                "qujd",
            ] {
                assert!(!left.contains(secret), "{secret} is left in {left}");
            }
        }
        assert_eq!(all[0].str_at("/birthDate"), Some("1993-01-02"), "what may be known stays");
        assert!(is_masked(all[3].at("/content/0/attachment").expect("an attachment")));
        assert!(
            !secrets.withhold(&mut resource(json!({"resourceType": "RelatedPerson"}))),
            "next of kin do not leave at all"
        );
    }

    #[test]
    fn what_was_taken_away_is_said_and_what_was_not_is_byte_for_byte_the_same() {
        let visit =
            br#"{"resourceType":"Encounter","status":"in-progress","location":[{"location":{"display":"Ward 3"}}]}"#;
        let left = secrets().withhold_json(ResourceType::Encounter, visit).expect("a resource").expect("something");
        let left = String::from_utf8(left).expect("text");
        assert!(!left.contains("Ward 3") && left.contains("in-progress") && left.contains("REDACTED"));
        let problem = br#"{"resourceType":"Condition", "code":{"text":"Asthma"}}"#;
        let same = secrets().withhold_json(ResourceType::Condition, problem).expect("a resource");
        assert_eq!(same.as_deref(), Some(problem.as_slice()));
    }

    #[test]
    fn everything_clinical_stays() {
        let mut allergy = resource(json!({"resourceType": "AllergyIntolerance", "code": {"text": "Penicillin"},
            "meta": {"source": "urn:skein:source:thornhaven#7"}, "note": [{"text": "Rash in childhood, seen at Thornhaven"}]}));
        let before = allergy.clone();
        assert!(secrets().withhold(&mut allergy));
        assert_eq!(allergy, before);
    }

    #[test]
    fn a_practice_is_not_named_as_a_source() {
        assert!(secrets().hides("gp-harbour"));
        assert!(!secrets().hides("thornhaven"));
    }
}
