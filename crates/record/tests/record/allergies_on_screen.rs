use crate::util::*;
use fhir::ResourceType;
use record::{
    explain::explain,
    freshness::Connection,
    sections::{
        SectionKind,
        allergies::{self, Area},
    },
    summary::contributing,
};
use serde_json::json;

fn penicillin(source: &std::sync::Arc<record::SourceInfo>) -> record::ParsedItem {
    item(
        source,
        json!({
            "resourceType": "AllergyIntolerance", "id": "pen", "criticality": "high",
            "clinicalStatus": {"coding": [{"code": "active"}]}, "verificationStatus": {"coding": [{"code": "confirmed"}]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005", "display": "Allergy to penicillin (finding)"}]},
            "recordedDate": "2011-05-03",
            "reaction": [{"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}]
        }),
    )
}

fn none_known(source: &std::sync::Arc<record::SourceInfo>) -> record::ParsedItem {
    item(
        source,
        json!({
            "resourceType": "AllergyIntolerance", "id": "none", "recordedDate": "2024-02-01",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}]}
        }),
    )
}

#[test]
fn an_allergy_and_a_statement_of_none_are_both_shown_and_the_conflict_named() {
    let items = [penicillin(&practice()), none_known(&hospital())];
    let section = allergies::allergies(&items);
    assert_eq!(section.group(allergies::CURRENT)[0].title, "Allergy to penicillin");
    assert_eq!(section.group("Stated as none known").len(), 1);
    assert_eq!(section.conflicts.len(), 1);
    let said = &section.conflicts[0];
    assert!(
        said.contains("Riverside General") && said.contains("Mill Lane Surgery") && said.contains("01-Feb-2024"),
        "{said}"
    );
    match allergies::area(
        &items,
        &explain(
            SectionKind::Allergies,
            &[state(&practice()), state(&hospital())],
            &["mill-lane", "riverside"],
            &[],
            now(),
        ),
    ) {
        Area::Known { names, conflict } => {
            assert!(conflict);
            assert_eq!(names, [("Penicillin".to_owned(), true)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_four_states_of_the_allergy_area_are_four_different_things() {
    let states = [state(&practice())];
    let missing = |items: &[record::ParsedItem]| {
        explain(SectionKind::Allergies, &states, &contributing(SectionKind::Allergies, items), &[], now())
    };
    let known = [penicillin(&practice())];
    assert!(matches!(allergies::area(&known, &missing(&known)), Area::Known { conflict: false, .. }));
    let none = [none_known(&practice())];
    assert!(matches!(allergies::area(&none, &missing(&none)), Area::NoneKnown(_)));
    assert_eq!(allergies::area(&[], &missing(&[])), Area::NotRecorded);
    let mut left = state(&practice());
    left.connection = Connection::NotConnected;
    let left = explain(SectionKind::Allergies, &[left], &[], &[], now());
    let why = "none recorded; there may be some at Mill Lane Surgery (no longer connected)";
    assert_eq!(allergies::area(&[], &left), Area::Unavailable(why.into()));
    // What was stated stands, with its date.
    assert!(matches!(allergies::area(&none, &left), Area::NoneKnown(_)));
}

#[test]
fn no_allergy_of_a_source_that_is_silent_is_not_said_to_be_none_recorded() {
    let mut silent = state(&practice());
    silent.usual_silence = Some(jiff::SignedDuration::from_hours(48));
    silent.last_heard = Some(now() - jiff::SignedDuration::from_hours(72));
    let states = [silent];
    let missing = |items: &[record::ParsedItem]| {
        explain(SectionKind::Allergies, &states, &contributing(SectionKind::Allergies, items), &[], now())
    };
    match allergies::area(&[], &missing(&[])) {
        Area::Unavailable(why) => {
            assert!(why.starts_with("none recorded; there may be some at Mill Lane Surgery (silent since "), "{why}");
        }
        other => panic!("{other:?}"),
    }
    // What was stated stands, with its date.
    let none = [none_known(&practice())];
    assert!(matches!(allergies::area(&none, &missing(&none)), Area::NoneKnown(_)));
}

#[test]
fn no_statement_of_an_allergy_is_lost_when_sources_agree() {
    let mut second = penicillin(&hospital());
    second.resource.set("criticality", "low");
    let section = allergies::allergies(&[penicillin(&practice()), second]);
    let lines = section.group(allergies::CURRENT);
    assert_eq!(lines.len(), 1, "one substance, one line");
    assert_eq!(lines[0].statements().count(), 2, "and both statements on it");
    assert_eq!(lines[0].sources(), ["Mill Lane Surgery", "Riverside General"]);
}

#[test]
fn an_empty_allergy_list_that_says_nil_known_counts_as_a_statement() {
    let list = item(
        &practice(),
        json!({
            "resourceType": "List", "id": "l", "status": "current", "mode": "snapshot", "date": "2026-01-05",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "886921000000105"}]},
            "emptyReason": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "nilknown"}]}
        }),
    );
    let items = [list];
    let stated = allergies::none_known(&items);
    assert_eq!(stated.len(), 1);
    assert_eq!(stated[0].origin.kind, ResourceType::List);
}

#[test]
fn a_refuted_or_withdrawn_allergy_is_not_shown_as_an_allergy() {
    let mut refuted = penicillin(&practice());
    refuted.resource.set("verificationStatus", json!({"coding": [{"code": "refuted"}]}));
    let mut wrong = penicillin(&hospital());
    wrong.resource.set("verificationStatus", json!({"coding": [{"code": "entered-in-error"}]}));
    let section = allergies::allergies(&[refuted, wrong]);
    assert!(section.group(allergies::CURRENT).is_empty());
    assert_eq!(section.group("Ruled out").len(), 1);
    assert_eq!(section.withdrawn.len(), 1, "still within reach");
}
