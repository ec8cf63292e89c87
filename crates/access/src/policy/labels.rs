//! How an entry comes by the labels that policies name (`labels.toml`): security labels of its source, and codes.

use super::files::{BadPolicy, LABELS};
use fhir::{
    ResourceType,
    json::{Document, Node},
};
use memchr::memmem::Finder;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};

/// So many labels there can be.
const LABELS_MAX: usize = 32;
/// An ICD-10 code is looked up under its first characters, from this many on.
const ICD10_PREFIX_MIN: usize = 3;

const SNOMED: &str = "http://snomed.info/sct";

/// A set of labels, by their place in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelSet(pub u32);

impl LabelSet {
    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: LabelSet) -> Self {
        LabelSet(self.0 | other.0)
    }

    /// Whether they have one in common.
    pub fn meets(self, other: LabelSet) -> bool {
        self.0 & other.0 != 0
    }
}

/// What of an entry policies look at, apart from who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class {
    /// The type.
    pub kind: ResourceType,
    /// Its labels.
    pub labels: LabelSet,
    /// Whether its authors sealed it.
    pub sealed: bool,
    /// Whether it is not for the person's eyes.
    pub not_for_person: bool,
    /// Whether it is about or from a third party.
    pub third_party: bool,
}

impl Class {
    /// A plain entry of a type.
    pub fn plain(kind: ResourceType) -> Self {
        Class { kind, labels: LabelSet(0), sealed: false, not_for_person: false, third_party: false }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    name: String,
    title: String,
    #[serde(default)]
    security: Vec<String>,
    #[serde(default)]
    snomed: Vec<String>,
    #[serde(default)]
    icd10: Vec<String>,
    #[serde(default)]
    specialty: Vec<String>,
    #[serde(default)]
    clinic: Vec<String>,
    /// Words by which sources name an alert of this kind, in small letters.
    #[serde(default)]
    alert: Vec<String>,
    #[serde(default)]
    silent: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marks {
    #[serde(default)]
    sealed: Vec<String>,
    #[serde(default)]
    not_for_person: Vec<String>,
    #[serde(default)]
    third_party: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelFile {
    #[serde(default, rename = "label")]
    labels: Vec<Label>,
    #[serde(default)]
    marks: Marks,
}

/// The labels there are, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Labels {
    labels: Vec<Label>,
    marks: Marks,
    snomed: HashMap<String, LabelSet>,
    icd10: HashMap<String, LabelSet>,
    specialty: HashMap<String, LabelSet>,
    /// Identifiers of clinics, as entries refer to them.
    clinic: HashMap<String, LabelSet>,
    /// Everything that one of the lists holds: what is not in here needs no second look.
    any_code: HashSet<Vec<u8>>,
    code: Finder<'static>,
    value: Finder<'static>,
    security: Finder<'static>,
}

impl Labels {
    pub(crate) fn read(text: &str) -> Result<Self, BadPolicy> {
        let file: LabelFile = toml::from_str(text).map_err(|error| BadPolicy::new(LABELS, error.to_string()))?;
        if file.labels.len() > LABELS_MAX {
            return Err(BadPolicy::new(LABELS, format!("there are more than {LABELS_MAX} labels")));
        }
        let mut labels = Labels {
            labels: Vec::new(),
            marks: file.marks,
            snomed: HashMap::new(),
            icd10: HashMap::new(),
            specialty: HashMap::new(),
            clinic: HashMap::new(),
            any_code: HashSet::new(),
            code: Finder::new(b"\"code\":\""),
            value: Finder::new(b"\"value\":\""),
            security: Finder::new(b"\"security\":"),
        };
        for (place, label) in file.labels.iter().enumerate() {
            if file.labels.iter().take(place).any(|other| other.name == label.name) {
                return Err(BadPolicy::new(LABELS, format!("label \"{}\" stands there twice", label.name)));
            }
            let bit = 1u32 << place;
            for (codes, list) in [
                (&label.snomed, &mut labels.snomed),
                (&label.icd10, &mut labels.icd10),
                (&label.specialty, &mut labels.specialty),
            ] {
                for code in codes {
                    list.entry(code.to_ascii_uppercase()).or_default().0 |= bit;
                    labels.any_code.insert(code.to_ascii_uppercase().into_bytes());
                }
            }
            // Sources write ICD-10 with and without the point.
            for code in label.icd10.iter().filter(|code| code.contains('.')) {
                let code = code.to_ascii_uppercase().replace('.', "");
                labels.any_code.insert(code.clone().into_bytes());
                labels.icd10.entry(code).or_default().0 |= bit;
            }
            if let Some(word) = label.alert.iter().find(|word| word.trim().len() < 3 || **word != word.to_lowercase()) {
                let wrong = format!("alert = \"{word}\" is no word of at least 3 small letters");
                return Err(BadPolicy::new(LABELS, wrong));
            }
            for clinic in &label.clinic {
                labels.clinic.entry(clinic.to_ascii_uppercase()).or_default().0 |= bit;
            }
            if let Some(short) = label.icd10.iter().find(|code| code.len() < ICD10_PREFIX_MIN) {
                return Err(BadPolicy::new(LABELS, format!("ICD-10 code \"{short}\" has at least 3 characters")));
            }
        }
        labels.labels = file.labels;
        Ok(labels)
    }

    /// The label of a name.
    pub fn named(&self, name: &str) -> Option<LabelSet> {
        self.labels.iter().position(|label| label.name == name).map(|place| LabelSet(1 << place))
    }

    /// What a category of an objection stands for: a label's name, a security label's code, or a FHIR type.
    pub fn category(&self, category: &str) -> LabelSet {
        let named = self.named(category).unwrap_or_default();
        let ends = |label: &str| label.rsplit('|').next() == Some(category);
        let by_code = self.labels.iter().enumerate().filter(|(_, label)| label.security.iter().any(|one| ends(one)));
        LabelSet(by_code.fold(named.0, |set, (place, _)| set | 1 << place))
    }

    /// The names of a set.
    pub fn names(&self, set: LabelSet) -> impl Iterator<Item = &str> {
        let held = self.labels.iter().enumerate().filter(move |(place, _)| set.0 & (1 << place) != 0);
        held.map(|(_, label)| label.name.as_str())
    }

    /// Every label with its title.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|label| (label.name.as_str(), label.title.as_str()))
    }

    /// Whether withholding entries with these labels is kept silent.
    pub fn silent(&self, set: LabelSet) -> bool {
        self.labels.iter().enumerate().any(|(place, label)| label.silent && set.0 & (1 << place) != 0)
    }

    /// What policies look at of an entry. `json`: the resource as stored, compact.
    pub fn class(&self, kind: ResourceType, json: &[u8]) -> Class {
        let plain = Class::plain(kind);
        let named = kind == ResourceType::Flag && self.labels.iter().any(|label| !label.alert.is_empty());
        if !named && !self.may_be_labelled(json) {
            return plain;
        }
        let Ok(document) = Document::read(json) else { return plain };
        let root = document.root();
        let mut class = plain;
        for label in root.at("/meta").into_iter().flat_map(|meta| meta.list("security")) {
            let system = label.get("system").and_then(Node::text).unwrap_or_default();
            let code = label.get("code").and_then(Node::text).unwrap_or_default();
            let token = format!("{system}|{code}");
            let has = |list: &[String]| list.contains(&token);
            class.sealed |= has(&self.marks.sealed);
            class.not_for_person |= has(&self.marks.not_for_person);
            class.third_party |= has(&self.marks.third_party);
            // Of a Patient, "restricted" is the whereabouts, which are taken away without asking anybody.
            if kind != ResourceType::Patient {
                for (place, label) in self.labels.iter().enumerate() {
                    class.labels.0 |= u32::from(has(&label.security)) << place;
                }
            }
        }
        self.codings(root, &mut class.labels);
        if named {
            self.alerts(root, &mut class.labels);
        }
        class
    }

    /// An alert by its own name and kind: what its source calls it, as words and as codes without a list of their own.
    fn alerts(&self, flag: Node<'_>, found: &mut LabelSet) {
        let concepts = flag.get("code").into_iter().chain(flag.list("category"));
        let mut names = Vec::new();
        for concept in concepts {
            names.extend(concept.get("text").and_then(Node::text));
            for coding in concept.list("coding") {
                names.extend(
                    ["display", "code"].into_iter().filter_map(|member| coding.get(member).and_then(Node::text)),
                );
            }
        }
        for name in names {
            let name = name.to_lowercase();
            for (place, label) in self.labels.iter().enumerate() {
                found.0 |= u32::from(label.alert.iter().any(|word| name.contains(word.as_str()))) << place;
            }
        }
    }

    /// A quick look: nearly all entries carry none, and are not taken apart.
    fn may_be_labelled(&self, json: &[u8]) -> bool {
        self.security.find(json).is_some()
            || self.code.find_iter(json).any(|at| self.known(json, at))
            || !self.clinic.is_empty() && self.value.find_iter(json).any(|at| self.is_clinic(json, at))
    }

    fn is_clinic(&self, json: &[u8], at: usize) -> bool {
        let rest = json.get(at + self.value.needle().len()..).unwrap_or_default();
        let end = memchr::memchr(b'"', rest).unwrap_or_default();
        let value = rest.get(..end).and_then(|value| std::str::from_utf8(value).ok());
        value.is_some_and(|value| self.clinic.contains_key(&value.to_ascii_uppercase()))
    }

    fn known(&self, json: &[u8], at: usize) -> bool {
        let Some(rest) = json.get(at + self.code.needle().len()..) else { return false };
        let Some(end) = rest.iter().take(24).position(|byte| *byte == b'"') else { return false };
        let Some(code) = rest.get(..end) else { return false };
        let first = code.first().copied().unwrap_or_default();
        if first.is_ascii_digit() {
            return self.any_code.contains(code);
        }
        // A capital letter and a digit: ICD-10.
        if !code.get(1).is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let upper = code.to_ascii_uppercase();
        (ICD10_PREFIX_MIN..=upper.len()).any(|len| upper.get(..len).is_some_and(|code| self.any_code.contains(code)))
    }

    fn codings(&self, node: Node<'_>, found: &mut LabelSet) {
        if node.is_object() {
            if let Some(code) = node.get("code").and_then(Node::text) {
                let system = node.get("system").and_then(Node::text).unwrap_or_default();
                self.coding(&system, &code, found);
            }
            for (name, value) in node.members() {
                // A place, a service or an organisation, named by its identifier: of the entry itself, it is no clinic's.
                if name == "identifier" && value.is_object() && !self.clinic.is_empty() {
                    let value = value.get("value").and_then(Node::text).unwrap_or_default();
                    found.0 |= self.clinic.get(&value.to_ascii_uppercase()).map_or(0, |set| set.0);
                }
                self.codings(value, found);
            }
        } else if node.is_list() {
            for value in node.items() {
                self.codings(value, found);
            }
        }
    }

    fn coding(&self, system: &str, code: &str, found: &mut LabelSet) {
        let lower = system.to_ascii_lowercase();
        if system == SNOMED {
            found.0 |= self.snomed.get(code).map_or(0, |set| set.0);
        } else if lower.contains("icd-10") || lower.contains("icd10") || lower.ends_with("2.16.840.1.113883.6.3") {
            // With and without the point: A51.0, A510.
            let code = code.to_ascii_uppercase();
            for form in [code.replace('.', ""), code] {
                for len in ICD10_PREFIX_MIN..=form.len() {
                    found.0 |= form.get(..len).and_then(|code| self.icd10.get(code)).map_or(0, |set| set.0);
                }
            }
        } else if lower.contains("practicesetting") || lower.contains("nhsspec") || lower.contains("treatment-function")
        {
            found.0 |= self.specialty.get(code).map_or(0, |set| set.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyFiles;
    use serde_json::{Value, json};

    fn labels() -> Labels {
        Labels::read(PolicyFiles::builtin().text(LABELS)).expect("labels")
    }

    fn names(kind: ResourceType, json: Value) -> Vec<String> {
        let labels = labels();
        let class = labels.class(kind, json.to_string().as_bytes());
        labels.names(class.labels).map(str::to_owned).collect()
    }

    #[test]
    fn a_safeguarding_alert_is_known_by_its_name_or_kind_and_nothing_else_by_words() {
        for body in [
            json!({"resourceType": "Flag", "code": {"text": "Adult SAFEGUARDING enquiry"}}),
            json!({"resourceType": "Flag", "category": [{"coding": [{"display": "Safeguarding"}]}], "code": {"text": "See file"}}),
            json!({"resourceType": "Flag", "code": {"coding": [{"display": "Subject of child protection plan"}]}}),
        ] {
            assert_eq!(names(ResourceType::Flag, body.clone()), ["safeguarding"], "{body}");
        }
        assert!(names(ResourceType::Flag, json!({"resourceType": "Flag", "code": {"text": "Falls"}})).is_empty());
        // A word is not a diagnosis.
        let condition = json!({"resourceType": "Condition", "code": {"text": "Safeguarding training done"}});
        assert!(names(ResourceType::Condition, condition).is_empty());
    }

    #[test]
    fn an_entry_is_labelled_by_its_code_wherever_the_code_stands() {
        let problem = |system: &str, code: &str| json!({"resourceType": "Condition", "code": {"coding": [{"system": "urn:local", "code": "1"}, {"system": system, "code": code}]}});
        assert_eq!(names(ResourceType::Condition, problem(SNOMED, "86406008")), ["sexual-health"]);
        for icd in ["A51.0", "A510", "A51", "a51.0"] {
            let found = names(ResourceType::Condition, problem("http://hl7.org/fhir/sid/icd-10", icd));
            assert_eq!(found, ["sexual-health"], "{icd}");
        }
        assert_eq!(names(ResourceType::Condition, problem("http://hl7.org/fhir/sid/icd-10", "F64.0")), ["gender"]);
        assert!(names(ResourceType::Condition, problem("http://hl7.org/fhir/sid/icd-10", "A5")).is_empty());
        assert!(names(ResourceType::Condition, problem(SNOMED, "22298006")).is_empty());
        assert!(names(ResourceType::Condition, problem("urn:local", "86406008")).is_empty(), "another system's code");
        let clinic = json!({"resourceType": "Encounter", "serviceType": {"coding": [
            {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode", "code": "360"}]}});
        assert_eq!(names(ResourceType::Encounter, clinic), ["sexual-health"]);
    }

    #[test]
    fn an_entry_is_labelled_by_the_clinic_it_names() {
        let text = PolicyFiles::builtin().text(LABELS).replacen("clinic = []", "clinic = [\"RXX01|BLUE\"]", 1);
        let labels = Labels::read(&text).expect("labels");
        let visit = |place: &str| {
            let json = json!({"resourceType": "Encounter", "identifier": [{"value": "RXX01|BLUE"}],
                "location": [{"location": {"identifier": {"system": "urn:places", "value": place}}}]});
            labels.class(ResourceType::Encounter, json.to_string().as_bytes()).labels
        };
        assert_eq!(labels.names(visit("rxx01|blue")).collect::<Vec<_>>(), ["sexual-health"]);
        assert!(visit("RXX01|GREEN").is_empty(), "the visit's own number is no clinic");
    }

    #[test]
    fn the_codes_of_the_lists_are_those_they_are_said_to_be() {
        let icd = |code: &str| {
            let coding = json!({"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code}]}});
            names(ResourceType::Condition, coding)
        };
        for code in ["Z11.3", "Z113", "Z11.4", "Z20.2", "B20.1", "A56.0"] {
            assert_eq!(icd(code), ["sexual-health"], "{code}");
        }
        assert!(icd("Z11.1").is_empty() && icd("A65").is_empty() && icd("B25").is_empty());
        let hiv = json!({"code": {"coding": [{"system": SNOMED, "code": "165816005"}]}});
        assert_eq!(names(ResourceType::Observation, hiv), ["sexual-health"]);
        let clinic = json!({"specialty": [{"coding": [
            {"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-PracticeSettingCode", "code": "504"}]}]});
        assert_eq!(names(ResourceType::Appointment, clinic), ["sexual-health"]);
    }

    #[test]
    fn an_entry_is_labelled_by_its_sources_label() {
        let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        let observation =
            json!({"resourceType": "Observation", "meta": {"security": [{"system": act, "code": "HIV"}]}});
        assert_eq!(names(ResourceType::Observation, observation), ["sexual-health"]);
        let class = labels().class(
            ResourceType::Observation,
            json!({"meta": {"security": [{"system": act, "code": "NOPAT"},
                {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}})
            .to_string()
            .as_bytes(),
        );
        assert!(class.not_for_person && class.sealed && !class.third_party && class.labels.is_empty());
    }

    #[test]
    fn the_whereabouts_of_a_patient_are_no_label() {
        let restricted = json!({"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}});
        assert!(names(ResourceType::Patient, restricted.clone()).is_empty());
        assert_eq!(names(ResourceType::Observation, restricted), ["restricted"]);
    }

    #[test]
    fn an_objections_category_is_a_label_or_a_code_of_one() {
        let labels = labels();
        let sexual = labels.named("sexual-health").expect("a label");
        for category in ["sexual-health", "SEX", "HIV"] {
            assert_eq!(labels.category(category), sexual, "{category}");
        }
        assert!(labels.category("nothing").is_empty());
    }

    #[test]
    fn a_label_file_that_cannot_be_used_is_refused_with_the_reason() {
        for (text, said) in [
            ("[[label]]\nname = \"a\"", "missing field `title`"),
            ("[[label]]\nname = \"a\"\ntitle = \"a\"\n[[label]]\nname = \"a\"\ntitle = \"b\"", "twice"),
            ("[[label]]\nname = \"a\"\ntitle = \"a\"\nicd10 = [\"A\"]", "at least 3"),
            ("[[label]]\nname = \"a\"\ntitle = \"a\"\ncodes = [\"A\"]", "unknown field `codes`"),
        ] {
            let error = Labels::read(text).expect_err("refused");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
