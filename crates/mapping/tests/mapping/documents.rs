//! Letters: filed, added to, edited, replaced, cancelled.

use crate::support::*;
use base64::Engine;
use fhir::{Resource, ResourceType::*};

fn mdm(trigger: &str, at: &str, number: &str, parent: &str, text: &str) -> String {
    let obx = if text.is_empty() { String::new() } else { format!("OBX|1|TX|LET^Letter^L||{text}||||||F") };
    format!(
        "{}EVN||{at}\nPID|1||{JOAN}\nTXA|1|DS^Discharge summary|TX|{at}||{at}|||C3456789^Darwin^Samuel^^^Dr|||{number}|{parent}||||AU||AV||||||Discharge summary\n{obx}",
        msh(&format!("MDM^{trigger}"), at)
    )
}

fn document<'w>(w: &'w World, number: &str) -> &'w Resource {
    w.all(DocumentReference)
        .into_iter()
        .find(|d| d.str_at("/masterIdentifier/value") == Some(number))
        .expect("the document")
}

fn content(w: &World, number: &str) -> String {
    let url = text(document(w, number), "/content/0/attachment/url").to_owned();
    let binary = &w.rows[&url.trim_start_matches("Binary/").parse().unwrap()].0;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text(binary, "/data")).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_letter_is_filed_with_its_author_type_and_text() {
    let mut w = World::new();
    w.send(&mdm("T02", "202503051000", "D1", "", "Dear Dr Townley"));
    let letter = document(&w, "D1");
    assert_eq!((text(letter, "/status"), text(letter, "/docStatus")), ("current", "final"));
    assert_eq!(text(letter, "/type/coding/0/display"), "Discharge summary");
    assert_eq!(text(letter, "/author/0/display"), "Dr Samuel Darwin");
    assert_eq!(text(letter, "/date"), "2025-03-05T10:00:00+00:00");
    assert_eq!(content(&w, "D1"), "Dear Dr Townley");
}

#[test]
fn an_edit_changes_the_letter_and_a_late_original_does_not_change_it_back() {
    let original = mdm("T02", "202503051000", "D1", "", "He takes 5 mg");
    let edited = mdm("T08", "202503051100", "D1", "", "He takes 50 mg");
    for order in [[&original, &edited], [&edited, &original]] {
        let mut w = World::new();
        w.send_all(order);
        assert_eq!(content(&w, "D1"), "He takes 50 mg");
        assert_eq!(text(document(&w, "D1"), "/docStatus"), "amended");
    }
}

#[test]
fn a_replacement_takes_the_place_of_its_parent_for_good() {
    let original = mdm("T02", "202503051000", "D1", "", "first");
    let replaced = mdm("T10", "202503061000", "D2", "D1", "second");
    let status = mdm("T04", "202503071000", "D1", "", "");
    for order in [[&original, &replaced, &status], [&status, &replaced, &original], [&replaced, &status, &original]] {
        let mut w = World::new();
        w.send_all(order);
        assert_eq!(text(document(&w, "D1"), "/status"), "superseded", "whatever news of its status comes later");
        let new = document(&w, "D2");
        assert_eq!((text(new, "/status"), text(new, "/relatesTo/0/code")), ("current", "replaces"));
        assert_eq!(content(&w, "D2"), "second");
        assert_eq!(content(&w, "D1"), "first", "what was replaced can still be read");
    }
}

#[test]
fn an_addendum_adds_to_its_parent() {
    let mut w = World::new();
    w.send(&mdm("T02", "202503051000", "D1", "", "first"));
    w.send(&mdm("T06", "202503061000", "D2", "D1", "and another thing"));
    assert_eq!(text(document(&w, "D1"), "/status"), "current");
    assert_eq!(text(document(&w, "D2"), "/relatesTo/0/code"), "appends");
}

#[test]
fn a_cancelled_letter_is_an_error() {
    let original = mdm("T02", "202503051000", "D1", "", "wrong patient");
    let cancelled = mdm("T11", "202503051100", "D1", "", "");
    for order in [[&original, &cancelled], [&cancelled, &original]] {
        let mut w = World::new();
        w.send_all(order);
        assert_eq!(text(document(&w, "D1"), "/status"), "entered-in-error");
    }
}

#[test]
fn a_notice_without_content_never_hides_content() {
    let notice = mdm("T01", "202503061000", "D1", "", "");
    let letter = mdm("T02", "202503051000", "D1", "", "Dear Dr Townley");
    for order in [[&notice, &letter], [&letter, &notice]] {
        let mut w = World::new();
        w.send_all(order);
        assert_eq!(content(&w, "D1"), "Dear Dr Townley");
    }
    let mut w = World::new();
    w.send(&notice);
    assert_eq!(text(document(&w, "D1"), "/content/0/attachment/title"), "Discharge summary");
}

#[test]
fn a_letter_without_number_goes_to_the_error_desk() {
    let set = World::new().map(&mdm("T02", "202503051000", "", "", "text"));
    assert_eq!(set.findings[0].code, "document-without-number");
    assert_eq!(set.findings[0].place, "TXA-12");
    assert!(set.changes.is_empty());
}
