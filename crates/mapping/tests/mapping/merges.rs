//! Two of a source's patients are one, and not one after all.

use crate::support::*;
use fhir::ResourceType::*;
use mapping::{Change, Severity};

fn known() -> World {
    let mut w = World::new();
    w.send(&adt("A28", "20250301", "1001^^^RXX^MR||BAXTER^JOAN||19520314|2", ""));
    w.send(&adt("A28", "20250301", "1002^^^RXX^MR||BAXTER^J||19520314|2", ""));
    w
}

#[test]
fn a_merge_links_and_changes_nobody() {
    for trigger in ["A40", "A34", "A18", "A30", "A36", "A39"] {
        let mut w = known();
        let before = w.snapshot();
        let message = adt(trigger, "20250302", "1001^^^RXX^MR||WRONG^NAME", "MRG|1002^^^RXX^MR");
        let set = w.send(&message);
        assert_eq!(set.lanes.len(), 2, "a merge takes both lanes, the survivor's first");
        let expected = format!("{} is {}", w.key("RXX|1002"), w.key("RXX|1001"));
        assert_eq!(w.links, vec![expected], "{trigger}");
        assert_eq!(w.snapshot(), before, "{trigger}: no resource changed");
    }
}

#[test]
fn unknown_patients_get_a_stub_that_real_news_fills() {
    let mut w = World::new();
    w.send(&adt("A40", "20250302", "1001^^^RXX^MR||BAXTER^JOAN", "MRG|1002^^^RXX^MR"));
    let stub = w.patient("RXX|1002");
    assert_eq!(stub.body().keys().collect::<Vec<_>>(), ["resourceType", "identifier"]);
    w.send(&adt("A31", "20250301", "1002^^^RXX^MR||BAXTER^J", ""));
    assert_eq!(text(w.patient("RXX|1002"), "/name/0/family"), "BAXTER", "though it is older than the merge");
    let mut other_way = World::new();
    other_way.send(&adt("A31", "20250301", "1002^^^RXX^MR||BAXTER^J", ""));
    other_way.send(&adt("A40", "20250302", "1001^^^RXX^MR||BAXTER^JOAN", "MRG|1002^^^RXX^MR"));
    assert_eq!(w.snapshot(), other_way.snapshot());
}

#[test]
fn one_message_may_merge_several() {
    let mut w = World::new();
    let message = adt(
        "A40",
        "20250302",
        "1001^^^RXX^MR||BAXTER^JOAN",
        "MRG|1002^^^RXX^MR\nPID|2||2001^^^RXX^MR||OTHER^ONE\nMRG|2002^^^RXX^MR\nPID|3||1001^^^RXX^MR||BAXTER^JOAN\nMRG|1003^^^RXX^MR",
    );
    let set = w.send(&message);
    assert_eq!(set.lanes.len(), 5);
    assert_eq!(w.links.len(), 3);
}

#[test]
fn an_unlink_undoes() {
    let mut w = known();
    w.send(&adt("A40", "20250302", "1001^^^RXX^MR||BAXTER^JOAN", "MRG|1002^^^RXX^MR"));
    w.send(&adt("A37", "20250303", "1001^^^RXX^MR||BAXTER^JOAN", "PID|2||1002^^^RXX^MR||BAXTER^J"));
    assert_eq!(w.links[1], format!("{} is not {}", w.key("RXX|1002"), w.key("RXX|1001")));
}

#[test]
fn a_link_says_one_person_and_ends_no_number() {
    let mut w = known();
    w.send(&adt("A24", "20250302", "1001^^^RXX^MR||BAXTER^JOAN", "PID|2||77^^^OTHER&1.2.3&ISO^MR||BAXTER^J"));
    assert_eq!(w.links, vec![format!("{} is one with {}", w.key("OTHER|77"), w.key("RXX|1001"))]);
    assert_eq!(text(w.patient("OTHER|77"), "/identifier/0/system"), "urn:oid:1.2.3");
    let same = adt("A24", "20250303", "1001^^^RXX^MR", "PID|2||1001^^^RXX^MR");
    assert!(w.send(&same).findings.iter().any(|finding| finding.code == "merge-with-itself"));
}

#[test]
fn a_new_number_for_a_patient_is_a_merge_into_it() {
    let mut w = World::new();
    w.send(&adt("A28", "20250301", "OLD1^^^RXX^MR||BAXTER^JOAN", ""));
    w.send(&adt("A47", "20250302", "1001^^^RXX^MR||BAXTER^JOAN", "MRG|OLD1^^^RXX^MR"));
    assert_eq!(w.links, vec![format!("{} is {}", w.key("RXX|OLD1"), w.key("RXX|1001"))]);
    assert_eq!(text(w.patient("RXX|1001"), "/name/0/family"), "BAXTER", "the new number is not nameless");
}

#[test]
fn merges_that_cannot_be_done_are_said() {
    for (message, code, severity) in [
        (adt("A40", "20250302", "1001^^^RXX^MR", ""), "merge-without-identifier", Severity::Error),
        (adt("A40", "20250302", "1001^^^RXX^MR", "MRG|"), "merge-without-identifier", Severity::Error),
        (adt("A40", "20250302", "||X", "MRG|1002^^^RXX^MR"), "patient-without-identifier", Severity::Error),
        (adt("A40", "20250302", "1001^^^RXX^MR", "MRG|1001^^^RXX^MR"), "merge-with-itself", Severity::Note),
    ] {
        let set = World::new().map(&message);
        assert!(codes(&set).contains(&(severity, code.to_owned())), "{:?}", set.findings);
        assert!(!set.changes.iter().any(|c| matches!(c, Change::Merge { .. })));
    }
}

#[test]
fn a_visit_moves_to_the_patient_it_belongs_to() {
    for trigger in ["A44", "A45"] {
        let mut w = known();
        w.send(&adt("A01", "20250301", "1002^^^RXX^MR||BAXTER^J", &pv1("I", "RXX^OBS1", &[])));
        let visit = *w.rows.iter().find(|(_, (r, _))| r.kind() == Encounter).unwrap().0;
        let before = w.snapshot();
        w.send(&adt(trigger, "20250302", "1001^^^RXX^MR||BAXTER^JOAN", "MRG|1002^^^RXX^MR||||V1^^^RXX"));
        assert_eq!(w.links, vec![format!("{visit} to {}", w.key("RXX|1001"))]);
        assert_eq!(w.snapshot(), before, "ids and content stay");
    }
}

#[test]
fn a_visit_that_was_told_twice_lives_on_once() {
    let mut w = World::new();
    w.send(&adt("A01", "20250301", JOAN, &pv1("I", "RXX^OBS1", &[])));
    w.send(&adt("A01", "20250301", JOAN, &pv1("I", "RXX^OBS1", &[(19, "V2^^^RXX")])));
    w.send(&adt("A42", "20250302", JOAN, &format!("MRG|1001^^^RXX^MR||||V2^^^RXX\n{}", pv1("I", "RXX^OBS1", &[]))));
    let visits = w.all(Encounter);
    let by_status = |status: &str| visits.iter().find(|v| text(v, "/status") == status).copied().unwrap();
    let (lives, gone) = (by_status("in-progress"), by_status("entered-in-error"));
    assert_eq!(text(lives, "/identifier/0/value"), "V1");
    assert_eq!(text(gone, "/identifier/0/value"), "V2");
    assert!(text(gone, "/partOf/reference").starts_with("Encounter/"));
}

#[test]
fn a_deleted_person_is_inactive() {
    let mut w = known();
    w.send(&adt("A29", "20250302", "1002^^^RXX^MR", ""));
    assert_eq!(w.patient("RXX|1002").get("active"), Some(&false.into()));
    assert_eq!(text(w.patient("RXX|1002"), "/name/0/family"), "BAXTER");
}
