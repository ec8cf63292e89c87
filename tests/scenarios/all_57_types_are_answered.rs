//! One message for each of 57 types: whatever a sender sends, it gets an answer, and nothing is lost.

use crate::harness::{Region, shared};
use std::collections::BTreeMap;

/// Each is answered by its control id, and stored; those nobody can process are on the error desk, not in the bin.
#[test]
fn all_57_types_are_answered() {
    let region = Region::start();
    let files: Vec<String> =
        shared::files("hl7v2/ms-fhir-converter").into_iter().filter(|name| name.ends_with(".hl7")).collect();
    assert_eq!(files.len(), 57);
    // One of the 57 asks for no answer (MSH-15 and MSH-16 are NE); this feed answers all the same.
    let mut sender = region.sender("anything");
    let mut answered: BTreeMap<String, String> = BTreeMap::new();
    for file in &files {
        let message = shared::message(file);
        let answer = sender.send(&message);
        let text = String::from_utf8_lossy(&message).into_owned();
        let control_id = text.split('\r').next().unwrap().split('|').nth(9).unwrap().to_owned();
        assert_eq!(answer.control_id(), control_id, "{file}: {answer:?}");
        assert!(["AA", "AE", "AR", "CA", "CE", "CR"].contains(&answer.code()), "{file}: {answer:?}");
        answered.insert(file.clone(), answer.code().to_owned());
    }
    region.until_caught_up();
    let refused: Vec<_> = answered.iter().filter(|(_, code)| !code.ends_with('A')).collect();
    assert!(refused.is_empty(), "what can be stored is accepted: {refused:?}");
    let (fine, desk, said) = region.skein(&["errors", "list"]);
    assert!(fine, "{said}");
    for kind in ["BAR^P01", "DFT^P03"] {
        assert!(desk.contains(kind), "{kind} is on the error desk: {desk}");
    }
}
