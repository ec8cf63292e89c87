//! A whole life's history, loaded from a file as a source would send it, comes back whole.

use crate::harness::{Region, region::READER_TOKEN, shared};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

const FOLDER: &str = "fhir/synthea";

/// Every resource of each bundle comes back from `$everything`, unchanged but for what the server itself assigns:
/// its id, its meta, and references to other resources.
#[test]
fn synthea_history_opens_whole() {
    let mut region = Region::prepared(Default::default());
    let folder = shared::path(FOLDER);
    let (loaded, told, said) = region.skein(&["load", "--quiet", "--source", "gp", folder.to_str().unwrap()]);
    assert!(loaded, "{told}{said}");
    region.serve();
    let histories: Vec<String> =
        shared::files(FOLDER).into_iter().filter(|name| !name.contains("Information")).collect();
    assert!(histories.len() >= 18);
    for name in histories {
        let bundle: Value = serde_json::from_slice(&shared::read(&name)).unwrap();
        let sent: Vec<&Value> = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]).collect();
        let patient = sent.iter().find(|resource| resource["resourceType"] == "Patient").unwrap();
        let own = patient["id"].as_str().unwrap();
        let found = region.read(&format!("/Patient?identifier={own}"));
        let id = found["entry"][0]["resource"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {own} is not found"))
            .to_owned();
        let record = region.read_all(&format!("/Patient/{id}/$everything?_count=1000"));

        let mut expected: BTreeMap<String, u32> = BTreeMap::new();
        for resource in &sent {
            *expected.entry(plain(resource)).or_default() += 1;
        }
        for resource in &record {
            let text = plain(resource);
            match expected.get_mut(&text) {
                Some(count) if *count > 0 => *count -= 1,
                // Who treated and where stands in the source's directory, and may come along.
                _ => assert!(
                    ["Practitioner", "Organization", "Location", "PractitionerRole"]
                        .contains(&resource["resourceType"].as_str().unwrap()),
                    "{name}: nobody sent this: {text}"
                ),
            }
        }
        let missing: HashMap<&String, &u32> = expected.iter().filter(|(_, count)| **count > 0).collect();
        assert!(
            missing.is_empty(),
            "{name}: {} of {} did not come back: {:.2000?}",
            missing.len(),
            sent.len(),
            missing
        );
    }
}

/// A resource read by its id is what `$everything` gave, and a version read is that version.
#[test]
fn a_resource_reads_alike_every_way() {
    let mut region = Region::prepared(Default::default());
    let folder = shared::path(FOLDER);
    region.skein(&["load", "--quiet", "--source", "gp", folder.to_str().unwrap()]);
    region.serve();
    let name = shared::files(FOLDER).into_iter().find(|name| !name.contains("Information")).unwrap();
    let bundle: Value = serde_json::from_slice(&shared::read(&name)).unwrap();
    let own = bundle["entry"][0]["resource"]["id"].as_str().unwrap();
    let id =
        region.read(&format!("/Patient?identifier={own}"))["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    for resource in region.read_all(&format!("/Patient/{id}/$everything?_type=Condition,Encounter,Immunization")) {
        let kind = resource["resourceType"].as_str().unwrap();
        let id = resource["id"].as_str().unwrap();
        assert_eq!(region.read(&format!("/{kind}/{id}")), resource);
        let version = resource["meta"]["versionId"].as_str().unwrap();
        let answer = region.fhir(READER_TOKEN, "GET", &format!("/{kind}/{id}/_history/{version}"), b"").expect(200);
        assert_eq!(answer.json(), resource);
    }
}

/// The text of a resource without its id, its meta's server-assigned members, and what it refers to.
fn plain(resource: &Value) -> String {
    let mut resource = resource.clone();
    let body = resource.as_object_mut().unwrap();
    body.shift_remove("id");
    if let Some(meta) = body.get_mut("meta").and_then(Value::as_object_mut) {
        for assigned in ["versionId", "lastUpdated", "source"] {
            meta.shift_remove(assigned);
        }
    }
    if body.get("meta").and_then(Value::as_object).is_some_and(|meta| meta.is_empty()) {
        body.shift_remove("meta");
    }
    forget_references(&mut resource);
    // Members in any order say the same (RFC 8259 §4).
    sorted(&resource).to_string()
}

fn forget_references(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get_mut("reference").filter(|reference| reference.is_string()) {
                *reference = Value::from("somewhere");
            }
            map.values_mut().for_each(forget_references);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_references),
        _ => {}
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, Value> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
