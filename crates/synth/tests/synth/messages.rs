//! Every message can be read, and every reference resolves.

use crate::region;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use synth::{Format, Outgoing};

/// All messages of a small region.
fn all(people: u64) -> Vec<Outgoing> {
    let region = region(people);
    let everyone: Vec<_> = region.everyone().collect();
    region.opening().into_iter().chain(everyone.iter().flat_map(|p| region.history(p))).collect()
}

#[test]
fn every_hl7_message_reads_without_a_complaint() {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let mut ids: BTreeSet<(&str, String)> = BTreeSet::new();
    for message in all(500).iter().filter(|m| m.format == Format::Hl7v2) {
        let parsed = hl7v2::parse(&message.bytes);
        let text = || String::from_utf8_lossy(&message.bytes).replace('\r', "\n");
        assert!(parsed.notes.is_empty(), "{:?}\n{}", parsed.notes, text());
        let read = parsed.message.unwrap();
        let kind = format!("{}^{}", read.get("MSH-9.1").unwrap(), read.get("MSH-9.2").unwrap());
        *kinds.entry(kind).or_default() += 1;
        let id = read.get("MSH-10").unwrap();
        assert!(id.len() <= 20, "{id}");
        assert!(ids.insert((message.source, id)), "control id twice\n{}", text());
    }
    for kind in [
        "ADT^A01", "ADT^A02", "ADT^A03", "ADT^A04", "ADT^A08", "ADT^A28", "ADT^A31", "ADT^A40", "ORU^R01", "SIU^S12",
        "SIU^S13", "SIU^S15", "SIU^S26", "MDM^T02", "ADT^A11", "ADT^A13", "ORM^O01", "RDE^O11", "REF^I12", "VXU^V04",
    ] {
        assert!(kinds.contains_key(kind), "no {kind} among {kinds:?}");
    }
    println!("{kinds:?}");
}

fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if key == "reference" => found.push(text),
                    other => references(other, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn every_reference_of_a_bundle_resolves_within_its_source() {
    let mut have: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut want: Vec<(&str, String)> = Vec::new();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let messages = all(500);
    for message in messages.iter().filter(|m| m.format == Format::Fhir) {
        let bundle: Value = serde_json::from_slice(&message.bytes).unwrap();
        let have = have.entry(message.source).or_default();
        let mut here = BTreeSet::new();
        for entry in bundle["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
            assert_eq!(entry["request"]["url"], Value::String(url.clone()));
            assert!(here.insert(url.clone()), "{url} twice in one bundle");
            let id = resource["id"].as_str().unwrap();
            assert!(id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)), "{id}");
            *kinds.entry(resource["resourceType"].as_str().unwrap().to_owned()).or_default() += 1;
            let mut found = Vec::new();
            references(resource, &mut found);
            want.extend(found.into_iter().map(|r| (message.source, r.to_owned())));
        }
        have.extend(here);
    }
    for (source, reference) in want {
        assert!(have[source].contains(&reference), "{source}: {reference} does not resolve");
    }
    println!("{kinds:?}");
}

#[test]
fn messages_of_a_person_are_in_time_order_and_end_before_the_region_starts() {
    let region = region(300);
    for person in region.everyone() {
        let history = region.history(&person);
        assert!(history.is_sorted_by_key(|m| m.at));
    }
}

#[test]
fn nobody_is_sent_home_with_what_they_are_allergic_to() {
    let region = region(1_500);
    let (mut allergic, mut prescribed) = (0, 0);
    for person in region.everyone() {
        let history = region.history(&person);
        let texts = || history.iter().map(|message| String::from_utf8_lossy(&message.bytes));
        let allergies = [("Allergy to codeine", "Codeine 30mg"), ("Allergy to penicillin", "moxicillin 500mg")];
        for (_, medicine) in allergies.iter().filter(|(allergy, _)| texts().any(|text| text.contains(allergy))) {
            allergic += 1;
            let orders = || texts().filter(|text| text.contains("RDE^O11"));
            assert!(!orders().any(|text| text.contains(medicine)), "{medicine}");
            prescribed += orders().count();
        }
    }
    assert!(allergic > 20 && prescribed > 5, "{allergic} allergies, {prescribed} prescriptions: proves nothing");
}
