//! Family history, formulation and research under their own headings, and the rest beneath.

use crate::util::*;
use fhir::Value;
use proptest::prelude::*;
use record::{
    ParsedItem,
    sections::{Line, Section, Statement, Tone, events::other},
};
use serde_json::json;
use std::collections::BTreeMap;

fn shown(section: &Section) -> impl Iterator<Item = &Statement> {
    let groups = section.groups.iter().flat_map(|group| &group.lines);
    groups.chain(&section.withdrawn).flat_map(Line::statements)
}

fn fact<'a>(statement: &'a Statement, label: &str) -> Option<&'a str> {
    statement.facts.iter().find(|fact| fact.label == label).map(|fact| fact.text.as_str())
}

fn mother(own: &str, status: &str) -> ParsedItem {
    item(
        &practice(),
        json!({
            "resourceType": "FamilyMemberHistory", "id": own, "status": status, "date": "2019-03-04", "name": "Joan Smith",
            "relationship": {"coding": [{"system": "http://snomed.info/sct", "code": "72705000", "display": "Mother"}]},
            "deceasedAge": {"value": 61, "unit": "years"},
            "condition": [
                {"code": {"text": "Breast cancer"}, "onsetAge": {"value": 45, "unit": "years"}, "contributedToDeath": true},
                {"code": {"text": "Asthma"}, "onsetString": "as a child"},
                {"code": {"text": "Glaucoma"}, "onsetRange": {"low": {"value": 50, "unit": "years"}}},
                {"code": {"text": "Gout"}}
            ]
        }),
    )
}

#[test]
fn family_history_says_which_relative_and_what_and_not_who() {
    let section = other(&[mother("a", "completed")]);
    let [line] = section.group("Family history") else { panic!("one line") };
    assert_eq!(line.title, "Mother");
    assert_eq!(
        fact(&line.first, "Conditions"),
        Some(
            "Breast cancer (at 45 years; contributed to death); Asthma (as a child); Glaucoma (at 50 years or more); Gout"
        )
    );
    assert_eq!(fact(&line.first, "Died"), Some("at 61 years"));
    assert!(!format!("{section:?}").contains("Joan"), "the relative's name stands in no list");
    assert!(section.groups[0].note.unwrap().contains("not the person's own"), "{:?}", section.groups[0].note);
}

#[test]
fn a_family_history_that_is_not_known_says_so() {
    let unknown = json!({
        "resourceType": "FamilyMemberHistory", "id": "a", "status": "health-unknown", "relationship": {"text": "Father"},
        "dataAbsentReason": {"text": "Adopted"}
    });
    let section = other(&[item(&practice(), unknown), mother("b", "partial")]);
    let lines = section.group("Family history");
    let of = |title: &str| lines.iter().find(|line| line.title == title).expect("the line");
    assert_eq!(fact(&of("Father").first, "Not known because"), Some("Adopted"));
    assert_eq!(of("Father").marks[0].text, "Health not known");
    assert_eq!((of("Mother").marks[0].text.as_str(), of("Mother").marks[0].tone), ("Incomplete", Tone::Caution));
}

#[test]
fn a_formulation_keeps_its_findings_and_who_made_it() {
    let impression = json!({
        "resourceType": "ClinicalImpression", "id": "a", "status": "in-progress", "summary": "Low mood after a bereavement",
        "effectivePeriod": {"start": "2026-05-06"}, "assessor": {"display": "Dr Patel"},
        "finding": [{"itemCodeableConcept": {"text": "Poor sleep"}, "basis": "own diary"}, {"itemReference": {"display": "Grief"}}]
    });
    let section = other(&[item(&hospital(), impression)]);
    let [line] = section.group("Formulation") else { panic!("one line") };
    assert_eq!(fact(&line.first, "Summary"), Some("Low mood after a bereavement"));
    assert_eq!(fact(&line.first, "Findings"), Some("Poor sleep (because own diary); Grief"));
    assert_eq!(line.first.by.as_deref(), Some("Dr Patel"));
    assert_eq!(line.first.when.as_ref().unwrap().day_text(), "06-May-2026");
    assert_eq!(line.marks[0].text, "Not finished");
}

#[test]
fn leaving_a_study_is_not_a_mistake_of_its_source() {
    let subject = json!({
        "resourceType": "ResearchSubject", "id": "a", "status": "withdrawn", "study": {"display": "RECOVERY"},
        "assignedArm": "Usual care", "period": {"start": "2021-01-02", "end": "2021-02-03"}
    });
    let section = other(&[item(&hospital(), subject)]);
    let [line] = section.group("Research") else { panic!("one line") };
    assert_eq!(line.title, "RECOVERY");
    assert_eq!(fact(&line.first, "Part in it"), Some("Withdrawn"));
    assert_eq!(fact(&line.first, "Assigned to"), Some("Usual care"));
    assert!(section.withdrawn.is_empty());
}

#[test]
fn what_a_source_withdrew_is_not_among_what_it_says() {
    let communication = json!({"resourceType": "Communication", "id": "c", "status": "entered-in-error"});
    let section = other(&[mother("a", "entered-in-error"), item(&practice(), communication)]);
    assert!(section.groups.is_empty(), "{:?}", section.groups);
    let kinds: Vec<_> = section.withdrawn.iter().filter_map(|line| fact(&line.first, "Kind")).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&"Family history") && kinds.contains(&"Communication"), "{kinds:?}");
}

const KINDS: [&str; 6] =
    ["FamilyMemberHistory", "ClinicalImpression", "ResearchSubject", "Communication", "EpisodeOfCare", "Claim"];

/// Anything a source might put where something else belongs.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|yes| json!(yes)),
        any::<i32>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(|text| json!(text)),
        ".{0,12}".prop_map(|text| json!({"text": text, "display": text, "code": {"text": text}, "start": text})),
        ".{0,12}".prop_map(|text| json!([{"text": text, "code": {"text": text}, "onsetAge": text}])),
    ]
}

proptest! {
    #[test]
    fn every_entry_without_a_section_is_shown_once_whatever_it_holds(
        entries in prop::collection::vec(
            (
                0..KINDS.len(),
                prop_oneof![Just("completed"), Just("entered-in-error"), Just("withdrawn"), Just("")],
                prop::collection::btree_map(
                    prop::sample::select(vec![
                        "relationship", "condition", "deceasedAge", "deceasedRange", "finding", "summary", "study",
                        "period", "note", "date", "code", "text",
                    ]),
                    odd(),
                    0..6,
                ),
            ),
            0..20,
        )
    ) {
        let items: Vec<ParsedItem> = entries
            .iter()
            .enumerate()
            .map(|(index, (kind, status, more))| {
                let mut body = json!({"resourceType": KINDS[*kind], "id": format!("e{index}"), "status": status});
                for (element, value) in more {
                    body[*element] = value.clone();
                }
                item(&practice(), body)
            })
            .collect();
        let section = other(&items);
        let mut times: BTreeMap<String, usize> = items.iter().map(|item| (item.id.to_string(), 0)).collect();
        for statement in shown(&section) {
            *times.entry(statement.origin.id.to_string()).or_default() += 1;
        }
        prop_assert!(times.values().all(|times| *times == 1), "{times:?}");
        for line in &section.withdrawn {
            let of = items.iter().find(|item| item.id == line.first.origin.id);
            prop_assert_eq!(of.map(ParsedItem::status), Some("entered-in-error"));
        }
    }
}
