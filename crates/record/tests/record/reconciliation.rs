//! Golden cases of reconciliation, each a file under `tests/reconcile`: a situation from practice in a sentence, what each
//! source sends, and what stands together, under which heading, with which differences named. The codes of products are
//! invented: no dm+d is at hand, and none is needed to compare codes.

use crate::util::*;
use fhir::{ResourceId, ResourceType, Value};
use proptest::prelude::*;
use record::{
    ParsedItem, SourceInfo, SourceKind,
    reconcile::{Joined, Manner, Thing, Together},
    sections::{Section, allergies, medicines, problems},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

fn source(name: &str) -> Arc<SourceInfo> {
    let (id, shown, kind) = match name {
        "gp" => return practice(),
        "hospital" => return hospital(),
        "community" => ("valley", "Valley Community Health", SourceKind::Community),
        "mental" => ("moorland", "Moorland Mental Health Trust", SourceKind::MentalHealth),
        other => panic!("no source is called {other}"),
    };
    Arc::new(SourceInfo { id: id.into(), name: shown.into(), kind })
}

fn word(id: &str) -> &'static str {
    match id {
        "mill-lane" => "gp",
        "riverside" => "hospital",
        "valley" => "community",
        "moorland" => "mental",
        other => panic!("no source has the id {other}"),
    }
}

/// The items of a case and, by their ids, what the case calls them. References within a source lead to its own.
fn items(case: &Value) -> (Vec<ParsedItem>, HashMap<ResourceId, String>) {
    let mut names = HashMap::new();
    let entries = case["entries"].as_array().expect("entries");
    let items = entries.iter().map(|entry| {
        let source = source(entry["source"].as_str().expect("a source"));
        let mut resource = entry["resource"].clone();
        if let Some(Value::String(reference)) = resource.pointer_mut("/medicationReference/reference") {
            let own = reference.trim_start_matches("Medication/").to_owned();
            *reference = format!("Medication/{}", id_of(&source, ResourceType::Medication, &own));
        }
        if let Some(Value::String(reference)) = resource.pointer_mut("/basedOn/0/reference") {
            let own = reference.trim_start_matches("MedicationRequest/").to_owned();
            *reference = format!("MedicationRequest/{}", id_of(&source, ResourceType::MedicationRequest, &own));
        }
        let own = resource["id"].as_str().expect("an id").to_owned();
        let mut item = item(&source, resource);
        if let Some(received) = entry["received"].as_str() {
            item.recorded = at(received);
        }
        assert!(names.insert(item.id, own).is_none(), "two resources of a case have one id");
        item
    });
    let items = items.collect();
    (items, names)
}

fn reconciled(section: &str, items: &[ParsedItem]) -> (Together, Section, &'static Manner) {
    match section {
        "medicines" => (medicines::together(items, now()), medicines::medicines(items, now()), &medicines::MANNER),
        "allergies" => (allergies::together(items), allergies::allergies(items), &allergies::MANNER),
        "problems" => (problems::together(items), problems::problems(items), &problems::MANNER),
        other => panic!("no section is called {other}"),
    }
}

/// Every resource is in exactly one place of each view; a Medication is in reach through what points to it, else itself.
fn nothing_is_lost(items: &[ParsedItem], section: &str, told: &str) {
    let pointed: HashSet<String> = items
        .iter()
        .filter_map(|item| item.resource.str_at("/medicationReference/reference").map(str::to_owned))
        .collect();
    let mut expected: Vec<ResourceId> =
        items.iter().filter(|item| !pointed.contains(&format!("Medication/{}", item.id))).map(|item| item.id).collect();
    let (together, list, manner) = reconciled(section, items);
    let mut side_by_side: Vec<ResourceId> =
        together.things().flat_map(Thing::entries).map(|entry| entry.statement.origin.id).collect();
    let mut by_source: Vec<ResourceId> = Vec::new();
    for listed in together.by_source(manner) {
        for entry in listed.parts.iter().flat_map(|part| &part.entries) {
            assert_eq!(entry.source(), &listed.source, "{told}");
            by_source.push(entry.statement.origin.id);
        }
    }
    let lines = list.groups.iter().flat_map(|group| &group.lines).chain(&list.withdrawn);
    let mut lines: Vec<ResourceId> =
        lines.flat_map(|line| line.statements().map(|statement| statement.origin.id)).collect();
    for found in [&mut expected, &mut side_by_side, &mut by_source, &mut lines] {
        found.sort();
    }
    assert_eq!(side_by_side, expected, "side by side: {told}");
    assert_eq!(by_source, expected, "by source: {told}");
    assert_eq!(lines, expected, "as a list: {told}");
    for thing in together.things() {
        for column in &thing.columns {
            assert!(!column.entries.is_empty(), "{told}");
            assert!(column.entries.iter().all(|entry| *entry.source() == column.source), "{told}");
        }
    }
}

fn shown(together: &Together, names: &HashMap<ResourceId, String>) -> Value {
    let mut things = Vec::new();
    for part in &together.parts {
        for thing in &part.things {
            let says: BTreeMap<&str, Vec<&String>> = thing
                .columns
                .iter()
                .map(|column| {
                    let entries = column.entries.iter().map(|entry| &names[&entry.statement.origin.id]);
                    (word(&column.source.id), entries.collect())
                })
                .collect();
            let joined = match thing.joined {
                Joined::Alone => "alone",
                Joined::Code => "code",
                Joined::Words => "words",
                Joined::Both => "both",
            };
            let differences: Vec<&str> = thing.differences.iter().map(|one| one.words.as_str()).collect();
            things.push(json!({
                "thing": thing.title, "under": part.title, "joined": joined, "says": says, "differences": differences
            }));
        }
    }
    Value::Array(things)
}

#[test]
fn every_golden_case_stands_together_as_a_pharmacist_expects_and_loses_nothing() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reconcile"));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the cases").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 60, "only {} cases", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a case");
        let case: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let told = format!("{}: {}", file.file_name().unwrap().to_string_lossy(), case["situation"]);
        let section = case["section"].as_str().expect("a section");
        let (items, names) = items(&case);
        nothing_is_lost(&items, section, &told);
        let (together, list, _) = reconciled(section, &items);
        let found = shown(&together, &names);
        if found != case["expect"] {
            wrong.push(format!("{told}\n  expected {}\n  found    {found}", case["expect"]));
        }
        let warned = json!(together.conflicts());
        if warned != case["warns"] {
            wrong.push(format!("{told}\n  should warn {}\n  warns       {warned}", case["warns"]));
        }
        assert_eq!(list.conflicts, together.conflicts(), "the list warns as the comparison does: {told}");
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

/// Where things come in another order, the same stands together and the same differs.
#[test]
fn the_order_in_which_sources_are_read_changes_nothing() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reconcile"));
    for entry in std::fs::read_dir(folder).expect("the cases") {
        let text = std::fs::read_to_string(entry.expect("a file").path()).expect("a case");
        let case: Value = serde_json::from_str(&text).expect("JSON");
        let section = case["section"].as_str().expect("a section");
        let (mut items, _) = items(&case);
        let set = |items: &[ParsedItem]| -> HashSet<(Vec<ResourceId>, Vec<String>)> {
            let of = |thing: &Thing| {
                let mut ids: Vec<ResourceId> = thing.entries().map(|entry| entry.statement.origin.id).collect();
                ids.sort();
                let mut words: Vec<String> = thing.differences.iter().map(|one| one.words.clone()).collect();
                words.sort();
                (ids, words)
            };
            reconciled(section, items).0.things().map(of).collect()
        };
        let forwards = set(&items);
        items.reverse();
        assert_eq!(set(&items), forwards, "{}", case["situation"]);
    }
}

const WORDS: [&str; 9] = [
    "Ramipril 5mg capsules",
    "Ramipril 10 mg tablets",
    "Penicillin",
    "Allergy to penicillin",
    "Penicillin allergy",
    "",
    "5mg",
    "(disorder)",
    "No known allergy",
];
const SYSTEMS: [&str; 5] = [
    "http://snomed.info/sct",
    "https://dmd.nhs.uk",
    "",
    "urn:local",
    "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
];
const CODES: [&str; 6] = ["91936005", "716186003", "416098002", "409137002", "1", "UNK"];
const STATUSES: [&str; 9] =
    ["active", "stopped", "entered-in-error", "completed", "on-hold", "resolved", "refuted", "unknown", "nonsense"];
const DATES: [&str; 6] = ["2026-07-01", "2019", "2026-07", "2026-07-01T10:00:00Z", "2030-01-01", "not a date"];

fn a_concept() -> impl Strategy<Value = Value> {
    let coding = (0..SYSTEMS.len(), 0..CODES.len(), 0..WORDS.len()).prop_map(
        |(system, code, display)| json!({"system": SYSTEMS[system], "code": CODES[code], "display": WORDS[display]}),
    );
    (proptest::option::of(0..WORDS.len()), proptest::collection::vec(coding, 0..3)).prop_map(|(text, codings)| {
        let mut concept = json!({});
        if let Some(text) = text {
            concept["text"] = json!(WORDS[text]);
        }
        if !codings.is_empty() {
            concept["coding"] = json!(codings);
        }
        concept
    })
}

/// A resource of one of the types, with whatever a source may put into it, sense or not.
fn a_resource(kinds: &'static [&'static str]) -> impl Strategy<Value = (usize, Value)> {
    let dates = proptest::collection::vec(proptest::option::of(0..DATES.len()), 3);
    (0..4_usize, 0..kinds.len(), a_concept(), 0..STATUSES.len(), 0..STATUSES.len(), dates, any::<u8>()).prop_map(
        move |(source, kind, concept, status, other, dates, bits)| {
            let date = |index: usize| dates[index].map(|date| json!(DATES[date])).unwrap_or(Value::Null);
            let mut resource = json!({"resourceType": kinds[kind]});
            let coded = |index: usize| json!({"coding": [{"code": STATUSES[index]}]});
            match kinds[kind] {
                "AllergyIntolerance" | "Condition" => {
                    resource["clinicalStatus"] = coded(status);
                    resource["verificationStatus"] = coded(other);
                    resource["code"] = concept;
                    resource["recordedDate"] = date(0);
                    resource["onsetDateTime"] = date(1);
                    resource["abatementDateTime"] = date(2);
                    if bits & 1 == 1 {
                        resource["category"] = json!(["medication"]);
                    }
                }
                "Medication" => resource["code"] = concept,
                _ => {
                    resource["status"] = json!(STATUSES[status]);
                    resource["medicationCodeableConcept"] = concept;
                    resource["authoredOn"] = date(0);
                    resource["effectivePeriod"] = json!({"start": date(1), "end": date(2)});
                    let duration = json!({"value": i64::MAX / (i64::from(bits) + 1), "code": "wk"});
                    let dose = json!([{"text": WORDS[usize::from(bits) % WORDS.len()], "timing": {"repeat": {"boundsDuration": duration}}}]);
                    resource["dosage"] = dose.clone();
                    resource["dosageInstruction"] = dose;
                }
            }
            (source, resource)
        },
    )
}

fn numbered(drawn: Vec<(usize, Value)>) -> Vec<ParsedItem> {
    let number = |(index, (from, mut resource)): (usize, (usize, Value))| {
        resource["id"] = json!(format!("r{index}"));
        item(&source(["gp", "hospital", "community", "mental"][from]), resource)
    };
    drawn.into_iter().enumerate().map(number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_is_lost_whatever_sources_send_about_medicines(
        drawn in proptest::collection::vec(
            a_resource(&["MedicationStatement", "MedicationRequest", "MedicationDispense", "MedicationAdministration", "Medication"]), 0..14),
    ) {
        nothing_is_lost(&numbered(drawn), "medicines", "drawn");
    }

    #[test]
    fn nothing_is_lost_whatever_sources_send_about_allergies(
        drawn in proptest::collection::vec(a_resource(&["AllergyIntolerance"]), 0..14),
    ) {
        nothing_is_lost(&numbered(drawn), "allergies", "drawn");
    }

    #[test]
    fn nothing_is_lost_whatever_sources_send_about_problems(
        drawn in proptest::collection::vec(a_resource(&["Condition"]), 0..14),
    ) {
        nothing_is_lost(&numbered(drawn), "problems", "drawn");
    }
}
