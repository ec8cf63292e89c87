use crate::util::*;
use record::sections::{
    Tone,
    problems::{CURRENT, problems},
};
use serde_json::{Value, json};

fn condition(own: &str, words: &str, extra: Value) -> Value {
    let mut base = json!({
        "resourceType": "Condition", "id": own, "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"text": words}, "onsetDateTime": "2020-01-02"
    });
    for (member, value) in extra.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

#[test]
fn two_sources_of_one_problem_share_a_line_and_keep_both_statements() {
    let coded = json!({"code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006", "display": "Diabetes mellitus type 2 (disorder)"}]}});
    let items = [item(&practice(), condition("a", "", coded.clone())), item(&hospital(), condition("b", "", coded))];
    let section = problems(&items);
    let lines = section.group(CURRENT);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].title, "Diabetes mellitus type 2");
    assert_eq!(lines[0].statements().count(), 2);
}

#[test]
fn a_problem_one_source_has_closed_since_is_marked() {
    let open = item(&practice(), condition("a", "Asthma", json!({})));
    let mut closed =
        item(&hospital(), condition("b", "Asthma", json!({"clinicalStatus": {"coding": [{"code": "resolved"}]}})));
    closed.recorded = now();
    let section = problems(&[open, closed]);
    assert!(
        section.group(CURRENT)[0]
            .marks
            .iter()
            .any(|mark| mark.text == "Current in one source, past in another" && mark.tone == Tone::Caution)
    );
    assert_eq!(section.group("Past problems").len(), 1);
    assert_eq!(section.conflicts.len(), 1);
}

#[test]
fn a_suspicion_and_a_refuted_diagnosis_do_not_look_confirmed() {
    let suspected = item(
        &practice(),
        condition("a", "Lung cancer", json!({"verificationStatus": {"coding": [{"code": "provisional"}]}})),
    );
    let refuted =
        item(&practice(), condition("b", "Angina", json!({"verificationStatus": {"coding": [{"code": "refuted"}]}})));
    let section = problems(&[suspected, refuted]);
    assert_eq!(section.group(CURRENT).len(), 1);
    assert_eq!(section.group(CURRENT)[0].marks[0].text, "Suspected");
    assert_eq!(section.group("Ruled out").len(), 1);
}
