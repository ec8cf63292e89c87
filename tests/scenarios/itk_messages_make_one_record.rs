//! The NHS's own example messages, sent by HL7 clients that other people wrote, make one person's record.

use crate::harness::{Region, clients, shared};
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    shared::path(&format!("hl7v2/itk-uk/{name}"))
}

/// Eight messages about Fredrica Smith, three senders, one record.
#[test]
fn itk_messages_make_one_record() {
    let region = Region::start();
    let feed = region.feed("rcb-adt");

    let registered = clients::python_mllp_send(feed, &file("ADT_A28_Example.txt"));
    assert!(registered.contains("MSA|AA|13403891320453338075"), "Python's mllp_send: {registered}");

    let python = ["ADT_A31_example.txt", "ADT_A40_Example.txt", "ADT_A05_Example.txt", "ADT_A01_example.txt"].map(file);
    for answer in clients::python_mllp_client(feed, &python) {
        assert!(answer.contains("MSA|AA|"), "Python's MLLPClient: {answer}");
    }
    let node = ["ADT_A03_example.txt", "ADT_A04_example.txt", "ADT_A08_example.txt"].map(file);
    for answer in clients::node_hl7_client(feed, &node) {
        assert!(answer.contains("MSA|AA|"), "node-hl7-client: {answer}");
    }

    let id = region.patient_by_nhs_number("3333333333");
    let patient = region.read(&format!("/Patient/{id}"));
    assert_eq!(patient["name"][0]["family"], "SMITH");
    assert_eq!(patient["gender"], "female");
    assert_eq!(patient["birthDate"], "1965-12-27", "the A08 of November 2010 is the newest word on it");

    let record = region.read_all(&format!("/Patient/{id}/$everything"));
    let count = |kind: &str| record.iter().filter(|resource| resource["resourceType"] == kind).count();
    let has = |text: &str| record.iter().any(|resource| resource.to_string().contains(text));
    assert_eq!(count("Encounter"), 5, "visits 2139, YOR123456, 2140, 2141 and 4532");
    assert_eq!(count("AllergyIntolerance"), 2, "Z88.5 many times, T63.0 once");
    for code in ["Z88.5", "T63.0", "N39.3", "J03.0", "ZZS4", "U19.2"] {
        assert!(has(&format!("\"{code}\"")), "{code} is in the record");
    }
    assert!(has("Cortana") || has("Darwin"), "the people who treated her are named");
    for resource in &record {
        let source = resource["meta"]["source"].as_str().unwrap_or_default();
        assert!(source.starts_with("urn:skein:source:rcb#"), "every item says where it came from: {resource:#}");
        assert!(resource["meta"]["lastUpdated"].is_string(), "and when it was recorded");
    }
}
