use crate::util::*;
use record::sections::{
    Tone,
    results::{course, results},
};
use serde_json::{Value, json};

fn observation(own: &str, extra: Value) -> Value {
    let mut base = json!({
        "resourceType": "Observation", "id": own, "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "62238-1", "display": "eGFR (CKD-EPI)"}]},
        "effectiveDateTime": "2026-06-01T09:00:00Z",
        "valueQuantity": {"value": 42, "unit": "mL/min/{1.73_m2}"}
    });
    for (member, value) in extra.as_object().unwrap() {
        base[member] = value.clone();
    }
    base
}

#[test]
fn egfr_of_two_laboratories_is_one_trend_with_its_originals() {
    let old = json!({
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1020291000000106"}], "text": "GFR"},
        "effectiveDateTime": "2025-06-01", "valueQuantity": {"value": 58, "unit": "ml/min/1.73m^2"}
    });
    let items = [item(&practice(), observation("a", old)), item(&hospital(), observation("b", json!({})))];
    let results = results(&items);
    assert_eq!(results.groups.len(), 1);
    let trend = &results.groups[0].courses[0];
    assert_eq!((trend.count, trend.latest.value.as_str()), (2, "42"));
    assert_eq!(trend.spark.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [58.0, 42.0]);
    let readings = course(&items, items[0].id);
    assert_eq!(readings[1].unit, "ml/min/1.73m^2", "the original unit is kept");
    assert_eq!(readings[1].title, "GFR");
}

#[test]
fn values_in_units_that_cannot_be_compared_are_not_drawn_together() {
    let code = json!({"coding": [{"system": "http://loinc.org", "code": "2093-3", "display": "Cholesterol"}]});
    let molar = json!({"code": code, "valueQuantity": {"value": 5.2, "unit": "mmol/L"}});
    let mass =
        json!({"code": code, "effectiveDateTime": "2025-01-01", "valueQuantity": {"value": 201, "unit": "mg/dL"}});
    let items = [item(&practice(), observation("a", molar)), item(&hospital(), observation("b", mass))];
    let results = results(&items);
    assert_eq!(results.groups[0].courses[0].count, 2);
    assert!(results.groups[0].courses[0].spark.is_empty());
}

#[test]
fn a_cancelled_or_withdrawn_value_is_in_no_trend_and_still_within_reach() {
    let items = [
        item(&hospital(), observation("a", json!({}))),
        item(&hospital(), observation("b", json!({"status": "entered-in-error", "effectiveDateTime": "2026-06-30"}))),
        item(&hospital(), observation("c", json!({"status": "cancelled", "effectiveDateTime": "2026-06-29"}))),
    ];
    let results = results(&items);
    assert_eq!(results.groups[0].courses[0].count, 1);
    assert_eq!(results.void.len(), 2);
}

#[test]
fn a_correction_says_so() {
    let results = results(&[item(&hospital(), observation("a", json!({"status": "corrected"})))]);
    assert_eq!(results.groups[0].courses[0].latest.marks[0].text, "Corrected");
}

#[test]
fn flags_are_the_sources_own_first_and_its_range_second() {
    let flagged = json!({"interpretation": [{"coding": [{"code": "LL"}]}]});
    let ranged =
        json!({"referenceRange": [{"low": {"value": 60}, "text": "60 or more"}], "code": {"text": "eGFR local"}});
    let results = results(&[item(&hospital(), observation("a", flagged)), item(&hospital(), observation("b", ranged))]);
    let flags: Vec<_> = results.groups[0].courses.iter().map(|course| course.latest.flag.clone().unwrap()).collect();
    assert!(flags.iter().any(|flag| flag.text == "Very low" && flag.tone == Tone::Danger));
    assert!(flags.iter().any(|flag| flag.text == "Below range"));
}

#[test]
fn a_blood_pressure_reads_as_one_value() {
    let pressure = json!({
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}]},
        "valueQuantity": Value::Null,
        "component": [
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]}, "valueQuantity": {"value": 76, "unit": "mm[Hg]"}},
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}, "valueQuantity": {"value": 128, "unit": "mm[Hg]"}}
        ]
    });
    let results = results(&[item(&hospital(), observation("a", pressure))]);
    let latest = &results.groups[0].courses[0].latest;
    assert_eq!((latest.value.as_str(), latest.numbers.as_slice()), ("128/76", [128.0, 76.0].as_slice()));
}
