use crate::util::*;
use record::sections::medicines::{CURRENT, UNCONFIRMED, medicines};
use serde_json::{Value, json};

fn request(own: &str, words: &str, extra: Value) -> Value {
    let mut base = json!({
        "resourceType": "MedicationRequest", "id": own, "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": words}, "authoredOn": "2026-05-01",
        "dosageInstruction": [{"text": "One tablet twice a day"}]
    });
    for (member, value) in extra.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

#[test]
fn an_entry_never_closed_and_old_is_not_shown_as_current() {
    let items = [
        item(&practice(), request("a", "Metformin 500 mg tablets", json!({}))),
        item(&practice(), request("b", "Warfarin 1 mg tablets", json!({"authoredOn": "2019-05-01"}))),
        item(
            &practice(),
            request("c", "Amoxicillin 500 mg capsules", json!({"status": "completed", "authoredOn": "2026-06-20"})),
        ),
        item(
            &practice(),
            request("d", "Codeine 30 mg tablets", json!({"status": "stopped", "authoredOn": "2018-06-20"})),
        ),
    ];
    let section = medicines(&items, now());
    let titles = |group: &str| section.group(group).iter().map(|line| line.title.clone()).collect::<Vec<_>>();
    assert_eq!(titles(CURRENT), ["Metformin 500 mg tablets"]);
    assert_eq!(titles(UNCONFIRMED), ["Warfarin 1 mg tablets"]);
    assert_eq!(titles("Ended in the last three months"), ["Amoxicillin 500 mg capsules"]);
    assert_eq!(titles("Past medicines"), ["Codeine 30 mg tablets"]);
}

#[test]
fn an_end_date_in_the_past_ends_it_whatever_its_status_says() {
    let ended = json!({"status": "active", "resourceType": "MedicationStatement", "effectivePeriod": {"start": "2026-01-01", "end": "2026-07-13"}});
    let section = medicines(&[item(&practice(), request("a", "Prednisolone", ended))], now());
    assert!(section.group(CURRENT).is_empty());
}

#[test]
fn different_doses_and_a_stop_elsewhere_are_marked() {
    let practice_dose = item(&practice(), request("a", "Ramipril 5 mg", json!({})));
    let hospital_dose = item(
        &hospital(),
        request("b", "Ramipril 5 mg", json!({"dosageInstruction": [{"text": "One tablet once a day"}]})),
    );
    let section = medicines(&[practice_dose.clone(), hospital_dose], now());
    assert_eq!(section.group(CURRENT)[0].marks[0].text, "Dose differs");
    let mut stopped = item(&hospital(), request("b", "Ramipril 5 mg", json!({"status": "stopped"})));
    stopped.recorded = now();
    let section = medicines(&[practice_dose, stopped], now());
    assert!(section.conflicts[0].contains("Riverside General: stopped"), "{:?}", section.conflicts);
}

#[test]
fn the_name_is_found_behind_a_reference_and_the_dose_in_its_parts() {
    let medication =
        item(&practice(), json!({"resourceType": "Medication", "id": "m", "code": {"text": "Insulin glargine"}}));
    let mut pointing = item(
        &practice(),
        request(
            "a",
            "",
            json!({
                "medicationReference": {"reference": format!("Medication/{}", medication.id)},
                "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 12, "unit": "units"}}], "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "asNeededBoolean": true}]
            }),
        ),
    );
    pointing.resource.set("medicationCodeableConcept", Value::Null);
    let section = medicines(&[medication, pointing], now());
    let line = &section.group(CURRENT)[0];
    assert_eq!(line.title, "Insulin glargine");
    assert_eq!(record::sections::medicines::short(line), "12 units, once a day, as needed");
}
