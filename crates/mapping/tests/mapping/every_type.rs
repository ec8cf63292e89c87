//! One message for each of 57 types, from elsewhere: each is mapped to well-formed resources or says clearly why not.

use crate::{shape, support::*};
use mapping::Severity;

#[test]
fn every_type_is_mapped_or_says_why_not() {
    let files = shared_files("hl7v2/ms-fhir-converter", ".hl7");
    assert_eq!(files.len(), 57);
    for file in files {
        let mut w = World::new();
        let set = w.send(&shared(&file)).clone();
        let errors: Vec<&str> =
            set.findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.code.as_str()).collect();
        let kind = file.rsplit('/').next().unwrap();
        if kind.starts_with("BAR") || kind.starts_with("DFT") {
            assert_eq!(errors, ["unknown-message-type"], "{file}: money is no part of a care record");
            assert!(set.lanes.is_empty(), "nobody's lane is parked by it");
        } else if kind.starts_with("ADT-A45") {
            assert_eq!(errors, ["merge-without-identifier"], "{file}: its MRG names no patient");
        } else {
            assert!(errors.is_empty(), "{file}: {:?}", set.findings);
            assert!(!set.changes.is_empty() && !set.lanes.is_empty(), "{file}");
        }
        assert_eq!(set.changes.is_empty(), !errors.is_empty(), "{file}: all or nothing");
        w.rows.values().for_each(|(resource, _)| shape::check(resource));
        let again = w.snapshot();
        w.apply(&set);
        for (id, resource) in w.snapshot() {
            assert_eq!(resource, again[&id], "{file}: twice is once");
        }
    }
}

#[test]
fn the_uks_own_messages_make_well_formed_resources() {
    let mut w = World::new();
    let files = shared_files("hl7v2/itk-uk", ".txt").into_iter().chain(shared_files("hl7v2/nw-gmsa/messages", ".txt"));
    for file in files {
        if !file.contains("DHCW") {
            w.send(&shared(&file));
        }
    }
    w.rows.values().for_each(|(resource, _)| shape::check(resource));
}

#[test]
fn an_unknown_type_says_so_and_parks_nobody() {
    for kind in ["ZZZ^Z99", "ADT^A99", "MDM^T99", "SIU^S99", ""] {
        let set = World::new().map(&format!("{}PID|1||{JOAN}", msh(kind, "20250301")));
        assert_eq!(codes(&set), vec![(Severity::Error, "unknown-message-type".to_owned())], "{kind}");
        assert!(set.lanes.is_empty() && set.changes.is_empty());
        assert_eq!(set.findings[0].place, "MSH-9");
    }
}
